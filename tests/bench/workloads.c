/* SPDX-License-Identifier: MIT */
/* W1 to W7. The loops are the same for all who map, and call them through pointers. */
#include <stdlib.h>

#include "../paging/require.h"
#include "bench.h"
#include "vector.h"

static const struct page_flags writable = { .read = 1, .write = 1 };

/* No walker runs here, so there is nothing to invalidate; the gather is collected all the same. */
static void flush_nothing(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
}

struct run *run_create(const struct sizes *sizes)
{
	struct run *run = calloc(1, sizeof(*run));

	REQUIRE(run != NULL, "no memory");
	run->sizes = sizes;
	run->memory = memory_create(sizes->span / 512 + (UINT64_C(64) << 20));
	run->spread = random_spread(sizes);
	run->shuffled = random_shuffled(run->spread, sizes->random);
	run->pairs = calloc(sizes->random, sizeof(*run->pairs));
	REQUIRE(run->pairs != NULL, "no memory");
	return run;
}

void run_destroy(struct run *run)
{
	memory_destroy(run->memory);
	free(run->spread);
	free(run->shuffled);
	free(run->pairs);
	free(run);
}

static void begin(struct run *run, bool parallel)
{
	struct page_table_config config = run->format->model.config;
	enum paging_status status;

	memory_reset(run->memory);
	config.parallel = parallel;
	config.access.offset = (uint64_t)(uintptr_t)run->memory->bytes;
	if (run->subject == &subject_vector) {
		config.format = run->format->vector;
		status = vector_page_table_init(&run->table, &config, &run->memory->allocator);
	} else {
		status = page_table_init(&run->table, &config, &run->memory->allocator);
	}
	REQUIRE(status == PAGING_OK, "page_table_init: %s", paging_status_text(status));
	run->gather = (struct tlb_gather){
		.ranges = run->ranges,
		.range_capacity = RANGES,
		.frames = run->frames,
		.frame_capacity = FRAMES,
		.owner = &run->memory->allocator,
		.flush = flush_nothing,
	};
	run->op = (struct page_table_op){ .frames = &run->memory->allocator,
					  .leaf_sizes = PAGE_SIZE_4K };
	run->failures = 0;
	run->sum = 0;
}

void run_begin(struct run *run)
{
	begin(run, false);
}

/* The empty table is one that others could map in at the same time. */
static void make_parallel(struct run *run)
{
	begin(run, true);
}

static void nothing(struct run *run)
{
	(void)run;
}

/* W1, W1c, W2, W3, W3m: onto an empty table. */

static void map_pages(struct run *run)
{
	const struct subject *subject = run->subject;
	uint64_t bytes = run->sizes->bytes;
	uint64_t failures = 0;

	for (uint64_t offset = 0; offset < bytes; offset += PAGE_SIZE_4K)
		failures |= subject->map_to(&run->table, VIRT_BASE + offset, PHYS_BASE + offset,
					    writable, &run->memory->allocator);
	run->failures |= failures;
}

static void map_range(struct run *run, uint64_t bytes)
{
	run->failures |=
		run->subject->map(&run->table, VIRT_BASE, PHYS_BASE, bytes, writable, &run->op);
}

static void map_bytes(struct run *run)
{
	map_range(run, run->sizes->bytes);
}

static void allow_2m(struct run *run)
{
	run->op.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M;
}

static void allow_1g(struct run *run)
{
	run->op.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G;
}

static void map_large(struct run *run)
{
	map_range(run, run->sizes->large);
}

static void verify_pages(struct run *run)
{
	verify_mapped(run, 0, run->sizes->bytes, PAGE_SIZE_4K, true);
}

static void verify_2m(struct run *run)
{
	verify_mapped(run, 0, run->sizes->large, PAGE_SIZE_2M, true);
}

static void verify_1g(struct run *run)
{
	verify_mapped(run, 0, run->sizes->large, PAGE_SIZE_1G, true);
}

/* W4, W4p: pages of no order. The neighbour of each is in the same table. */

