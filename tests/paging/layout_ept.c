/* SPDX-License-Identifier: MIT */
/*
 * EPT descriptors: Intel SDM vol. 3C, tables 28-1 to 28-7.
 *
 *	63          62:52    51:12    11  10  9  8  7   6     5:3   2  1  0
 *	suppress-VE ignored  address  0   XU  D  A  PS  IPAT  type  X  W  R    leaf
 *	ignored     ignored  address  0   XU  -  A  0   0     0     X  W  R    table
 *
 * PS only in leaves of 2M and 1G; XU with mode-based execute control, else 0, and X is then that of
 * supervisor-mode linear addresses.
 */
#include <criterion/criterion.h>

#include "layout.h"

#define RWX          .read = 1, .write = 1, .execute = 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct layout_leaf small[] = {
	{ "read", PAGE_SIZE_4K, 0x123456000, { .read = 1 }, 0x123456131 },
	{ "read, write", PAGE_SIZE_4K, 0x123456000, { .read = 1, .write = 1 }, 0x123456133 },
	{ "read, execute", PAGE_SIZE_4K, 0x123456000, { .read = 1, .execute = 1 }, 0x123456135 },
	{ "execute", PAGE_SIZE_4K, 0x123456000, { .execute = 1 }, 0x123456134 },
	{ "all", PAGE_SIZE_4K, 0x123456000, { RWX }, 0x123456137 },
	{ "WT", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_WRITE_THROUGH }, 0x123456127 },
	{ "WC", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_NONCACHEABLE }, 0x12345610f },
	{ "UC", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_DEVICE }, 0x123456107 },
	{ "WP", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_WRITE_PROTECTED }, 0x12345612f },
	{ "ignore PAT", PAGE_SIZE_4K, 0x123456000, { RWX, .ignore_pat = 1 }, 0x123456177 },
	{ "suppress #VE",
	  PAGE_SIZE_4K,
	  0x123456000,
	  { RWX, .suppress_ve = 1 },
	  0x8000000123456137 },
	{ "idle", PAGE_SIZE_4K, 0x123456000, { RWX, .idle = 1 }, 0x123456037 },
	{ "dirty", PAGE_SIZE_4K, 0x123456000, { RWX, .dirty = 1 }, 0x123456337 },
	{ "software 0", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 1 }, 0x0010000123456137 },
	{ "software 4", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 16 }, 0x0100000123456137 },
	{ "the last frame", PAGE_SIZE_4K, 0x3ffffffff000, { RWX }, 0x00003ffffffff137 },
};

static const struct layout_leaf large[] = {
	{ "2M", PAGE_SIZE_2M, 0x140200000, { RWX }, 0x1402001b7 },
	{ "2M execute", PAGE_SIZE_2M, 0x140200000, { .execute = 1 }, 0x1402001b4 },
	{ "2M UC", PAGE_SIZE_2M, 0x140200000, { RWX, .type = MEMORY_DEVICE }, 0x140200187 },
	{ "2M WT ignore PAT",
	  PAGE_SIZE_2M,
	  0x140200000,
	  { RWX, .type = MEMORY_WRITE_THROUGH, .ignore_pat = 1 },
	  0x1402001e7 },
	{ "2M software, dirty",
	  PAGE_SIZE_2M,
	  0x140200000,
	  { RWX, .software = 31, .dirty = 1 },
	  0x01f00001402003b7 },
	{ "2M suppress #VE",
	  PAGE_SIZE_2M,
	  0x140200000,
	  { .read = 1, .suppress_ve = 1 },
	  0x80000001402001b1 },
	{ "2M, the last", PAGE_SIZE_2M, 0x3fffffe00000, { RWX }, 0x00003fffffe001b7 },
	{ "1G", PAGE_SIZE_1G, 0x140000000, { RWX }, 0x1400001b7 },
	{ "1G read", PAGE_SIZE_1G, 0x140000000, { .read = 1 }, 0x1400001b1 },
	{ "1G WC", PAGE_SIZE_1G, 0x140000000, { RWX, .type = MEMORY_NONCACHEABLE }, 0x14000018f },
	{ "1G idle", PAGE_SIZE_1G, 0x140000000, { RWX, .idle = 1 }, 0x1400000b7 },
	{ "1G, the last", PAGE_SIZE_1G, 0x3fffc0000000, { RWX }, 0x00003fffc00001b7 },
};

