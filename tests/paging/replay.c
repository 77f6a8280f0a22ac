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

/* What a walker makes of an address: its translation, or no translation and what stands there. */
struct sight {
	phys_addr phys;
	uint64_t hole; /* the descriptor: 0, or an annotation */
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
		} else if (result.fault == WALK_NOT_PRESENT) {
			sight.hole = result.descriptor;
		}
	}
	return sight;
}

static bool same(const struct sight *a, const struct sight *b)
{
	return a->phys == b->phys && a->hole == b->hole && a->type == b->type &&
	       a->dirty == b->dirty && memcmp(a->faults, b->faults, sizeof(a->faults)) == 0;
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

static struct model_op annotation(virt_addr virt, uint64_t size, uint64_t note)
{
	struct model_op op = operation(MODEL_ANNOTATE, virt, 0, size);

	op.note = note;
	return op;
}

/* Annotations in entries of every size in one range, over others, with tables to be made for them,
 * and taken away: of a part of a larger entry, and with their tables. */
FORMAT_TEST(replay, annotate)
{
	struct input_range range = format_first_range(format);
	uint64_t granule = format_granule(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t span = format->level_size[level];
		virt_addr virt = range.first + span - granule;
		struct model_op what = annotation(virt, span + 2 * granule, 7);
		struct model_op part = annotation(virt + 2 * granule, granule, 9);
		struct model_op none = annotation(virt + granule, granule, 0);

		if (what.size > range.last - virt) /* the root has two entries */
			what.size = range.last - virt + 1;
		replay_all(&world, &what);
		replay_all(&world, &part);
		what.note = 0;
		replay_all(&world, &what);
		what.note = 8;
		world_must(&world, &what);
		replay_all(&world, &none);
		what.note = 0;
		replay_all(&world, &what);
	}
	world_close(&world);
}

/* A mapping takes the place of annotations, in part of a larger entry, and they that of leaves. */
FORMAT_TEST(replay, annotations_and_leaves)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t span = format->level_size[level];
		struct model_op note = annotation(virt, span, 7);
		struct model_op map = operation(MODEL_MAP, virt + span - granule, 0, granule);
		struct model_op none = annotation(virt, span, 0);

		world_must(&world, &note);
		replay_all(&world, &map);
		map.kind = MODEL_UNMAP;
		map.note = 8;
		replay_all(&world, &map);
		world_must(&world, &none);
	}
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		struct model_op unmap = operation(MODEL_UNMAP, virt, 0, size);
		struct model_op none = annotation(virt, 2 * size, 0);

		unmap.note = 8;
		world_map(&world, virt, 0, 2 * size);
		replay_all(&world, &unmap);
		unmap.virt = virt + size;
		unmap.size = granule;
		replay_all(&world, &unmap); /* splits it */
		world_must(&world, &none);
		world_unmap(&world, virt, 2 * size, PAGING_SKIP_HOLES);
	}
	world_close(&world);
}

/* The operations that race with the hardware's marks. */

static enum paging_status race_protect(struct world *world, virt_addr virt, uint64_t size,
				       struct page_table_op *op)
{
	struct page_flags flags = { .read = 1, .execute = 1 };

	return page_table_protect(&world->table, virt, size, flags, op);
}

static enum paging_status race_write_protect(struct world *world, virt_addr virt, uint64_t size,
					     struct page_table_op *op)
{
	return page_table_write_protect(&world->table, virt, size, op);
}

static enum paging_status race_set_software(struct world *world, virt_addr virt, uint64_t size,
					    struct page_table_op *op)
{
	return page_table_set_software(&world->table, virt, size, 1, op);
}

static enum paging_status race_unmap(struct world *world, virt_addr virt, uint64_t size,
				     struct page_table_op *op)
{
	return page_table_unmap(&world->table, virt, size, op);
}

static enum paging_status race_annotate(struct world *world, virt_addr virt, uint64_t size,
					struct page_table_op *op)
{
	op->annotation = 5;
	return page_table_unmap(&world->table, virt, size, op);
}

static enum paging_status race_split(struct world *world, virt_addr virt, uint64_t size,
				     struct page_table_op *op)
{
	return page_table_split(&world->table, virt, size, format_granule(world->format), op);
}

/* The hardware's part: marks the leaf just before the library stores to it for the first time. */
struct hardware {
	struct world *world;
	virt_addr virt;
	bool write;
	unsigned int touched;
};

static void mark(struct trap *trap, phys_addr address)
{
	struct hardware *hardware = trap->context;
	struct world *world = hardware->world;
	struct walk_result leaf = world_translate(world, hardware->virt, world_accesses[0]);
	uint64_t marked;

	if (hardware->touched != 0 || leaf.entry != address ||
	    (leaf.fault != WALK_OK && leaf.fault != WALK_DENIED))
		return;
	marked = world->format->touch(world->format, leaf.descriptor, hardware->write);
	memcpy(memory_at(world->memory, address, sizeof(marked)), &marked, sizeof(marked));
	hardware->touched++;
}

