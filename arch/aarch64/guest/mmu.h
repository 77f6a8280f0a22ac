/* SPDX-License-Identifier: MIT */
/* The MMU as the kernel runs it. */
#ifndef ARCH_AARCH64_GUEST_MMU_H
#define ARCH_AARCH64_GUEST_MMU_H

#include <stdbool.h>

#include "twofold/aarch64_registers.h"

/* log2 of the granule: 12, 14 or 16. */
extern unsigned int mmu_page_bits;
/* Descriptors are in the form of FEAT_LPA2. */
extern bool mmu_lpa2;

/* The size of a contiguous group of pages (LEAF_PAGE), and of blocks (LEAF_BLOCK). */
uint64_t mmu_group_size(unsigned int rank);

/* What the ID registers say, and how tables are walked; from arch_mmu_start on. */
const struct aarch64_cpu *mmu_cpu(void);
const struct aarch64_walk *mmu_walk(void);

/* A TTBR0 that goes with the other registers, and has the code that turns the MMU on where it lies.
 */
uint64_t mmu_step_root(void);

/* For second stages of the kernel's granule, and of the width that ipa= asks for: all but `access`.
 * Panics if the CPU has no such thing. */
void mmu_stage2(struct page_table_config *config);

#endif
