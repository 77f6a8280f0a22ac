/* SPDX-License-Identifier: MIT */
/* The MMU's registers and its TLB. */
#include "cpu.h"
#include "flush.h"
#include "guest/selftest.h"

#define NO_TLB "no TLB is observable here: a change in memory is seen without an invalidation"

static void check_write_protect(const struct check *check)
{
	struct page_flags flags = { .read = 1, .execute = 1, .user = 1 };
	virt_addr at = test_map_leaf(landing_page, check->leaf, flags);
	uint64_t cr0 = read_cr0();

	if (at == 0)
		return;
	expect_true("CR0.WP is set", (cr0 & CR0_WP) != 0);
	expect_verdict("a supervisor's write", probe(PROBE_WRITE, at, false),
		       probe_expect(&flags, PROBE_WRITE, at, false));
	write_cr0(cr0 & ~CR0_WP);
	expect_true("without CR0.WP a supervisor writes", !probe(PROBE_WRITE, at, false).faulted);
	expect_verdict("and a user does not", probe(PROBE_WRITE, at, true),
		       probe_expect(&flags, PROBE_WRITE, at, true));
	write_cr0(cr0);
	expect_verdict("with it again", probe(PROBE_WRITE, at, false),
		       probe_expect(&flags, PROBE_WRITE, at, false));
	test_unmap_leaf(check->leaf);
}

/* Maps a page, touches it, and unmaps it without any invalidation. */
static virt_addr go_stale(struct page_flags flags)
{
	struct page_table_op op = { .frames = &kernel.pool.allocator };
	virt_addr at = test_map_leaf(landing_page, PAGE_SIZE_4K, flags);

	if (at == 0)
		return 0;
	expect_true("read", !probe(PROBE_READ, at, false).faulted);
	expect_status("unmap", page_table_unmap(kernel_table(at), at, PAGE_SIZE_4K, &op),
		      PAGING_OK);
	return at;
}

static bool is_stale(virt_addr at)
{
	return !probe(PROBE_READ, at, false).faulted;
}

static bool has_tlb(struct page_flags flags, virt_addr *at)
{
	*at = go_stale(flags);
	if (*at != 0 && is_stale(*at))
		return true;
	check_skip(NO_TLB);
	return false;
}

static void check_stale(const struct check *check)
{
	virt_addr at;

	(void)check;
	if (!has_tlb(test_data_flags(true), &at))
		return;
	invalidate_page(at);
	expect_rights("after INVLPG", at, NULL);
}

static void check_stale_reload(const struct check *check)
{
	virt_addr at;

	(void)check;
	if (!has_tlb(test_data_flags(true), &at))
		return;
	write_cr3(read_cr3());
	expect_rights("after a load of CR3", at, NULL);
}

/* Data accesses only: see arch_flush about fetches. */
static void expect_data_rights(const char *what, virt_addr at, const struct page_flags *flags)
{
	for (unsigned int user = 0; user < 2; user++) {
		expect_verdict(what, probe(PROBE_READ, at, user != 0),
			       probe_expect(flags, PROBE_READ, at, user != 0));
		expect_verdict(what, probe(PROBE_WRITE, at, user != 0),
			       probe_expect(flags, PROBE_WRITE, at, user != 0));
	}
}

/* What a gather asks for is enough, and nothing more is done here than it asks for. */
static void check_gather(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .user = 1 };
	struct tlb_range ranges[4];
	struct frame frames[4];
	struct tlb_gather gather = { .ranges = ranges,
				     .range_capacity = 4,
				     .frames = frames,
				     .frame_capacity = 4,
				     .owner = &kernel.pool.allocator,
				     .flush = flush_exactly };
	struct page_table_op op = { .frames = &kernel.pool.allocator, .gather = &gather };
	virt_addr at;

	if (!has_tlb(test_data_flags(true), &at))
		return;
	invalidate_page(at);
	at = test_map_leaf(landing_page, check->leaf, flags);
	if (at == 0)
		return;
	expect_data_rights("mapped", at, &flags);
	flags.write = 0;
	flags.user = 0;
	expect_status("protect",
		      page_table_protect(kernel_table(at), test_slot(check->leaf), check->leaf,
					 flags, &op),
		      PAGING_OK);
	tlb_gather_finish(&gather);
	expect_data_rights("after protect", at, &flags);
	expect_status("unmap",
		      page_table_unmap(kernel_table(at), test_slot(check->leaf), check->leaf, &op),
		      PAGING_OK);
	tlb_gather_finish(&gather);
	expect_data_rights("after unmap", at, NULL);
}

static void check_global_stale(const struct check *check)
{
	struct page_flags flags = test_data_flags(true);
	virt_addr at;

	(void)check;
	if (!kernel.mmu.global) {
		check_skip("this CPU has no global pages");
		return;
	}
	flags.global = 1;
	if (!has_tlb(flags, &at))
		return;
	write_cr3(read_cr3());
	if (!is_stale(at)) {
		check_skip("a load of CR3 drops global translations here too");
		return;
	}
	invalidate_page(at);
	expect_rights("after INVLPG", at, NULL);
}

static const struct check checks[] = {
	{ .name = "mmu: a supervisor cannot write a read-only page",
	  .run = check_write_protect,
	  .rank = LEAF_PAGE },
	{ .name = "tlb: INVLPG ends a stale translation", .run = check_stale },
	{ .name = "tlb: a load of CR3 ends a stale translation", .run = check_stale_reload },
	{ .name = "tlb: what a change of a @ leaf asks to invalidate is enough",
	  .run = check_gather,
	  .rank = LEAF_PAGE },
	{ .name = "tlb: what a change of a @ leaf asks to invalidate is enough",
	  .run = check_gather,
	  .rank = LEAF_BLOCK },
	{ .name = "tlb: a global translation outlives a load of CR3", .run = check_global_stale },
};
const struct check_list arch_mmu_checks = CHECK_LIST(checks);
