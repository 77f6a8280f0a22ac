/* SPDX-License-Identifier: MIT */
/* Bits of descriptors that no access shows, and contiguous groups. */
#include "cpu.h"
#include "guest/selftest.h"
#include "mmu.h"
#include "probe_code.h"
#include "raw.h"

static void check_type(uint64_t leaf, unsigned int type)
{
	struct page_flags flags = test_data_flags(true);
	struct page_mapping m;
	unsigned int level;
	virt_addr at;

	flags.type = type & 7;
	if (type == MEMORY_WRITE_PROTECTED) {
		expect_status("map of a type that Arm does not have",
			      kernel_map(test_slot(leaf), addr_align_down(landing_page.start, leaf),
					 leaf, flags, leaf),
			      PAGING_BAD_FLAGS);
		return;
	}
	at = test_map_leaf(landing_page, leaf, flags);
	if (at == 0)
		return;
	expect_equal("type in the byte of MAIR_EL1 that the leaf selects",
		     read_own_mair() >> (8 * ((*raw_end(at, &level) & RAW_INDEX) >> 2)) & 0xff,
		     probe_type_byte(type));
	if (expect_status("query", kernel_query(at, &m), PAGING_OK))
		expect_equal("type that query reports", m.flags.type, type);
	probe_expect_translation(PROBE_READ, at, false, &m);
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

/* SH (D8.6.2), and what query makes of it. */
static void check_share(const struct check *check)
{
	static const struct {
		unsigned int share, bits;
	} shares[] = {
		{ SHARE_DEFAULT, 3 },
		{ SHARE_OUTER, 2 },
		{ SHARE_NONE, 0 },
	};

	if (mmu_lpa2) {
		check_skip("with LPA2 shareability is the whole table's, in TCR_EL1");
		return;
	}
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct page_flags flags = test_data_flags(true);
		struct page_mapping m;
		unsigned int level;
		virt_addr at;

		flags.share = shares[i].share & 3;
		at = test_map_leaf(landing_page, check->leaf, flags);
		if (at == 0)
			return;
		expect_equal("SH of the leaf", (*raw_end(at, &level) & RAW_SHARE) >> 8,
			     shares[i].bits);
		if (expect_status("query", kernel_query(at, &m), PAGING_OK))
			expect_equal("shareability that query reports", m.flags.share,
				     shares[i].share);
		test_unmap_leaf(check->leaf);
	}
}

static void check_global(const struct check *check)
{
	unsigned int level;

	for (unsigned int global = 0; global < 2; global++) {
		struct page_flags flags = test_data_flags(true);
		virt_addr at;

		flags.global = global & 1;
		at = test_map_leaf(landing_page, check->leaf, flags);
		if (at == 0)
			continue;
		expect_equal("nG of the leaf", (*raw_end(at, &level) & RAW_NOT_GLOBAL) == 0,
			     global);
		test_unmap_leaf(check->leaf);
	}
}

static void check_software(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .software = 4 };

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

/* Who may fetch, said apart: both, and the one that is not the page's natural one. */
static void check_execute_apart(const struct check *check)
{
	static const struct page_flags cases[] = {
		{ .read = 1, .execute_privileged = 1, .execute_user = 1 },
		{ .read = 1, .execute_privileged = 1, .execute_user = 1, .user = 1 },
		{ .read = 1, .execute_user = 1 },
		{ .read = 1, .execute_privileged = 1, .user = 1 },
		{ .read = 1, .write = 1, .execute_user = 1 },
	};

	if (!test_leaf_possible(check->leaf))
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		virt_addr at = test_map_leaf(landing_page, check->leaf, cases[i]);

		if (at == 0)
			return;
		expect_rights("leaf", at, &cases[i]);
		test_unmap_leaf(check->leaf);
	}
}

