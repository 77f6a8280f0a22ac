/* SPDX-License-Identifier: MIT */
/*
 * After every single store of an operation a walker sees each address translate as before or as
 * afterwards, never to anything half made, and never back again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "require.h"
#include "suite.h"
#include "trap.h"
#include "world.h"

/* To stop at a change of each of more leaves than this takes too long. */
#define MANY_LEAVES 1100
#define PROBES      48
#define STORES_MAX  40000
#define STORE_BYTES 64    /* the widest store there is */
#define READS       16384 /* more than twice as many as all probes read: groups have 128 entries */

/* What a walker makes of an address: its translation, or no translation. */
struct sight {
	phys_addr phys;
	unsigned int type;
	uint8_t faults[WORLD_ACCESSES];
	bool dirty;
};

struct replay {
	struct world *world;
	struct trap trap;
	virt_addr probes[PROBES];
	size_t probe_count;
	struct sight (*history)[PROBES]; /* [0] is before the operation */
	size_t seen;
	bool breaks;           /* there are groups, which are broken before they are made again */
	phys_addr read[READS]; /* the words that the last look read, as a hash table; 0: none */
};

/* Which slot has that word, or is free for it. */
static size_t slot_of(const struct replay *replay, phys_addr word)
{
	size_t slot = (size_t)((word >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 52) % READS;

	while (replay->read[slot] != 0 && replay->read[slot] != word)
		slot = (slot + 1) % READS;
	return slot;
}

static uint64_t read_and_note(void *context, uint64_t address)
{
	struct replay *replay = context;

	replay->read[slot_of(replay, address)] = address;
	return memory_read(replay->world->memory, address);
}

static struct sight look(struct replay *replay, virt_addr virt)
{
	const struct world *world = replay->world;
	struct walk_memory memory = { .read = read_and_note, .context = replay };
	struct sight sight = { 0 };

	for (unsigned int i = 0; i < WORLD_ACCESSES; i++) {
		struct walk_result result = world->format->translate(
			world->format, world->table.root, &memory, virt, world_accesses[i]);

		sight.faults[i] = (uint8_t)result.fault;
		if (result.fault == WALK_OK || result.fault == WALK_DENIED) {
			sight.phys = result.phys;
			sight.type = result.type;
			sight.dirty = result.dirty;
		}
	}
	return sight;
}

static bool same(const struct sight *a, const struct sight *b)
{
	return a->phys == b->phys && a->type == b->type && a->dirty == b->dirty &&
	       memcmp(a->faults, b->faults, sizeof(a->faults)) == 0;
}

/* Whether the last two sights are the same for each probe. */
static bool nothing_changed(const struct replay *replay)
{
	const struct sight *now = replay->history[replay->seen];
	const struct sight *before = replay->history[replay->seen - 1];

	for (size_t i = 0; i < replay->probe_count; i++) {
		if (!same(&now[i], &before[i]))
			return false;
	}
	return true;
}

static void look_at_all(struct replay *replay)
{
	REQUIRE(replay->seen < STORES_MAX, "too many stores");
	memset(replay->read, 0, sizeof(replay->read));
	for (size_t i = 0; i < replay->probe_count; i++)
		replay->history[replay->seen][i] = look(replay, replay->probes[i]);
	/* Most stores fill a table that is not linked yet: the sight is the same, and kept once. */
	if (replay->seen == 0 || !nothing_changed(replay))
		replay->seen++;
}

static void after_store(struct trap *trap, phys_addr address)
{
	struct replay *replay = trap->context;

	/* Who reads none of the words that it wrote sees what was there before. */
	for (uint64_t word = 0; word < STORE_BYTES; word += 8) {
		if (replay->read[slot_of(replay, address + word)] != 0) {
			look_at_all(replay);
			return;
		}
	}
}

static void add_probe(struct replay *replay, virt_addr virt)
{
	struct input_range ranges[2];
	unsigned int count = format_ranges(replay->world->format, ranges);

	for (unsigned int i = 0; i < count; i++) {
		if (virt >= ranges[i].first && virt <= ranges[i].last &&
		    replay->probe_count < PROBES)
			replay->probes[replay->probe_count++] = virt;
	}
}

/* Borders and insides of the range at every scale, and of what is mapped already. */
static void choose_probes(struct replay *replay, const struct model_op *what)
{
	const struct format_case *format = replay->world->format;
	const struct model *model = &replay->world->model;
	virt_addr last = what->virt + what->size - 1;

	replay->probe_count = 0;
	add_probe(replay, what->virt);
	add_probe(replay, what->virt - 1);
	add_probe(replay, last);
	add_probe(replay, last + 1);
	add_probe(replay, what->virt + what->size / 2);
	for (unsigned int level = 0; level < format->levels; level++) {
		add_probe(replay, what->virt + format->level_size[level]);
		add_probe(replay, what->virt - format->level_size[level]);
		add_probe(replay, last + format->level_size[level]);
		add_probe(replay, addr_align_down(what->virt, format->level_size[level]));
	}
	for (size_t i = 0; i < model->count; i += model->count / 8 + 1) {
		add_probe(replay, model->leaves[i].virt);
		add_probe(replay, model->leaves[i].virt + model->leaves[i].size - 1);
	}
}

/* Old until it is new, and then new. */
static void check_history(const struct replay *replay)
{
	size_t end = replay->seen - 1;

	for (size_t i = 0; i < replay->probe_count; i++) {
		const struct sight *old = &replay->history[0][i], *new = &replay->history[end][i];
		bool changed = false;

		for (size_t t = 1; t <= end; t++) {
			const struct sight *now = &replay->history[t][i];

			if (replay->breaks && now->faults[0] != WALK_OK &&
			    now->faults[0] != WALK_DENIED)
				continue; /* broken, and not made yet */
			REQUIRE(same(now, old) || same(now, new),
				"0x%" PRIx64
				" is neither old nor new in between: fault %d, phys 0x%" PRIx64,
				replay->probes[i], now->faults[0], now->phys);
			REQUIRE(!changed || same(now, new), "0x%" PRIx64 " is back to what it was",
				replay->probes[i]);
			changed = !same(now, old);
		}
	}
}

/* The operation with every store watched. It may fail if `failing`; then nothing may ever show. */
static void replay_op(struct world *world, const struct model_op *what, uint64_t fail_at)
{
	static struct replay replay;
	struct page_table_op op = { .frames = world_frames(world) };
	enum paging_status status;

	memset(&replay, 0, sizeof(replay));
	replay.world = world;
	replay.breaks = format_has_groups(world->format);
	replay.history = calloc(STORES_MAX, sizeof(*replay.history));
	REQUIRE(replay.history != NULL, "no memory");
	choose_probes(&replay, what);
	look_at_all(&replay);
	replay.trap = (struct trap){ .memory = world->memory,
				     .after = after_store,
				     .format = world->format,
				     .context = &replay };
	memory_fail_at(world->memory, fail_at, false);
	trap_begin(&replay.trap);
	status = world_do(world, what, &op);
	trap_end(&replay.trap);
	memory_fail_at(world->memory, 0, false);
	check_history(&replay);
	if (fail_at == 0) {
		REQUIRE(status == PAGING_OK, "%s", status_name(status));
		REQUIRE(replay.trap.stores != 0, "no store was seen");
		model_apply(&world->model, what, what->size);
	} else {
		REQUIRE(status == PAGING_NO_MEMORY, "%s", status_name(status));
		REQUIRE(replay.seen == 1, "a failing operation shows %zu states", replay.seen);
	}
	free(replay.history);
	world_check(world);
}

/* First with memory running out on the way, which nobody may notice, then for good. */
static void replay_all(struct world *world, const struct model_op *what)
{
	struct model after = { 0 };
	uint64_t tables = model_tables(&world->model), needed;

	model_init(&after, world->format);
	model_copy(&after, &world->model);
	model_apply(&after, what, what->size);
	needed = model_tables(&after);
	needed = needed > tables ? needed - tables : 0;
	model_drop(&after);
	for (uint64_t n = 1; n <= needed; n += needed == 1 ? 1 : needed - 1)
		replay_op(world, what, n);
	replay_op(world, what, 0);
}

static struct model_op operation(enum model_kind kind, virt_addr virt, phys_addr phys,
				 uint64_t size)
{
	struct model_op op = { .kind = kind, .virt = virt, .phys = phys, .size = size };

	op.mode = PAGING_SPLIT;
	op.flags = format_plain_flags();
	return op;
}

/* A page in an empty table, one in the same tables, one with tables that are there in part. */
FORMAT_TEST(replay, map_to)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct model_op what = operation(MODEL_MAP_TO, virt, granule, granule);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	replay_all(&world, &what);
	what.virt += granule;
	replay_all(&world, &what);
	for (unsigned int level = 1; level < format->levels; level++) {
		what.virt = virt + format->level_size[level];
		replay_all(&world, &what);
	}
	world_close(&world);
}

