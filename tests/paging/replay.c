/* SPDX-License-Identifier: MIT */
/*
 * After every single store of an operation a walker sees each address translate as before or as
 * afterwards, never to anything half made, and never back again.
 */
#include <inttypes.h>
#include <string.h>

#include <twofold/page_cursor.h>

#include "recorder.h"
#include "require.h"
#include "suite.h"
#include "trap.h"
#include "world.h"

/* To stop at a change of each of more leaves than this takes too long. */
#define MANY_LEAVES 1100

/* What the model does, as the recorder calls it. */
struct modelled {
	struct world *world;
	const struct model_op *what;
};

static enum paging_status call_modelled(void *context)
{
	const struct modelled *modelled = context;
	struct page_table_op op = { .frames = world_frames(modelled->world) };

	return world_do(modelled->world, modelled->what, &op);
}

/* The operation with every store watched. Memory may fail; then nothing may ever show. */
static void replay_op(struct world *world, const struct model_op *what, uint64_t fail_at)
{
	struct modelled modelled = { .world = world, .what = what };
	struct recorder_call call = { call_modelled, &modelled, format_has_groups(world->format) };
	struct recorder_probes probes;
	struct recording record;

	recorder_choose(&probes, world, what->virt, what->size);
	memory_fail_at(world->memory, fail_at, false);
	record = recorder_watch(world, &probes, &call);
	memory_fail_at(world->memory, 0, false);
	if (fail_at == 0) {
		REQUIRE(record.status == PAGING_OK, "%s", status_name(record.status));
		REQUIRE(record.stores != 0, "no store was seen");
		model_apply(&world->model, what, what->size);
	} else {
		REQUIRE(record.status == PAGING_NO_MEMORY, "%s", status_name(record.status));
		REQUIRE(record.states == 1, "a failing operation shows %zu states", record.states);
	}
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

/* Each leaf from there on, whatever its size. */
static enum paging_status race_cursor(struct world *world, virt_addr virt, uint64_t size,
				      struct page_table_op *op)
{
	struct page_flags flags = { .read = 1, .execute = 1 };
	enum paging_status status;
	struct page_cursor cursor;
	uint64_t done = 0;

	status = page_cursor_open(&cursor, &world->table, virt, op);
	if (status != PAGING_OK)
		return status;
	while (status == PAGING_OK && done < size) {
		done += world_query(world, virt + done).size;
		status = page_cursor_protect(&cursor, flags);
	}
	page_cursor_close(&cursor);
	return status;
}

static enum paging_status race_write_protect(struct world *world, virt_addr virt, uint64_t size,
					     struct page_table_op *op)
{
	return page_table_write_protect(&world->table, virt, size, op);
}

/* Each page by itself, after the one before the first. */
static enum paging_status race_page_by_page(struct world *world, virt_addr virt, uint64_t size,
					    struct page_table_op *op)
{
	uint64_t granule = format_granule(world->format);
	enum paging_status status = PAGING_OK;

	if (page_table_query(&world->table, virt - granule, &(struct page_mapping){ 0 }) ==
	    PAGING_OK)
		status = page_table_write_protect(&world->table, virt - granule, granule, op);
	for (uint64_t done = 0; done < size && status == PAGING_OK; done += granule)
		status = page_table_write_protect(&world->table, virt + done, granule, op);
	return status;
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

	if (hardware->touched != 0 || leaf.entry != address ||
	    (leaf.fault != WALK_OK && leaf.fault != WALK_DENIED))
		return;
	(void)world_mark(world, &leaf, hardware->write);
	hardware->touched++;
}

static bool is_protected(const struct world *world, struct page_mapping mapping)
{
	(void)world;
	return !mapping.flags.write;
}

static bool is_set(const struct world *world, struct page_mapping mapping)
{
	(void)world;
	return mapping.flags.software == 1;
}

static bool is_page(const struct world *world, struct page_mapping mapping)
{
	return mapping.size == format_granule(world->format);
}

/* What changes leaves and keeps their marks. */
static const struct racer {
	const char *name;
	enum paging_status (*change)(struct world *world, virt_addr virt, uint64_t size,
				     struct page_table_op *op);
	/* Whether that is what it makes of a leaf. */
	bool (*done)(const struct world *world, struct page_mapping mapping);
	bool whole;   /* it stores to a leaf that it is asked of all of */
	bool removes; /* what it is asked of is not mapped any more */
} racers[] = {
	{ "protect", race_protect, is_protected, true, false },
	{ "cursor: protect", race_cursor, is_protected, true, false },
	{ "write_protect", race_write_protect, is_protected, true, false },
	{ "write_protect page by page", race_page_by_page, is_protected, false, false },
	{ "set_software", race_set_software, is_set, true, false },
	{ "unmap", race_unmap, NULL, false, true },
	{ "unmap and annotate", race_annotate, NULL, false, true },
	{ "split", race_split, is_page, false, false },
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
	if (!racer->removes)
		REQUIRE(racer->done(world, world_query(world, virt)) &&
				racer->done(world, world_query(world, virt + size - 1)),
			"it is as it was");
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
	if (!racer->whole && racer->change != race_page_by_page)
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

static bool note_mapping(void *context, const struct page_visit *visit)
{
	*(struct page_mapping *)context = visit->mapping;
	return true;
}

/* What the hardware writes to while it is harvested is shown as written, and clean after it. */
FORMAT_TEST(replay, marks_set_in_between_are_harvested)
{
	virt_addr virt = format_middle(format);
	struct hardware hardware = { .virt = virt, .write = true };
	struct trap trap = { .format = format, .before = mark, .context = &hardware };
	struct page_mapping shown = { .size = 0 }, after;
	struct world world;

	if (!format_has_dirty(format))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	hardware.world = &world;
	trap.memory = world.memory;
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		struct page_table_op op = { .frames = world_frames(&world) };
		enum paging_status status;

		world_map(&world, virt, 0, size); /* accessed */
		hardware.touched = 0;
		trap_begin(&trap);
		status = page_table_harvest(&world.table, virt, size,
					    PAGE_MARK_ACCESSED | PAGE_MARK_DIRTY, note_mapping,
					    &shown, &op);
		trap_end(&trap);
		REQUIRE(status == PAGING_OK && hardware.touched == 1, "%s", status_name(status));
		REQUIRE(shown.size == size && shown.flags.dirty && !shown.flags.idle,
			"0x%" PRIx64 " is not shown as written", size);
		status = page_table_query(&world.table, virt, &after);
		REQUIRE(status == PAGING_OK && !after.flags.dirty && after.flags.idle,
			"0x%" PRIx64 " is marked still", size);
		world_resync(&world);
		clear(&world, virt, size);
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
