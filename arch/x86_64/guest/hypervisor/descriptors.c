/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of second stages as they stand in memory, held to the manuals bit by bit, those that
 * this CPU makes nothing of too. Nothing runs on them, and what is wrong is put right once it has
 * been looked at: it ends no run, so that tests/guest/flips can try one mistake after the other.
 */
#include "../mmu.h"
#include "checks.h"
#include "guest/kernel.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "hypervisor/hypervisor.h"
#include "hypervisor/probe_guest.h"
#include "twofold/x86_64.h"

#define ADDRESS UINT64_C(0x000ffffffffff000)
#define LARGE   (UINT64_C(1) << 7)
/* A table's entry has the number of entries in use here, which both CPUs ignore. */
#define COUNT   (UINT64_C(0x3ff) << 52)

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

static struct probe_guest inner;

static bool is_ept(void)
{
	return hypervisor.cpu.config.format == &x86_64_ept;
}

static bool marks(void)
{
	return !is_ept() || (hypervisor.cpu.config.features & EPT_ACCESSED_DIRTY) != 0;
}

/* SDM vol. 3A table 12-10, and the same in EPT's leaves. Device memory is UC, 0. */
static const uint8_t types[MEMORY_TYPES] = {
	[MEMORY_NORMAL] = 6,
	[MEMORY_WRITE_THROUGH] = 4,
	[MEMORY_NONCACHEABLE] = 1,
	[MEMORY_WRITE_PROTECTED] = 5,
};

/* SDM vol. 3C, tables 28-4 to 28-6. */
static uint64_t ept_by_hand(struct page_flags flags)
{
	return (uint64_t)flags.read | (uint64_t)flags.write << 1 | (uint64_t)flags.execute << 2 |
	       (uint64_t)types[flags.type] << 3 | (uint64_t)flags.ignore_pat << 6 |
	       (marks() && !flags.idle ? UINT64_C(1) << 8 : 0) | (uint64_t)flags.dirty << 9 |
	       (uint64_t)flags.software << 52;
}

/* The first entry of the PAT that has the type. */
static uint64_t pat_index(unsigned int type)
{
	uint64_t pat = hypervisor.cpu.config.memory_attributes;
	unsigned int i = 0;

	while (i < 7 && (pat >> (8 * i) & 0xff) != types[type])
		i++;
	return i;
}

/* APM vol. 2 5.3.3 and 15.25.5: U is always set; dirty, in a leaf without W, is bit 58. */
static uint64_t npt_by_hand(struct page_flags flags, uint64_t leaf)
{
	uint64_t index = pat_index(flags.type);

	return 5 | (uint64_t)flags.write << 1 | (index & 3) << 3 |
	       (index >> 2) << (leaf == PAGE_SIZE_4K ? 7 : 12) | (uint64_t)!flags.idle << 5 |
	       (uint64_t)flags.dirty << (flags.write ? 6 : 58) |
	       (uint64_t)(flags.software & 7) << 9 | (uint64_t)(flags.software >> 3) << 52 |
	       (uint64_t)!flags.execute << 63;
}

static uint64_t by_hand(struct page_flags flags, uint64_t leaf)
{
	uint64_t bits = is_ept() ? ept_by_hand(flags) : npt_by_hand(flags, leaf);

	return bits | (leaf == PAGE_SIZE_4K ? 0 : LARGE);
}

/* The entry of that level (0: of 4K pages) on the way to `at`; every level above it is a table. */
static volatile uint64_t *entry_at(phys_addr at, unsigned int level)
{
	const struct page_table *table = &inner.guest.table;
	phys_addr next = table->root;

	for (unsigned int i = table->levels - 1u;; i--) {
		volatile uint64_t *entries = direct(next & ADDRESS);
		volatile uint64_t *entry = &entries[at >> (12 + 9 * i) & 511];

		if (i == level)
			return entry;
		next = *entry;
	}
}

