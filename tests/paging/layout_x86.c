/* SPDX-License-Identifier: MIT */
/*
 * x86_64 descriptors: Intel SDM vol. 3A, tables 4-15 to 4-20.
 *
 *	63  62:59  58:52    51:12    11:9     8  7     6  5  4    3    2    1    0
 *	XD  key    ignored  address  ignored  G  PAT   D  A  PCD  PWT  U/S  R/W  P      4K
 *	XD  key    ignored  address  ignored  G  PS=1  D  A  PCD  PWT  U/S  R/W  P      2M, 1G
 *
 * In those of 2M and 1G, PAT is bit 12.
 */
#include <criterion/criterion.h>

#include "layout.h"

#define RWX          .read = 1, .write = 1, .execute = 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct layout_leaf small[] = {
	{ "read", PAGE_SIZE_4K, 0x123456000, { .read = 1 }, 0x8000000123456021 },
	{ "read, execute", PAGE_SIZE_4K, 0x123456000, { .read = 1, .execute = 1 }, 0x123456021 },
	{ "read, write", PAGE_SIZE_4K, 0x123456000, { .read = 1, .write = 1 }, 0x8000000123456023 },
	{ "all", PAGE_SIZE_4K, 0x123456000, { RWX }, 0x123456023 },
	{ "user", PAGE_SIZE_4K, 0x123456000, { RWX, .user = 1 }, 0x123456027 },
	{ "user read", PAGE_SIZE_4K, 0x123456000, { .read = 1, .user = 1 }, 0x8000000123456025 },
	{ "global", PAGE_SIZE_4K, 0x123456000, { RWX, .global = 1 }, 0x123456123 },
	{ "idle", PAGE_SIZE_4K, 0x123456000, { RWX, .idle = 1 }, 0x123456003 },
	{ "dirty", PAGE_SIZE_4K, 0x123456000, { RWX, .dirty = 1 }, 0x123456063 },
	{ "WC", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_NONCACHEABLE }, 0x12345602b },
	{ "UC-", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_DEVICE_WEAK }, 0x123456033 },
	{ "UC", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_DEVICE }, 0x12345603b },
	{ "WP", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_WRITE_PROTECTED }, 0x1234560ab },
	{ "WT", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_WRITE_THROUGH }, 0x1234560bb },
	{ "key 1", PAGE_SIZE_4K, 0x123456000, { RWX, .protection_key = 1 }, 0x0800000123456023 },
	{ "key 15", PAGE_SIZE_4K, 0x123456000, { RWX, .protection_key = 15 }, 0x7800000123456023 },
	{ "software 0", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 1 }, 0x123456223 },
	{ "software 1", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 2 }, 0x123456423 },
	{ "software 2", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 4 }, 0x123456823 },
	{ "software 3", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 8 }, 0x0010000123456023 },
	{ "software 8", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 256 }, 0x0200000123456023 },
	{ "dirty, read-only",
	  PAGE_SIZE_4K,
	  0x123456000,
	  { .read = 1, .execute = 1, .dirty = 1 },
	  0x0400000123456021 },
	{ "the last frame", PAGE_SIZE_4K, 0x3ffffffff000, { RWX }, 0x00003ffffffff023 },
};

