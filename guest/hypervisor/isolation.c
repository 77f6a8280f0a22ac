/* SPDX-License-Identifier: MIT */
/*
 * A guest that tries what it can to reach memory that is not its own: its tables lead to addresses
 * of this kernel's memory, to another guest's, to the ends of the address space and beyond, and to
 * anywhere; at last its tables themselves are to be read from there.
 */
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "probe_guest.h"

#define CANARIES    8
#define CANARY      0xa5
#define STRIDE      UINT64_C(0x40000)
#define WILD        256
#define STEP_FACTOR UINT64_C(6364136223846793005) /* Knuth's MMIX */
#define STEP_ADD    UINT64_C(1442695040888963407)

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

static struct probe_guest guest, other;
static struct frame canaries[CANARIES]; /* the first one is the other guest's memory too */

struct attempts {
	uint64_t made, refused;
};

static bool is_own(phys_addr inner)
{
	return inner >= PROBE_BASE && inner < PROBE_BASE + PROBE_BASE_SIZE;
}

/* The guest makes its own tables lead to `inner`, which is not its own, and tries everything. */
static void attempt(struct attempts *attempts, phys_addr inner)
{
	virt_addr virt = probe_far(&guest) + 2 * page_size();
	struct page_table_op op = { .frames = &guest.own_frames.allocator };

	if (is_own(inner))
		return;
	if (page_table_map(&guest.own, virt, inner, page_size(), all, &op) != PAGING_OK)
		panic("the probe guest's own tables: 0x%lx", inner);
	probe_order(&guest, INNER_FLUSH, virt, 0);
	for (unsigned int order = INNER_READ; order <= INNER_MODIFY; order++) {
		struct probe_answer answer = probe_order(&guest, (enum inner_order)order, virt, 0);

		attempts->made++;
		if (answer.faulted && answer.fault.cause == FAULT_NOT_MAPPED &&
		    ((answer.fault.phys ^ inner) & answer.fault.phys_exact & ~(page_size() - 1)) ==
			    0)
			attempts->refused++;
	}
	if (page_table_unmap(&guest.own, virt, page_size(), &op) != PAGING_OK)
		panic("the probe guest's own tables: 0x%lx", inner);
}

/* A page comes and goes: what it leaves behind is to be nothing. */
static void come_and_go(void)
{
	virt_addr virt = probe_far(&guest) + 2 * page_size();
	struct page_table_op op = { .frames = &guest.own_frames.allocator };
	phys_addr canary = canaries[0].start;

	if (page_table_map(&guest.own, virt, canary, page_size(), all, &op) != PAGING_OK)
		panic("the probe guest's own tables: 0x%lx", canary);
	sabotage_enter(SABOTAGE_INNER);
	expect_status("map", guest_map(&guest.guest, canary, canary, page_size(), all, 0),
		      PAGING_OK);
	expect_true("it is read", probe_order(&guest, INNER_READ, virt, 0).done);
	expect_status("unmap", guest_unmap(&guest.guest, canary, page_size()), PAGING_OK);
	sabotage_enter(SABOTAGE_SELFTEST);
	if (page_table_unmap(&guest.own, virt, page_size(), &op) != PAGING_OK)
		panic("the probe guest's own tables: 0x%lx", canary);
}

/* Where the other guest has what the CPU has just cached of it, and its memory and tables. */
static void attempt_other(struct attempts *attempts)
{
	struct probe_answer answer = probe_order(&other, INNER_READ, probe_slot(page_size()), 0);

	expect_equal("what the other guest reads of its own", answer.value, CANARY);
	attempt(attempts, probe_slot(page_size()));
	for (uint64_t at = 0; at < PROBE_BASE_SIZE; at += STRIDE / 4)
		attempt(attempts, other.base.start + at);
	attempt(attempts, other.guest.table.root);
}

/* Addresses that the guest's own tables can hold and its second stage cannot, each bit of them. */
static void attempt_beyond(struct attempts *attempts)
{
	for (unsigned int bit = guest.guest.table.input_bits; bit < guest.own.output_bits; bit++) {
		attempt(attempts, UINT64_C(1) << bit);
		attempt(attempts, (UINT64_C(1) << bit) + canaries[0].start);
		attempt(attempts, (UINT64_C(2) << bit) - page_size());
	}
}