static const struct page_flags cases[] = {
	{ .read = 1 },
	{ .execute = 1 },
	{ .read = 1, .write = 1 },
	{ .read = 1, .execute = 1 },
	{ .read = 1, .write = 1, .execute = 1 },
	{ .read = 1, .write = 1, .execute = 1, .idle = 1 },
	{ .read = 1, .write = 1, .execute = 1, .dirty = 1 },
	{ .read = 1, .execute = 1, .dirty = 1 },
	{ .read = 1, .write = 1, .execute = 1, .type = MEMORY_WRITE_THROUGH },
	{ .read = 1, .write = 1, .execute = 1, .type = MEMORY_NONCACHEABLE },
	{ .read = 1, .write = 1, .execute = 1, .type = MEMORY_DEVICE },
	{ .read = 1, .write = 1, .execute = 1, .type = MEMORY_WRITE_PROTECTED },
	{ .read = 1, .write = 1, .execute = 1, .ignore_pat = 1 },
	{ .read = 1, .execute = 1, .software = 0x15 },
	{ .read = 1, .execute = 1, .software = 0xa },
	{ .read = 1, .execute = 1, .software = 0x1ea },
};

static void try_cases(uint64_t leaf, struct frame page)
{
	unsigned int level = leaf == PAGE_SIZE_4K ? 0 : leaf == PAGE_SIZE_2M ? 1 : 2;
	phys_addr at = probe_slot(leaf), phys = addr_align_down(page.start, leaf);
	unsigned int said = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum paging_status status = guest_map(&inner.guest, at, phys, leaf, cases[i], leaf);

		if (status == PAGING_BAD_FLAGS)
			continue;
		if (!expect_status("map", status, PAGING_OK))
			return;
		said++;
		expect_entry("the descriptor", entry_at(at, level), UINT64_MAX,
			     by_hand(cases[i], leaf) | phys);
		expect_status("unmap", guest_unmap(&inner.guest, at, leaf), PAGING_OK);
	}
	expect_true("most of it can be said", said >= 8);
}

void check_leaf_bits(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	struct frame page;

	if ((hypervisor.cpu.config.leaf_sizes & check->leaf) == 0) {
		check_skip("second stages have no leaves of that size here");
		return;
	}
	sabotage_enter(SABOTAGE_SELFTEST);
	page = test_frame(page_size());
	if (probe_guest_start(&inner)) {
		sabotage_enter(SABOTAGE_INNER);
		try_cases(check->leaf, page);
		sabotage_enter(SABOTAGE_SELFTEST);
	}
	probe_guest_end(&inner);
	test_frame_free(page);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

/* Entries of tables that are made for a page far from all else; of the root too. */
static void try_tables(struct frame page)
{
	uint64_t good = is_ept() ? 7 | (marks() ? UINT64_C(1) << 8 : 0) : 0x27;
	uint64_t reserved = (UINT64_MAX << hypervisor.cpu.config.output_bits) & ADDRESS;
	phys_addr far = probe_far_slot(&inner);

	if (!expect_status("map", guest_map(&inner.guest, far, page.start, page_size(), all, 0),
			   PAGING_OK))
		return;
	for (unsigned int level = inner.guest.table.levels - 1u; level != 0; level--)
		expect_entry("a table's entry, but for address and count", entry_at(far, level),
			     ~(COUNT | (ADDRESS & ~reserved)), good);
	expect_entry("the page's descriptor", entry_at(far, 0), UINT64_MAX,
		     by_hand(all, PAGE_SIZE_4K) | page.start);
	expect_status("unmap", guest_unmap(&inner.guest, far, page_size()), PAGING_OK);
}

void check_table_bits(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	struct frame page;

	(void)check;
	sabotage_enter(SABOTAGE_SELFTEST);
	page = test_frame(page_size());
	if (probe_guest_start(&inner)) {
		sabotage_enter(SABOTAGE_INNER);
		try_tables(page);
		sabotage_enter(SABOTAGE_SELFTEST);
	}
	probe_guest_end(&inner);
	test_frame_free(page);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}