/* Leaves of all sizes in one range, and a range over the border of two tables. */
FORMAT_TEST(replay, map)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	virt_addr virt = format_middle(format) + size;
	struct model_op what = operation(MODEL_MAP, virt - 3 * granule, size - 3 * granule,
					 2 * size + 5 * granule);
	struct world world;

	if (size == granule)
		what.phys = 0;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt - 4 * granule, 0, granule);
	replay_all(&world, &what);
	world_close(&world);
}

static void change_in(struct world *world, enum model_kind kind)
{
	const struct format_case *format = world->format;
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	virt_addr virt = format_middle(format) + size;
	uint64_t state = 7;

	for (uint64_t leaf = size; leaf != 0; leaf = format_next_smaller_leaf(format, leaf)) {
		struct model_op map = operation(MODEL_MAP, virt, 0, 2 * leaf);
		struct model_op what = operation(kind, virt + leaf / 2 + granule, 0, leaf);

		map.flags.dirty = 1;
		map.flags.dirty = format->expressible(format, map.flags);
		what.flags = format_random_flags(format, &state);
		if (leaf == granule)
			what.virt = virt;
		world_must(world, &map);
		replay_all(world, &what); /* splits both */
		what.virt = virt;
		what.size = 2 * leaf;
		what.mode = PAGING_SKIP_HOLES;
		what.flags = format_random_flags(format, &state);
		if (world->model.count <= MANY_LEAVES)
			replay_op(world, &what, 0); /* all of it, tables with it */
		world_unmap(world, virt, 2 * leaf, PAGING_SKIP_HOLES);
	}
}

