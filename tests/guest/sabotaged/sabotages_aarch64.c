/* SPDX-License-Identifier: MIT */
/* Ways to break the encoders of AArch64. tests/guest/sabotages says which checks must notice. */
#include "sabotages.h"
#include "twofold/address.h"

#define V          (UINT64_C(1) << 0)
#define PAGE       (UINT64_C(1) << 1) /* of a leaf; and a table */
#define INDEX      (UINT64_C(1) << 2) /* the lowest bit of AttrIndx */
#define DEVICE     (UINT64_C(3) << 2) /* AttrIndx of device memory: 3 */
#define USER       (UINT64_C(1) << 6)
#define READ_ONLY  (UINT64_C(1) << 7)
#define SHARE      (UINT64_C(1) << 8)
#define AF         (UINT64_C(1) << 10)
#define NOT_GLOBAL (UINT64_C(1) << 11)
#define GUARDED    (UINT64_C(1) << 50)
#define DBM        (UINT64_C(1) << 51)
#define CONTIGUOUS (UINT64_C(1) << 52)
#define PXN        (UINT64_C(1) << 53)
#define UXN        (UINT64_C(1) << 54)
#define WAS_DIRTY  (UINT64_C(1) << 55)
#define SOFTWARE   (UINT64_C(7) << 56)
#define PXN_TABLE  (UINT64_C(1) << 59)
#define UXN_TABLE  (UINT64_C(1) << 60)
#define USER_TABLE (UINT64_C(1) << 61)
#define READ_TABLE (UINT64_C(1) << 62)
#define CONSOLE    UINT64_C(0x09000000)
/* Elsewhere in RAM, and not where the tables are. */
#define UNUSED     (16 * PAGE_SIZE_2M)

/* At stage 2. */
#define TYPE(n)    (UINT64_C(1) << (2 + (n))) /* of MemAttr */
#define S2_READ    (UINT64_C(1) << 6)
#define S2_WRITE   (UINT64_C(1) << 7)
#define SHARE_HIGH (UINT64_C(1) << 9)
#define RES0_11    (UINT64_C(1) << 11)
#define RES0_50    (UINT64_C(1) << 50)
#define XN_LOW     (UINT64_C(1) << 53)
#define XN_HIGH    (UINT64_C(1) << 54)
#define BIT(n)     (UINT64_C(1) << (n))

