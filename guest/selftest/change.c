/* SPDX-License-Identifier: MIT */
/* Changing what is mapped, under the CPU's eyes: rights, and parts of large leaves. */
#include "guest/selftest.h"

/* Where the large leaves of these checks are changed: in the middle of the frame of 2M that they
 * lead to. */
#define HOLE (PAGE_SIZE_2M / 2 + page_size())

static void check_protect(const struct check *check)
{
	static const struct page_flags steps[] = {
		{ .read = 1, .execute = 1 },
		{ .read = 1, .write = 1, .execute = 1, .user = 1 },
		{ .read = 1, .execute = 1, .user = 1 },
		{ .read = 1, .write = 1, .execute = 1 },
	};
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1 };
	virt_addr at;

	if (!test_leaf_possible(check->leaf))
		return;
	at = test_map_leaf(landing_page, check->leaf, flags);
	for (size_t i = 0; at != 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct page_mapping m;

		flags = steps[i];
		flags.execute |= !kernel.mmu.no_execute;
		expect_status("protect",
			      kernel_protect(test_slot(check->leaf), check->leaf, flags, 0),
			      PAGING_OK);
		expect_rights("after protect", at, &flags);
		if (!expect_status("query", kernel_query(at, &m), PAGING_OK))
			continue;
		expect_equal("size of the leaf", m.size, check->leaf);
		expect_equal("where it leads", m.phys + (at - m.virt), landing_page.start);
	}
	if (at != 0)
		test_unmap_leaf(check->leaf);
}

static void check_protect_execute(const struct check *check)
{
	struct page_flags flags = { .read = 1, .execute = 1 };
	virt_addr at;

	if (!test_flags_possible((struct page_flags){ .read = 1 }))
		return;
	at = test_map_leaf(landing_page, check->leaf, flags);
	for (unsigned int i = 0; at != 0 && i < 3; i++) {
		flags.execute = !flags.execute;
		expect_status("protect",
			      kernel_protect(test_slot(check->leaf), check->leaf, flags, 0),
			      PAGING_OK);
		expect_rights("after protect", at, &flags);
	}
	if (at != 0)
		test_unmap_leaf(check->leaf);
}

/* Pages of the frame that are looked at: its ends, and around the hole. */
enum {
	NEIGHBOURS = 4,
};

static uint64_t neighbour(unsigned int i)
{
	switch (i) {
	case 0:
		return 0;
	case 1:
		return HOLE - page_size();
	case 2:
		return HOLE + page_size();
	default:
		return PAGE_SIZE_2M - page_size();
	}
}

/* A 2M frame with a landing in each page of interest, followed by a byte that tells them apart. */
static struct frame landscape_make(void)
{
	struct frame frame = test_frame(PAGE_SIZE_2M);

	for (unsigned int i = 0; i < NEIGHBOURS; i++) {
		probe_write_landing(frame_bytes(frame) + neighbour(i));
		frame_bytes(frame)[neighbour(i) + LANDING_SIZE] = (uint8_t)(0xc0 + i);
	}
	probe_write_landing(frame_bytes(frame) + HOLE);
	return frame;
}

static void expect_neighbours(virt_addr at, const struct page_flags *flags)
{
	for (unsigned int i = 0; i < NEIGHBOURS; i++) {
		struct probe_result result =
			probe(PROBE_READ, at + neighbour(i) + LANDING_SIZE, false);

		expect_true("a neighbour is still mapped", !result.faulted);
		expect_equal("what the neighbour leads to", result.value, 0xc0 + i);
		expect_rights("neighbour", at + neighbour(i), flags);
	}
}

static void expect_hole_leaf(virt_addr at, struct frame frame)
{
	struct page_mapping m;

	if (!expect_status("query", kernel_query(at, &m), PAGING_OK))
		return;
	expect_equal("size of the leaf that was split off", m.size, page_size());
	expect_equal("where it leads", m.phys, frame.start + HOLE);
}

static void check_split_protect(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .user = 1 };
	struct page_flags less = { .read = 1, .execute = !kernel.mmu.no_execute };
	struct frame frame;
	virt_addr at;

	if (!test_leaf_possible(check->leaf))
		return;
	frame = landscape_make();
	at = test_map_leaf(frame, check->leaf, flags);
	if (at != 0) {
		expect_neighbours(at, &flags);
		expect_status("protect without leave to split",
			      kernel_protect(at + HOLE, page_size(), less, 0), PAGING_WOULD_SPLIT);
		expect_rights("the page after that", at + HOLE, &flags);
		expect_status("protect", kernel_protect(at + HOLE, page_size(), less, PAGING_SPLIT),
			      PAGING_OK);
		expect_hole_leaf(at + HOLE, frame);
		expect_rights("the page that was protected", at + HOLE, &less);
		expect_neighbours(at, &flags);
		test_unmap_leaf(check->leaf);
	}
	test_frame_free(frame);
}

static void check_split_unmap(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .user = 1 };
	struct frame frame;
	virt_addr at;

	if (!test_leaf_possible(check->leaf))
		return;
	frame = landscape_make();
	at = test_map_leaf(frame, check->leaf, flags);
	if (at != 0) {
		expect_neighbours(at, &flags);
		expect_status("unmap", kernel_unmap(at + HOLE, page_size(), PAGING_SPLIT),
			      PAGING_OK);
		expect_rights("the hole", at + HOLE, NULL);
		expect_rights("the hole's last byte", at + HOLE + page_size() - 1, NULL);
		expect_neighbours(at, &flags);
		expect_status("unmap of the rest",
			      kernel_unmap(test_slot(check->leaf), check->leaf, PAGING_SKIP_HOLES),
			      PAGING_OK);
		expect_rights("a neighbour after that", at, NULL);
	}
	test_frame_free(frame);
}

static const struct check checks[] = {
	{ .name = "protect: @", .run = check_protect, .rank = LEAF_PAGE },
	{ .name = "protect: @", .run = check_protect, .rank = LEAF_BLOCK },
	{ .name = "protect: @", .run = check_protect, .rank = LEAF_LARGE },
	{ .name = "protect: execute, taken and given",
	  .run = check_protect_execute,
	  .rank = LEAF_PAGE },
	{ .name = "split: protect one page of a @ leaf",
	  .run = check_split_protect,
	  .rank = LEAF_BLOCK },
	{ .name = "split: unmap one page of a @ leaf",
	  .run = check_split_unmap,
	  .rank = LEAF_BLOCK },
	{ .name = "split: protect one page of a @ leaf",
	  .run = check_split_protect,
	  .rank = LEAF_LARGE },
	{ .name = "split: unmap one page of a @ leaf",
	  .run = check_split_unmap,
	  .rank = LEAF_LARGE },
};
const struct check_list change_checks = CHECK_LIST(checks);
