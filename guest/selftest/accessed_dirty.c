/* SPDX-License-Identifier: MIT */
/* Accessed and dirty: the CPU sets them where it must, and nowhere else. */
#include "guest/selftest.h"

/* A leaf to touch, idle and clean, and two 4K leaves near it, one of them next to it, that nobody
 * touches. */
struct trio {
	uint64_t leaf;
	virt_addr at;
	virt_addr others[2];
	uint64_t descriptors[2];
};

static bool note_descriptor(void *context, const struct page_visit *visit)
{
	*(uint64_t *)context = visit->descriptor;
	return true;
}

static uint64_t descriptor_at(virt_addr at)
{
	uint64_t descriptor = 0;

	page_table_walk(kernel_table(at), addr_align_down(at, page_size()), page_size(),
			PAGE_VISIT_LEAF, note_descriptor, &descriptor);
	return descriptor;
}

static struct page_flags idle_flags(bool write)
{
	struct page_flags flags = { .read = 1, .write = write, .execute = 1, .idle = 1 };

	return flags;
}

static bool trio_map(struct trio *trio, uint64_t leaf, struct page_flags flags)
{
	trio->leaf = leaf;
	trio->at = test_map_leaf(landing_page, leaf, flags);
	trio->others[0] = test_address(TEST_OTHER);
	trio->others[1] = test_slot(leaf) + leaf;
	if (trio->at == 0)
		return false;
	for (unsigned int i = 0; i < 2; i++) {
		expect_status(
			"map of a neighbour",
			kernel_map(trio->others[i], landing_page.start, page_size(), flags, 0),
			PAGING_OK);
		trio->descriptors[i] = descriptor_at(trio->others[i]);
	}
	return true;
}

static void trio_unmap(struct trio *trio)
{
	for (unsigned int i = 0; i < 2; i++) {
		expect_equal("descriptor of a leaf that nobody touched",
			     descriptor_at(trio->others[i]), trio->descriptors[i]);
		expect_status("unmap of a neighbour", kernel_unmap(trio->others[i], page_size(), 0),
			      PAGING_OK);
	}
	test_unmap_leaf(trio->leaf);
}

static void expect_bits(const char *what, virt_addr at, bool accessed, bool dirty)
{
	struct page_mapping m;

	if (!expect_status("query", kernel_query(at, &m), PAGING_OK))
		return;
	if (m.flags.idle == !accessed && m.flags.dirty == dirty)
		return;
	check_fail(what);
	expect_equal("accessed", !m.flags.idle, accessed);
	expect_equal("dirty", m.flags.dirty, dirty);
}

/* The kinds of marks a check is about; false, and it is skipped, if the CPU does not set them. */
static bool marks_possible(bool dirty)
{
	if (kernel.mmu.hardware_accessed && (kernel.mmu.hardware_dirty || !dirty))
		return true;
	check_skip(kernel.mmu.hardware_accessed ? "this CPU does not set dirty"
						: "this CPU does not set accessed and dirty");
	return false;
}

static void check_read(const struct check *check)
{
	struct trio trio;

	if (!marks_possible(false) || !test_leaf_possible(check->leaf) ||
	    !trio_map(&trio, check->leaf, idle_flags(true)))
		return;
	expect_bits("new and idle", trio.at, false, false);
	expect_true("read", !probe(PROBE_READ, trio.at, false).faulted);
	expect_bits("after a read", trio.at, true, false);
	trio_unmap(&trio);
}

static void check_fetch(const struct check *check)
{
	struct trio trio;

	if (!marks_possible(false) || !test_leaf_possible(check->leaf) ||
	    !trio_map(&trio, check->leaf, idle_flags(true)))
		return;
	expect_true("fetch", !probe(PROBE_FETCH, trio.at, false).faulted);
	expect_bits("after a fetch", trio.at, true, false);
	trio_unmap(&trio);
}

