/* SPDX-License-Identifier: MIT */
/* What a plan says that an operation will take of tables is what it takes. */
#include <inttypes.h>

#include "require.h"
#include "rng.h"
#include "suite.h"
#include "world.h"

static void must(enum paging_status status, const char *what)
{
	REQUIRE(status == PAGING_OK, "%s: %s", what, status_name(status));
}

/* There were `before` tables. Frames that it takes and gives back would be too many, too. */
static void require_foretold(const struct world *world, uint64_t before,
			     const struct page_table_op *op, uint64_t planned)
{
	REQUIRE(world->table.tables - before == planned && op->tables == planned,
		"%" PRIu64 " tables, %" PRIu64 " foretold", world->table.tables - before, planned);
}

/* The largest leaf there is, and nothing else, is at format_roomy. */
static void open_with_leaf(struct world *world, const struct format_case *format,
			   struct page_table_op *op)
{
	world_open(world, format, MEMORY_BY_OFFSET);
	op->frames = world_frames(world);
	must(page_table_map(&world->table, format_roomy(format), 0, format_largest_leaf(format),
			    format_plain_flags(), op),
	     "map");
}

/* Unmaps [from, to) of the largest leaf: what the plan says is what it takes. */
static void cut_out(const struct format_case *format, uint64_t from, uint64_t to)
{
	uint64_t size = format_largest_leaf(format), before, planned;
	virt_addr at = format_roomy(format);
	struct page_table_op op = { .mode = 0 };
	struct world world;

	open_with_leaf(&world, format, &op);
	require_story("0x%" PRIx64 " to 0x%" PRIx64 " of 0x%" PRIx64, from, to, size);
	op.mode = PAGING_SPLIT | PAGING_PLAN;
	must(page_table_unmap(&world.table, at + from, to - from, &op), "plan");
	planned = op.tables;
	op.mode = PAGING_SPLIT;
	before = world.table.tables;
	must(page_table_unmap(&world.table, at + from, to - from, &op), "unmap");
	if (from == 0 && to == size) /* its tables go with it */
		REQUIRE(planned == 0, "%" PRIu64 " foretold", planned);
	else
		require_foretold(&world, before, &op, planned);
	world_resync(&world);
	world_close(&world);
}

/* Splits `part` of the largest leaf down to that size. */
static void split_down(const struct format_case *format, uint64_t part, uint64_t leaf)
{
	virt_addr at = format_roomy(format);
	struct page_table_op op = { .mode = 0 };
	uint64_t planned, before;
	struct world world;

	open_with_leaf(&world, format, &op);
	require_story("0x%" PRIx64 " to 0x%" PRIx64, part, leaf);
	op.mode = PAGING_PLAN;
	must(page_table_split(&world.table, at, part, leaf, &op), "plan");
	planned = op.tables;
	op.mode = 0;
	before = world.table.tables;
	must(page_table_split(&world.table, at, part, leaf, &op), "split");
	require_foretold(&world, before, &op, planned);
	world_resync(&world);
	world_close(&world);
}

/* To each size, where a page is, where a few tables of pages are, and all of it. */
FORMAT_TEST(needs, the_tables_that_a_split_needs_are_the_tables_it_takes)
{
	uint64_t size = format_largest_leaf(format);
	const uint64_t parts[] = { format_granule(format), 3 * format->level_size[1], size };

	for (unsigned int level = 0; level + 1 < format->levels; level++) {
		uint64_t leaf = format->level_size[level];

		if (leaf >= size || !format_has_leaf(format, leaf))
			continue;
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			if (parts[i] <= size && parts[i] / leaf <= 4096)
				split_down(format, parts[i], leaf);
		}
	}
}

/* From and to places on borders of leaves of each size, and beside them. */
FORMAT_TEST(needs, the_tables_that_a_cut_needs_are_the_tables_it_takes)
{
	uint64_t size = format_largest_leaf(format), granule = format_granule(format);
	uint64_t span = format->level_size[1];
	const uint64_t places[] = { 0,
				    granule,
				    span - granule,
				    span,
				    span + granule,
				    2 * span,
				    size - span - granule,
				    size - span,
				    size - granule,
				    size };
	const size_t count = sizeof(places) / sizeof(places[0]);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			if (places[i] < places[j] && places[j] <= size)
				cut_out(format, places[i], places[j]);
		}
	}
}

FORMAT_TEST(needs, the_tables_that_a_map_needs_are_the_tables_it_takes)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr at = format_roomy(format);
	uint64_t seed = 99;
	struct world world;

	for (unsigned int i = 0; i < 60; i++) {
		uint64_t head = rng_next(&seed) % 600 * granule;
		uint64_t size = (1 + rng_next(&seed) % (3 * span / granule)) * granule;
		phys_addr phys = (rng_next(&seed) & 1) != 0 ? head : head + granule;
		struct page_table_op op = { 0 };
		struct memory_snapshot *untouched;
		uint64_t before, planned;

		world_open(&world, format, MEMORY_BY_OFFSET);
		world_map(&world, at - span, 0, granule);
		op.frames = world_frames(&world);
		op.mode = PAGING_PLAN;
		untouched = memory_snapshot_take(world.memory);
		must(page_table_map(&world.table, at + head, phys, size, format_plain_flags(), &op),
		     "plan");
		memory_snapshot_require(world.memory, untouched);
		memory_snapshot_drop(untouched);
		planned = op.tables;
		before = world.memory->requests;
		op.mode = 0;
		must(page_table_map(&world.table, at + head, phys, size, format_plain_flags(), &op),
		     "map");
		REQUIRE(world.memory->requests - before == planned && op.tables == planned,
			"%" PRIu64 " frames taken, %" PRIu64 " foretold",
			world.memory->requests - before, planned);
		world_resync(&world);
		world_check_tree(&world, false);
		world_close(&world);
	}
}

/* Maps [from, to) behind `format_roomy` with pages and one larger size, and none in between. */
static void map_with(const struct format_case *format, uint64_t from, uint64_t to, uint64_t leaf)
{
	virt_addr at = format_roomy(format);
	struct page_table_op op = { .mode = PAGING_PLAN };
	uint64_t before, planned;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	require_story("0x%" PRIx64 " to 0x%" PRIx64 " by 0x%" PRIx64, from, to, leaf);
	op.frames = world_frames(&world);
	op.leaf_sizes = leaf | format_granule(format);
	must(page_table_map(&world.table, at + from, from, to - from, format_plain_flags(), &op),
	     "plan");
	planned = op.tables;
	before = world.table.tables;
	op.mode = 0;
	must(page_table_map(&world.table, at + from, from, to - from, format_plain_flags(), &op),
	     "map");
	require_foretold(&world, before, &op, planned);
	world_resync(&world);
	world_check_tree(&world, false);
	world_close(&world);
}

FORMAT_TEST(needs, the_tables_that_a_map_needs_without_some_sizes)
{
	uint64_t granule = format_granule(format);

	for (unsigned int level = 1; level < format->levels; level++) {
		uint64_t leaf = format->level_size[level];

		if (!format_has_leaf(format, leaf))
			continue;
		map_with(format, 0, leaf, leaf);
		map_with(format, leaf - 3 * granule, 2 * leaf, leaf);
		map_with(format, 0, leaf + 3 * granule, leaf);
		map_with(format, leaf - 3 * granule, leaf + 3 * granule, leaf);
		if (level > 1) /* some tables of pages before it */
			map_with(format, leaf - 3 * format->level_size[1], 2 * leaf, leaf);
	}
}
