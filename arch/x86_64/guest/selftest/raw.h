/* SPDX-License-Identifier: MIT */
/*
 * Descriptors as they stand in memory, found by a walk of our own: the self-test's second opinion
 * about what the library wrote, by the tables of the SDM (vol. 3A 4.5).
 */
#ifndef ARCH_X86_64_GUEST_SELFTEST_RAW_H
#define ARCH_X86_64_GUEST_SELFTEST_RAW_H

#include "twofold/address.h"

#define RAW_PRESENT  (UINT64_C(1) << 0)
#define RAW_WRITE    (UINT64_C(1) << 1)
#define RAW_PWT      (UINT64_C(1) << 3)
#define RAW_PCD      (UINT64_C(1) << 4)
#define RAW_ACCESSED (UINT64_C(1) << 5)
#define RAW_DIRTY    (UINT64_C(1) << 6)
#define RAW_LARGE    (UINT64_C(1) << 7)
#define RAW_PAT_4K   (UINT64_C(1) << 7)
#define RAW_GLOBAL   (UINT64_C(1) << 8)
#define RAW_PAT      (UINT64_C(1) << 12)

/*
 * The entry of `level` (0: of 4K pages, 3: of the root) on the way to `virt`, from CR3 on; NULL if
 * the walk ends above it.
 */
volatile uint64_t *raw_entry(virt_addr virt, unsigned int level);

/* The entry the walk ends at, and its level: a leaf, or one that is not present. */
volatile uint64_t *raw_end(virt_addr virt, unsigned int *level);

#endif
