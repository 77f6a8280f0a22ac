/* SPDX-License-Identifier: MIT */
/* A larger leaf takes the place of tables: the gather says it of each leaf and each table that was
 * there. */
#include <inttypes.h>

#include "flushing.h"
#include "require.h"
#include "suite.h"
#include "world.h"

/* A gather that flushes, and what all flushes together were asked for. */
struct asked {
	struct flushing f;
	struct tlb_range ranges[16];
	size_t count;
};

static void on_flush(const struct tlb_gather *gather, void *context)
{
	struct asked *asked = context;

	REQUIRE(!gather->everything && asked->count + gather->range_count <= 16,
		"no room for ranges");
	for (size_t i = 0; i < gather->range_count; i++)
		asked->ranges[asked->count++] = gather->ranges[i];
}

static void asked_init(struct asked *asked, struct world *world)
{
	asked->count = 0;
	flushing_init(&asked->f, world);
	asked->f.gather.flush = on_flush;
	asked->f.gather.context = asked;
}

/* Whether [start, last] is asked for, by that very stride. A smaller one would do for no MMU that
 * is told the level of the leaf (Arm's TTL), and more would be for nothing. */
static bool asks(const struct asked *asked, virt_addr start, virt_addr last, uint64_t stride,
		 bool tables, bool global)
{
	for (size_t i = 0; i < asked->count; i++) {
		const struct tlb_range *range = &asked->ranges[i];

		if (range->start == start && range->last == last && range->leaf_size == stride &&
		    range->tables == tables && range->global == global)
			return true;
	}
	return false;
}

static void require_asked(const struct asked *asked, virt_addr start, uint64_t size,
			  uint64_t stride, bool tables, bool global)
{
	REQUIRE(asks(asked, start, start + size - 1, stride, tables, global),
		"0x%" PRIx64 "+0x%" PRIx64 " by 0x%" PRIx64 ", %s, %s: not asked for in %zu ranges",
		start, size, stride, tables ? "tables" : "leaves", global ? "global" : "plain",
		asked->count);
}

static void map_page(struct world *world, virt_addr virt, struct page_flags flags)
{
	REQUIRE(page_table_map_to(&world->table, virt, 0, flags, world_frames(world)) == PAGING_OK,
		"no map_to");
}

/* Puts a leaf of that size over tables of pages, and one of its own level's children. */
static void replace(struct world *world, virt_addr virt, uint64_t size, struct asked *asked)
{
	struct page_table_op op = { .gather = &asked->f.gather,
				    .frames = world_frames(world),
				    .mode = PAGING_REPLACE };

	asked_init(asked, world);
	REQUIRE(page_table_map(&world->table, virt, 0, size, format_plain_flags(), &op) ==
			PAGING_OK,
		"no map");
	tlb_gather_finish(&asked->f.gather);
	world_resync(world);
	world_check(world);
}

/* Tables in a table, beside a leaf of the larger kind or without one. */
static void tables_in_tables(const struct format_case *format, bool beside)
{
	uint64_t page = format->level_size[0], block = format->level_size[1];
	uint64_t size = format->levels > 2 ? format->level_size[2] : 0;
	virt_addr virt = addr_align_down(format_middle(format), size == 0 ? page : size);
	struct page_table_op op = { .leaf_sizes = block };
	struct page_flags global = format_plain_flags();
	struct asked asked;
	struct world world;

	if (!format_has_leaf(format, size))
		return;
	global.global = 1;
	if (!format->expressible(format, global))
		global.global = 0;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	map_page(&world, virt + 3 * block, format_plain_flags());
	map_page(&world, virt + 5 * block + page, global);
	map_page(&world, virt + 5 * block + 2 * page, format_plain_flags());
	REQUIRE(!beside || page_table_map(&world.table, virt + 7 * block, 0, block,
					  format_plain_flags(), &op) == PAGING_OK,
		"no map");
	replace(&world, virt, size, &asked);
	require_asked(&asked, virt + 3 * block, block, page, false, format->all_global);
	require_asked(&asked, virt + 5 * block, block, page, false,
		      global.global || format->all_global);
	REQUIRE(asks(&asked, virt, virt + size - 1, block, false, format->all_global) == beside,
		"the larger leaf: there %d, asked for %d", beside, !beside);
	require_asked(&asked, virt + 3 * block, block, block, true, false);
	require_asked(&asked, virt + 5 * block, block, block, true, false);
	require_asked(&asked, virt, size, size, true, false);
	world_close(&world);
}

FORMAT_TEST(gather_replace, tables_in_tables)
{
	tables_in_tables(format, true);
	tables_in_tables(format, false);
}

