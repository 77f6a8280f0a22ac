/* SPDX-License-Identifier: MIT */
/* Bits of descriptors that no access shows, or that only the CPU's own registers explain. */
#include "cpu.h"
#include "guest/selftest.h"
#include "raw.h"

/* IA32_PAT's encoding of each memory type, SDM vol. 3A table 12-10. */
static const uint8_t pat_encoding[MEMORY_TYPES] = {
	[MEMORY_NORMAL] = 6,           [MEMORY_WRITE_THROUGH] = 4,   [MEMORY_NONCACHEABLE] = 1,
	[MEMORY_DEVICE] = 0,           [MEMORY_WRITE_PROTECTED] = 5, [MEMORY_DEVICE_WEAK] = 7,
	[MEMORY_DEVICE_STRICT] = 0xff,
};

/* Entry of the PAT that the descriptor selects: table 4-17 and 12-11. */
static unsigned int pat_index(uint64_t descriptor, unsigned int level)
{
	uint64_t high = level == 0 ? RAW_PAT_4K : RAW_PAT;

	return ((descriptor & RAW_PWT) != 0 ? 1u : 0u) | ((descriptor & RAW_PCD) != 0 ? 2u : 0u) |
	       ((descriptor & high) != 0 ? 4u : 0u);
}

static bool pat_has(uint64_t pat, unsigned int encoding)
{
	for (unsigned int i = 0; i < 8; i++) {
		if ((pat >> (8 * i) & 0xff) == encoding)
			return true;
	}
	return false;
}

/* What the CPU's PAT is; its value after reset where there is no such register to read. */
static uint64_t pat_now(void)
{
	return kernel.mmu.config.memory_attributes;
}

static void check_type(uint64_t leaf, unsigned int type)
{
	struct page_flags flags = test_data_flags(true);
	struct page_mapping m;
	unsigned int level;
	uint64_t descriptor;
	virt_addr at;

	flags.type = type & 7;
	if (!pat_has(pat_now(), pat_encoding[type])) {
		expect_status("map of a type that the PAT does not have",
			      kernel_map(test_slot(leaf), addr_align_down(landing_page.start, leaf),
					 leaf, flags, leaf),
			      PAGING_BAD_FLAGS);
		return;
	}
	at = test_map_leaf(landing_page, leaf, flags);
	if (at == 0)
		return;
	descriptor = *raw_end(at, &level);
	expect_equal("type in the PAT entry that the leaf selects",
		     pat_now() >> (8 * pat_index(descriptor, level)) & 0xff, pat_encoding[type]);
	if (expect_status("query", kernel_query(at, &m), PAGING_OK)) {
		expect_equal("type that query reports", m.flags.type, type);
		expect_equal("where query says it leads", m.phys + (at - m.virt),
			     landing_page.start);
	}
	expect_landing_page(at);
	test_unmap_leaf(leaf);
}

static void check_types(const struct check *check)
{
	if (!test_leaf_possible(check->leaf))
		return;
	for (unsigned int type = 0; type < MEMORY_TYPES; type++)
		check_type(check->leaf, type);
}

static void check_global(const struct check *check)
{
	unsigned int level;

	if (!kernel.mmu.global) {
		check_skip("this CPU has no global pages");
		return;
	}
	if (!test_leaf_possible(check->leaf))
		return;
	for (unsigned int global = 0; global < 2; global++) {
		struct page_flags flags = test_data_flags(true);
		virt_addr at;

		flags.global = global & 1;
		at = test_map_leaf(landing_page, check->leaf, flags);
		if (at == 0)
			continue;
		expect_equal("G bit of the leaf", (*raw_end(at, &level) & RAW_GLOBAL) != 0, global);
		test_unmap_leaf(check->leaf);
	}
}

