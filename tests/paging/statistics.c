/* SPDX-License-Identifier: MIT */
/* Statistics against the model, and against a look at every table by the independent MMU. */
#include <inttypes.h>
#include <string.h>

#include <twofold/statistics.h>

#include "require.h"
#include "suite.h"
#include "world.h"

static void count_tables(struct world *world, phys_addr table, unsigned int level, uint64_t *levels)
{
	const struct format_case *format = world->format;

	levels[level]++;
	for (uint64_t i = 0; level != 0 && i < format_entries(format, level); i++) {
		uint64_t entry = memory_read(world->memory, table + 8 * i);
		phys_addr next;

		if (entry != 0 && format->entry(format, level, entry, &next) == WALK_ENTRY_TABLE)
			count_tables(world, next, level - 1, levels);
	}
}

static void require_statistics(struct world *world, uint64_t annotated)
{
	const struct format_case *format = world->format;
	uint64_t levels[FORMAT_LEVELS_MAX] = { 0 }, leaves[64] = { 0 }, mapped = 0, tables = 0;
	struct page_statistics seen;

	memset(&seen, 0xee, sizeof(seen));
	page_table_statistics(&world->table, &seen);
	REQUIRE(world->memory->held == 0, "%u tables are held", world->memory->held);
	count_tables(world, world->table.root, format->levels - 1, levels);
	for (size_t i = 0; i < world->model.count; i++) {
		leaves[__builtin_ctzll(world->model.leaves[i].size)]++;
		mapped += world->model.leaves[i].size;
	}
	for (unsigned int level = 0; level < FORMAT_LEVELS_MAX; level++) {
		REQUIRE(seen.levels[level] == levels[level], "%" PRIu64 " tables of level %u",
			seen.levels[level], level);
		tables += levels[level];
	}
	REQUIRE(memcmp(seen.leaves, leaves, sizeof(leaves)) == 0, "leaves");
	REQUIRE(seen.mapped == mapped, "0x%" PRIx64 " bytes are mapped", seen.mapped);
	REQUIRE(seen.tables == tables && seen.level_count == format->levels, "%" PRIu64 " tables",
		seen.tables);
	REQUIRE(seen.annotated == annotated, "%" PRIu64 " annotated", seen.annotated);
}

FORMAT_TEST(statistics, counts)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	virt_addr virt = format_middle(format);
	struct page_table_op op = { .mode = 0 };
	struct page_statistics seen;
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	require_statistics(&world, 0);
	page_table_statistics(&world.table, &seen);
	REQUIRE(seen.table_bytes == format->root_bytes, "%" PRIu64 " bytes", seen.table_bytes);
	world_map(&world, virt - 2 * granule, 4 * size - 2 * granule, 2 * size + 5 * granule);
	for (unsigned int i = 0; i < count; i++)
		world_map(&world, ranges[i].last - granule + 1, 0, granule);
	require_statistics(&world, 0);
	op.frames = world_frames(&world);
	REQUIRE(page_table_annotate(&world.table, virt + 8 * size, 3 * granule, 7, &op) ==
			PAGING_OK,
		"not annotated");
	require_statistics(&world, 3);
	page_table_statistics(&world.table, &seen);
	REQUIRE(seen.table_bytes == (seen.tables - 1) * format->table_bytes + format->root_bytes,
		"%" PRIu64 " bytes", seen.table_bytes);
	world_close(&world);
}
