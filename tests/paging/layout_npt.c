/* SPDX-License-Identifier: MIT */
/*
 * Nested page table descriptors: AMD64 APM vol. 2, figures 5-18 to 5-26 and 15.25.5. U is set in
 * every entry, G in none.
 *
 *	63  62:59    58:52     51:12    11:9     8  7     6  5  4    3    2  1    0
 *	NX  ignored  available address  avail.   0  PAT   D  A  PCD  PWT  1  R/W  P    4K
 *	NX  ignored  available address  avail.   0  PS=1  D  A  PCD  PWT  1  R/W  P    2M, 1G: PAT
 *12
 */
#include <criterion/criterion.h>

#include "layout.h"

#define RWX          .read = 1, .write = 1, .execute = 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct layout_leaf small[] = {
	{ "read", PAGE_SIZE_4K, 0x123456000, { .read = 1 }, 0x8000000123456025 },
	{ "read, execute", PAGE_SIZE_4K, 0x123456000, { .read = 1, .execute = 1 }, 0x123456025 },
	{ "read, write", PAGE_SIZE_4K, 0x123456000, { .read = 1, .write = 1 }, 0x8000000123456027 },
	{ "all", PAGE_SIZE_4K, 0x123456000, { RWX }, 0x123456027 },
	{ "idle", PAGE_SIZE_4K, 0x123456000, { RWX, .idle = 1 }, 0x123456007 },
	{ "dirty", PAGE_SIZE_4K, 0x123456000, { RWX, .dirty = 1 }, 0x123456067 },
	{ "WC", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_NONCACHEABLE }, 0x12345602f },
	{ "UC-", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_DEVICE_WEAK }, 0x123456037 },
	{ "UC", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_DEVICE }, 0x12345603f },
	{ "WP", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_WRITE_PROTECTED }, 0x1234560af },
	{ "WT", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_WRITE_THROUGH }, 0x1234560bf },
	{ "software 0", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 1 }, 0x123456227 },
	{ "software 3", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 8 }, 0x0010000123456027 },
	{ "software 8", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 256 }, 0x0200000123456027 },
	{ "dirty, read-only",
	  PAGE_SIZE_4K,
	  0x123456000,
	  { .read = 1, .execute = 1, .dirty = 1 },
	  0x0400000123456025 },
	{ "the last frame", PAGE_SIZE_4K, 0xfffffffff000, { RWX }, 0x0000fffffffff027 },
};

static const struct layout_leaf large[] = {
	{ "2M", PAGE_SIZE_2M, 0x140200000, { RWX }, 0x1402000a7 },
	{ "2M read", PAGE_SIZE_2M, 0x140200000, { .read = 1 }, 0x80000001402000a5 },
	{ "2M dirty", PAGE_SIZE_2M, 0x140200000, { RWX, .dirty = 1 }, 0x1402000e7 },
	{ "2M UC", PAGE_SIZE_2M, 0x140200000, { RWX, .type = MEMORY_DEVICE }, 0x1402000bf },
	{ "2M WP",
	  PAGE_SIZE_2M,
	  0x140200000,
	  { RWX, .type = MEMORY_WRITE_PROTECTED },
	  0x1402010af },
	{ "2M WT", PAGE_SIZE_2M, 0x140200000, { RWX, .type = MEMORY_WRITE_THROUGH }, 0x1402010bf },
	{ "2M, the last", PAGE_SIZE_2M, 0xffffffe00000, { RWX }, 0x0000ffffffe000a7 },
	{ "1G", PAGE_SIZE_1G, 0x140000000, { RWX }, 0x1400000a7 },
	{ "1G WP",
	  PAGE_SIZE_1G,
	  0x140000000,
	  { RWX, .type = MEMORY_WRITE_PROTECTED },
	  0x1400010af },
	{ "1G, the last", PAGE_SIZE_1G, 0xffffc0000000, { RWX }, 0x0000ffffc00000a7 },
};

Test(layout_npt, leaves_of_4k)
{
	layout_require("npt-48", small, COUNT(small), 0);
}

Test(layout_npt, leaves_of_2m_and_1g)
{
	layout_require("npt-48", large, COUNT(large), 0);
}

/* Present, writable, user, executable, cached, and no leaf. */
Test(layout_npt, table_entries)
{
	layout_require_tables("npt-48", 0x800000000000009f, 0x7);
	layout_require_tables("npt-57", 0x800000000000009f, 0x7);
	layout_require_tables("npt-48-no-1g", 0x800000000000009f, 0x7);
}
