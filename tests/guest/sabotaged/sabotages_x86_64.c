/* SPDX-License-Identifier: MIT */
/* Ways to break the encoders of x86_64. tests/guest/sabotages says which checks must notice. */
#include "sabotages.h"
#include "twofold/address.h"

#define P          (UINT64_C(1) << 0)
#define W          (UINT64_C(1) << 1)
#define U          (UINT64_C(1) << 2)
#define PWT        (UINT64_C(1) << 3)
#define PCD        (UINT64_C(1) << 4)
#define A          (UINT64_C(1) << 5)
#define D          (UINT64_C(1) << 6)
#define WAS_DIRTY  (UINT64_C(1) << 58) /* dirty, in a leaf without W */
#define PS         (UINT64_C(1) << 7)
#define PAT_4K     (UINT64_C(1) << 7)
#define G          (UINT64_C(1) << 8)
#define PAT_LARGE  (UINT64_C(1) << 12)
#define NX         (UINT64_C(1) << 63)
#define SOFTWARE   (UINT64_C(7) << 9 | UINT64_C(0x3f) << 52)
#define RESERVED   (UINT64_C(1) << 13) /* in a large leaf */
#define LOCAL_APIC UINT64_C(0xfee00000)

/* Of EPT. */
#define EPT_R       (UINT64_C(1) << 0)
#define EPT_W       (UINT64_C(1) << 1)
#define EPT_X       (UINT64_C(1) << 2)
#define EPT_TYPE(n) (UINT64_C(1) << (3 + (n)))
#define EPT_IPAT    (UINT64_C(1) << 6)
#define EPT_A       (UINT64_C(1) << 8)
#define EPT_D       (UINT64_C(1) << 9)
#define EPT_SW      (UINT64_C(0x1f) << 52)