static void map_spread(struct run *run)
{
	const struct subject *subject = run->subject;
	uint64_t count = run->sizes->random;
	uint64_t failures = 0;

	for (uint64_t i = 0; i < count; i++)
		failures |= subject->map_to(&run->table, VIRT_BASE + run->spread[i],
					    PHYS_BASE + run->spread[i], writable,
					    &run->memory->allocator);
	run->failures |= failures;
}

static void map_neighbours(struct run *run)
{
	const struct subject *subject = run->subject;
	uint64_t count = run->sizes->random;
	uint64_t failures = 0;

	for (uint64_t i = 0; i < count; i++)
		failures |=
			subject->map_to(&run->table, VIRT_BASE + PAGE_SIZE_4K + run->shuffled[i],
					PHYS_BASE + PAGE_SIZE_4K + run->shuffled[i], writable,
					&run->memory->allocator);
	run->failures |= failures;
}

static void verify_spread(struct run *run)
{
	REQUIRE(run->failures == 0, "%s: a call failed", run->subject->name);
	for (uint64_t i = 0; i < run->sizes->random; i++)
		verify_page(run, run->spread[i], true);
}

static void verify_neighbours(struct run *run)
{
	verify_spread(run);
	for (uint64_t i = 0; i < run->sizes->random; i++)
		verify_page(run, run->spread[i] + PAGE_SIZE_4K, true);
}

/* W5, W5r */

static void translate_within(struct run *run, uint64_t mask)
{
	const struct subject *subject = run->subject;
	uint64_t count = run->sizes->random;
	uint64_t failures = 0, sum = 0;
	phys_addr phys = 0;

	for (uint64_t i = 0; i < count; i++) {
		failures |= subject->translate(&run->table, VIRT_BASE + (run->shuffled[i] & mask),
					       &phys);
		sum += phys;
	}
	run->failures |= failures;
	run->sum = sum;
}

static void translate_bytes(struct run *run)
{
	translate_within(run, run->sizes->bytes - 1);
}

static void translate_spread(struct run *run)
{
	translate_within(run, UINT64_MAX);
}

static void query_bytes(struct run *run)
{
	const struct subject *subject = run->subject;
	uint64_t count = run->sizes->random, mask = run->sizes->bytes - 1;
	uint64_t failures = 0, sum = 0;
	struct page_mapping mapping = { .phys = 0 };

	for (uint64_t i = 0; i < count; i++) {
		failures |= subject->query(&run->table, VIRT_BASE + (run->shuffled[i] & mask),
					   &mapping);
		sum += mapping.phys;
	}
	run->failures |= failures;
	run->sum = sum;
}

static void verify_query_bytes(struct run *run)
{
	verify_sum(run, run->shuffled, run->sizes->bytes - 1);
}

static void verify_query_spread(struct run *run)
{
	verify_sum(run, run->shuffled, UINT64_MAX);
}

/* W4b, W5b: in batches. */

static void prepare_map_batch(struct run *run)
{
	map_spread(run);
	for (uint64_t i = 0; i < run->sizes->random; i++)
		run->pairs[i] = (struct page_pair){
			.virt = VIRT_BASE + PAGE_SIZE_4K + run->shuffled[i],
			.phys = PHYS_BASE + PAGE_SIZE_4K + run->shuffled[i],
		};
}

static void map_batches(struct run *run)
{
	size_t done;

	for (uint64_t i = 0; i < run->sizes->random; i += BATCH)
		run->failures |= run->subject->map_batch(&run->table, run->pairs + i, BATCH,
							 writable, &run->memory->allocator, &done);
}

static void prepare_translate_batch(struct run *run)
{
	map_spread(run);
	for (uint64_t i = 0; i < run->sizes->random; i++)
		run->pairs[i] = (struct page_pair){ .virt = VIRT_BASE + run->shuffled[i] };
}

static void translate_batches(struct run *run)
{
	size_t done;

	for (uint64_t i = 0; i < run->sizes->random; i += BATCH)
		run->failures |=
			run->subject->translate_batch(&run->table, run->pairs + i, BATCH, &done);
}

static void verify_batches(struct run *run)
{
	for (uint64_t i = 0; i < run->sizes->random; i++)
		run->sum += run->pairs[i].phys;
	verify_query_spread(run);
}

