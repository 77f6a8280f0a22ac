/* SPDX-License-Identifier: MIT */
/* The MMU's registers, its TLB, break-before-make, and marks with and without hardware. */
#include "cpu.h"
#include "flush.h"
#include "guest/selftest.h"
#include "probe_code.h"
#include "raw.h"

#define NO_TLB    "no TLB is observable here: a change in memory is seen without an invalidation"
#define MMFR1_PAN (UINT64_C(15) << 20)

/* Maps a page, touches it, and unmaps it without any invalidation. */
static virt_addr go_stale(struct page_flags flags)
{
	struct page_table_op op = { .frames = &kernel.pool.allocator };
	virt_addr at = test_map_leaf(landing_page, page_size(), flags);

	if (at == 0)
		return 0;
	expect_true("read", !probe(PROBE_READ, at, false).faulted);
	expect_status("unmap", page_table_unmap(kernel_table(at), at, page_size(), &op), PAGING_OK);
	barrier_store_sync();
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
	flush_address(at);
	expect_rights("after TLBI VAAE1IS", at, NULL);
}

static void check_stale_all(const struct check *check)
{
	struct page_flags flags = test_data_flags(true);
	virt_addr at;

	(void)check;
	flags.global = 1;
	if (!has_tlb(flags, &at))
		return;
	flush_everything();
	expect_rights("after TLBI VMALLE1IS", at, NULL);
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

/* A gather, with room enough, and what its flush saw. */
struct watch {
	struct tlb_range ranges[8];
	struct frame frames[16];
	struct tlb_gather gather;
	struct page_table_op op;
	virt_addr at;
	unsigned int flushes;
	uint64_t descriptors[4]; /* that the walk of `at` ended with, at each flush */
};

static void watch_flush(const struct tlb_gather *gather, void *context)
{
	struct watch *watch = context;
	unsigned int level;

	if (watch->flushes < 4)
		watch->descriptors[watch->flushes] = *raw_end(watch->at, &level);
	watch->flushes++;
	flush_exactly(gather, NULL);
}

static void watch_begin(struct watch *watch, virt_addr at, uint32_t mode)
{
	watch->at = at;
	watch->flushes = 0;
	watch->gather = (struct tlb_gather){
		.ranges = watch->ranges,
		.range_capacity = 8,
		.frames = watch->frames,
		.frame_capacity = 16,
		.owner = &kernel.pool.allocator,
		.flush = watch_flush,
		.context = watch,
	};
	watch->op = (struct page_table_op){
		.frames = &kernel.pool.allocator,
		.gather = &watch->gather,
		.mode = mode,
	};
}

/* What a gather asks for is enough, and nothing more is done here than it asks for. */
static void check_gather(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .user = 1 };
	struct watch watch;
	virt_addr at;

	if (!has_tlb(test_data_flags(true), &at))
		return;
	flush_address(at);
	at = test_map_leaf(landing_page, check->leaf, flags);
	if (at == 0)
		return;
	expect_data_rights("mapped", at, &flags);
	flags.write = 0;
	flags.user = 0;
	watch_begin(&watch, at, 0);
	expect_status("protect",
		      page_table_protect(kernel_table(at), test_slot(check->leaf), check->leaf,
					 flags, &watch.op),
		      PAGING_OK);
	tlb_gather_finish(&watch.gather);
	expect_data_rights("after protect", at, &flags);
	expect_status(
		"unmap",
		page_table_unmap(kernel_table(at), test_slot(check->leaf), check->leaf, &watch.op),
		PAGING_OK);
	tlb_gather_finish(&watch.gather);
	expect_data_rights("after unmap", at, NULL);
}

/* What changes by break-before-make: at the flush the old entry is gone and the new not yet there.
 */
static void expect_broken(const struct watch *watch)
{
	if (!expect_true("the operation flushes", watch->flushes != 0))
		return;
	expect_equal("V of the entry at the flush", watch->descriptors[0] & RAW_VALID, 0);
}

static void check_bbm_split(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1 };
	struct page_flags less = { .read = 1, .execute = 1 };
	virt_addr slot = test_slot(check->leaf);
	struct watch watch;
	virt_addr at = test_map_leaf(landing_page, check->leaf, flags);

	if (at == 0)
		return;
	expect_data_rights("mapped", at, &flags);
	watch_begin(&watch, at, PAGING_SPLIT);
	watch.gather.flush = NULL;
	expect_status("a live table is not split without a flush",
		      page_table_protect(kernel_table(at), at, page_size(), less, &watch.op),
		      PAGING_NEEDS_FLUSH);
	watch_begin(&watch, at, PAGING_SPLIT);
	expect_status("protect of a part",
		      page_table_protect(kernel_table(at), at, page_size(), less, &watch.op),
		      PAGING_OK);
	tlb_gather_finish(&watch.gather);
	expect_broken(&watch);
	expect_data_rights("after protect of a part", at, &less);
	expect_status("unmap", kernel_unmap(slot, check->leaf, 0), PAGING_OK);
}