/* Every entry of a group has the hint, the same attributes, and its own part of the memory. */
static void expect_group(virt_addr start, uint64_t leaf, uint64_t size, phys_addr phys)
{
	unsigned int level;
	uint64_t first = *raw_end(start, &level);

	expect_equal("where the first entry leads",
		     first & UINT64_C(0x0000ffffffff0000) & ~(leaf - 1), phys & ~UINT64_C(0xffff));
	expect_true("the first entry has the contiguous hint", (first & RAW_CONTIGUOUS) != 0);
	for (uint64_t at = leaf; at < size; at += leaf) {
		if (!expect_equal("an entry of the group", *raw_end(start + at, &level),
				  first + at))
			return;
	}
}

static void check_group(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1, .user = 1 };
	uint64_t size = mmu_group_size(check->rank);
	virt_addr slot = test_address(4 * size);
	phys_addr phys = addr_align_down(landing_page.start, size);
	virt_addr at = slot + (landing_page.start - phys);
	struct page_mapping m;

	if (!expect_status("map", kernel_map(slot, phys, size, flags, size | check->leaf),
			   PAGING_OK))
		return;
	expect_group(slot, check->leaf, size, phys);
	if (expect_status("query", kernel_query(at, &m), PAGING_OK)) {
		expect_equal("size of the group", m.size, size);
		expect_equal("where it leads", m.phys + (at - m.virt), landing_page.start);
	}
	expect_rights("a group", at, &flags);
	expect_landing_page(at);
	flags.write = 0;
	expect_status("protect", kernel_protect(slot, size, flags, 0), PAGING_OK);
	expect_group(slot, check->leaf, size, phys);
	expect_rights("a group after protect", at, &flags);
	expect_status("unmap", kernel_unmap(slot, size, 0), PAGING_OK);
	expect_rights("a group after unmap", at, NULL);
}

/* One entry of a group is taken out: the others are no group any more, and lead where they did. */
static void check_group_split(const struct check *check)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1 };
	uint64_t size = mmu_group_size(check->rank);
	virt_addr slot = test_address(4 * size);
	phys_addr phys = addr_align_down(landing_page.start, size);
	virt_addr at = slot + (landing_page.start - phys);
	virt_addr hole = addr_align_down(at, check->leaf) == slot ? slot + check->leaf : slot;
	unsigned int level;

	if (!expect_status("map", kernel_map(slot, phys, size, flags, size | check->leaf),
			   PAGING_OK))
		return;
	expect_landing_page(at);
	expect_status("unmap without leave to split", kernel_unmap(hole, check->leaf, 0),
		      PAGING_WOULD_SPLIT);
	expect_status("unmap", kernel_unmap(hole, check->leaf, PAGING_SPLIT), PAGING_OK);
	expect_rights("the hole", hole, NULL);
	expect_true("no hint is left", (*raw_end(at, &level) & RAW_CONTIGUOUS) == 0);
	expect_rights("the others", at, &flags);
	expect_landing_page(at);
	expect_status("unmap of the rest", kernel_unmap(slot, size, PAGING_SKIP_HOLES), PAGING_OK);
	expect_rights("after that", at, NULL);
}

/* clang-format off */
#define SIZES(text, function)                                        \
	{ .name = text " @", .run = function, .rank = LEAF_PAGE },   \
	{ .name = text " @", .run = function, .rank = LEAF_BLOCK },  \
	{ .name = text " @", .run = function, .rank = LEAF_LARGE }
#define GROUPS(text, function)                                       \
	{ .name = text " @", .run = function, .rank = LEAF_PAGE },   \
	{ .name = text " @", .run = function, .rank = LEAF_BLOCK }

static const struct check checks[] = {
	SIZES("memory types:", check_types),
	SIZES("execute: said apart for EL1 and EL0,", check_execute_apart),
	GROUPS("shareability:", check_share),
	GROUPS("global:", check_global),
	{ .name = "software bits are kept, and no matter to the CPU", .run = check_software },
	GROUPS("contiguous: a group of", check_group),
	GROUPS("contiguous: part of a group is unmapped, of", check_group_split),
};
/* clang-format on */
const struct check_list arch_descriptor_checks = CHECK_LIST(checks);