FORMAT_TEST(replay, unmap_and_split)
{
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	change_in(&world, MODEL_UNMAP);
	world_close(&world);
}

FORMAT_TEST(replay, protect_and_split)
{
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	change_in(&world, MODEL_PROTECT);
	world_close(&world);
}

/* The hardware's part: sets dirty in the leaf just before the library stores to it. */
struct hardware {
	struct world *world;
	virt_addr virt;
	unsigned int touched;
};

static void set_dirty(struct trap *trap, phys_addr address)
{
	struct hardware *hardware = trap->context;
	struct world *world = hardware->world;
	struct walk_result leaf = world_translate(world, hardware->virt, world_accesses[0]);
	uint64_t dirty;

	if (hardware->touched != 0 || leaf.entry != address ||
	    (leaf.fault != WALK_OK && leaf.fault != WALK_DENIED))
		return;
	dirty = world->format->touch(world->format, leaf.descriptor, true);
	memcpy(memory_at(world->memory, address, sizeof(dirty)), &dirty, sizeof(dirty));
	hardware->touched++;
}

/* An operation on `virt` with the hardware in between: what stays mapped there is dirty. */
static void race(struct world *world, const struct model_op *what, virt_addr watched)
{
	struct hardware hardware = { .world = world, .virt = what->virt };
	struct trap trap = { .memory = world->memory,
			     .format = world->format,
			     .before = set_dirty,
			     .context = &hardware };
	struct page_table_op op = { .frames = world_frames(world) };
	struct page_mapping mapping;
	enum paging_status status;

	trap_begin(&trap);
	status = world_do(world, what, &op);
	trap_end(&trap);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	REQUIRE(hardware.touched == 1, "the leaf was never stored to");
	status = page_table_query(&world->table, watched, &mapping);
	REQUIRE(status == PAGING_OK, "query: %s", status_name(status));
	REQUIRE(mapping.flags.dirty && !mapping.flags.idle,
		"0x%" PRIx64 " was written to, the table forgot it", watched);
	world_resync(world);
}

FORMAT_TEST(replay, dirty_set_in_between_is_not_lost)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_flags dirty = format_plain_flags();
	struct world world;

	dirty.dirty = 1;
	if (!format->expressible(format, dirty))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		struct model_op what = operation(MODEL_PROTECT, virt, 0, size);

		what.flags.write = 0;
		world_map(&world, virt, 0, size);
		race(&world, &what, virt);
		world_unmap(&world, virt, size, 0);
		if (size == granule)
			break;
		for (unsigned int kind = MODEL_UNMAP; kind <= MODEL_PROTECT; kind++) {
			what = operation((enum model_kind)kind, virt, 0, granule);
			world_map(&world, virt, 0, size);
			race(&world, &what, virt + size - 1);
			world_unmap(&world, virt, size, PAGING_SKIP_HOLES);
		}
	}
	world_close(&world);
}
