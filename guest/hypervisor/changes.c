/* SPDX-License-Identifier: MIT */
/*
 * A second stage that changes while its guest runs: dirty logging, by write-protection and by the
 * CPU's own marks, large leaves split and collapsed.
 */
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "probe_guest.h"

#define REGION PROBE_REGION
#define ROUNDS 6
#define WRITES 24

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };
static const struct page_flags read_only = { .read = 1, .execute = 1 };

static struct probe_guest first;

/* Bit n: page n of the region. */
struct page_set {
	uint64_t words[REGION / PAGE_SIZE_4K / 64];
};

static void set_add(struct page_set *set, uint64_t page)
{
	set->words[page / 64] |= UINT64_C(1) << page % 64;
}

static uint64_t set_count(const struct page_set *set)
{
	uint64_t count = 0;

	for (size_t i = 0; i < sizeof(set->words) / sizeof(set->words[0]); i++) {
		for (uint64_t word = set->words[i]; word != 0; word &= word - 1)
			count++;
	}
	return count;
}

static void expect_same_pages(uint64_t round, const struct page_set *found,
			      const struct page_set *written)
{
	char what[48];

	format_text(what, sizeof(what), "round %lu: pages found", round);
	expect_equal(what, set_count(found), set_count(written));
	for (size_t i = 0; i < sizeof(found->words) / sizeof(found->words[0]); i++) {
		format_text(what, sizeof(what), "round %lu: pages %zu and on", round, i * 64);
		expect_equal(what, found->words[i], written->words[i]);
	}
}

/* The guest with the region in the largest leaves, over one frame. */
static bool region_start(struct frame *frame)
{
	if ((hypervisor.cpu.config.leaf_sizes & REGION) == 0) {
		check_skip("second stages have no leaves of 2M here");
		return false;
	}
	sabotage_enter(SABOTAGE_SELFTEST);
	*frame = test_frame(REGION);
	memset(frame_bytes(*frame), 0, REGION);
	if (!probe_guest_start(&first)) {
		probe_guest_end(&first);
		test_frame_free(*frame);
		return false;
	}
	sabotage_enter(SABOTAGE_INNER);
	return expect_status("map",
			     guest_map(&first.guest, REGION, frame->start, REGION, all, REGION),
			     PAGING_OK);
}

static void region_end(struct frame frame, uint64_t frames)
{
	sabotage_enter(SABOTAGE_SELFTEST);
	probe_guest_end(&first);
	test_frame_free(frame);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

/* Which page the nth write of a round goes to: some of them come again, and neighbours are there.
 */
static uint64_t page_of(uint64_t round, uint64_t n)
{
	return (round * 37 + n * n * 5 + n / 3) % (REGION / page_size());
}

/*
 * The guest writes to a page; a write that is refused is logged, and the page may be written from
 * then on. Writes the same value, which nothing but the log can tell from no write.
 */
static void logged_write(uint64_t page, struct page_set *found)
{
	virt_addr at = REGION + page * page_size() + 8;
	struct probe_answer answer = probe_order(&first, INNER_WRITE, at, 0x11);

	if (answer.faulted) {
		expect_equal("the page that faulted",
			     addr_align_down(answer.fault.phys, page_size()),
			     REGION + page * page_size());
		expect_true("a write to what is write-protected",
			    answer.fault.cause == FAULT_PERMISSION &&
				    (answer.fault.access & FAULT_WRITE) != 0);
		set_add(found, page);
		expect_status(
			"protect",
			guest_protect(&first.guest, REGION + page * page_size(), page_size(), all),
			PAGING_OK);
		answer = probe_order(&first, INNER_WRITE, at, 0x11);
	}
	expect_true("the write is done", answer.done);
}

static void expect_one_leaf(const char *what)
{
	struct page_mapping m;

	if (expect_status(what, page_table_query(&first.guest.table, REGION, &m), PAGING_OK))
		expect_equal(what, m.size, REGION);
}

static void check_write_protect(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	struct frame frame;

	(void)check;
	if (!region_start(&frame))
		return;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct page_set written = { { 0 } }, found = { { 0 } };

		expect_status("write-protect", guest_write_protect(&first.guest, REGION, REGION),
			      PAGING_OK);
		for (uint64_t n = 0; n < WRITES; n++) {
			set_add(&written, page_of(round, n));
			logged_write(page_of(round, n), &found);
		}
		expect_same_pages(round, &found, &written);
	}
	expect_status("protect", guest_protect(&first.guest, REGION, REGION, all), PAGING_OK);
	expect_status("collapse", guest_collapse(&first.guest, REGION, REGION), PAGING_OK);
	expect_one_leaf("one leaf again");
	region_end(frame, frames);
}

