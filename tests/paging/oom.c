/* SPDX-License-Identifier: MIT */
/* Running out of memory at each single allocation of each operation (shortage.h). */
#include <inttypes.h>

#include <twofold/page_batch.h>
#include <twofold/page_cursor.h>

#include "require.h"
#include "shortage.h"
#include "suite.h"

static struct model_op operation(enum model_kind kind, virt_addr virt, phys_addr phys,
				 uint64_t size)
{
	struct model_op op = { .kind = kind, .virt = virt, .phys = phys, .size = size };

	op.flags = format_plain_flags();
	return op;
}

FORMAT_TEST(oom, the_root)
{
	struct test_memory *memory = memory_create(0, MEMORY_BY_OFFSET);
	struct page_table_config config = format->config;
	enum paging_status status;
	struct page_table table;

	config.access = memory_access(memory);
	memory_fail_at(memory, 1, false);
	status = page_table_init(&table, &config, &memory->allocator);
	REQUIRE(status == PAGING_NO_MEMORY, "%s", status_name(status));
	memory_destroy(memory);
}

/* A root that the output width does not reach is given back. */
FORMAT_TEST(oom, the_root_out_of_reach)
{
	struct test_memory *memory;
	struct page_table_config config = format->config;
	enum paging_status status;
	struct page_table table;

	if (format->config.output_bits >= 52) /* wider than any descriptor: cannot be asked for */
		return;
	memory = memory_create(format_output_last(format) + 1, MEMORY_BY_OFFSET);
	config.access = memory_access(memory);
	status = page_table_init(&table, &config, &memory->allocator);
	REQUIRE(status == PAGING_OUTPUT_RANGE, "%s", status_name(status));
	REQUIRE(memory->requests == 1, "%" PRIu64 " frames were asked for", memory->requests);
	memory_destroy(memory);
}

static void map_to_scenarios(const struct format_case *format)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct shortage scenario = { .op = operation(MODEL_MAP_TO, virt, granule, granule) };

	shortage_in_every_mode(format, &scenario, format->levels - 1);
	for (unsigned int level = 1; level < format->levels; level++) { /* some tables are there */
		scenario.before[0] =
			operation(MODEL_MAP, virt + format->level_size[level], 0, granule);
		shortage_in_every_mode(format, &scenario, level);
	}
}

FORMAT_TEST(oom, map_to)
{
	map_to_scenarios(format);
}

/* Ranges that touch tables of every level on both sides of a border. */
static void map_scenarios(const struct format_case *format)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (unsigned int level = 1; level < format->levels; level++) {
		virt_addr border = virt + format->level_size[level];
		struct shortage scenario = { .op = operation(MODEL_MAP, border - 3 * granule,
							     granule, 7 * granule) };

		shortage_in_every_mode(format, &scenario, level);
		scenario.before[0] = operation(MODEL_MAP, border + 4 * granule, 0, granule);
		shortage_in_every_mode(format, &scenario, 1);
	}
}

FORMAT_TEST(oom, map)
{
	map_scenarios(format);
}

/* Small leaves, large leaves, small leaves. */
static void mixed_leaves_scenarios(const struct format_case *format)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		struct shortage scenario = { .op = operation(MODEL_MAP, virt - 2 * granule,
							     4 * size - 2 * granule,
							     2 * size + 5 * granule) };

		shortage_in_every_mode(format, &scenario, 2);
	}
}

FORMAT_TEST(oom, map_mixed_leaves)
{
	mixed_leaves_scenarios(format);
}

/* What splitting a leaf takes: a group of pages is split where it stands. */
static uint64_t tables_to_split(const struct format_case *format, uint64_t size)
{
	return size > format->level_size[1] || !format_is_group(format, size);
}

static void two_leaves(struct shortage *scenario, virt_addr virt, uint64_t size)
{
	scenario->before[0] = operation(MODEL_MAP, virt, 0, size);
	scenario->before[1] = operation(MODEL_MAP, virt + size, size, size);
}

static void split_scenarios(const struct format_case *format, enum model_kind kind)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		uint64_t tables = tables_to_split(format, size);
		struct shortage scenario = { .op = operation(kind, virt, 0, granule) };

		two_leaves(&scenario, virt, size);
		scenario.op.flags.write = 0;
		scenario.op.mode = PAGING_SPLIT;
		shortage_in_every_mode(format, &scenario, tables);
		scenario.op.virt = virt + size / 2 + granule; /* both leaves, in part */
		scenario.op.size = size;
		shortage_in_every_mode(format, &scenario, 2 * tables);
		scenario.op.virt = virt + granule; /* one, at both ends */
		scenario.op.size = size - 2 * granule;
		shortage_in_every_mode(format, &scenario, tables);
		scenario.op.virt = virt - 5 * granule; /* from a hole */
		scenario.op.size = size + 6 * granule;
		scenario.op.mode |= PAGING_SKIP_HOLES;
		shortage_in_every_mode(format, &scenario, tables);
	}
}

