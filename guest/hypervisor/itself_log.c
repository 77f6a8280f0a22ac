/* SPDX-License-Identifier: MIT */
/*
 * The dirty log of this kernel as its own guest, round after round while it makes its self-test. It
 * writes what it will, so that the log is held to what became of its memory: a page whose content
 * is another one than a round ago is in the log of that round. And the two ways to log find the
 * same: the run is the same, instruction by instruction.
 */
#include "guest/kernel.h"
#include "guest/print.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "lazy.h"
#include "twofold/statistics.h"

#define CHUNKS      4 /* of memory */
#define PAGES       (CHUNKS * LAZY_CHUNK / PAGE_SIZE_4K)
#define ROUNDS_MAX  16
#define POINTS      16                            /* of the self-test, in a round */
#define HASH_FACTOR UINT64_C(6364136223846793005) /* Knuth's MMIX */

/* Bit n: page n of the inner kernel's memory. */
struct page_set {
	uint64_t words[PAGES / 64];
};

static struct lazy_guest lazy;

static struct log {
	bool by_marks;           /* else by write-protection */
	uint64_t points, rounds; /* from the first point on; rounds that are complete */
	uint64_t hashes[PAGES];  /* when the round began */
	struct page_set found;   /* in this round */
	uint64_t pages_found, pages_changed;
} current;

/* By each way; zero for what has not run. */
static struct {
	struct page_set found[ROUNDS_MAX];
	uint64_t rounds;
} records[2];

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

static uint64_t ram_size(void)
{
	return lazy.ram.end - lazy.ram.start;
}

static bool has(const struct page_set *set, uint64_t page)
{
	return (set->words[page / 64] >> page % 64 & 1) != 0;
}

static void add(struct page_set *set, phys_addr inner)
{
	uint64_t page = (inner - lazy.ram.start) / page_size();

	set->words[page / 64] |= UINT64_C(1) << page % 64;
}

static uint64_t hash_page(uint64_t page)
{
	uint64_t offset = page * page_size(), hash = 1;
	const struct frame *chunk = &lazy.chunks[offset / LAZY_CHUNK];
	const uint64_t *words = direct(chunk->start + offset % LAZY_CHUNK);

	for (uint64_t i = 0; i < page_size() / 8; i++)
		hash = hash * HASH_FACTOR + words[i];
	return hash;
}

/* What has changed since the last time that is not in the log. */
static void hold_to_memory(void)
{
	uint64_t missed = 0;

	for (uint64_t page = 0; page < ram_size() / page_size(); page++) {
		uint64_t hash = hash_page(page);

		if (hash != current.hashes[page]) {
			current.pages_changed++;
			missed += !has(&current.found, page);
		}
		current.pages_found += has(&current.found, page);
		current.hashes[page] = hash;
	}
	expect_equal("pages that changed and are not in the log", missed, 0);
}

static bool found_dirty(void *context, const struct page_visit *visit)
{
	(void)context;
	if (visit->mapping.size != page_size())
		expect_equal("the size of a leaf that is dirty", visit->mapping.size, page_size());
	add(&current.found, visit->mapping.virt);
	return true;
}

static void harvest(void)
{
	expect_status("harvest",
		      guest_harvest(&lazy.guest, lazy.ram.start, ram_size(), PAGE_MARK_DIRTY,
				    found_dirty, NULL),
		      PAGING_OK);
}

static void begin_round(void)
{
	memset(&current.found, 0, sizeof(current.found));
	if (!current.by_marks)
		expect_status("write-protect",
			      guest_write_protect(&lazy.guest, lazy.ram.start, ram_size()),
			      PAGING_OK);
}

/* From here on all is logged. All memory has been touched by now. */
static void begin(void)
{
	struct page_statistics statistics;

	page_table_statistics(&lazy.guest.table, &statistics);
	expect_true("all of its memory is mapped", statistics.mapped >= ram_size());
	if (current.by_marks) {
		expect_status("split",
			      guest_split(&lazy.guest, lazy.ram.start, ram_size(), page_size()),
			      PAGING_OK);
		harvest();
	}
	for (uint64_t page = 0; page < ram_size() / page_size(); page++)
		current.hashes[page] = hash_page(page);
	begin_round();
}