static bool found_dirty(void *context, const struct page_visit *visit)
{
	struct page_set *found = context;

	expect_equal("the size of a leaf that is dirty", visit->mapping.size, page_size());
	set_add(found, (visit->mapping.virt - REGION) / page_size());
	return true;
}

static void check_dirty_bits(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	struct page_set nothing = { { 0 } };
	struct frame frame;

	(void)check;
	if (!hypervisor.cpu.hardware_dirty) {
		check_skip("this CPU does not mark leaves of second stages dirty");
		return;
	}
	if (!region_start(&frame))
		return;
	expect_status("split", guest_split(&first.guest, REGION, REGION, page_size()), PAGING_OK);
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct page_set written = { { 0 } }, found = { { 0 } };

		for (uint64_t n = 0; n < WRITES; n++) {
			set_add(&written, page_of(round, n));
			logged_write(page_of(round, n), &nothing);
		}
		expect_status("harvest",
			      guest_harvest(&first.guest, REGION, REGION, PAGE_MARK_DIRTY,
					    found_dirty, &found),
			      PAGING_OK);
		expect_same_pages(round, &found, &written);
	}
	expect_equal("writes that faulted", set_count(&nothing), 0);
	expect_status("collapse", guest_collapse(&first.guest, REGION, REGION), PAGING_OK);
	expect_one_leaf("one leaf again");
	region_end(frame, frames);
}

/* What the CPU wrote down: the region's pages; and how many others, the guest's own tables. */
static uint64_t drain(struct page_set *found)
{
	phys_addr pages[16];
	uint64_t others = 0;
	size_t count;

	while ((count = hypervisor.backend->drain(&first.vcpu, pages,
						  sizeof(pages) / sizeof(pages[0]))) != 0) {
		for (size_t i = 0; i < count; i++) {
			if (pages[i] - REGION < REGION) {
				set_add(found, (pages[i] - REGION) / page_size());
			} else {
				expect_true("a page that is not the region's is the guest's own",
					    pages[i] - PROBE_BASE < PROBE_BASE_SIZE);
				others++;
			}
		}
	}
	return others;
}

static bool count_dirty(void *context, const struct page_visit *visit)
{
	uint64_t *count = context;

	(void)visit;
	(*count)++;
	return true;
}

/* How many of the guest's own tables are dirty, which its walks make them; clean from here on. */
static uint64_t harvest_own(void)
{
	uint64_t count = 0;

	expect_status("harvest of the guest's own tables",
		      guest_harvest(&first.guest, PROBE_BASE, PROBE_BASE_SIZE, PAGE_MARK_DIRTY,
				    count_dirty, &count),
		      PAGING_OK);
	return count;
}

/* Those that are dirty by their leaves are those in the log; they are clean again. */
static void end_log_round(uint64_t round, const struct page_set *written, struct page_set *found,
			  uint64_t others)
{
	struct page_set dirty = { { 0 } };

	others += drain(found);
	expect_equal("own tables in the log", others, harvest_own());
	expect_true("some of them", others != 0);
	expect_same_pages(round, found, written);
	expect_status(
		"harvest",
		guest_harvest(&first.guest, REGION, REGION, PAGE_MARK_DIRTY, found_dirty, &dirty),
		PAGING_OK);
	expect_same_pages(round, &dirty, written);
}