FORMAT_TEST(oom, unmap_with_split)
{
	split_scenarios(format, MODEL_UNMAP);
}

FORMAT_TEST(oom, protect_with_split)
{
	split_scenarios(format, MODEL_PROTECT);
}

FORMAT_TEST(oom, set_software_with_split)
{
	if (format->software_bits != 0)
		split_scenarios(format, MODEL_SOFTWARE);
}

static struct model_op annotation(virt_addr virt, uint64_t size, uint64_t note)
{
	struct model_op op = operation(MODEL_ANNOTATE, virt, 0, size);

	op.note = note;
	return op;
}

/* Annotations over the border of tables of each level, in nothing and in part of a larger one. */
FORMAT_TEST(oom, annotate)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (unsigned int level = 1; level < format->levels; level++) {
		virt_addr border = virt + format->level_size[level];
		struct shortage scenario = { .op = annotation(border - 3 * granule, 7 * granule,
							      0x5a) };

		shortage_in_every_mode(format, &scenario, level);
		scenario.before[0] = annotation(border, format->level_size[level], 0x77);
		shortage_in_every_mode(format, &scenario, level);
		scenario.before[0] = annotation(border + 4 * granule, granule, 0x77);
		shortage_in_every_mode(format, &scenario, 1);
	}
}

/* Part of an annotated entry of each level is mapped, or has its annotation taken away. */
FORMAT_TEST(oom, in_an_annotated_entry)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (unsigned int level = 1; level < format->levels; level++) {
		uint64_t span = format->level_size[level];
		struct shortage scenario = { .op = operation(MODEL_MAP, virt + span / 2, 0,
							     3 * granule) };

		scenario.before[0] = annotation(virt, 2 * span, 0x123456789);
		shortage_in_every_mode(format, &scenario, level);
		scenario.op.kind = MODEL_MAP_TO;
		scenario.op.size = granule;
		shortage_in_every_mode(format, &scenario, level);
		scenario.op = annotation(virt + span - granule, 2 * granule, 0);
		scenario.op.mode = PAGING_SPLIT;
		shortage_in_every_mode(format, &scenario, UINT64_C(2) * level);
		scenario.op = annotation(virt + granule, span - 2 * granule, 0);
		scenario.op.mode = PAGING_SPLIT;
		shortage_in_every_mode(format, &scenario, UINT64_C(2) * level - 1);
	}
}

static enum paging_status call_write_protect(struct world *world, const struct model_op *what,
					     struct page_table_op *op)
{
	return page_table_write_protect(&world->table, what->virt, what->size, op);
}

/* As protecting does it, to flags that differ in this from those that are there. */
static const struct shortage_way write_protect = { call_write_protect, model_apply };

/* Two leaves, where they meet. */
FORMAT_TEST(oom, write_protect_with_split)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		struct shortage scenario = { .way = &write_protect };

		scenario.op = operation(MODEL_PROTECT, virt + size - granule, 0, 2 * granule);
		scenario.op.flags.write = 0;
		scenario.op.mode = PAGING_SPLIT;
		two_leaves(&scenario, virt, size);
		shortage_in_every_mode(format, &scenario, 2 * tables_to_split(format, size));
	}
}

static enum paging_status call_split(struct world *world, const struct model_op *what,
				     struct page_table_op *op)
{
	return page_table_split(&world->table, what->virt, what->size, what->leaf_sizes, op);
}

static void apply_nothing(struct model *model, const struct model_op *what, uint64_t bytes)
{
	(void)model;
	(void)what;
	(void)bytes;
}

static const struct shortage_way split = { call_split, apply_nothing };

/* All or nothing on a live table, resumable on one that nobody walks. */
static void in_both_ways(const struct format_case *format, struct shortage *scenario,
			 uint64_t at_least)
{
	scenario->live = true;
	shortage_in_mode(format, scenario, 0, at_least);
	scenario->live = false;
	shortage_in_mode(format, scenario, PAGING_RESUMABLE, at_least);
}

