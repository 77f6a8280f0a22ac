/* SPDX-License-Identifier: MIT */
/*
 * A block in place of a table of pages: the TLB may have each page by itself, and all of them have
 * to go. Nothing more is invalidated here than the library asks for.
 */
#include "flush.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"

/* The pages are those of a frame, wherever in its block that lies. */
#define REGION PAGE_SIZE_2M

struct scene {
	struct tlb_range ranges[8];
	struct frame frames[16];
	struct tlb_gather gather;
	struct page_table_op op;
	struct frame frame; /* a number in each of its pages */
	virt_addr slot;     /* of the block */
	virt_addr at;       /* where the frame is in it */
	phys_addr phys;     /* of the block */
	uint64_t block;
};

/* What the gather asks for, or, as a mistake: the tables, and not their pages. */
static void flush_asked(const struct tlb_gather *gather, void *context)
{
	struct tlb_gather less = *gather;
	struct tlb_range tables[8];

	if (!sabotage_omits(SABOTAGE_PAGES)) {
		flush_exactly(gather, context);
		return;
	}
	less.ranges = tables;
	less.range_count = 0;
	for (size_t i = 0; i < gather->range_count; i++) {
		if (gather->ranges[i].tables)
			tables[less.range_count++] = gather->ranges[i];
	}
	flush_exactly(&less, context);
}

static uint8_t number_of(uint64_t offset)
{
	return (uint8_t)(1 + offset / page_size() % 97);
}

/* Where a page leads before it is replaced: to its neighbour in the frame, the last to the first.
 */
static uint64_t neighbour_of(uint64_t offset)
{
	return (offset + page_size()) % REGION;
}

/*
 * QEMU's TCG drops all of its TLB for any address between the large leaves that it has met since it
 * last did so (7.2), and then nothing could stay: so it begins with none.
 */
static void flush_all(void)
{
	const struct tlb_gather all = { .everything = true, .everything_global = true };

	flush_exactly(&all, NULL);
}

static void scene_make(struct scene *s, uint64_t block)
{
	s->gather = (struct tlb_gather){ .ranges = s->ranges,
					 .range_capacity = 8,
					 .frames = s->frames,
					 .frame_capacity = 16,
					 .owner = &kernel.pool.allocator,
					 .flush = flush_asked };
	s->op = (struct page_table_op){ .frames = &kernel.pool.allocator, .gather = &s->gather };
	s->frame = test_frame(REGION);
	for (uint64_t offset = 0; offset < REGION; offset += page_size())
		frame_bytes(s->frame)[offset] = number_of(offset);
	s->block = block;
	s->slot = test_slot(block);
	s->phys = addr_align_down(s->frame.start, block);
	s->at = s->slot + (s->frame.start - s->phys);
}

/* The page at `n` bytes, or as far from the end. A change is looked at from the end: what a small
 * TLB still has is what was read last. */
static uint64_t place(uint64_t n, bool from_end)
{
	return from_end ? REGION - page_size() - n : n;
}

/* Reads each page. Only the first by a probe, which takes long where KVM interprets: where that is
 * mapped all are. */
static void expect_pages(const struct scene *s, bool old, bool changed)
{
	uint64_t others = 0;

	if (!expect_true("a page can be read",
			 !probe(PROBE_READ, s->at + place(0, changed), false).faulted))
		return;
	for (uint64_t n = 0; n < REGION; n += page_size()) {
		uint64_t offset = place(n, changed);
		uint8_t byte = *(const volatile uint8_t *)(uintptr_t)(s->at + offset);

		others += byte != number_of(old ? neighbour_of(offset) : offset);
	}
	expect_equal("pages that lead elsewhere", others, 0);
}

/* Some of the pages, now that none is mapped. */
static void expect_none(const struct scene *s)
{
	uint64_t faults = 0, tries = 0;

	for (uint64_t n = 0; n < REGION; n += 4 * page_size(), tries++)
		faults += probe(PROBE_READ, s->at + place(n, true), false).faulted;
	expect_equal("pages that cannot be read after unmap", faults, tries);
}

static void expect_block(const struct scene *s)
{
	struct page_mapping m;

	if (expect_status("query", kernel_query(s->at, &m), PAGING_OK))
		expect_equal("size of the leaf", m.size, s->block);
}

/* Nothing more is invalidated than for one leaf. */
static void unmap_block(struct scene *s)
{
	expect_status("unmap", page_table_unmap(kernel_table(s->slot), s->slot, s->block, &s->op),
		      PAGING_OK);
	tlb_gather_finish(&s->gather);
}

static void expect_map(virt_addr at, phys_addr phys, uint64_t size)
{
	expect_status("map", kernel_map(at, phys, size, test_data_flags(false), page_size()),
		      PAGING_OK);
}

/* Pages that lead elsewhere than the block does. */
static void check_replace(const struct check *check)
{
	uint64_t last = REGION - page_size();
	struct scene s;

	scene_make(&s, check->leaf);
	expect_map(s.at, s.frame.start + page_size(), last);
	expect_map(s.at + last, s.frame.start, page_size());
	flush_all();
	expect_pages(&s, true, false);
	s.op.mode = PAGING_REPLACE;
	expect_status("map over it",
		      page_table_map(kernel_table(s.slot), s.slot, s.phys, s.block,
				     test_data_flags(false), &s.op),
		      PAGING_OK);
	tlb_gather_finish(&s.gather);
	s.op.mode = 0;
	expect_block(&s);
	expect_pages(&s, false, true);
	unmap_block(&s);
	test_frame_free(s.frame);
}

/* The same pages as one block, which goes before it is touched: what stayed of them shows. */
static void check_collapse(const struct check *check)
{
	struct scene s;

	scene_make(&s, check->leaf);
	expect_map(s.slot, s.phys, s.block);
	flush_all();
	expect_pages(&s, false, false);
	expect_status("collapse", page_table_collapse(kernel_table(s.slot), s.slot, s.block, &s.op),
		      PAGING_OK);
	tlb_gather_finish(&s.gather);
	expect_block(&s);
	unmap_block(&s);
	expect_none(&s);
	test_frame_free(s.frame);
}

static const struct check checks[] = {
	{ .name = "replace: by a @ leaf, all pages of the table that it takes the place of",
	  .run = check_replace,
	  .rank = LEAF_BLOCK },
	{ .name = "replace: by collapsing to a @ leaf, and nothing stays when that goes",
	  .run = check_collapse,
	  .rank = LEAF_BLOCK },
};
const struct check_list replace_checks = CHECK_LIST(checks);
