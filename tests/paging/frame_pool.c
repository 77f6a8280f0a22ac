/* SPDX-License-Identifier: MIT */
/* The frame pool: alignment, sizes, order, exhaustion, and nothing beyond its region. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <twofold/frame_pool.h>

#include "require.h"
#include "rng.h"

#define BASE  UINT64_C(0x40003000) /* a multiple of 4 KiB and of nothing larger */
#define BYTES (8 * PAGE_SIZE_2M)
#define GUARD UINT64_C(4096)

struct region {
	uint8_t *bytes; /* GUARD bytes, the region, GUARD bytes */
	struct table_access access;
	struct frame_pool pool;
};

static void region_open(struct region *region, uint64_t size)
{
	region->bytes = malloc(size + 2 * GUARD);
	REQUIRE(region->bytes != NULL, "no memory");
	memset(region->bytes, 0xa5, size + 2 * GUARD);
	memset(&region->pool, 0xee, sizeof(region->pool));
	region->access =
		(struct table_access){ .offset = (uint64_t)(uintptr_t)(region->bytes + GUARD) -
						 BASE };
	frame_pool_init(&region->pool, BASE, BASE + size, &region->access);
}

static void region_close(struct region *region, uint64_t size)
{
	for (size_t i = 0; i < GUARD; i++)
		REQUIRE(region->bytes[i] == 0xa5 && region->bytes[GUARD + size + i] == 0xa5,
			"written beyond the region");
	free(region->bytes);
}

static bool take(struct region *region, uint64_t size, struct frame *frame)
{
	struct frame_allocator *allocator = &region->pool.allocator;

	return allocator->allocate(allocator, FRAME_TABLE, size, frame);
}

static void give(struct region *region, struct frame frame)
{
	struct frame_allocator *allocator = &region->pool.allocator;

	allocator->free(allocator, FRAME_TABLE, frame);
}

static void require_good(const struct frame *frame, uint64_t size, uint64_t region_size)
{
	REQUIRE(frame->size == size && addr_is_aligned(frame->start, size), "0x%llx of 0x%llx",
		(unsigned long long)frame->start, (unsigned long long)frame->size);
	REQUIRE(frame->start >= BASE && frame->start + size <= BASE + region_size,
		"0x%llx is not in the region", (unsigned long long)frame->start);
}

Test(frame_pool, gives_all_of_its_region_and_no_more)
{
	struct region region;
	struct frame frame, last = { 0 };
	unsigned int count = 0;

	region_open(&region, 16 * PAGE_SIZE_4K);
	while (take(&region, PAGE_SIZE_4K, &frame)) {
		require_good(&frame, PAGE_SIZE_4K, 16 * PAGE_SIZE_4K);
		cr_assert(frame.start != last.start, "the same frame twice");
		memset(region.bytes + GUARD + (frame.start - BASE), 0, PAGE_SIZE_4K);
		last = frame;
		count++;
		cr_assert_eq(region.pool.in_use, count);
	}
	cr_assert_eq(count, 16);
	frame = (struct frame){ .start = 0x1234, .size = 0x5678 };
	cr_assert_not(take(&region, PAGE_SIZE_4K, &frame));
	cr_assert(frame.start == 0x1234 && frame.size == 0x5678, "a failure touched the frame");
	cr_assert_eq(region.pool.in_use, 16);
	give(&region, last);
	cr_assert_eq(region.pool.in_use, 15);
	cr_assert(take(&region, PAGE_SIZE_4K, &frame));
	cr_assert_eq(frame.start, last.start);
	region_close(&region, 16 * PAGE_SIZE_4K);
}

