/* SPDX-License-Identifier: MIT */
/*
 * Two CPUs on one table: what one changes the other must see, which takes a TLB shoot-down wherever
 * the other has the old translation: by interrupt, or where the CPU has it by a broadcast.
 */
#include "guest/second_cpu.h"
#include "guest/selftest.h"
#include "vmm/memory_control.h"

#define FIRST_TAG  0x31
#define SECOND_TAG 0x32

#define MEMORY_CHANGES 100

bool second_cpu_runs(void)
{
	if (!second_cpu_exists()) {
		check_skip("there is one CPU");
		return false;
	}
	return expect_true("the second CPU starts", second_cpu_start());
}

static void check_same_tables(const struct check *check)
{
	struct frame frame;
	virt_addr at;

	if (!second_cpu_runs())
		return;
	second_cpu_expect_tables();
	frame = test_frame(page_size());
	frame_bytes(frame)[0] = FIRST_TAG;
	at = test_map_leaf(frame, check->leaf, test_data_flags(true));
	if (at != 0) {
		expect_equal("what it reads in a page mapped since", second_cpu_watch(at, false),
			     FIRST_TAG);
		frame_bytes(frame)[0] = SECOND_TAG;
		expect_equal("and after a write of the first CPU's", second_cpu_look(), SECOND_TAG);
		test_unmap_leaf(check->leaf);
	}
	test_frame_free(frame);
}

/* How a mapping of the page at `at` is changed. */
enum change {
	PROTECT, /* to read-only */
	UNMAP,
	REMAP, /* to the other frame */
};

struct pages {
	struct frame first, second;
	virt_addr at;
};

typedef void (*flush_function)(const struct tlb_gather *gather, void *context);

static void change_page(const struct pages *pages, enum change change, flush_function flush)
{
	struct tlb_range ranges[4];
	struct frame frames[4];
	struct tlb_gather gather = { .ranges = ranges,
				     .range_capacity = 4,
				     .frames = frames,
				     .frame_capacity = 4,
				     .owner = &kernel.pool.allocator,
				     .flush = flush };
	struct page_table_op op = { .frames = &kernel.pool.allocator, .gather = &gather };
	struct page_table *table = kernel_table(pages->at);
	enum paging_status status;

	if (change == PROTECT)
		status = page_table_protect(table, pages->at, page_size(), test_data_flags(false),
					    &op);
	else
		status = page_table_unmap(table, pages->at, page_size(), &op);
	expect_status("change", status, PAGING_OK);
	tlb_gather_finish(&gather);
	if (change == REMAP)
		expect_status("map again",
			      kernel_map(pages->at, pages->second.start, page_size(),
					 test_data_flags(true), page_size()),
			      PAGING_OK);
}

/* What the second CPU's access comes to after the change, having read there before it. */
static uint32_t seen_after(struct pages *pages, enum change change, flush_function flush)
{
	uint32_t seen;

	pages->at = test_map_leaf(pages->first, page_size(), test_data_flags(true));
	expect_equal("what the second CPU reads", second_cpu_watch(pages->at, change == PROTECT),
		     FIRST_TAG);
	change_page(pages, change, flush);
	seen = second_cpu_look();
	if (change != UNMAP)
		test_unmap_leaf(page_size());
	return seen;
}

static const uint32_t stale_results[] = { [PROTECT] = 0, [UNMAP] = FIRST_TAG, [REMAP] = FIRST_TAG };

/* The second CPU keeps what it has if only the first one is told; its TLB is then emptied. */
static bool goes_stale(struct pages *pages, enum change change)
{
	struct tlb_gather all = { .everything = true, .everything_global = true };
	uint32_t seen = seen_after(pages, change, second_cpu_leave_out);

	arch_flush(&all, NULL);
	frame_bytes(pages->first)[0] = FIRST_TAG;
	return seen == stale_results[change];
}

static void check_change(enum change change, uint32_t expected)
{
	struct pages pages;

	if (!second_cpu_runs())
		return;
	pages.first = test_frame(page_size());
	pages.second = test_frame(page_size());
	frame_bytes(pages.first)[0] = FIRST_TAG;
	frame_bytes(pages.second)[0] = SECOND_TAG;
	if (goes_stale(&pages, change))
		expect_equal("what the second CPU's access comes to",
			     seen_after(&pages, change, arch_flush), expected);
	else
		check_skip("the second CPU keeps no stale translation here");
	test_frame_free(pages.first);
	test_frame_free(pages.second);
}

static void check_protect(const struct check *check)
{
	(void)check;
	check_change(PROTECT, SECOND_CPU_FAULT);
}

static void check_unmap(const struct check *check)
{
	(void)check;
	check_change(UNMAP, SECOND_CPU_FAULT);
}

static void check_remap(const struct check *check)
{
	(void)check;
	check_change(REMAP, SECOND_TAG);
}

/* Of a piece of memory that is made anew whenever a part of it changes. */
static void check_memory(const struct check *check)
{
	struct frame frame;
	int32_t done = 0;

	(void)check;
	if (!second_cpu_runs() || !memory_control_possible())
		return;
	frame = test_frame(2 * page_size());
	second_cpu_stare((virt_addr)(uintptr_t)frame_bytes(frame));
	for (unsigned int i = 0; i < MEMORY_CHANGES && done == 0; i++) {
		done |= memory_set(frame.start + page_size(), page_size(), 0);
		done |= memory_set(frame.start + page_size(), page_size(),
				   MEMORY_READ | MEMORY_WRITE);
	}
	expect_equal("how often the second CPU misses the page beside", second_cpu_look(), 0);
	expect_equal("the answer to a change", (uint64_t)done, MEMORY_DONE);
	test_frame_free(frame);
}

static const struct check checks[] = {
	{ .name = "smp: the second CPU runs on the same tables",
	  .run = check_same_tables,
	  .rank = LEAF_PAGE },
	{ .name = "smp: protect is seen by the second CPU", .run = check_protect },
	{ .name = "smp: unmap is seen by the second CPU", .run = check_unmap },
	{ .name = "smp: another frame is seen by the second CPU", .run = check_remap },
	{ .name = "smp: memory beside what changes stays", .run = check_memory },
};
const struct check_list smp_checks = CHECK_LIST(checks);
