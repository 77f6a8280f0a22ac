/* SPDX-License-Identifier: MIT */
/* The frame cache: what it gives and takes, and that an operation planned for with it cannot fail.
 */
#include <twofold/frame_cache.h>

#include <inttypes.h>
#include <string.h>

#include "require.h"
#include "rng.h"
#include "suite.h"
#include "world.h"

#define BASE UINT64_C(0x80000000)

struct stock {
	struct test_memory *memory;
	struct table_access access;
	struct frame_cache cache;
};

static void stock_open(struct stock *stock, enum memory_reach reach)
{
	stock->memory = memory_create(BASE, reach);
	stock->access = memory_access(stock->memory);
	memset(&stock->cache, 0xee, sizeof(stock->cache));
	REQUIRE(frame_cache_init(&stock->cache, &stock->memory->allocator, PAGE_SIZE_16K,
				 &stock->access) == PAGING_OK,
		"init");
}

static bool take(struct stock *stock, enum frame_use use, uint64_t size, struct frame *frame)
{
	return stock->cache.allocator.allocate(&stock->cache.allocator, use, size, frame);
}

static void give(struct stock *stock, enum frame_use use, struct frame frame)
{
	stock->cache.allocator.free(&stock->cache.allocator, use, frame);
}

Test(frame_cache, bad_arguments)
{
	struct test_memory *memory = memory_create(BASE, MEMORY_BY_OFFSET);
	struct table_access access = memory_access(memory);
	struct frame_cache cache;
	const uint64_t sizes[] = { 0, 4, 7, 12, 4097, UINT64_MAX };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		REQUIRE(frame_cache_init(&cache, &memory->allocator, sizes[i], &access) ==
				PAGING_BAD_SIZE,
			"size 0x%" PRIx64, sizes[i]);
	REQUIRE(frame_cache_init(&cache, &memory->allocator, 8, &access) == PAGING_OK,
		"the smallest");
	REQUIRE(frame_cache_init(&cache, NULL, PAGE_SIZE_4K, &access) == PAGING_BAD_ARGUMENT,
		"no source");
	memory_destroy(memory);
}

static void gives_what_it_has(enum memory_reach reach)
{
	struct frame frames[3], none = { .start = 1, .size = 2 };
	struct stock stock;

	stock_open(&stock, reach);
	REQUIRE(!take(&stock, FRAME_TABLE, PAGE_SIZE_16K, &none), "an empty cache gives");
	REQUIRE(frame_cache_top_up(&stock.cache, 3) == PAGING_OK, "top up");
	REQUIRE(stock.cache.count == 3 && stock.memory->live == 3, "%" PRIu64 " frames",
		stock.cache.count);
	REQUIRE(frame_cache_top_up(&stock.cache, 2) == PAGING_OK && stock.cache.count == 3 &&
			stock.memory->requests == 3,
		"frames that nobody wants");
	REQUIRE(!take(&stock, FRAME_TABLE, PAGE_SIZE_4K, &none) &&
			!take(&stock, FRAME_ROOT, PAGE_SIZE_16K, &none) &&
			!take(&stock, FRAME_PAGE, PAGE_SIZE_16K, &none),
		"another size or use");
	memory_fail_at(stock.memory, 1, true);
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t born;

		REQUIRE(take(&stock, FRAME_TABLE, PAGE_SIZE_16K, &frames[i]), "frame %u", i);
		REQUIRE(frames[i].size == PAGE_SIZE_16K &&
				memory_frame(stock.memory, frames[i].start, &born).start ==
					frames[i].start,
			"frame %u is 0x%" PRIx64, i, frames[i].start);
		memset(memory_at(stock.memory, frames[i].start, PAGE_SIZE_16K), 0x77,
		       PAGE_SIZE_16K);
	}
	REQUIRE(!take(&stock, FRAME_TABLE, PAGE_SIZE_16K, &none), "more than it has");
	REQUIRE(none.start == 1 && none.size == 2, "a frame was filled in");
	REQUIRE(stock.memory->failures == 0, "the source was asked");
	for (unsigned int i = 0; i < 3; i++)
		give(&stock, FRAME_TABLE, frames[i]);
	REQUIRE(stock.cache.count == 3 && stock.memory->live == 3 && stock.memory->frees == 0,
		"what is freed stays");
	frame_cache_drain(&stock.cache);
	REQUIRE(stock.cache.count == 0 && stock.memory->frees == 3, "drained");
	REQUIRE(stock.memory->held == 0, "a frame is still mapped");
	memory_destroy(stock.memory);
}

Test(frame_cache, gives_what_it_has)
{
	gives_what_it_has(MEMORY_BY_OFFSET);
	gives_what_it_has(MEMORY_BY_HOOK);
}

/* All or nothing: nothing includes what was there before. */
Test(frame_cache, source_fails)
{
	for (uint64_t n = 1; n <= 4; n++) {
		struct stock stock;

		stock_open(&stock, MEMORY_BY_OFFSET);
		REQUIRE(frame_cache_top_up(&stock.cache, 2) == PAGING_OK, "top up");
		memory_fail_at(stock.memory, n, false);
		REQUIRE(frame_cache_top_up(&stock.cache, 6) == PAGING_NO_MEMORY, "no memory");
		REQUIRE(stock.cache.count == 2 && stock.memory->live == 2,
			"%" PRIu64 " frames, %" PRIu64 " out", stock.cache.count,
			stock.memory->live);
		REQUIRE(frame_cache_top_up(&stock.cache, 6) == PAGING_OK && stock.cache.count == 6,
			"later");
		frame_cache_drain(&stock.cache);
		memory_destroy(stock.memory);
	}
}