static void end_round(void)
{
	if (current.by_marks)
		harvest();
	hold_to_memory();
	if (current.rounds < ROUNDS_MAX)
		records[current.by_marks].found[current.rounds] = current.found;
	current.rounds++;
}

static void point(struct lazy_guest *guest)
{
	(void)guest;
	if (current.points++ == 0) {
		begin();
	} else if (current.points % POINTS == 0) {
		end_round();
		begin_round();
	}
}

/* A write to a page that is write-protected, which is logged, and may be written from then on. */
static bool refused(struct lazy_guest *guest, const struct page_fault *fault)
{
	phys_addr page = addr_align_down(fault->phys, page_size());

	if (current.by_marks || (fault->access & FAULT_WRITE) == 0 || fault->phys_exact == 0 ||
	    page < guest->ram.start || page >= guest->ram.end)
		return false;
	if (has(&current.found, (page - guest->ram.start) / page_size()))
		return false; /* it may be written by now */
	add(&current.found, page);
	return expect_status("protect", guest_protect(&guest->guest, page, page_size(), all),
			     PAGING_OK);
}

static const struct lazy_watch watch = { .refused = refused, .point = point };

/* The leaves are as they were before the log. */
static void join(void)
{
	bool large = (hypervisor.cpu.config.leaf_sizes & LAZY_CHUNK) != 0;
	struct page_mapping m;

	expect_status("protect", guest_protect(&lazy.guest, lazy.ram.start, ram_size(), all),
		      PAGING_OK);
	for (phys_addr at = lazy.ram.start; at < lazy.ram.end; at += LAZY_CHUNK) {
		expect_status("collapse", guest_collapse(&lazy.guest, at, LAZY_CHUNK), PAGING_OK);
		if (large &&
		    expect_status("query", page_table_query(&lazy.guest.table, at, &m), PAGING_OK))
			expect_equal("the size of a leaf afterwards", m.size, LAZY_CHUNK);
	}
}

static void run(bool by_marks)
{
	uint64_t frames = kernel.pool.in_use;

	memset(&current, 0, sizeof(current));
	current.by_marks = by_marks;
	sabotage_enter(SABOTAGE_INNER);
	lazy_start(&lazy, CHUNKS, "hypercalls=1 dump=0 touch=1");
	lazy.watch = &watch;
	if (lazy_run(&lazy)) {
		end_round();
		records[by_marks].rounds = current.rounds;
		print("# the inner kernel's dirty log: %lu rounds, %lu pages found, %lu of which "
		      "changed\n",
		      current.rounds, current.pages_found, current.pages_changed);
		expect_equal("the inner kernel's verdict", lazy.outcome, GUEST_PASSED);
		expect_true("rounds", current.rounds >= 4 && current.rounds <= ROUNDS_MAX);
		expect_true("pages change", current.pages_changed >= current.rounds);
		join();
	}
	lazy_end(&lazy);
	sabotage_enter(SABOTAGE_SELFTEST);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

static void check_write_protect(const struct check *check)
{
	(void)check;
	if (lazy_never())
		return;
	if (hypervisor.cpu.walk_unsure) {
		check_skip("what the CPU marks in tables that it may only read is not refused");
		return;
	}
	run(false);
}

static void check_marks(const struct check *check)
{
	(void)check;
	if (lazy_never())
		return;
	if (!hypervisor.cpu.hardware_dirty) {
		check_skip("this CPU does not mark leaves of second stages dirty");
		return;
	}
	run(true);
	if (records[false].rounds == 0)
		return; /* the other way has not been asked for */
	expect_equal("rounds by both ways", records[true].rounds, records[false].rounds);
	for (uint64_t round = 0; round < ROUNDS_MAX; round++) {
		uint64_t others = 0;

		for (size_t i = 0; i < PAGES / 64; i++)
			others += records[true].found[round].words[i] !=
				  records[false].found[round].words[i];
		expect_equal("words of a round's log that the ways differ in", others, 0);
	}
}

static const struct check checks[] = {
	{ "inner log: write-protection finds what the inner kernel writes",
	  check_write_protect,
	  0,
	  { 0 },
	  0 },
	{ "inner log: the CPU's marks find what the inner kernel writes",
	  check_marks,
	  0,
	  { 0 },
	  0 },
};

const struct check_list hypervisor_itself_log_checks = CHECK_LIST(checks);