/* W6, W7: of a table that a walker uses, so with a gather. */

static void prepare_live(struct run *run)
{
	map_bytes(run);
	run->op.gather = &run->gather;
}

static void change_pages(struct run *run,
			 enum paging_status (*change)(struct page_table *, virt_addr, uint64_t,
						      struct page_table_op *))
{
	uint64_t bytes = run->sizes->bytes;
	uint64_t failures = 0;

	for (uint64_t offset = 0; offset < bytes; offset += PAGE_SIZE_4K)
		failures |= change(&run->table, VIRT_BASE + offset, PAGE_SIZE_4K, &run->op);
	run->failures |= failures;
}

static void finish(struct run *run)
{
	tlb_gather_finish(&run->gather);
}

static void unmap_pages(struct run *run)
{
	change_pages(run, run->subject->unmap);
	finish(run);
}

static void unmap_bytes(struct run *run)
{
	run->failures |= run->subject->unmap(&run->table, VIRT_BASE, run->sizes->bytes, &run->op);
	finish(run);
}

static void protect_pages(struct run *run)
{
	change_pages(run, run->subject->write_protect);
	finish(run);
}

static void protect_bytes(struct run *run)
{
	run->failures |=
		run->subject->write_protect(&run->table, VIRT_BASE, run->sizes->bytes, &run->op);
	finish(run);
}

static void verify_gone(struct run *run)
{
	verify_empty(run, run->sizes->bytes);
}

static void verify_protected(struct run *run)
{
	verify_mapped(run, 0, run->sizes->bytes, PAGE_SIZE_4K, false);
}

/* Floors: tables in a row in the table memory. */

static uint64_t *floor_table(const struct run *run)
{
	return (uint64_t *)(void *)(run->memory->bytes + PAGE_SIZE_2M);
}

/* Each table zeroed, then an entry at a time. */
static void floor_map_pages(const struct run *run)
{
	uint64_t *table = floor_table(run);
	uint64_t pages = run->sizes->bytes / PAGE_SIZE_4K;

	for (uint64_t i = 0; i < pages; i += 512) {
		floor_zero(table + i, 512);
		for (uint64_t j = i; j < i + 512; j++)
			((volatile uint64_t *)table)[j] = PHYS_BASE + j * PAGE_SIZE_4K + 0x23;
	}
}

static void floor_map_bytes(const struct run *run)
{
	floor_fill(floor_table(run), run->sizes->bytes / PAGE_SIZE_4K, PHYS_BASE + 0x23,
		   PAGE_SIZE_4K);
}

static void floor_map_2m(const struct run *run)
{
	floor_fill(floor_table(run), run->sizes->large / PAGE_SIZE_2M, PHYS_BASE + 0xa3,
		   PAGE_SIZE_2M);
}

static void floor_clear_bytes(const struct run *run)
{
	floor_zero(floor_table(run), run->sizes->bytes / PAGE_SIZE_4K);
}

static void floor_clear_pages(const struct run *run)
{
	volatile uint64_t *table = floor_table(run);
	uint64_t pages = run->sizes->bytes / PAGE_SIZE_4K;

	for (uint64_t i = 0; i < pages; i++)
		table[i] = 0;
}

static void floor_protect_pages(const struct run *run)
{
	volatile uint64_t *table = floor_table(run);
	uint64_t pages = run->sizes->bytes / PAGE_SIZE_4K;

	for (uint64_t i = 0; i < pages; i++)
		table[i] &= ~UINT64_C(2);
}

static void floor_protect_bytes(const struct run *run)
{
	floor_protect(floor_table(run), run->sizes->bytes / PAGE_SIZE_4K, 2);
}

/* Where the page's entry is if all tables lie in a row. */
static uint64_t *floor_entry(const struct run *run, uint64_t offset)
{
	return floor_table(run) + offset / PAGE_SIZE_4K;
}