static void check_software(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .software = 0x1ff };

	for (; flags.software != 0; flags.software >>= 1) {
		struct page_mapping m;
		virt_addr at = test_map_leaf(landing_page, check->leaf, flags);

		if (at == 0)
			return;
		if (expect_status("query", kernel_query(at, &m), PAGING_OK))
			expect_equal("software bits", m.flags.software, flags.software);
		expect_rights("leaf with software bits", at, &flags);
		test_unmap_leaf(check->leaf);
	}
}

/*
 * The CPU notes its use of the tables above a leaf by A, and never by D. Where nothing else is
 * mapped, so that the tables are new, all but the root.
 */
static void check_tables(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .idle = 1 };
	virt_addr start = test_address(TEST_FAR);
	virt_addr at = start + (landing_page.start & (check->leaf - 1));
	unsigned int level;

	if (!expect_status("map",
			   kernel_map(start, addr_align_down(landing_page.start, check->leaf),
				      check->leaf, flags, check->leaf),
			   PAGING_OK))
		return;
	expect_true("write", !probe(PROBE_WRITE, at, false).faulted);
	raw_end(at, &level);
	expect_equal("level the walk ends at", level, check->leaf == PAGE_SIZE_4K ? 0 : 1);
	while (++level < 3) {
		uint64_t descriptor = *raw_entry(at, level);

		expect_true("A is set in the entry of a table", (descriptor & RAW_ACCESSED) != 0);
		expect_true("D is not", (descriptor & RAW_DIRTY) == 0);
	}
	expect_status("unmap", kernel_unmap(start, check->leaf, 0), PAGING_OK);
	expect_rights("after unmap", at, NULL);
}

/* QEMU's TCG reports such faults without P, which is for it to answer for: P is not looked at. */
static void expect_reserved_fault(const char *what, struct probe_result result, virt_addr at,
				  uint64_t access)
{
	struct probe_result expected = { .faulted = true, .vector = VECTOR_PAGE_FAULT };

	expected.address = at;
	expected.code = PAGE_FAULT_RESERVED | PAGE_FAULT_PRESENT | access;
	result.code |= PAGE_FAULT_PRESENT;
	expect_verdict(what, result, expected);
}

static void check_reserved(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .user = 1 };
	virt_addr at = test_map_leaf(landing_page, check->leaf, flags);
	volatile uint64_t *entry;
	unsigned int level;

	if (at == 0)
		return;
	entry = raw_end(at, &level);
	/* Bits 20:13 of a leaf of 2M are reserved, whatever the CPU's physical addresses. */
	*entry |= UINT64_C(1) << 14;
	invalidate_page(at);
	expect_reserved_fault("read, with a reserved bit", probe(PROBE_READ, at, false), at, 0);
	expect_reserved_fault("user write, with a reserved bit", probe(PROBE_WRITE, at, true), at,
			      PAGE_FAULT_WRITE | PAGE_FAULT_USER);
	*entry &= ~(UINT64_C(1) << 14);
	invalidate_page(at);
	expect_rights("without it", at, &flags);
	test_unmap_leaf(check->leaf);
}

static const struct check checks[] = {
	{ .name = "memory types: @", .run = check_types, .rank = LEAF_PAGE },
	{ .name = "memory types: @", .run = check_types, .rank = LEAF_BLOCK },
	{ .name = "memory types: @", .run = check_types, .rank = LEAF_LARGE },
	{ .name = "global: @", .run = check_global, .rank = LEAF_PAGE },
	{ .name = "global: @", .run = check_global, .rank = LEAF_BLOCK },
	{ .name = "software bits are kept, and no matter to the CPU",
	  .run = check_software,
	  .rank = LEAF_PAGE },
	{ .name = "tables: accessed, never dirty, above @",
	  .run = check_tables,
	  .rank = LEAF_PAGE },
	{ .name = "tables: accessed, never dirty, above @",
	  .run = check_tables,
	  .rank = LEAF_BLOCK },
	{ .name = "reserved bits: the CPU faults on one in a @ leaf",
	  .run = check_reserved,
	  .rank = LEAF_BLOCK },
};
const struct check_list arch_descriptor_checks = CHECK_LIST(checks);