/* clang-format off */
const struct sabotage sabotages[] = {
	{ "writable",          SELFTEST, LEAF, ALL, .set = W },
	{ "read-only",         SELFTEST, LEAF, ALL, .clear = W },
	{ "user",              SELFTEST, LEAF, ALL, .set = U },
	{ "supervisor",        SELFTEST, LEAF, ALL, .clear = U },
	{ "executable",        SELFTEST, LEAF, ALL, .clear = NX },
	{ "not-executable",    SELFTEST, LEAF, ALL, .set = NX },
	{ "absent",            SELFTEST, LEAF, ALL, .clear = P },
	{ "elsewhere-4k",      SELFTEST, LEAF, PAGES, .flip = PAGE_SIZE_4K },
	{ "elsewhere-2m",      SELFTEST, LEAF, BLOCKS, .flip = PAGE_SIZE_2M },
	{ "elsewhere-1g",      SELFTEST, LEAF, LARGE, .flip = PAGE_SIZE_1G },
	{ "large-as-table",    SELFTEST, LEAF, BLOCKS | LARGE, .clear = PS },
	{ "reserved-bit",      SELFTEST, LEAF, BLOCKS | LARGE, .set = RESERVED },
	{ "born-accessed",     SELFTEST, LEAF, ALL, .set = A },
	{ "born-dirty",        SELFTEST, LEAF, ALL, .set = D },
	{ "born-idle",         SELFTEST, LEAF, ALL, .clear = A },
	{ "forgets-dirty",     SELFTEST, LEAF, ALL, .clear = D | WAS_DIRTY },
	{ "other-type-pwt",    SELFTEST, LEAF, ALL, .flip = PWT },
	{ "other-type-pcd",    SELFTEST, LEAF, ALL, .flip = PCD },
	{ "other-type-pat-4k", SELFTEST, LEAF, PAGES, .flip = PAT_4K },
	{ "other-type-pat",    SELFTEST, LEAF, BLOCKS | LARGE, .flip = PAT_LARGE },
	{ "global",            SELFTEST, LEAF, ALL, .set = G },
	{ "not-global",        SELFTEST, LEAF, ALL, .clear = G },
	{ "no-software-bits",  SELFTEST, LEAF, ALL, .clear = SOFTWARE },
	{ "table-read-only",   SELFTEST, TABLE, ALL, .clear = W },
	{ "table-supervisor",  SELFTEST, TABLE, ALL, .clear = U },
	{ "table-no-execute",  SELFTEST, TABLE, ALL, .set = NX },
	{ "table-dirty",       SELFTEST, TABLE, ALL, .set = D },
	{ "table-absent",      SELFTEST, TABLE, ALL, .clear = P },
	{ "not-cleared",       SELFTEST, CLEAR, ALL, .set = P | W | U | A },
	{ "lie-writable",      SELFTEST, LIE, ALL, .flip = W },
	{ "lie-user",          SELFTEST, LIE, ALL, .flip = U },
	{ "lie-executable",    SELFTEST, LIE, ALL, .flip = NX },
	{ "lie-accessed",      SELFTEST, LIE, ALL, .flip = A },
	{ "lie-dirty",         SELFTEST, LIE, ALL, .flip = D },
	{ "lie-type",          SELFTEST, LIE, ALL, .flip = PWT },
	{ "lie-address-4k",    SELFTEST, LIE, PAGES, .flip = PAGE_SIZE_4K },
	{ "lie-address-2m",    SELFTEST, LIE, BLOCKS, .flip = PAGE_SIZE_2M },
	{ "lie-address-1g",    SELFTEST, LIE, LARGE, .flip = PAGE_SIZE_1G },
	{ "tables-alone",      SELFTEST, 0, 0, .omits = 1 << SABOTAGE_PAGES },
	{ "kernel-writable",   KERNEL, LEAF, ALL, .set = W },
	{ "kernel-executable", KERNEL, LEAF, ALL, .clear = NX },
	{ "kernel-user",       KERNEL, LEAF, ALL, .set = U },
	{ "kernel-guards",     KERNEL, CLEAR, PAGES, .set = P | W | A | NX | PAGE_SIZE_4K },
	{ "kernel-device",     KERNEL, LEAF, ALL, .clear = PCD | PWT, .only = LOCAL_APIC },
	{ "kernel-direct",     KERNEL, LEAF, BLOCKS, .flip = PAGE_SIZE_2M, .only = 0x6000000 },
	{ "kernel-no-1g",      KERNEL, LEAF, LARGE, .set = RESERVED },
	{ "npt-writable",      INNER, LEAF, ALL, .set = W },
	{ "npt-read-only",     INNER, LEAF, ALL, .clear = W },
	{ "npt-supervisor",    INNER, LEAF, ALL, .clear = U },
	{ "npt-executable",    INNER, LEAF, ALL, .clear = NX },
	{ "npt-not-executable", INNER, LEAF, ALL, .set = NX },
	{ "npt-absent",        INNER, LEAF, ALL, .clear = P },
	{ "npt-elsewhere-4k",  INNER, LEAF, PAGES, .flip = PAGE_SIZE_4K },
	{ "npt-elsewhere-2m",  INNER, LEAF, BLOCKS, .flip = PAGE_SIZE_2M },
	{ "npt-elsewhere-1g",  INNER, LEAF, LARGE, .flip = PAGE_SIZE_1G },
	{ "npt-large-as-table", INNER, LEAF, BLOCKS | LARGE, .clear = PS },
	{ "no-shoot-down",     SELFTEST, 0, 0, .omits = 1 << SABOTAGE_INTERRUPT },
	{ "no-own-flush",      SELFTEST, 0, 0, .omits = 1 << SABOTAGE_OWN_FLUSH },
	{ "no-acknowledgement", SELFTEST, 0, 0, .omits = 1 << SABOTAGE_ACKNOWLEDGEMENT },
	{ "npt-reserved-bit",  INNER, LEAF, BLOCKS | LARGE, .set = RESERVED },
	{ "npt-reserved-address", INNER, LEAF, ALL, .set = UINT64_C(1) << 51 },
	{ "npt-born-accessed", INNER, LEAF, ALL, .set = A },
	{ "npt-born-idle",     INNER, LEAF, ALL, .clear = A },
	{ "npt-born-dirty",    INNER, LEAF, ALL, .set = D },
	{ "npt-type-pwt",      INNER, LEAF, ALL, .flip = PWT },
	{ "npt-type-pcd",      INNER, LEAF, ALL, .flip = PCD },
	{ "npt-type-pat-4k",   INNER, LEAF, PAGES, .flip = PAT_4K },
	{ "npt-type-pat",      INNER, LEAF, BLOCKS | LARGE, .flip = PAT_LARGE },
	{ "npt-joined-absent", INNER, JOINED, ALL, .clear = P },
	{ "npt-joined-read-only", INNER, JOINED, ALL, .clear = W },
	{ "npt-joined-supervisor", INNER, JOINED, ALL, .clear = U },
	{ "npt-joined-not-executable", INNER, JOINED, ALL, .set = NX },
	{ "npt-joined-reserved-bit", INNER, JOINED, ALL, .set = RESERVED },
	{ "npt-joined-elsewhere", INNER, JOINED, ALL, .flip = PAGE_SIZE_2M },
	{ "npt-table-born-idle", INNER, TABLE, ALL, .clear = A },
	{ "npt-table-read-only", INNER, TABLE, ALL, .clear = W },
	{ "npt-table-supervisor", INNER, TABLE, ALL, .clear = U },
	{ "npt-table-no-execute", INNER, TABLE, ALL, .set = NX },
	{ "npt-table-absent",  INNER, TABLE, ALL, .clear = P },
	{ "npt-not-cleared",   INNER, CLEAR, ALL, .set = P | W | U | A },
	{ "npt-lie-writable",  INNER, LIE, ALL, .flip = W },
	{ "npt-lie-user",      INNER, LIE, ALL, .flip = U },
	{ "npt-lie-executable", INNER, LIE, ALL, .flip = NX },
	{ "npt-lie-accessed",  INNER, LIE, ALL, .flip = A },
	{ "npt-lie-dirty",     INNER, LIE, ALL, .flip = D },
	{ "npt-lie-address-4k", INNER, LIE, PAGES, .flip = PAGE_SIZE_4K },
	{ "npt-lie-address-2m", INNER, LIE, BLOCKS, .flip = PAGE_SIZE_2M },
	{ "npt-lie-address-1g", INNER, LIE, LARGE, .flip = PAGE_SIZE_1G },
	{ "ept-readable", INNER, LEAF, ALL, .set = EPT_R },
	{ "ept-not-readable", INNER, LEAF, ALL, .clear = EPT_R },
	{ "ept-writable", INNER, LEAF, ALL, .set = EPT_W },
	{ "ept-read-only", INNER, LEAF, ALL, .clear = EPT_W },
	{ "ept-executable", INNER, LEAF, ALL, .set = EPT_X },
	{ "ept-not-executable", INNER, LEAF, ALL, .clear = EPT_X },
	{ "ept-absent", INNER, LEAF, ALL, .clear = EPT_R | EPT_W | EPT_X },
	{ "ept-type-0", INNER, LEAF, ALL, .flip = EPT_TYPE(0) },
	{ "ept-type-1", INNER, LEAF, ALL, .flip = EPT_TYPE(1) },
	{ "ept-type-2", INNER, LEAF, ALL, .flip = EPT_TYPE(2) },
	{ "ept-ignore-pat", INNER, LEAF, ALL, .set = EPT_IPAT },
	{ "ept-large-as-table", INNER, LEAF, BLOCKS | LARGE, .clear = PS },
	{ "ept-born-accessed", INNER, LEAF, ALL, .set = EPT_A },
	{ "ept-born-idle", INNER, LEAF, ALL, .clear = EPT_A },
	{ "ept-born-dirty", INNER, LEAF, ALL, .set = EPT_D },
	{ "ept-joined-not-readable", INNER, JOINED, ALL, .clear = EPT_R },
	{ "ept-joined-read-only", INNER, JOINED, ALL, .clear = EPT_W },
	{ "ept-joined-not-executable", INNER, JOINED, ALL, .clear = EPT_X },
	{ "ept-joined-type-2", INNER, JOINED, ALL, .clear = EPT_TYPE(2) },
	{ "ept-joined-reserved-bit", INNER, JOINED, ALL, .set = RESERVED },
	{ "ept-joined-elsewhere", INNER, JOINED, ALL, .flip = PAGE_SIZE_2M },
	{ "ept-table-born-idle", INNER, TABLE, ALL, .clear = EPT_A },
	{ "ept-reserved-bit", INNER, LEAF, BLOCKS | LARGE, .set = RESERVED },
	{ "ept-reserved-40", INNER, LEAF, ALL, .set = UINT64_C(1) << 40 },
	{ "ept-reserved-51", INNER, LEAF, ALL, .set = UINT64_C(1) << 51 },
	{ "ept-no-software", INNER, LEAF, ALL, .clear = EPT_SW },
	{ "ept-elsewhere-4k", INNER, LEAF, PAGES, .flip = PAGE_SIZE_4K },
	{ "ept-elsewhere-2m", INNER, LEAF, BLOCKS, .flip = PAGE_SIZE_2M },
	{ "ept-elsewhere-1g", INNER, LEAF, LARGE, .flip = PAGE_SIZE_1G },
	{ "ept-table-not-readable", INNER, TABLE, ALL, .clear = EPT_R },
	{ "ept-table-read-only", INNER, TABLE, ALL, .clear = EPT_W },
	{ "ept-table-no-execute", INNER, TABLE, ALL, .clear = EPT_X },
	{ "ept-table-absent", INNER, TABLE, ALL, .clear = EPT_R | EPT_W | EPT_X },
	{ "ept-table-type-0", INNER, TABLE, ALL, .set = EPT_TYPE(0) },
	{ "ept-table-type-1", INNER, TABLE, ALL, .set = EPT_TYPE(1) },
	{ "ept-table-type-2", INNER, TABLE, ALL, .set = EPT_TYPE(2) },
	{ "ept-table-ignore-pat", INNER, TABLE, ALL, .set = EPT_IPAT },
	{ "ept-table-40", INNER, TABLE, ALL, .set = UINT64_C(1) << 40 },
	{ "ept-not-cleared", INNER, CLEAR, ALL, .set = EPT_R | EPT_W | EPT_X | EPT_TYPE(1) | EPT_TYPE(2) | EPT_A },
	{ "ept-lie-readable", INNER, LIE, ALL, .flip = EPT_R },
	{ "ept-lie-writable", INNER, LIE, ALL, .flip = EPT_W },
	{ "ept-lie-executable", INNER, LIE, ALL, .flip = EPT_X },
	{ "ept-lie-type", INNER, LIE, ALL, .flip = EPT_TYPE(1) },
	{ "ept-lie-accessed", INNER, LIE, ALL, .flip = EPT_A },
	{ "ept-lie-dirty", INNER, LIE, ALL, .flip = EPT_D },
	{ "ept-lie-address-4k", INNER, LIE, PAGES, .flip = PAGE_SIZE_4K },
	{ "ept-lie-address-2m", INNER, LIE, BLOCKS, .flip = PAGE_SIZE_2M },
	{ "ept-lie-address-1g", INNER, LIE, LARGE, .flip = PAGE_SIZE_1G },
	{ "ept-no-link",        INNER, 0, 0, .omits = 1 << SABOTAGE_LINK },
	{ "ept-no-root",        INNER, 0, 0, .omits = 1 << SABOTAGE_ROOT },
};
/* clang-format on */

const size_t sabotage_count = sizeof(sabotages) / sizeof(sabotages[0]);

const uint64_t sabotage_large_leaf = PS;
