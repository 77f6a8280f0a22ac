/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own live tables, which may be of another format than the self-test's
 * (AARCH64_EL2, with TLBI of EL2): what is changed there holds at once.
 */
#include "hypervisor.h"

#include "guest/sabotage.h"
#include "guest/selftest.h"

#define FIRST  0x17
#define SECOND 0x71

static struct frame marked(uint8_t mark)
{
	struct frame frame = test_frame(page_size());

	frame_bytes(frame)[0] = mark;
	return frame;
}

static void expect_mark(const char *what, virt_addr at, uint8_t mark)
{
	struct probe_result result = probe(PROBE_READ, at, false);

	if (expect_true(what, !result.faulted))
		expect_equal(what, result.value, mark);
}

/* The leaf leads to the page; then the page's part of it goes away, is another page, and one that
 * cannot be written. */
static void check_change(const struct check *check)
{
	struct page_flags flags = test_data_flags(true), less = test_data_flags(false);
	struct frame first, second;
	virt_addr at;

	if (!test_leaf_possible(check->leaf))
		return;
	first = marked(FIRST);
	second = marked(SECOND);
	at = test_map_leaf(first, check->leaf, flags);
	if (at != 0) {
		expect_mark("the page at first", at, FIRST);
		expect_status("unmap", kernel_unmap(at, page_size(), PAGING_SPLIT), PAGING_OK);
		expect_true("it is gone", probe(PROBE_READ, at, false).faulted);
		expect_status("map", kernel_map(at, second.start, page_size(), flags, 0),
			      PAGING_OK);
		expect_mark("the other page", at, SECOND);
		expect_true("it can be written", !probe(PROBE_WRITE, at, false).faulted);
		expect_status("protect", kernel_protect(at, page_size(), less, 0), PAGING_OK);
		expect_true("it cannot be written any more", probe(PROBE_WRITE, at, false).faulted);
		test_unmap_leaf(check->leaf);
	}
	test_frame_free(first);
	test_frame_free(second);
}

static const struct check checks[] = {
	{ .name = "own: a change of a @ leaf holds at once",
	  .run = check_change,
	  .rank = LEAF_PAGE },
	{ .name = "own: a change of a @ leaf holds at once",
	  .run = check_change,
	  .rank = LEAF_BLOCK },
	{ .name = "own: a change of a @ leaf holds at once",
	  .run = check_change,
	  .rank = LEAF_LARGE },
};
const struct check_list hypervisor_own_checks = CHECK_LIST(checks);