/* Two leaves, where they meet. */
FORMAT_TEST(oom, split)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		uint64_t tables = tables_to_split(format, size);
		struct shortage scenario = { .way = &split };

		scenario.op = operation(MODEL_MAP, virt + size - granule, 0, 2 * granule);
		scenario.op.leaf_sizes = granule;
		two_leaves(&scenario, virt, size);
		in_both_ways(format, &scenario, 2 * tables);
	}
}

static enum paging_status call_replace(struct world *world, const struct model_op *what,
				       struct page_table_op *op)
{
	op->mode |= PAGING_REPLACE;
	return page_table_map(&world->table, what->virt, what->phys, what->size, what->flags, op);
}

static void apply_replace(struct model *model, const struct model_op *what, uint64_t bytes)
{
	struct model_op unmap = *what;

	if (bytes == 0)
		return;
	unmap.kind = MODEL_UNMAP;
	unmap.mode = PAGING_SPLIT | PAGING_SKIP_HOLES;
	model_apply(model, &unmap, bytes);
	model_apply(model, what, bytes);
}

static const struct shortage_way replace = { call_replace, apply_replace };

/* Parts of two leaves; and a leaf in place of a table, with parts of what is before and behind. */
FORMAT_TEST(oom, replace)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		uint64_t tables = tables_to_split(format, size);
		struct shortage scenario = { .way = &replace };

		scenario.op =
			operation(MODEL_MAP, virt + size - granule, size - granule, 3 * granule);
		scenario.op.flags.write = 0;
		two_leaves(&scenario, virt, size);
		in_both_ways(format, &scenario, 2 * tables);
		scenario.op = operation(MODEL_MAP, virt - 2 * granule, 2 * size - 2 * granule,
					size + 4 * granule);
		scenario.before[0] = operation(MODEL_MAP, virt + granule, 0, 3 * granule);
		in_both_ways(format, &scenario, tables);
	}
}

/* Leaves of what->leaf_sizes, one by one. */
static enum paging_status call_cursor_map(struct world *world, const struct model_op *what,
					  struct page_table_op *op)
{
	enum paging_status status;
	struct page_cursor cursor;
	uint64_t done = 0;

	status = page_cursor_open(&cursor, &world->table, what->virt, op);
	REQUIRE(status == PAGING_OK, "open: %s", status_name(status));
	while (status == PAGING_OK && done < what->size) {
		status = page_cursor_map(&cursor, what->phys + done, what->leaf_sizes, what->flags);
		done += status == PAGING_OK ? what->leaf_sizes : 0;
	}
	page_cursor_close(&cursor);
	op->done = done;
	return status;
}

static const struct shortage_way cursor_map = { call_cursor_map, model_apply };

/* A leaf of each size, which is there wholly or not at all, and pages over borders of tables. */
FORMAT_TEST(oom, cursor_map)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		struct shortage scenario = { .op = operation(MODEL_MAP, virt, size, size),
					     .way = &cursor_map };

		scenario.op.leaf_sizes = size;
		shortage_in_mode(format, &scenario, 0, size == granule ? format->levels - 1 : 0);
	}
	for (unsigned int level = 1; level < format->levels; level++) {
		virt_addr border = virt + format->level_size[level];
		struct shortage scenario = { .way = &cursor_map };

		scenario.op = operation(MODEL_MAP, border - 2 * granule, granule, 4 * granule);
		scenario.op.leaf_sizes = granule;
		shortage_in_mode(format, &scenario, PAGING_RESUMABLE, level);
		scenario.live = true;
		scenario.before[0] = operation(MODEL_MAP, border + 4 * granule, 0, granule);
		shortage_in_mode(format, &scenario, PAGING_RESUMABLE, 1);
	}
}

#define BATCH_MAX 8

static enum paging_status call_batch(struct world *world, const struct model_op *what,
				     struct page_table_op *op)
{
	uint64_t granule = format_granule(world->format);
	struct page_pair pages[BATCH_MAX];
	size_t count = what->size / granule, done;
	enum paging_status status;

	REQUIRE(count <= BATCH_MAX, "too many pages");
	for (size_t i = 0; i < count; i++)
		pages[i] = (struct page_pair){ what->virt + i * granule, what->phys + i * granule };
	status = page_table_map_batch(&world->table, pages, count, what->flags, op->frames, &done);
	op->done = done * granule;
	return status;
}

static const struct shortage_way batch = { call_batch, model_apply };