static const struct layout_leaf widest[] = {
	{ "bit 51", PAGE_SIZE_4K, 0x8000000000000, { RWX }, 0x0008000000000137 },
	{ "the last frame", PAGE_SIZE_4K, 0xffffffffff000, { RWX }, 0x000ffffffffff137 },
	{ "the last 1G", PAGE_SIZE_1G, 0xfffffc0000000, { RWX }, 0x000fffffc00001b7 },
};

static const struct layout_leaf without_dirty[] = {
	{ "all", PAGE_SIZE_4K, 0x123456000, { RWX }, 0x123456037 },
	{ "2M read", PAGE_SIZE_2M, 0x140200000, { .read = 1 }, 0x1402000b1 },
};

static const struct layout_leaf modes[] = {
	{ "read", PAGE_SIZE_4K, 0x123456000, { .read = 1 }, 0x123456131 },
	{ "execute", PAGE_SIZE_4K, 0x123456000, { .read = 1, .execute = 1 }, 0x123456535 },
	{ "supervisor executes",
	  PAGE_SIZE_4K,
	  0x123456000,
	  { .read = 1, .execute_privileged = 1 },
	  0x123456135 },
	{ "user executes",
	  PAGE_SIZE_4K,
	  0x123456000,
	  { .read = 1, .execute_user = 1 },
	  0x123456531 },
	{ "only execute", PAGE_SIZE_4K, 0x123456000, { .execute = 1 }, 0x123456534 },
	{ "only supervisor executes",
	  PAGE_SIZE_4K,
	  0x123456000,
	  { .execute_privileged = 1 },
	  0x123456134 },
	{ "only user executes", PAGE_SIZE_4K, 0x123456000, { .execute_user = 1 }, 0x123456530 },
	{ "all", PAGE_SIZE_4K, 0x123456000, { RWX }, 0x123456537 },
	{ "2M user executes",
	  PAGE_SIZE_2M,
	  0x140200000,
	  { .execute_user = 1, .dirty = 1 },
	  0x1402007b0 },
	{ "1G all", PAGE_SIZE_1G, 0x140000000, { RWX }, 0x1400005b7 },
};

Test(layout_ept, leaves_of_4k)
{
	layout_require("ept-48", small, COUNT(small), 0);
}

Test(layout_ept, leaves_of_2m_and_1g)
{
	layout_require("ept-48", large, COUNT(large), 0);
}

Test(layout_ept, leaves_with_52_address_bits)
{
	layout_require("ept-57", widest, COUNT(widest), 0);
}

/* With EPTP bit 6 clear, bits 8 and 9 are ignored. */
Test(layout_ept, leaves_without_accessed_and_dirty)
{
	layout_require("ept-48-fetch", without_dirty, COUNT(without_dirty), 0x300);
}

/* Not proven on an MMU: this is what the manual says, and nothing else. */
Test(layout_ept, mode_based_execute)
{
	layout_require("ept-48-modes", modes, COUNT(modes), 0);
}

/* Bits 7:3 of an entry that refers to a table are reserved; all rights, the leaf decides. */
Test(layout_ept, table_entries)
{
	layout_require_tables("ept-48", 0xcff, 0x7);
	layout_require_tables("ept-57", 0xcff, 0x7);
	layout_require_tables("ept-48-bare", 0xcff, 0x7);
	layout_require_tables("ept-48-modes", 0xcff, 0x407);
}
