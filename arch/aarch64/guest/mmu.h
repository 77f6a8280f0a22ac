/* SPDX-License-Identifier: MIT */
/* The MMU as the kernel runs it. */
#ifndef ARCH_AARCH64_GUEST_MMU_H
#define ARCH_AARCH64_GUEST_MMU_H

#include <stdbool.h>

/* log2 of the granule: 12, 14 or 16. */
extern unsigned int mmu_page_bits;
/* Descriptors are in the form of FEAT_LPA2. */
extern bool mmu_lpa2;

#endif