/* Pages that become a leaf: they are asked for, and their table. */
FORMAT_TEST(gather_replace, collapse)
{
	uint64_t page = format->level_size[0], size = format->level_size[1];
	virt_addr virt = addr_align_down(format_middle(format), size);
	struct asked asked;
	struct page_table_op op = { .leaf_sizes = page };
	struct world world;

	if (!format_has_leaf(format, size))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	asked_init(&asked, &world);
	op.frames = world_frames(&world);
	REQUIRE(page_table_map(&world.table, virt, 0, size, format_plain_flags(), &op) == PAGING_OK,
		"no map");
	op.leaf_sizes = size;
	op.gather = &asked.f.gather;
	REQUIRE(page_table_collapse(&world.table, virt, size, &op) == PAGING_OK, "no collapse");
	tlb_gather_finish(&asked.f.gather);
	require_asked(&asked, virt, size, page, false, format->all_global);
	require_asked(&asked, virt, size, size, true, false);
	REQUIRE(asked.count == 2, "%zu ranges", asked.count);
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

/* Where nothing has to be broken, a leaf takes another's place without a flush in between. */
FORMAT_TEST(gather_replace, a_leaf_by_a_leaf)
{
	uint64_t page = format->level_size[0];
	virt_addr virt = format_middle(format);
	struct tlb_range range;
	struct tlb_gather gather = { .ranges = &range, .range_capacity = 1 };
	struct page_table_op op = { .gather = &gather, .mode = PAGING_REPLACE };
	enum paging_status status, expected = PAGING_OK;
	struct world world;

	if (format->break_flags != NULL)
		expected = PAGING_NEEDS_FLUSH;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = gather.owner = world_frames(&world);
	map_page(&world, virt, format_plain_flags());
	world_resync(&world);
	status = page_table_map(&world.table, virt, page, page, format_plain_flags(), &op);
	REQUIRE(status == expected, "%s", status_name(status));
	REQUIRE(world_query(&world, virt).phys == (status == PAGING_OK ? page : 0), "0x%" PRIx64,
		world_query(&world, virt).phys);
	tlb_gather_finish(&gather);
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

/* More tables than there is room for: with a flush as often as it takes, else not at all. */
FORMAT_TEST(gather_replace, more_tables_than_room)
{
	uint64_t size = format->levels > 2 ? format->level_size[2] : 0;
	virt_addr virt = addr_align_down(format_middle(format), size == 0 ? 1 : size);

	if (!format_has_leaf(format, size))
		return;
	for (unsigned int way = 0; way < 4; way++) {
		bool flush = way % 2 != 0;
		struct asked asked;
		struct page_table_op op = { .gather = &asked.f.gather, .leaf_sizes = size };
		enum paging_status status, expected = PAGING_OK;
		struct world world;

		world_open(&world, format, MEMORY_BY_OFFSET);
		asked_init(&asked, &world);
		asked.f.gather.frame_capacity = 1;
		asked.f.gather.flush = flush ? on_flush : NULL;
		op.frames = world_frames(&world);
		map_page(&world, virt, format_plain_flags());
		map_page(&world, virt + 5 * format->level_size[1], format_plain_flags());
		world_resync(&world);
		op.mode = PAGING_REPLACE | (way / 2 != 0 ? PAGING_RESUMABLE : 0);
		status = page_table_map(&world.table, virt, 0, size, format_plain_flags(), &op);
		if (!flush)
			expected = format->break_flags ? PAGING_NEEDS_FLUSH : PAGING_GATHER_FULL;
		REQUIRE(status == expected, "%s", status_name(status));
		tlb_gather_finish(&asked.f.gather);
		if (flush)
			world_resync(&world);
		REQUIRE(world.model.count == (flush ? 1 : 2), "%zu leaves", world.model.count);
		world_check(&world);
		world_close(&world);
	}
}

/* A full table of global pages, without room for a range. */
FORMAT_TEST(gather_replace, global_pages)
{
	uint64_t page = format->level_size[0], size = format->level_size[1];
	virt_addr virt = addr_align_down(format_middle(format), size);
	struct tlb_gather gather = { .flush = NULL };
	struct frame frame;
	struct page_table_op op = { .leaf_sizes = page };
	struct page_flags global = format_plain_flags();
	struct world world;

	global.global = 1;
	if (format->break_flags != NULL || !format_has_leaf(format, size) ||
	    !format->expressible(format, global))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = gather.owner = world_frames(&world);
	gather.frames = &frame;
	gather.frame_capacity = 1;
	REQUIRE(page_table_map(&world.table, virt, 0, size, global, &op) == PAGING_OK, "no map");
	op = (struct page_table_op){ .frames = op.frames,
				     .gather = &gather,
				     .mode = PAGING_REPLACE };
	REQUIRE(page_table_map(&world.table, virt, 0, size, format_plain_flags(), &op) == PAGING_OK,
		"no map");
	REQUIRE(gather.everything && (gather.everything_global || format->all_global),
		"everything %d, global %d", gather.everything, gather.everything_global);
	tlb_gather_finish(&gather);
	world_close(&world);
}
