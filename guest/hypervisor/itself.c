/* SPDX-License-Identifier: MIT */
/* This kernel as its own guest: it passes its own self-test on tables of both dimensions that the
 * library wrote. */
#include "guest/kernel.h"
#include "guest/options.h"
#include "guest/print.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "lazy.h"
#include "twofold/dump.h"
#include "twofold/statistics.h"

static struct lazy_guest lazy;

static void dump_line(void *context, const char *text)
{
	(void)context;
	print("# %s\n", text);
}

static void report(const struct lazy_guest *guest)
{
	struct page_statistics statistics;

	page_table_statistics(&guest->guest.table, &statistics);
	print("# the inner kernel: %lu faults satisfied; second stage: %lu tables, leaves:",
	      guest->faults, statistics.tables);
	for (unsigned int i = 0; i < 64; i++) {
		char size[8];

		format_size(size, sizeof(size), UINT64_C(1) << i);
		if (statistics.leaves[i] != 0)
			print(" %lu of %s", statistics.leaves[i], size);
	}
	print("; %lu times collapsed; %lu of %lu KiB\n", guest->collapsed, statistics.mapped >> 10,
	      (guest->ram.end - guest->ram.start) >> 10);
	if (guest_options.dump) {
		print("# its second stage: inner-physical -> physical addresses, size, leaf, "
		      "rights, "
		      "type, accessed, dirty\n");
		page_table_dump(&guest->guest.table, dump_line, NULL);
	}
}

static bool run(const char *command_line)
{
	sabotage_enter(SABOTAGE_INNER);
	lazy_start(&lazy, LAZY_CHUNKS, command_line);
	if (!lazy_run(&lazy))
		return false;
	report(&lazy);
	expect_equal("the inner kernel's verdict", lazy.outcome, GUEST_PASSED);
	expect_equal("its points that passed", lazy.passed, lazy.planned);
	expect_equal("its points that failed", lazy.failed, 0);
	return true;
}

static void end(uint64_t frames)
{
	lazy_end(&lazy);
	sabotage_enter(SABOTAGE_SELFTEST);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

static void check_itself(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;

	(void)check;
	if (lazy_never())
		return;
	if (run("hypercalls=1 dump=0"))
		expect_true("it has a self-test", lazy.planned >= 50);
	end(frames);
}

/* Its memory touched as a whole, every part that can be is one large leaf. */
static void check_whole(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	bool large = (hypervisor.cpu.config.leaf_sizes & LAZY_CHUNK) != 0;
	struct page_statistics statistics;
	unsigned int size = 0;

	(void)check;
	if (lazy_never())
		return;
	while (UINT64_C(1) << size != LAZY_CHUNK)
		size++;
	if (run("hypercalls=1 dump=0 touch=1 test=rights")) {
		page_table_statistics(&lazy.guest.table, &statistics);
		expect_equal("pieces collapsed", lazy.collapsed, large ? LAZY_CHUNKS : 0);
		expect_equal("leaves of such a piece", statistics.leaves[size],
			     large ? LAZY_CHUNKS : 0);
		expect_true("all of its memory is mapped",
			    statistics.mapped >= lazy.ram.end - lazy.ram.start);
	}
	end(frames);
}

static const struct check checks[] = {
	{ "itself: the inner kernel passes its self-test, mapped on first touch",
	  check_itself,
	  LEAF_PAGE,
	  { 0 },
	  0 },
	{ "itself: touched as a whole, it runs in large leaves", check_whole, LEAF_PAGE, { 0 }, 0 },
};

const struct check_list hypervisor_itself_checks = CHECK_LIST(checks);
