/* SPDX-License-Identifier: MIT */
/*
 * RISC-V descriptors: privileged specification, figures "Sv39 page table entry" and "Sv48 ...".
 *
 *	63  62:61  60:54     53:10  9:8  7  6  5  4  3  2  1  0
 *	N   PBMT   reserved  PPN    RSW  D  A  G  U  X  W  R  V
 */
#include <criterion/criterion.h>

#include "layout.h"

#define RWX          .read = 1, .write = 1, .execute = 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SIZE_512G    (UINT64_C(1) << 39)

static const struct layout_leaf sv39[] = {
	{ "read", PAGE_SIZE_4K, 0x123456000, { .read = 1 }, 0x48d15843 },
	{ "read, write", PAGE_SIZE_4K, 0x123456000, { .read = 1, .write = 1 }, 0x48d15847 },
	{ "read, execute", PAGE_SIZE_4K, 0x123456000, { .read = 1, .execute = 1 }, 0x48d1584b },
	{ "execute", PAGE_SIZE_4K, 0x123456000, { .execute = 1 }, 0x48d15849 },
	{ "all", PAGE_SIZE_4K, 0x123456000, { RWX }, 0x48d1584f },
	{ "user", PAGE_SIZE_4K, 0x123456000, { RWX, .user = 1 }, 0x48d1585f },
	{ "global", PAGE_SIZE_4K, 0x123456000, { RWX, .global = 1 }, 0x48d1586f },
	{ "idle", PAGE_SIZE_4K, 0x123456000, { RWX, .idle = 1 }, 0x48d1580f },
	{ "dirty", PAGE_SIZE_4K, 0x123456000, { RWX, .dirty = 1 }, 0x48d158cf },
	{ "dirty, read-only", PAGE_SIZE_4K, 0x123456000, { .read = 1, .dirty = 1 }, 0x48d158c3 },
	{ "software 0", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 1 }, 0x48d1594f },
	{ "software 1", PAGE_SIZE_4K, 0x123456000, { RWX, .software = 2 }, 0x48d15a4f },
	{ "NC",
	  PAGE_SIZE_4K,
	  0x123456000,
	  { RWX, .type = MEMORY_NONCACHEABLE },
	  0x2000000048d1584f },
	{ "IO", PAGE_SIZE_4K, 0x123456000, { RWX, .type = MEMORY_DEVICE }, 0x4000000048d1584f },
	{ "the last frame", PAGE_SIZE_4K, 0xfffffffffff000, { RWX }, 0x003ffffffffffc4f },
	{ "2M", PAGE_SIZE_2M, 0x140200000, { RWX }, 0x5008004f },
	{ "2M IO", PAGE_SIZE_2M, 0x140200000, { RWX, .type = MEMORY_DEVICE }, 0x400000005008004f },
	{ "1G", PAGE_SIZE_1G, 0x140000000, { RWX }, 0x5000004f },
	{ "1G, the last", PAGE_SIZE_1G, 0xffffffc0000000, { RWX }, 0x003ffffff000004f },
};

/* U always: all accesses of a guest are user accesses. */
static const struct layout_leaf sv48x4[] = {
	{ "read", PAGE_SIZE_4K, 0x123456000, { .read = 1 }, 0x48d15853 },
	{ "execute", PAGE_SIZE_4K, 0x123456000, { .execute = 1 }, 0x48d15859 },
	{ "all", PAGE_SIZE_4K, 0x123456000, { RWX }, 0x48d1585f },
	{ "idle", PAGE_SIZE_4K, 0x123456000, { RWX, .idle = 1 }, 0x48d1581f },
	{ "dirty", PAGE_SIZE_4K, 0x123456000, { RWX, .dirty = 1 }, 0x48d158df },
	{ "NC",
	  PAGE_SIZE_4K,
	  0x123456000,
	  { RWX, .type = MEMORY_NONCACHEABLE },
	  0x2000000048d1585f },
	{ "2M", PAGE_SIZE_2M, 0x140200000, { RWX }, 0x5008005f },
	{ "1G", PAGE_SIZE_1G, 0x140000000, { RWX }, 0x5000005f },
	{ "512G", SIZE_512G, SIZE_512G, { RWX }, 0x200000005f },
	{ "512G, the last", SIZE_512G, 0xffff8000000000, { RWX }, 0x003fffe00000005f },
};

Test(layout_riscv, sv39)
{
	layout_require("sv39", sv39, COUNT(sv39), 0);
}

Test(layout_riscv, sv48x4)
{
	layout_require("sv48x4", sv48x4, COUNT(sv48x4), 0);
}