static void check_write(const struct check *check)
{
	struct trio trio;

	if (!marks_possible(true) || !test_leaf_possible(check->leaf) ||
	    !trio_map(&trio, check->leaf, idle_flags(true)))
		return;
	expect_true("write", !probe(PROBE_WRITE, trio.at, false).faulted);
	expect_bits("after a write", trio.at, true, true);
	trio_unmap(&trio);
}

static void check_write_after_read(const struct check *check)
{
	struct trio trio;

	if (!marks_possible(true) || !trio_map(&trio, check->leaf, idle_flags(true)))
		return;
	expect_true("read", !probe(PROBE_READ, trio.at, false).faulted);
	expect_bits("after the read", trio.at, true, false);
	expect_true("write", !probe(PROBE_WRITE, trio.at, false).faulted);
	expect_bits("after the write", trio.at, true, true);
	trio_unmap(&trio);
}

static void check_faulting_write(const struct check *check)
{
	struct page_flags flags = idle_flags(false);
	struct trio trio;
	struct page_mapping m;

	if (!marks_possible(false) || !test_leaf_possible(check->leaf) ||
	    !trio_map(&trio, check->leaf, flags))
		return;
	expect_verdict("write", probe(PROBE_WRITE, trio.at, false),
		       probe_expect(&flags, PROBE_WRITE, trio.at, false));
	expect_verdict("user write", probe(PROBE_WRITE, trio.at, true),
		       probe_expect(&flags, PROBE_WRITE, trio.at, true));
	if (expect_status("query", kernel_query(trio.at, &m), PAGING_OK))
		expect_true("still clean", !m.flags.dirty);
	trio_unmap(&trio);
}

/* Unless it was asked for as idle, a leaf is born accessed: touching it changes nothing. */
static void check_born_accessed(const struct check *check)
{
	struct page_flags flags = idle_flags(true);
	uint64_t before;
	virt_addr at;

	flags.idle = 0;
	at = test_map_leaf(landing_page, check->leaf, flags);
	if (at == 0)
		return;
	before = descriptor_at(at);
	expect_bits("new", at, true, false);
	expect_true("read", !probe(PROBE_READ, at, false).faulted);
	expect_equal("descriptor after a read", descriptor_at(at), before);
	test_unmap_leaf(check->leaf);
}

/* A change of rights keeps what the CPU noted. */
static void check_kept(const struct check *check)
{
	struct page_flags flags = idle_flags(true);
	virt_addr at;

	if (!marks_possible(true))
		return;
	at = test_map_leaf(landing_page, check->leaf, flags);
	if (at == 0)
		return;
	expect_true("write", !probe(PROBE_WRITE, at, false).faulted);
	flags.write = 0;
	expect_status("protect", kernel_protect(test_slot(check->leaf), check->leaf, flags, 0),
		      PAGING_OK);
	expect_bits("after protect", at, true, true);
	test_unmap_leaf(check->leaf);
}

/* clang-format off */
#define SIZES(text, function)                                                            \
	{ .name = "accessed, dirty: " text " @", .run = function, .rank = LEAF_PAGE },   \
	{ .name = "accessed, dirty: " text " @", .run = function, .rank = LEAF_BLOCK },  \
	{ .name = "accessed, dirty: " text " @", .run = function, .rank = LEAF_LARGE }

static const struct check checks[] = {
	SIZES("a read of", check_read),
	SIZES("a fetch from", check_fetch),
	SIZES("a write to", check_write),
	SIZES("a write that faults on", check_faulting_write),
	{ .name = "accessed, dirty: a read, then a write",
	  .run = check_write_after_read, .rank = LEAF_PAGE },
	{ .name = "accessed, dirty: a leaf not asked for as idle is born accessed",
	  .run = check_born_accessed, .rank = LEAF_PAGE },
	{ .name = "accessed, dirty: protect keeps them", .run = check_kept, .rank = LEAF_BLOCK },
};
/* clang-format on */
const struct check_list accessed_dirty_checks = CHECK_LIST(checks);
