/* SPDX-License-Identifier: MIT */
/*
 * faults=ROUNDS: how many faults of its guest this kernel satisfies, and what part of the time the
 * library takes. The guest stores to each page of a region that is not mapped, one after the other;
 * each first touch is explained and satisfied by page_table_map_to. Then all is unmapped, in one
 * call, for the next round. One line is for tests/bench/faults.py, and begins with "# faults: {";
 * how long a tick takes that finds out by the time between that line and "# faults: begin".
 */
#include "guest/kernel.h"
#include "guest/options.h"
#include "guest/print.h"
#include "guest/selftest.h"
#include "probe_guest.h"

#define CLOCK_READS 256

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

static struct {
	struct probe_guest probe;
	struct frame memory;
	uint64_t count;
	/* Ticks, of `count` faults each. */
	uint64_t sweep; /* the guest's stores: exits, entries and all; with 4 reads of the clock */
	uint64_t explain; /* of it, an exit in the library's words; with 1 read */
	uint64_t map;     /* of it, page_table_map_to; with 1 read */
	uint64_t unmap;   /* after it, with the flush */
} faults;

static bool satisfy(const struct inner_exit *exit, phys_addr expected)
{
	phys_addr phys = faults.memory.start + (expected - PROBE_REGION);
	enum paging_status status;
	struct page_fault fault;
	uint64_t began = arch_clock();

	fault = hypervisor.backend->explain(&faults.probe.vcpu, exit);
	faults.explain += arch_clock() - began;
	if (!expect_equal("cause of the fault", fault.cause, FAULT_NOT_MAPPED) ||
	    !expect_equal("its page", addr_align_down(fault.phys, page_size()), expected))
		return false;
	began = arch_clock();
	status = page_table_map_to(&faults.probe.guest.table, expected, phys, all,
				   &kernel.pool.allocator);
	faults.map += arch_clock() - began;
	faults.count++;
	return expect_status("map_to", status, PAGING_OK);
}

/* The guest's stores, all of them, page by page. */
static bool sweep(void)
{
	struct inner_vcpu *vcpu = &faults.probe.vcpu;
	phys_addr next = PROBE_REGION, end = PROBE_REGION + PROBE_REGION;
	struct inner_exit exit;
	uint64_t began = arch_clock();

	probe_order_set(&faults.probe, INNER_SWEEP, PROBE_REGION, end);
	vcpu->arguments[3] = page_size();
	for (;; next += page_size()) {
		hypervisor.backend->run(vcpu, &exit);
		if (exit.reason != INNER_FAULT)
			break;
		if (!satisfy(&exit, next))
			return false;
	}
	faults.sweep += arch_clock() - began;
	if (exit.reason == INNER_HYPERCALL && vcpu->arguments[0] == INNER_CALL_READY)
		return expect_equal("first touches up to", next, end);
	complain_exit("a sweep", vcpu, &exit);
	return false;
}

/* Each page of the guest's has its own address in the frame that was mapped there; gone again. */
static bool look(void)
{
	bool good = true;

	for (uint64_t at = 0; at < PROBE_REGION; at += page_size()) {
		uint64_t *word = (uint64_t *)(void *)(frame_bytes(faults.memory) + at);

		good = expect_equal("what the guest stored", *word, PROBE_REGION + at) && good;
		*word = 0;
	}
	return good;
}

static bool round_make(void)
{
	enum paging_status status;
	uint64_t began;

	if (!sweep() || !look())
		return false;
	began = arch_clock();
	status = guest_unmap(&faults.probe.guest, PROBE_REGION, PROBE_REGION);
	faults.unmap += arch_clock() - began;
	return expect_status("unmap", status, PAGING_OK);
}

/* Of CLOCK_READS: of many times the least, since something else may run on the machine. */
static uint64_t ticks_of_reads(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int times = 0; times < 32; times++) {
		uint64_t began = arch_clock(), taken;

		for (unsigned int i = 1; i < CLOCK_READS; i++)
			(void)arch_clock();
		taken = arch_clock() - began;
		if (taken < least)
			least = taken;
	}
	return least;
}

static bool measure(void)
{
	uint64_t began, reads = ticks_of_reads();

	/* What comes first is not what comes after it: emulators translate code. */
	if (!round_make())
		return false;
	faults.count = faults.sweep = faults.explain = faults.map = faults.unmap = 0;
	print("# faults: begin\n");
	began = arch_clock();
	for (uint64_t i = 0; i < guest_options.faults; i++)
		if (!round_make())
			return false;
	began = arch_clock() - began;
	print("# faults: {\"by\": \"%s\", \"clock\": \"%s\", \"hz\": %lu, \"page\": %lu, ",
	      hypervisor.backend->name, arch_clock_name, arch_clock_hz(), page_size());
	print("\"faults\": %lu, ", faults.count);
	print("\"ticks\": %lu, \"sweep\": %lu, \"explain\": %lu, \"map\": %lu, \"unmap\": %lu, ",
	      began, faults.sweep, faults.explain, faults.map, faults.unmap);
	print("\"reads\": %u, \"read\": %lu}\n", CLOCK_READS, reads);
	return expect_equal("faults", faults.count,
			    guest_options.faults * (PROBE_REGION / page_size()));
}

static void check_faults(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;

	(void)check;
	faults.memory = test_frame(PROBE_REGION);
	if (probe_guest_start(&faults.probe))
		(void)measure();
	probe_guest_end(&faults.probe);
	test_frame_free(faults.memory);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

static const struct check checks[] = {
	{ "faults: each first touch is satisfied by map_to", check_faults, LEAF_PAGE, { 0 }, 0 },
};

const struct check_list hypervisor_fault_checks = CHECK_LIST(checks);