/* What changes leaves and keeps their marks. */
static const struct racer {
	const char *name;
	enum paging_status (*change)(struct world *world, virt_addr virt, uint64_t size,
				     struct page_table_op *op);
	bool whole;   /* it stores to a leaf that it is asked of all of */
	bool removes; /* what it is asked of is not mapped any more */
} racers[] = {
	{ "protect", race_protect, true, false },
	{ "write_protect", race_write_protect, true, false },
	{ "set_software", race_set_software, true, false },
	{ "unmap", race_unmap, false, true },
	{ "unmap and annotate", race_annotate, false, true },
	{ "split", race_split, false, false },
};

static void flush_nothing(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
}

/* Changes [virt, +size) of a live table while the hardware marks the leaf at `virt`. What stays
 * mapped at `watched` has the mark. */
static void race(struct world *world, const struct racer *racer, virt_addr virt, uint64_t size,
		 virt_addr watched, bool write)
{
	struct frame frames[PAGE_TABLE_MAX_LEVELS];
	struct tlb_gather gather = { .frames = frames,
				     .frame_capacity = PAGE_TABLE_MAX_LEVELS,
				     .owner = world_frames(world),
				     .flush = flush_nothing };
	struct page_table_op op = { .frames = world_frames(world),
				    .gather = &gather,
				    .mode = PAGING_SPLIT };
	struct hardware hardware = { .world = world, .virt = virt, .write = write };
	struct trap trap = { .memory = world->memory,
			     .format = world->format,
			     .before = mark,
			     .context = &hardware };
	struct page_mapping mapping;
	enum paging_status status;

	require_story("%s 0x%" PRIx64 "+0x%" PRIx64 ", marked by a %s", racer->name, virt, size,
		      write ? "write" : "read");
	trap_begin(&trap);
	status = racer->change(world, virt, size, &op);
	trap_end(&trap);
	tlb_gather_finish(&gather);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	REQUIRE(hardware.touched == 1, "the leaf was never stored to");
	status = page_table_query(&world->table, watched, &mapping);
	REQUIRE(status == PAGING_OK, "query: %s", status_name(status));
	REQUIRE(mapping.flags.dirty == write && !mapping.flags.idle,
		"0x%" PRIx64 " was %s, the table forgot it", watched, write ? "written" : "read");
	world_resync(world);
	world_check(world);
}

/* A leaf, or what `map` has more of them, that nobody has used yet. */
static void map_clean(struct world *world, virt_addr virt, uint64_t size)
{
	struct model_op what = operation(MODEL_MAP, virt, 0, size);

	what.flags.idle = 1;
	world_must(world, &what);
}

/* The same range, empty again. */
static void clear(struct world *world, virt_addr virt, uint64_t size)
{
	struct model_op none = annotation(virt, size, 0);

	world_unmap(world, virt, size, PAGING_SKIP_HOLES);
	world_must(world, &none);
}

static void race_all(struct world *world, const struct racer *racer, bool write)
{
	const struct format_case *format = world->format;
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		if (racer->whole) {
			map_clean(world, virt, size);
			race(world, racer, virt, size, virt, write);
			clear(world, virt, size);
		}
		if (size == granule)
			continue;
		map_clean(world, virt, size);
		race(world, racer, virt, granule, virt + size - 1, write);
		clear(world, virt, size);
		if (racer->removes)
			continue;
		map_clean(world, virt, size);
		race(world, racer, virt, granule, virt, write);
		clear(world, virt, size);
	}
	if (!racer->whole)
		return;
	/* A run of pages. */
	map_clean(world, virt, 3 * granule);
	race(world, racer, virt + granule, 2 * granule, virt + granule, write);
	clear(world, virt, 3 * granule);
}

FORMAT_TEST(replay, marks_set_in_between_are_not_lost)
{
	struct page_flags marked = format_plain_flags();
	struct world world;

	marked.idle = marked.dirty = 1;
	if (!format->expressible(format, marked))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	for (size_t i = 0; i < sizeof(racers) / sizeof(racers[0]); i++) {
		if (racers[i].change == race_set_software && format->software_bits == 0)
			continue;
		race_all(&world, &racers[i], false);
		race_all(&world, &racers[i], true);
	}
	world_close(&world);
}

/* Annotations come and go beside a leaf: it is not stored to, and what marks it is in no danger. */
FORMAT_TEST(replay, annotating_stores_to_no_leaf)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct hardware hardware = { .virt = virt + granule };
	struct trap trap = { .format = format, .before = mark, .context = &hardware };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt + granule, 0, granule);
	hardware.world = &world;
	trap.memory = world.memory;
	for (size_t i = 0; i < 2; i++) {
		uint64_t note = i == 0 ? 6 : 0;
		struct page_table_op op = { .frames = world_frames(&world) };
		enum paging_status status;

		trap_begin(&trap);
		status = page_table_annotate(&world.table, virt, note == 0 ? 3 * granule : granule,
					     note, &op);
		trap_end(&trap);
		REQUIRE(status == PAGING_OK, "%s", status_name(status));
		REQUIRE(trap.stores != 0 && hardware.touched == 0, "the leaf was stored to");
	}
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}
