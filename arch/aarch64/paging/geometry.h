/* SPDX-License-Identifier: MIT */
/* How many levels and which leaves VMSAv8-64 has (Arm ARM DDI 0487, D8.2): the formats make their
 * tables by this, and the register helpers describe them by it. */
#ifndef AARCH64_PAGING_GEOMETRY_H
#define AARCH64_PAGING_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

/* struct page_table_format's kind: the granule's shift, and these. */
#define ARM_KIND_GRANULE UINT32_C(0xff)
#define ARM_KIND_STAGE1  (UINT32_C(1) << 8)
#define ARM_KIND_STAGE2  (UINT32_C(1) << 9)
#define ARM_KIND_LPA2    (UINT32_C(1) << 10)

/* Bits that concatenating up to 16 tables adds to a root of stage 2. */
#define ARM_CONCATENATION 4

/* D8.7.1: groups of 16 with the 4K granule; of 128 pages and 32 blocks with 16K; of 32 with 64K. */
#define ARM_BLOCK_GROUP_SHIFT(granule_shift) ((granule_shift) == 12 ? 4 : 5)
#define ARM_PAGE_GROUP_SHIFT(granule_shift) \
	((granule_shift) == 14 ? 7 : ARM_BLOCK_GROUP_SHIFT(granule_shift))

/* 52-bit addresses, of either side, need LPA2 or the 64K granule. */
static inline unsigned int arm_widest(unsigned int granule_shift, bool lpa2)
{
	return lpa2 || granule_shift == 16 ? 52 : 48;
}

/* A walk of stage 1 begins where TCR.TnSZ says. Narrower, it would begin with pages; that, and
 * less than 25 bits, is for tables of one level, which there are none of here. */
static inline unsigned int arm_stage1_least(unsigned int granule_shift)
{
	unsigned int two_levels = granule_shift + (granule_shift - 3) + 1;

	return two_levels < 25 ? 25 : two_levels;
}

/* The least input bits of either stage. */
static inline unsigned int arm_least(unsigned int granule_shift, unsigned int root_extra)
{
	return root_extra != 0 ? 32 : arm_stage1_least(granule_shift);
}

/* As few levels as hold the input address, but two: VTCR.SL0 says level 3 only with FEAT_TTST. */
static inline uint8_t arm_levels(unsigned int granule_shift, unsigned int root_extra,
				 unsigned int input_bits)
{
	unsigned int levels = 2;

	while (granule_shift + (granule_shift - 3) * levels + root_extra < input_bits)
		levels++;
	return (uint8_t)levels;
}

/* Levels that have leaves. The last one takes LPA2, or with 64K pages 52-bit output addresses. */
static inline unsigned int arm_leaf_levels(unsigned int granule_shift, bool lpa2,
					   unsigned int output_bits)
{
	bool huge = granule_shift == 16 ? output_bits == 52 : lpa2;

	return (granule_shift == 12 ? 3u : 2u) + (huge ? 1u : 0u);
}

#endif