FORMAT_TEST(oom, map_batch)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (unsigned int level = 1; level < format->levels; level++) {
		virt_addr border = virt + format->level_size[level];
		struct shortage scenario = { .way = &batch };

		scenario.op = operation(MODEL_MAP, border - 3 * granule, granule, 7 * granule);
		shortage_in_mode(format, &scenario, PAGING_RESUMABLE, level);
		scenario.before[0] = operation(MODEL_MAP, border + 4 * granule, 0, granule);
		shortage_in_mode(format, &scenario, PAGING_RESUMABLE, 1);
	}
}

/* Its own ways to map, and the map that is all or nothing. */
FORMAT_TEST(oom, parallel_tables)
{
	struct format_case parallel = format_parallel(format);

	map_to_scenarios(&parallel);
	map_scenarios(&parallel);
	mixed_leaves_scenarios(&parallel);
}

/* What needs no table asks for none. */
FORMAT_TEST(oom, nothing_to_allocate)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	struct model_op what = operation(MODEL_PROTECT, format_middle(format), 0, size);
	struct world world;

	what.flags.write = 0;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, what.virt, 0, size);
	world_map(&world, what.virt + size, 0, granule);
	memory_fail_at(world.memory, 1, true);
	for (what.mode = 0; what.mode < 8; what.mode++)
		world_must(&world, &what);
	world_unmap(&world, what.virt + size, granule, PAGING_SPLIT);
	world_unmap(&world, what.virt, size, PAGING_SPLIT | PAGING_RESUMABLE);
	REQUIRE(world.memory->failures == 0, "%" PRIu64 " frames were asked for",
		world.memory->failures);
	world_close(&world);
}

/* The root, and one more table if two are not enough. */
static uint64_t bytes_within_reach(const struct format_case *format)
{
	uint64_t largest = format->table_bytes > MEMORY_UNIT ? format->table_bytes : MEMORY_UNIT;

	if (format->root_bytes > largest)
		return format->root_bytes;
	return format->levels > 2 ? 2 * largest : largest;
}

/* A table that no descriptor could point to is as good as none, and is given back. */
FORMAT_TEST(oom, tables_out_of_reach)
{
	struct model_op what =
		operation(MODEL_MAP_TO, format_middle(format), 0, format_granule(format));
	struct page_table_config config = format->config;
	struct page_table_op op = { 0 };
	struct page_table table;
	struct test_memory *memory;
	enum paging_status status;

	if (format->config.output_bits >= 52)
		return;
	memory = memory_create(format_output_last(format) + 1 - bytes_within_reach(format),
			       MEMORY_BY_OFFSET);
	config.access = memory_access(memory);
	op.frames = &memory->allocator;
	status = page_table_init(&table, &config, op.frames);
	REQUIRE(status == PAGING_OK, "init: %s", status_name(status));
	for (unsigned int mode = 0; mode <= PAGING_RESUMABLE; mode++) {
		op.mode = mode;
		status = page_table_map(&table, what.virt, 0, what.size, what.flags, &op);
		REQUIRE(status == PAGING_NO_MEMORY && op.done == 0, "%s", status_name(status));
		REQUIRE(memory->live == 1 && table.tables == 1, "%" PRIu64 " frames are out",
			memory->live);
	}
	page_table_destroy(&table, op.frames);
	memory_destroy(memory);
}

static void flush_nothing(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
	REQUIRE(false, "a flush without a change");
}

/* No allocator at all where one is needed. */
FORMAT_TEST(oom, no_allocator)
{
	struct model_op map =
		operation(MODEL_MAP_TO, format_middle(format), 0, format_granule(format));
	struct page_table_op op = { .frames = NULL };
	struct tlb_gather gather = { .ranges = NULL };
	struct memory_snapshot *before;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	before = memory_snapshot_take(world.memory);
	for (map.kind = MODEL_MAP_TO; map.kind <= MODEL_MAP; map.kind++) {
		REQUIRE(world_do(&world, &map, &op) == PAGING_NO_MEMORY, "it did something");
		memory_snapshot_require(world.memory, before);
	}
	memory_snapshot_drop(before);
	if (format_largest_leaf(format) != format_granule(format)) {
		struct model_op unmap = map;

		world_map(&world, map.virt, 0, format_largest_leaf(format));
		unmap.kind = MODEL_UNMAP;
		unmap.mode = PAGING_SPLIT;
		op.gather = &gather;
		gather.flush = flush_nothing;
		before = memory_snapshot_take(world.memory);
		REQUIRE(world_do(&world, &unmap, &op) == PAGING_NO_MEMORY, "it did something");
		memory_snapshot_require(world.memory, before);
		memory_snapshot_drop(before);
	}
	world_check(&world);
	world_close(&world);
}