/* None, one, some: what is given back at once is there again. */
Test(frame_pool, takes_many_back)
{
	struct region region;
	struct frame frames[5], again;

	region_open(&region, 5 * PAGE_SIZE_4K);
	for (size_t count = 0; count <= 5; count++) {
		struct frame_allocator *allocator = &region.pool.allocator;

		for (size_t i = 0; i < 5; i++)
			cr_assert(take(&region, PAGE_SIZE_4K, &frames[i]));
		allocator->free_many(allocator, FRAME_TABLE, frames, count);
		cr_assert_eq(region.pool.in_use, 5 - count);
		for (size_t i = count; i-- != 0;) {
			cr_assert(take(&region, PAGE_SIZE_4K, &again));
			cr_assert_eq(again.start, frames[i].start);
		}
		cr_assert(!take(&region, PAGE_SIZE_4K, &again));
		allocator->free_many(allocator, FRAME_TABLE, frames, 5);
	}
	region_close(&region, 5 * PAGE_SIZE_4K);
}

Test(frame_pool, last_in_first_out_for_each_size)
{
	struct region region;
	struct frame small[2], large[2], frame;

	region_open(&region, BYTES);
	for (int i = 0; i < 2; i++)
		cr_assert(take(&region, PAGE_SIZE_4K, &small[i]) &&
			  take(&region, PAGE_SIZE_16K, &large[i]));
	give(&region, small[0]);
	give(&region, large[0]);
	give(&region, small[1]);
	give(&region, large[1]);
	for (int i = 1; i >= 0; i--) {
		cr_assert(take(&region, PAGE_SIZE_16K, &frame) && frame.start == large[i].start);
		cr_assert(take(&region, PAGE_SIZE_4K, &frame) && frame.start == small[i].start);
	}
	region_close(&region, BYTES);
}

struct hook {
	struct region *region;
	uint64_t size; /* that must be asked for; 0: any */
	unsigned int open, maps;
};

static void *hook_map(void *context, phys_addr start, uint64_t size)
{
	struct hook *hook = context;

	REQUIRE(hook->size == 0 || size == hook->size, "0x%llx bytes of a frame of 0x%llx",
		(unsigned long long)size, (unsigned long long)hook->size);
	hook->open++;
	hook->maps++;
	return hook->region->bytes + GUARD + (start - BASE);
}

static void hook_unmap(void *context, phys_addr start, void *pointer)
{
	struct hook *hook = context;

	REQUIRE(pointer == hook->region->bytes + GUARD + (start - BASE), "another pointer");
	hook->open--;
}

/* It comes to a free frame, all of it, through the access hook. */
Test(frame_pool, through_the_hook)
{
	struct region region;
	struct hook hook = { .region = &region };
	struct table_access access = { .map = hook_map, .unmap = hook_unmap, .context = &hook };
	struct frame frame, again;

	region_open(&region, BYTES);
	frame_pool_init(&region.pool, BASE, BASE + BYTES, &access);
	for (uint64_t size = PAGE_SIZE_4K; size <= PAGE_SIZE_2M; size *= 2) {
		hook.size = 0; /* what alignment passes over is smaller */
		cr_assert(take(&region, size, &frame));
		hook.size = size;
		hook.maps = 0;
		give(&region, frame);
		cr_assert(take(&region, size, &again) && again.start == frame.start);
		cr_assert(hook.maps == 2 && hook.open == 0);
	}
	region_close(&region, BYTES);
}

Test(frame_pool, refuses_sizes_that_it_does_not_have)
{
	static const uint64_t sizes[] = { PAGE_SIZE_4K + 1, 3 * PAGE_SIZE_4K, 2 * PAGE_SIZE_2M,
					  PAGE_SIZE_1G, UINT64_C(1) << 63 };
	struct region region;
	struct frame frame;

	region_open(&region, BYTES);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		cr_assert_not(take(&region, sizes[i], &frame), "a frame of 0x%llx bytes",
			      (unsigned long long)sizes[i]);
	cr_assert_eq(region.pool.in_use, 0);
	region_close(&region, BYTES);
}