/* All of this kernel's memory, what is important in it, both ends, and anywhere. */
static void attempt_all(struct attempts *attempts)
{
	unsigned int bits = guest.own.output_bits < guest.guest.table.input_bits
				    ? guest.own.output_bits
				    : guest.guest.table.input_bits;
	uint64_t mask = (UINT64_C(1) << bits) - page_size(), wild = 1;

	for (size_t i = 0; i < kernel.memory.ram_count; i++) {
		const struct memory_range *ram = &kernel.memory.ram[i];

		for (phys_addr at = ram->start; at < ram->end; at += STRIDE)
			attempt(attempts, at);
	}
	for (unsigned int i = 0; i < CANARIES; i++)
		attempt(attempts, canaries[i].start);
	attempt(attempts, guest.guest.table.root);
	attempt(attempts, kernel.tables[0].root);
	attempt(attempts, image_phys(image_data_start));
	attempt(attempts, mask);
	for (unsigned int i = 0; i < WILD; i++) {
		wild = wild * STEP_FACTOR + STEP_ADD;
		attempt(attempts, wild >> 8 & mask);
	}
}

/* What the other guest has, as one number. */
static uint64_t hash_other(void)
{
	const uint64_t *words = direct(other.base.start);
	uint64_t hash = 1;

	for (uint64_t i = 0; i < PROBE_BASE_SIZE / 8; i++)
		hash = hash * STEP_FACTOR + words[i];
	return hash;
}

/* Its register leads to tables in a canary. */
static void attempt_root(struct attempts *attempts)
{
	struct page_table root = guest.own;
	struct probe_answer answer;

	root.root = canaries[0].start;
	answer = probe_order(&guest, INNER_SET_ROOT, 0, hypervisor.backend->own_root(&root));
	attempts->made++;
	if (answer.faulted && answer.fault.walk && answer.fault.cause == FAULT_NOT_MAPPED)
		attempts->refused++;
}

static void check_canaries(void)
{
	for (unsigned int i = 0; i < CANARIES; i++) {
		uint64_t changed = 0;

		for (uint64_t at = 0; at < page_size(); at++)
			changed += frame_bytes(canaries[i])[at] != CANARY;
		expect_equal("bytes of a canary that changed", changed, 0);
		test_frame_free(canaries[i]);
	}
}

static void try_all(void)
{
	struct attempts attempts = { 0, 0 };
	uint64_t hash;

	come_and_go();
	attempt_other(&attempts);
	hash = hash_other();
	attempt_all(&attempts);
	attempt_beyond(&attempts);
	/* With tables that it should not reach a guest may never come back. */
	if (attempts.refused == attempts.made)
		attempt_root(&attempts);
	print("# isolation: %lu attempts, %lu refused\n", attempts.made, attempts.refused);
	expect_equal("attempts refused", attempts.refused, attempts.made);
	expect_true("there were some", attempts.made > 1000);
	expect_true("the other guest's memory is as it was", hash_other() == hash);
}

/* Both guests; the other one has a canary where the first has nothing. */
static bool start(void)
{
	bool good = probe_guest_start(&guest);

	good = probe_guest_start(&other) && good;
	return good && expect_status("map",
				     guest_map(&other.guest, probe_slot(page_size()),
					       canaries[0].start, page_size(), all, 0),
				     PAGING_OK);
}

static void check_isolation(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;

	(void)check;
	sabotage_enter(SABOTAGE_SELFTEST);
	for (unsigned int i = 0; i < CANARIES; i++) {
		canaries[i] = test_frame(page_size());
		memset(frame_bytes(canaries[i]), CANARY, page_size());
	}
	if (start())
		try_all();
	sabotage_enter(SABOTAGE_SELFTEST);
	probe_guest_end(&other);
	probe_guest_end(&guest);
	check_canaries();
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

static const struct check checks[] = {
	{ "isolation: a guest reaches nothing but its own memory", check_isolation, 0, { 0 }, 0 },
};

const struct check_list hypervisor_isolation_checks = CHECK_LIST(checks);