static const struct layout_leaf large[] = {
	{ "2M", PAGE_SIZE_2M, 0x140200000, { RWX }, 0x1402000a3 },
	{ "2M read", PAGE_SIZE_2M, 0x140200000, { .read = 1 }, 0x80000001402000a1 },
	{ "2M user", PAGE_SIZE_2M, 0x140200000, { RWX, .user = 1 }, 0x1402000a7 },
	{ "2M global", PAGE_SIZE_2M, 0x140200000, { RWX, .global = 1 }, 0x1402001a3 },
	{ "2M idle", PAGE_SIZE_2M, 0x140200000, { RWX, .idle = 1 }, 0x140200083 },
	{ "2M dirty", PAGE_SIZE_2M, 0x140200000, { RWX, .dirty = 1 }, 0x1402000e3 },
	{ "2M WC", PAGE_SIZE_2M, 0x140200000, { RWX, .type = MEMORY_NONCACHEABLE }, 0x1402000ab },
	{ "2M UC", PAGE_SIZE_2M, 0x140200000, { RWX, .type = MEMORY_DEVICE }, 0x1402000bb },
	{ "2M WP",
	  PAGE_SIZE_2M,
	  0x140200000,
	  { RWX, .type = MEMORY_WRITE_PROTECTED },
	  0x1402010ab },
	{ "2M WT", PAGE_SIZE_2M, 0x140200000, { RWX, .type = MEMORY_WRITE_THROUGH }, 0x1402010bb },
	{ "2M key 8", PAGE_SIZE_2M, 0x140200000, { RWX, .protection_key = 8 }, 0x40000001402000a3 },
	{ "2M software",
	  PAGE_SIZE_2M,
	  0x140200000,
	  { RWX, .software = 0x1ff },
	  0x03f0000140200ea3 },
	{ "2M, the last", PAGE_SIZE_2M, 0x3fffffe00000, { RWX }, 0x00003fffffe000a3 },
	{ "1G", PAGE_SIZE_1G, 0x140000000, { RWX }, 0x1400000a3 },
	{ "1G read", PAGE_SIZE_1G, 0x140000000, { .read = 1 }, 0x80000001400000a1 },
	{ "1G WP",
	  PAGE_SIZE_1G,
	  0x140000000,
	  { RWX, .type = MEMORY_WRITE_PROTECTED },
	  0x1400010ab },
	{ "1G UC-", PAGE_SIZE_1G, 0x140000000, { RWX, .type = MEMORY_DEVICE_WEAK }, 0x1400000b3 },
	{ "1G software, dirty",
	  PAGE_SIZE_1G,
	  0x140000000,
	  { RWX, .software = 0x101, .dirty = 1 },
	  0x02000001400002e3 },
	{ "1G, the last", PAGE_SIZE_1G, 0x3fffc0000000, { RWX }, 0x00003fffc00000a3 },
};

/* WB WT UC- UC, twice: the lower index is taken, which needs no PAT bit. */
static const struct layout_leaf with_reset_pat[] = {
	{ "WB", PAGE_SIZE_4K, 0x123456000, { RWX }, 0x123456023 },
	{ "WT", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_WRITE_THROUGH }, 0x12345602b },
	{ "UC-", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_DEVICE_WEAK }, 0x123456033 },
	{ "UC", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_DEVICE }, 0x12345603b },
	{ "2M WT", PAGE_SIZE_2M, 0x140200000, { RWX, .type = MEMORY_WRITE_THROUGH }, 0x1402000ab },
};

static const struct layout_leaf widest[] = {
	{ "bit 51", PAGE_SIZE_4K, 0x8000000000000, { RWX }, 0x0008000000000023 },
	{ "the last frame", PAGE_SIZE_4K, 0xffffffffff000, { RWX }, 0x000ffffffffff023 },
	{ "the last 2M",
	  PAGE_SIZE_2M,
	  0xfffffffe00000,
	  { RWX, .type = MEMORY_WRITE_THROUGH },
	  0x000fffffffe010bb },
	{ "the last 1G",
	  PAGE_SIZE_1G,
	  0xfffffc0000000,
	  { RWX, .type = MEMORY_WRITE_THROUGH },
	  0x000fffffc00010bb },
};

Test(layout_x86, leaves_of_4k)
{
	layout_require("x86-48", small, COUNT(small), 0);
}

Test(layout_x86, leaves_of_2m_and_1g)
{
	layout_require("x86-48", large, COUNT(large), 0);
}

Test(layout_x86, leaves_with_the_reset_pat)
{
	layout_require("x86-48-no-1g", with_reset_pat, COUNT(with_reset_pat), 0);
}

Test(layout_x86, leaves_with_52_address_bits)
{
	layout_require("x86-57", widest, COUNT(widest), 0);
}

/* Present, writable, user, executable, cached (bits 4:3 clear), and no leaf (bit 7 clear). */
Test(layout_x86, table_entries)
{
	layout_require_tables("x86-48", 0x800000000000009f, 0x7);
	layout_require_tables("x86-57", 0x800000000000009f, 0x7);
	layout_require_tables("x86-48-bare", 0x800000000000009f, 0x7);
}