/* What the alignment of a large frame passes over is given out as small ones. */
Test(frame_pool, alignment_wastes_nothing)
{
	struct region region;
	struct frame frame;
	uint64_t count = 0;

	region_open(&region, BYTES);
	cr_assert(take(&region, PAGE_SIZE_2M, &frame));
	cr_assert_neq(frame.start, BASE, "nothing was passed over");
	while (take(&region, PAGE_SIZE_4K, &frame)) {
		require_good(&frame, PAGE_SIZE_4K, BYTES);
		count++;
	}
	cr_assert_eq(count, (BYTES - PAGE_SIZE_2M) / PAGE_SIZE_4K);
	region_close(&region, BYTES);
}

/* A root of 64 bytes, say, gets a page of its own. */
Test(frame_pool, small_frames)
{
	struct region region;
	struct frame frames[3];

	region_open(&region, 3 * PAGE_SIZE_4K);
	for (int i = 0; i < 3; i++) {
		cr_assert(take(&region, 64, &frames[i]));
		require_good(&frames[i], 64, 3 * PAGE_SIZE_4K);
	}
	cr_assert(frames[0].start != frames[1].start && frames[1].start != frames[2].start);
	give(&region, frames[1]);
	cr_assert(take(&region, PAGE_SIZE_4K, &frames[0]));
	require_good(&frames[0], PAGE_SIZE_4K, 3 * PAGE_SIZE_4K);
	region_close(&region, 3 * PAGE_SIZE_4K);
}

struct held {
	struct frame frame;
	uint8_t mark;
};

static void mark(struct region *region, const struct held *held)
{
	memset(region->bytes + GUARD + (held->frame.start - BASE), held->mark, held->frame.size);
}

static void require_mark(const struct region *region, const struct held *held)
{
	const uint8_t *bytes = region->bytes + GUARD + (held->frame.start - BASE);

	for (uint64_t i = 0; i < held->frame.size; i += 8)
		REQUIRE(bytes[i] == held->mark, "frame 0x%llx overlaps another",
			(unsigned long long)held->frame.start);
}

/* Frames of all sizes come and go; each keeps what its holder wrote. */
Test(frame_pool, frames_never_overlap)
{
	static struct held held[64];
	struct region region;
	uint64_t state = 11;
	size_t count = 0;

	region_open(&region, BYTES);
	for (unsigned int i = 0; i < 4000; i++) {
		uint64_t size = PAGE_SIZE_4K << rng_below(&state, rng_one_in(&state, 20) ? 10 : 5);

		if (count < 64 && rng_one_in(&state, 2) &&
		    take(&region, size, &held[count].frame)) {
			require_good(&held[count].frame, size, BYTES);
			held[count].mark = (uint8_t)i;
			mark(&region, &held[count++]);
		} else if (count != 0) {
			size_t index = (size_t)rng_below(&state, count);

			require_mark(&region, &held[index]);
			give(&region, held[index].frame);
			held[index] = held[--count];
		}
		cr_expect_eq(region.pool.in_use, count);
	}
	while (count != 0) {
		require_mark(&region, &held[--count]);
		give(&region, held[count].frame);
	}
	cr_assert_eq(region.pool.in_use, 0);
	region_close(&region, BYTES);
}

/* An empty region and one at the end of memory. */
Test(frame_pool, extremes)
{
	struct frame_pool pool;
	struct table_access access = { 0 };
	struct frame frame;

	frame_pool_init(&pool, BASE, BASE, &access);
	cr_assert_not(pool.allocator.allocate(&pool.allocator, FRAME_ROOT, PAGE_SIZE_4K, &frame));
	frame_pool_init(&pool, 0 - 4 * PAGE_SIZE_4K, 0 - PAGE_SIZE_4K, &access);
	cr_assert_not(pool.allocator.allocate(&pool.allocator, FRAME_ROOT, PAGE_SIZE_2M, &frame));
	cr_assert_not(pool.allocator.allocate(&pool.allocator, FRAME_ROOT, PAGE_SIZE_16K, &frame));
	cr_assert(pool.allocator.allocate(&pool.allocator, FRAME_ROOT, PAGE_SIZE_4K, &frame));
	cr_assert_eq(frame.start, 0 - 4 * PAGE_SIZE_4K);
}