static void check_bbm_type(const struct check *check)
{
	struct page_flags flags = test_data_flags(true);
	struct watch watch;
	virt_addr at = test_map_leaf(landing_page, check->leaf, flags);

	if (at == 0)
		return;
	expect_landing_page(at);
	flags.type = MEMORY_NONCACHEABLE;
	watch_begin(&watch, at, 0);
	expect_status("protect with another type",
		      page_table_protect(kernel_table(at), test_slot(check->leaf), check->leaf,
					 flags, &watch.op),
		      PAGING_OK);
	tlb_gather_finish(&watch.gather);
	expect_broken(&watch);
	expect_rights("with another type", at, &flags);
	test_unmap_leaf(check->leaf);
}

/* And together again, by collapse. */
static void check_bbm_collapse(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1 };
	virt_addr slot = test_slot(check->leaf);
	phys_addr phys = addr_align_down(landing_page.start, check->leaf);
	virt_addr at = slot + (landing_page.start - phys);
	struct page_mapping m;
	struct watch watch;

	expect_status("map", kernel_map(slot, phys, check->leaf, flags, page_size()), PAGING_OK);
	expect_landing_page(at);
	watch_begin(&watch, at, 0);
	expect_status("collapse",
		      page_table_collapse(kernel_table(at), slot, check->leaf, &watch.op),
		      PAGING_OK);
	tlb_gather_finish(&watch.gather);
	expect_broken(&watch);
	if (expect_status("query", kernel_query(at, &m), PAGING_OK))
		expect_equal("size of the leaf", m.size, check->leaf);
	expect_data_rights("after collapse", at, &flags);
	expect_landing_page(at);
	test_unmap_leaf(check->leaf);
}

/* Runs with TCR_EL1 without HA and HD, as on a CPU that has neither. */
static uint64_t marks_off(void)
{
	uint64_t tcr = read_own_tcr();

	write_own_tcr(tcr & ~(TCR_HA | TCR_HD));
	flush_everything();
	return tcr;
}

static void marks_back(uint64_t tcr)
{
	write_own_tcr(tcr);
	flush_everything();
}

/* An idle leaf faults at the first access of any kind, until software marks it. */
static void check_access_flag(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .user = 1, .idle = 1 };
	virt_addr at = test_map_leaf(landing_page, check->leaf, flags);
	uint64_t tcr = marks_off();
	unsigned int level;

	if (at != 0) {
		expect_rights("idle", at, &flags);
		*raw_end(at, &level) |= RAW_ACCESSED;
		barrier_store_sync();
		flush_address(at);
		flags.idle = 0;
		/* Clean leaves of a table with hardware dirty state are read-only without it. */
		if (kernel.mmu.hardware_dirty)
			expect_true("a write faults",
				    probe(PROBE_WRITE, at, false).code ==
					    (SYNDROME_PERMISSION | SYNDROME_WRITE | level));
		else
			expect_data_rights("accessed", at, &flags);
	}
	marks_back(tcr);
	if (at == 0)
		return;
	expect_rights("accessed", at, &flags);
	test_unmap_leaf(check->leaf);
}

/* DBM: the CPU clears AP[2] at the first write, and only there (D8.4.6). */
static void check_dirty_bit(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1 };
	unsigned int level;
	virt_addr at;

	if (!kernel.mmu.hardware_dirty) {
		check_skip("this CPU does not manage dirty state");
		return;
	}
	at = test_map_leaf(landing_page, check->leaf, flags);
	if (at == 0)
		return;
	expect_equal("DBM and AP[2] of a clean leaf",
		     *raw_end(at, &level) & (RAW_DBM | RAW_READ_ONLY), RAW_DBM | RAW_READ_ONLY);
	expect_true("read", !probe(PROBE_READ, at, false).faulted);
	expect_true("AP[2] after a read", (*raw_end(at, &level) & RAW_READ_ONLY) != 0);
	expect_true("write", !probe(PROBE_WRITE, at, false).faulted);
	expect_equal("DBM and AP[2] after a write",
		     *raw_end(at, &level) & (RAW_DBM | RAW_READ_ONLY), RAW_DBM);
	test_unmap_leaf(check->leaf);
}

static bool count_dirty(void *context, const struct page_visit *visit)
{
	(void)visit;
	++*(unsigned int *)context;
	return true;
}

