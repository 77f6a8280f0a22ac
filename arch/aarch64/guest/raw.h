/* SPDX-License-Identifier: MIT */
/*
 * Descriptors as they stand in memory, found by a walk of our own from the CPU's registers: the
 * self-test's second opinion about what the library wrote, by DDI 0487, D8.2 and D8.3. Levels are
 * Arm's: 3 has the pages.
 */
#ifndef ARCH_AARCH64_GUEST_RAW_H
#define ARCH_AARCH64_GUEST_RAW_H

#include "twofold/address.h"

#define RAW_VALID      (UINT64_C(1) << 0)
#define RAW_TABLE      (UINT64_C(1) << 1)
#define RAW_INDEX      (UINT64_C(7) << 2)
#define RAW_USER       (UINT64_C(1) << 6)
#define RAW_READ_ONLY  (UINT64_C(1) << 7)
#define RAW_SHARE      (UINT64_C(3) << 8)
#define RAW_ACCESSED   (UINT64_C(1) << 10)
#define RAW_NOT_GLOBAL (UINT64_C(1) << 11)
#define RAW_DBM        (UINT64_C(1) << 51)
#define RAW_CONTIGUOUS (UINT64_C(1) << 52)

/* At stage 2; the bits of a table's entry that are neither address nor ignored there (D8.3.1). */
#define RAW_STAGE2_READ       (UINT64_C(1) << 6)
#define RAW_STAGE2_WRITE      (UINT64_C(1) << 7)
#define RAW_STAGE2_TABLE_RES0 (UINT64_C(0x1f) << 59 | UINT64_C(1) << 50)

/* The entry the walk of `virt` ends at, and its level: a leaf, or one that is not valid. */
volatile uint64_t *raw_end(virt_addr virt, unsigned int *level);

/* The same of a second stage, by these registers (D8.2, VTCR_EL2; no SL2), but no further down than
 * the level `stop`, 0 to 3. */
volatile uint64_t *raw_stage2_entry(uint64_t vttbr, uint64_t vtcr, phys_addr inner,
				    unsigned int stop, unsigned int *level);

#endif