/* The last round writes to every page, which is more than the log has room for. */
static void log_rounds(void)
{
	uint64_t full = 0;

	harvest_own();
	for (uint64_t round = 0; round <= ROUNDS; round++) {
		struct page_set written = { { 0 } }, found = { { 0 } };
		uint64_t writes = round < ROUNDS ? WRITES : REGION / page_size(), others = 0;

		for (uint64_t n = 0; n < writes; n++) {
			uint64_t page = round < ROUNDS ? page_of(round, n) : n;
			virt_addr at = REGION + page * page_size() + 8;
			struct probe_answer answer = probe_order(&first, INNER_WRITE, at, 0x11);

			if (answer.full) {
				full++;
				others += drain(&found);
				answer = probe_order(&first, INNER_WRITE, at, 0x11);
			}
			expect_true("the write is done", answer.done);
			set_add(&written, page);
		}
		end_log_round(round, &written, &found, others);
	}
	expect_equal("how often the log was full", full, 1);
}

static void check_page_log(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	struct page_set nothing = { { 0 } };
	struct frame frame;

	(void)check;
	if (!hypervisor.cpu.page_log) {
		check_skip("this CPU keeps no log of the pages that it marks dirty");
		return;
	}
	if (!region_start(&frame))
		return;
	expect_status("split", guest_split(&first.guest, REGION, REGION, page_size()), PAGING_OK);
	hypervisor.backend->set_log(&first.vcpu, true);
	log_rounds();
	hypervisor.backend->set_log(&first.vcpu, false);
	logged_write(0, &nothing);
	drain(&nothing);
	expect_equal("logged while that is off", set_count(&nothing), 0);
	expect_status("collapse", guest_collapse(&first.guest, REGION, REGION), PAGING_OK);
	expect_one_leaf("one leaf again");
	region_end(frame, frames);
}

static void expect_order(const char *what, struct probe_guest *guest, enum inner_order order,
			 virt_addr at, enum fault_cause cause)
{
	struct probe_answer answer = probe_order(guest, order, at, 0x77);

	if (answer.done || answer.faulted)
		expect_equal(what, answer.fault.cause, cause);
}

/* One page in the middle of a large leaf becomes ROM, a hole, another frame's; the rest stays. */
static void check_live(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	phys_addr page = REGION + REGION / 2;
	struct frame frame, elsewhere;

	(void)check;
	if (!region_start(&frame))
		return;
	elsewhere = test_frame(page_size());
	frame_bytes(elsewhere)[0] = 0x99;
	frame_bytes(frame)[REGION / 2] = 0x42;
	expect_equal("before", probe_order(&first, INNER_READ, page, 0).value, 0x42);
	expect_status("map in its place",
		      guest_replace(&first.guest, page, elsewhere.start, page_size(), all),
		      PAGING_OK);
	expect_equal("another frame at once", probe_order(&first, INNER_READ, page, 0).value, 0x99);
	expect_status("map in its place",
		      guest_replace(&first.guest, page, frame.start + REGION / 2, page_size(), all),
		      PAGING_OK);
	expect_equal("the first one again", probe_order(&first, INNER_READ, page, 0).value, 0x42);
	expect_status("protect", guest_protect(&first.guest, page, page_size(), read_only),
		      PAGING_OK);
	expect_order("ROM is written", &first, INNER_WRITE, page, FAULT_PERMISSION);
	expect_order("ROM is read", &first, INNER_READ, page, FAULT_NONE);
	expect_order("the page before is written", &first, INNER_WRITE, page - 1, FAULT_NONE);
	expect_order("the page behind is written", &first, INNER_WRITE, page + page_size(),
		     FAULT_NONE);
	expect_equal("ROM", frame_bytes(frame)[REGION / 2], 0x42);
	expect_status("unmap", guest_unmap(&first.guest, page, page_size()), PAGING_OK);
	expect_order("a hole is read", &first, INNER_READ, page, FAULT_NOT_MAPPED);
	expect_order("a hole is written", &first, INNER_WRITE, page, FAULT_NOT_MAPPED);
	expect_status("map", guest_map(&first.guest, page, elsewhere.start, page_size(), all, 0),
		      PAGING_OK);
	expect_equal("another frame", probe_order(&first, INNER_READ, page, 0).value, 0x99);
	expect_status("unmap", guest_unmap(&first.guest, page, page_size()), PAGING_OK);
	expect_status("map",
		      guest_map(&first.guest, page, frame.start + REGION / 2, page_size(), all, 0),
		      PAGING_OK);
	expect_status("collapse", guest_collapse(&first.guest, REGION, REGION), PAGING_OK);
	expect_one_leaf("one leaf again");
	expect_equal("as before", probe_order(&first, INNER_READ, page, 0).value, 0x42);
	test_frame_free(elsewhere);
	region_end(frame, frames);
}