/* Harvest cleans a leaf; with the TLB told, the next write dirties it again. */
static void check_harvest(const struct check *check)
{
	struct page_flags flags = test_data_flags(true);
	virt_addr at;

	if (!kernel.mmu.hardware_dirty) {
		check_skip("this CPU does not manage dirty state");
		return;
	}
	at = test_map_leaf(landing_page, check->leaf, flags);
	for (unsigned int round = 0; at != 0 && round < 3; round++) {
		unsigned int dirty = 0;
		struct watch watch;

		expect_true("write", !probe(PROBE_WRITE, at, false).faulted);
		watch_begin(&watch, at, 0);
		expect_status("harvest",
			      page_table_harvest(kernel_table(at), test_slot(check->leaf),
						 check->leaf, PAGE_MARK_DIRTY, count_dirty, &dirty,
						 &watch.op),
			      PAGING_OK);
		tlb_gather_finish(&watch.gather);
		expect_equal("leaves that were dirty", dirty, 1);
	}
	if (at != 0)
		test_unmap_leaf(check->leaf);
}

static uint64_t read_pan(void)
{
	uint64_t pan;

	__asm__ volatile("mrs %0, s3_0_c4_c2_3" : "=r"(pan)); /* PAN */
	return pan >> 22 & 1;
}

/* The probes' EL1 reads user pages: with PAN it could not. */
static void check_pan(const struct check *check)
{
	struct page_flags flags = { .read = 1, .user = 1 };
	struct probe_result fault = { .faulted = true,
				      .vector = CLASS_DATA_SAME,
				      .code = SYNDROME_PERMISSION | 3 };
	virt_addr at;

	if ((read_id_aa64mmfr1_el1() & MMFR1_PAN) == 0) {
		check_skip("this CPU has no PAN");
		return;
	}
	expect_equal("PSTATE.PAN", read_pan(), 0);
	at = test_map_leaf(landing_page, check->leaf, flags);
	if (at == 0)
		return;
	expect_landing_page(at);
	fault.address = at;
	expect_verdict("with PAN set, EL1 reads", probe_with_pan(at), fault);
	expect_landing_page(at);
	test_unmap_leaf(check->leaf);
}

static void check_write_protect(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1 };
	uint64_t sctlr = read_own_sctlr();
	virt_addr at = test_map_leaf(landing_page, check->leaf, flags);
	struct probe_result fault = { .faulted = true, .vector = CLASS_FETCH_SAME, .address = at };
	unsigned int level;

	if (at == 0)
		return;
	raw_end(at, &level);
	fault.code = SYNDROME_PERMISSION | level;
	expect_rights("without WXN", at, &flags);
	write_own_sctlr(sctlr | SCTLR_WXN);
	flush_everything();
	expect_verdict("with SCTLR_EL1.WXN, a fetch from what may be written",
		       probe(PROBE_FETCH, at, false), fault);
	write_own_sctlr(sctlr);
	flush_everything();
	expect_rights("without it again", at, &flags);
	test_unmap_leaf(check->leaf);
}

/* clang-format off */
#define SIZES(text, function)                                       \
	{ .name = text " @", .run = function, .rank = LEAF_PAGE },  \
	{ .name = text " @", .run = function, .rank = LEAF_BLOCK }

static const struct check checks[] = {
	{ .name = "tlb: TLBI VAAE1IS ends a stale translation", .run = check_stale },
	{ .name = "tlb: TLBI VMALLE1IS ends a stale, global translation", .run = check_stale_all },
	SIZES("tlb: what a change of a leaf asks to invalidate is enough,", check_gather),
	{ .name = "break-before-make: a leaf that is split, @",
	  .run = check_bbm_split, .rank = LEAF_BLOCK },
	{ .name = "break-before-make: leaves that are joined, @",
	  .run = check_bbm_collapse, .rank = LEAF_BLOCK },
	SIZES("break-before-make: another memory type,", check_bbm_type),
	SIZES("access flag: an idle leaf faults where no hardware sets it,", check_access_flag),
	SIZES("dirty state: the first write clears AP[2],", check_dirty_bit),
	SIZES("dirty state: a leaf that is harvested gets dirty again,", check_harvest),
	SIZES("el2: tables of EL2 without FEAT_VHE,", check_el2_tables),
	{ .name = "mmu: PAN is off, and honoured when it is on", .run = check_pan },
	{ .name = "mmu: W and X together hold until SCTLR_EL1.WXN is set",
	  .run = check_write_protect },
};
/* clang-format on */
const struct check_list arch_mmu_checks = CHECK_LIST(checks);