/* clang-format off */
const struct sabotage sabotages[] = {
	{ "writable",          SELFTEST, LEAF, ALL, .set = DBM },
	{ "read-only",         SELFTEST, LEAF, ALL, .set = READ_ONLY, .clear = DBM },
	{ "user",              SELFTEST, LEAF, ALL, .set = USER },
	{ "supervisor",        SELFTEST, LEAF, ALL, .clear = USER },
	{ "executable",        SELFTEST, LEAF, ALL, .clear = PXN | UXN },
	{ "not-executable",    SELFTEST, LEAF, ALL, .set = PXN | UXN },
	{ "absent",            SELFTEST, LEAF, ALL, .clear = V },
	{ "elsewhere-page",    SELFTEST, LEAF, PAGES, .flip = PAGE_SIZE_4K },
	{ "elsewhere-block",   SELFTEST, LEAF, BLOCKS, .flip = UNUSED },
	{ "elsewhere-large",   SELFTEST, LEAF, LARGE, .flip = PAGE_SIZE_1G },
	{ "large-as-table",    SELFTEST, LEAF, BLOCKS | LARGE, .set = PAGE },
	{ "page-as-block",     SELFTEST, LEAF, PAGES, .clear = PAGE },
	{ "born-accessed",     SELFTEST, LEAF, ALL, .set = AF },
	{ "born-dirty",        SELFTEST, LEAF, ALL, .clear = READ_ONLY },
	{ "born-idle",         SELFTEST, LEAF, ALL, .clear = AF },
	{ "forgets-dirty",     SELFTEST, LEAF, ALL, .clear = WAS_DIRTY },
	{ "other-type",        SELFTEST, LEAF, ALL, .flip = INDEX },
	{ "other-share",       SELFTEST, LEAF, ALL, .flip = SHARE },
	{ "global",            SELFTEST, LEAF, ALL, .clear = NOT_GLOBAL },
	{ "not-global",        SELFTEST, LEAF, ALL, .set = NOT_GLOBAL },
	{ "guarded",           SELFTEST, LEAF, ALL, .set = GUARDED },
	{ "not-guarded",       SELFTEST, LEAF, ALL, .clear = GUARDED },
	{ "no-group",          SELFTEST, LEAF, ALL, .clear = CONTIGUOUS },
	{ "no-software-bits",  SELFTEST, LEAF, ALL, .clear = SOFTWARE },
	{ "table-read-only",   SELFTEST, TABLE, ALL, .set = READ_TABLE },
	{ "table-supervisor",  SELFTEST, TABLE, ALL, .set = USER_TABLE },
	{ "table-no-execute",  SELFTEST, TABLE, ALL, .set = PXN_TABLE | UXN_TABLE },
	{ "table-absent",      SELFTEST, TABLE, ALL, .clear = V },
	{ "not-cleared",       SELFTEST, CLEAR, PAGES, .set = V | PAGE | AF | USER },
	{ "not-cleared-large", SELFTEST, CLEAR, BLOCKS | LARGE, .set = V | AF | USER },
	{ "lie-writable",      SELFTEST, LIE, ALL, .flip = DBM },
	{ "lie-user",          SELFTEST, LIE, ALL, .flip = USER },
	{ "lie-executable",    SELFTEST, LIE, ALL, .flip = PXN },
	{ "lie-user-executable", SELFTEST, LIE, ALL, .flip = UXN },
	{ "lie-accessed",      SELFTEST, LIE, ALL, .flip = AF },
	{ "lie-type",          SELFTEST, LIE, ALL, .flip = INDEX },
	{ "lie-address-page",  SELFTEST, LIE, PAGES, .flip = PAGE_SIZE_4K },
	{ "lie-address-block", SELFTEST, LIE, BLOCKS, .flip = UNUSED },
	{ "lie-address-large", SELFTEST, LIE, LARGE, .flip = PAGE_SIZE_1G },
	{ "tables-alone",      SELFTEST, 0, 0, .omits = 1 << SABOTAGE_PAGES },
	{ "kernel-writable",   KERNEL, LEAF, ALL, .set = DBM },
	{ "kernel-executable", KERNEL, LEAF, ALL, .clear = PXN },
	{ "kernel-user",       KERNEL, LEAF, ALL, .set = USER },
	{ "kernel-user-fetch", KERNEL, LEAF, ALL, .clear = UXN },
	{ "kernel-guards",     KERNEL, CLEAR, PAGES, .set = V | PAGE | AF | PXN | UXN | PAGE_SIZE_1G },
	{ "kernel-device",     KERNEL, LEAF, ALL, .clear = DEVICE, .only = CONSOLE },
	{ "kernel-direct",     KERNEL, LEAF, BLOCKS, .flip = PAGE_SIZE_2M, .only = 0x41000000 },
	{ "no-broadcast",      SELFTEST, 0, 0, .omits = 1 << SABOTAGE_INTERRUPT },
	{ "s2-absent",         INNER, LEAF, ALL, .clear = V },
	{ "s2-page-as-block",  INNER, LEAF, PAGES, .clear = PAGE },
	{ "s2-large-as-table", INNER, LEAF, LARGE, .set = PAGE },
	{ "s2-type-0",         INNER, LEAF, ALL, .flip = TYPE(0) },
	{ "s2-type-1",         INNER, LEAF, ALL, .flip = TYPE(1) },
	{ "s2-type-2",         INNER, LEAF, ALL, .flip = TYPE(2) },
	{ "s2-type-3",         INNER, LEAF, ALL, .flip = TYPE(3) },
	{ "s2-readable",       INNER, LEAF, ALL, .set = S2_READ },
	{ "s2-not-readable",   INNER, LEAF, ALL, .clear = S2_READ },
	{ "s2-writable",       INNER, LEAF, ALL, .set = DBM },
	{ "s2-read-only",      INNER, LEAF, ALL, .clear = DBM },
	{ "s2-born-dirty",     INNER, LEAF, ALL, .set = S2_WRITE },
	{ "s2-joined-absent",  INNER, JOINED, ALL, .clear = V },
	{ "s2-joined-not-readable", INNER, JOINED, ALL, .clear = S2_READ },
	{ "s2-joined-read-only", INNER, JOINED, ALL, .clear = DBM | S2_WRITE },
	{ "s2-joined-not-executable", INNER, JOINED, ALL, .set = XN_HIGH },
	{ "s2-joined-elsewhere", INNER, JOINED, ALL, .flip = PAGE_SIZE_2M },
	{ "s2-share-low",      INNER, LEAF, ALL, .flip = SHARE },
	{ "s2-share-high",     INNER, LEAF, ALL, .flip = SHARE_HIGH },
	{ "s2-born-accessed",  INNER, LEAF, ALL, .set = AF },
	{ "s2-born-idle",      INNER, LEAF, ALL, .clear = AF },
	{ "s2-reserved-11",    INNER, LEAF, ALL, .set = RES0_11 },
	{ "s2-reserved-50",    INNER, LEAF, ALL, .set = RES0_50 },
	{ "s2-group",          INNER, LEAF, LARGE, .set = CONTIGUOUS },
	{ "s2-no-group",       INNER, LEAF, ALL, .clear = CONTIGUOUS },
	{ "s2-xn-low",         INNER, LEAF, ALL, .flip = XN_LOW },
	{ "s2-executable",     INNER, LEAF, ALL, .clear = XN_HIGH },
	{ "s2-not-executable", INNER, LEAF, ALL, .set = XN_HIGH },
	{ "s2-was-dirty",      INNER, LEAF, ALL, .flip = WAS_DIRTY },
	{ "s2-no-software",    INNER, LEAF, ALL, .clear = SOFTWARE },
	{ "s2-software-58",    INNER, LEAF, ALL, .flip = BIT(58) },
	{ "s2-elsewhere-page", INNER, LEAF, PAGES, .flip = PAGE_SIZE_4K },
	{ "s2-elsewhere-block", INNER, LEAF, BLOCKS, .flip = PAGE_SIZE_2M },
	{ "s2-elsewhere-large", INNER, LEAF, LARGE, .flip = PAGE_SIZE_1G },
	{ "s2-table-absent",   INNER, TABLE, ALL, .clear = V },
	{ "s2-table-as-block", INNER, TABLE, ALL, .clear = PAGE },
	{ "s2-table-elsewhere", INNER, TABLE, ALL, .flip = PAGE_SIZE_4K },
	{ "s2-table-50",       INNER, TABLE, ALL, .set = RES0_50 },
	{ "s2-table-59",       INNER, TABLE, ALL, .set = BIT(59) },
	{ "s2-table-60",       INNER, TABLE, ALL, .set = BIT(60) },
	{ "s2-table-61",       INNER, TABLE, ALL, .set = BIT(61) },
	{ "s2-table-62",       INNER, TABLE, ALL, .set = BIT(62) },
	{ "s2-table-63",       INNER, TABLE, ALL, .set = BIT(63) },
	{ "s2-not-cleared",    INNER, CLEAR, PAGES, .set = V | PAGE | AF | S2_READ | S2_WRITE | XN_HIGH },
	{ "s2-not-cleared-large", INNER, CLEAR, BLOCKS | LARGE, .set = V | AF | S2_READ | S2_WRITE | XN_HIGH },
	{ "no-own-flush",      SELFTEST, 0, 0, .omits = 1 << SABOTAGE_OWN_FLUSH },
	{ "s2-no-tlbi",        INNER, 0, 0, .omits = 1 << SABOTAGE_FLUSH },
	{ "s2-lie-readable",   INNER, LIE, ALL, .flip = S2_READ },
	{ "s2-lie-writable",   INNER, LIE, ALL, .flip = DBM },
	{ "s2-lie-executable", INNER, LIE, ALL, .flip = XN_HIGH },
	{ "s2-lie-user-executable", INNER, LIE, ALL, .flip = XN_LOW },
	{ "s2-lie-accessed",   INNER, LIE, ALL, .flip = AF },
	{ "s2-lie-dirty",      INNER, LIE, ALL, .flip = S2_WRITE },
	{ "s2-lie-type",       INNER, LIE, ALL, .flip = TYPE(0) },
	{ "s2-lie-share",      INNER, LIE, ALL, .flip = SHARE },
	{ "s2-lie-address-page", INNER, LIE, PAGES, .flip = PAGE_SIZE_4K },
	{ "s2-lie-address-block", INNER, LIE, BLOCKS, .flip = PAGE_SIZE_2M },
	{ "s2-lie-address-large", INNER, LIE, LARGE, .flip = PAGE_SIZE_1G },
};
/* clang-format on */
const size_t sabotage_count = sizeof(sabotages) / sizeof(sabotages[0]);

const uint64_t sabotage_large_leaf = 0;