/* As many tables as pages, about: each zeroed when it is come to, as an allocator would give it. */
static void floor_spread(const struct run *run)
{
	uint64_t *table = floor_table(run);

	for (uint64_t i = 0; i < run->sizes->random; i++) {
		uint64_t *entry = floor_entry(run, run->spread[i]);

		/* Every second page meets a new table: 2^17 of them, 2^18 pages. */
		if (i % 2 == 0)
			floor_zero(table + i / 2 * 512, 512);
		*(volatile uint64_t *)entry = PHYS_BASE + run->spread[i];
	}
}

static void floor_neighbours(const struct run *run)
{
	for (uint64_t i = 0; i < run->sizes->random; i++)
		*(volatile uint64_t *)floor_entry(run, run->shuffled[i]) = PHYS_BASE;
}

static void floor_query_bytes(const struct run *run)
{
	for (uint64_t i = 0; i < run->sizes->random; i++)
		(void)*(volatile uint64_t *)floor_entry(run,
							run->shuffled[i] & (run->sizes->bytes - 1));
}

static void floor_query_spread(const struct run *run)
{
	for (uint64_t i = 0; i < run->sizes->random; i++)
		(void)*(volatile uint64_t *)floor_entry(run, run->shuffled[i]);
}

static uint64_t pages_of(const struct sizes *sizes)
{
	return sizes->bytes / PAGE_SIZE_4K;
}

static uint64_t large_2m(const struct sizes *sizes)
{
	return sizes->large / PAGE_SIZE_2M;
}

static uint64_t large_1g(const struct sizes *sizes)
{
	return sizes->large / PAGE_SIZE_1G;
}

static uint64_t randoms(const struct sizes *sizes)
{
	return sizes->random;
}

const struct workload workloads[] = {
	{ "W1", "map 1 GiB, a call a page", pages_of, nothing, map_pages, verify_pages,
	  floor_map_pages, true },
	{ "W1c", "W1 where others may map too", pages_of, make_parallel, map_pages, verify_pages,
	  floor_map_pages, false },
	{ "W2", "map 1 GiB in 4K leaves, one call", pages_of, nothing, map_bytes, verify_pages,
	  floor_map_bytes, true },
	{ "W3", "map 64 GiB in 1G leaves, one call", large_1g, allow_1g, map_large, verify_1g, NULL,
	  true },
	{ "W3m", "map 64 GiB in 2M leaves, one call", large_2m, allow_2m, map_large, verify_2m,
	  floor_map_2m, true },
	{ "W4", "map pages all over 256 GiB", randoms, nothing, map_spread, verify_spread,
	  floor_spread, true },
	{ "W4p", "the same where tables are", randoms, map_spread, map_neighbours,
	  verify_neighbours, floor_neighbours, false },
	{ "W4b", "W4p in batches of 64", randoms, prepare_map_batch, map_batches, verify_neighbours,
	  floor_neighbours, false },
	{ "W5", "translate pages all over 1 GiB", randoms, map_bytes, translate_bytes,
	  verify_query_bytes, floor_query_bytes, false },
	{ "W5q", "query them: size and rights too", randoms, map_bytes, query_bytes,
	  verify_query_bytes, floor_query_bytes, false },
	{ "W5r", "translate pages all over 256 GiB", randoms, map_spread, translate_spread,
	  verify_query_spread, floor_query_spread, false },
	{ "W5b", "W5r in batches of 64", randoms, prepare_translate_batch, translate_batches,
	  verify_batches, floor_query_spread, false },
	{ "W6p", "unmap 1 GiB, a call a page", pages_of, prepare_live, unmap_pages, verify_gone,
	  floor_clear_pages, false },
	{ "W6r", "unmap 1 GiB, one call", pages_of, prepare_live, unmap_bytes, verify_gone,
	  floor_clear_bytes, true },
	{ "W7p", "write-protect 1 GiB, a call a page", pages_of, prepare_live, protect_pages,
	  verify_protected, floor_protect_pages, false },
	{ "W7r", "write-protect 1 GiB, one call", pages_of, prepare_live, protect_bytes,
	  verify_protected, floor_protect_bytes, true },
	{ "W7o", "the same, a table no walker uses", pages_of, map_bytes, protect_bytes,
	  verify_protected, floor_protect_bytes, true },
};
const size_t workload_count = sizeof(workloads) / sizeof(workloads[0]);