/* page_table_destroy gives the root to the allocator that it is handed. */
Test(frame_cache, frames_of_others)
{
	struct stock stock;
	struct frame root, small;

	stock_open(&stock, MEMORY_BY_OFFSET);
	REQUIRE(stock.memory->allocator.allocate(&stock.memory->allocator, FRAME_ROOT,
						 PAGE_SIZE_16K, &root) &&
			stock.memory->allocator.allocate(&stock.memory->allocator, FRAME_TABLE,
							 PAGE_SIZE_4K, &small),
		"no memory");
	give(&stock, FRAME_ROOT, root);
	give(&stock, FRAME_TABLE, small);
	REQUIRE(stock.cache.count == 0 && stock.memory->frees == 2, "they went to the source");
	memory_destroy(stock.memory);
}

/* Operations, planned and committed */

struct commit {
	struct world world;
	struct frame_cache cache;
	struct tlb_gather gather;
	struct tlb_range ranges[4];
	struct frame frames[8];
	uint64_t random;
};

static void flush(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
}

static enum paging_status change(struct commit *commit, unsigned int which, virt_addr virt,
				 uint64_t size, struct page_table_op *op)
{
	struct page_table *table = &commit->world.table;
	struct page_flags flags = format_plain_flags();
	uint64_t granule = format_granule(commit->world.format);
	phys_addr phys = addr_align_down(virt, granule) & UINT64_C(0x3fffffff);

	switch (which) {
	case 0:
		return page_table_map(table, virt, phys, size, flags, op);
	case 1:
		op->mode |= PAGING_REPLACE;
		return page_table_map(table, virt, phys + granule, size, flags, op);
	case 2:
		op->mode |= PAGING_SKIP_HOLES | PAGING_SPLIT;
		return page_table_unmap(table, virt, size, op);
	case 3:
		op->mode |= PAGING_SKIP_HOLES | PAGING_SPLIT;
		flags.write = 0;
		return page_table_protect(table, virt, size, flags, op);
	case 4:
		return page_table_split(table, virt, size, granule, op);
	case 5:
		op->mode |= PAGING_SPLIT;
		return page_table_annotate(table, virt, size, 0, op);
	default:
		return page_table_annotate(table, virt, size, 99, op);
	}
}

static void commit_one(struct commit *commit)
{
	struct world *world = &commit->world;
	struct test_memory *memory = world->memory;
	uint64_t granule = format_granule(world->format);
	uint64_t large = world->format->level_size[1];
	uint64_t first = rng_below(&commit->random, 4 * (large / granule));
	uint64_t count = 1 + rng_below(&commit->random,
				       rng_one_in(&commit->random, 2) ? 4 : 3 * (large / granule));
	virt_addr virt = format_middle(world->format) - 2 * large + first * granule;
	struct page_table_op op = { .gather = &commit->gather, .mode = PAGING_PLAN };
	unsigned int which = (unsigned int)rng_below(&commit->random, 7);
	uint64_t tables = world->table.tables;
	enum paging_status status, planned;

	if (rng_one_in(&commit->random, 3))
		op.leaf_sizes = granule;
	require_story("operation %u, 0x%" PRIx64 "+0x%" PRIx64, which, virt, count * granule);
	planned = change(commit, which, virt, count * granule, &op);
	if (planned == PAGING_OK) {
		memory_fail_at(memory, 0, false);
		REQUIRE(frame_cache_top_up(&commit->cache, op.tables) == PAGING_OK, "top up");
		tables += op.tables;
	}
	memory_fail_at(memory, 1, true);
	op.mode = 0;
	op.frames = &commit->cache.allocator;
	status = change(commit, which, virt, count * granule, &op);
	REQUIRE(status == planned, "planned %s, then %s", status_name(planned),
		status_name(status));
	REQUIRE(commit->cache.count == 0 && memory->failures == 0,
		"%" PRIu64 " frames are left over", commit->cache.count);
	REQUIRE(world->table.tables <= tables, "more tables than were planned");
	tlb_gather_finish(&commit->gather);
	REQUIRE(memory->live == world->table.tables, "%" PRIu64 " frames out, %" PRIu64 " tables",
		memory->live, world->table.tables);
}

FORMAT_TEST(frame_cache, commit_cannot_fail)
{
	struct commit commit;
	struct table_access access;

	memset(&commit, 0, sizeof(commit));
	world_open(&commit.world, format, MEMORY_BY_OFFSET);
	access = memory_access(commit.world.memory);
	commit.random = 1;
	commit.gather.ranges = commit.ranges;
	commit.gather.range_capacity = 4;
	commit.gather.frames = commit.frames;
	commit.gather.frame_capacity = 8;
	commit.gather.owner = world_frames(&commit.world);
	commit.gather.flush = flush;
	REQUIRE(frame_cache_init(&commit.cache, world_frames(&commit.world), format->table_bytes,
				 &access) == PAGING_OK,
		"init");
	for (unsigned int i = 0; i < 60; i++)
		commit_one(&commit);
	world_close(&commit.world);
}