/* The guest reads, writes and runs code in the page, which it may do or (read_only) may not write.
 */
static void expect_use(const char *what, phys_addr page, bool may_write)
{
	expect_order(what, &first, INNER_FETCH, page, FAULT_NONE);
	expect_order(what, &first, INNER_WRITE, page + 8,
		     may_write ? FAULT_NONE : FAULT_PERMISSION);
	expect_equal(what, probe_order(&first, INNER_READ, page + 8, 0).value, 0x77);
}

static void expect_leaf(phys_addr page, uint64_t leaf)
{
	struct page_mapping m;

	if (expect_status("query", page_table_query(&first.guest.table, page, &m), PAGING_OK))
		expect_equal("size of the leaf", m.size, leaf);
}

/* The leaf that the page is in, of one rank down to single pages, and back up. */
static void try_splits(phys_addr page, unsigned int top)
{
	for (unsigned int rank = top; rank-- != 0;) {
		uint64_t above = arch_leaf_size(rank + 1);

		expect_status("split",
			      guest_split(&first.guest, addr_align_down(page, above), above,
					  arch_leaf_size(rank)),
			      PAGING_OK);
		expect_leaf(page, arch_leaf_size(rank));
		expect_use("after a split", page, true);
	}
	expect_status("protect", guest_protect(&first.guest, page, page_size(), read_only),
		      PAGING_OK);
	expect_use("read-only", page, false);
	expect_status("protect", guest_protect(&first.guest, page, page_size(), all), PAGING_OK);
	for (unsigned int rank = 1; rank <= top; rank++) {
		uint64_t size = arch_leaf_size(rank);

		expect_status("collapse",
			      guest_collapse(&first.guest, addr_align_down(page, size), size),
			      PAGING_OK);
		expect_leaf(page, size);
		expect_use("after a collapse", page, true);
	}
}

/* The largest leaf there is goes down to single pages and back, while the guest runs from it. */
static void check_splits(const struct check *check)
{
	unsigned int top = LEAF_LARGE;
	uint64_t frames = kernel.pool.in_use, size;
	struct frame frame;
	phys_addr page;

	(void)check;
	while ((hypervisor.cpu.config.leaf_sizes & arch_leaf_size(top)) == 0)
		top--;
	size = arch_leaf_size(top);
	sabotage_enter(SABOTAGE_SELFTEST);
	frame = test_frame(page_size());
	inner_landing_write(frame_bytes(frame));
	frame_bytes(frame)[8] = 0x77;
	page = probe_slot(size) + (frame.start & (size - 1));
	if (probe_guest_start(&first)) {
		sabotage_enter(SABOTAGE_INNER);
		if (expect_status("map",
				  guest_map(&first.guest, probe_slot(size),
					    addr_align_down(frame.start, size), size, all, size),
				  PAGING_OK)) {
			expect_use("one leaf", page, true);
			try_splits(page, top);
			expect_status("unmap", guest_unmap(&first.guest, probe_slot(size), size),
				      PAGING_OK);
		}
	}
	sabotage_enter(SABOTAGE_SELFTEST);
	probe_guest_end(&first);
	test_frame_free(frame);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

static const struct check checks[] = {
	{ "dirty log: write-protection finds what is written", check_write_protect, 0, { 0 }, 0 },
	{ "dirty log: the CPU's marks find what is written", check_dirty_bits, 0, { 0 }, 0 },
	{ "dirty log: the CPU's log of pages has what is written", check_page_log, 0, { 0 }, 0 },
	{ "changes: ROM, a hole, another frame inside a large leaf", check_live, 0, { 0 }, 0 },
	{ "changes: the largest leaf, split to pages and joined", check_splits, 0, { 0 }, 0 },
};

const struct check_list hypervisor_change_checks = CHECK_LIST(checks);
