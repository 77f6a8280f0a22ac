/* SPDX-License-Identifier: MIT */
/*
 * Annotations: what an entry that is not present says to the caller. To the MMU of every format
 * such an entry is empty as long as its low bits are clear (and, in EPT, bit 10: SDM vol.
 * 3C 28.3.2), so the layout is the same for all. Bit 51 marks an annotation, the number is below
 * it, inverted.
 *
 * A CPU with L1TF takes the entry for an address all the same, and reads what its L1 cache has of
 * that; bits from its MAXPHYADDR on it ignores, the mark among them. Inverted, a number below
 * 2^(MAXPHYADDR - 13) sets bit MAXPHYADDR - 1: such an address is in the upper half of what there
 * can be, where as a rule there is no memory. Larger numbers can name memory.
 */
#ifndef PAGING_ENGINE_ANNOTATION_H
#define PAGING_ENGINE_ANNOTATION_H

#include "encoder.h"

#define ANNOTATION_MARK  (UINT64_C(1) << 51)
#define ANNOTATION_SHIFT 12
#define ANNOTATION_MOST  ((UINT64_C(1) << PAGE_ANNOTATION_BITS) - 1)

_Static_assert(ANNOTATION_SHIFT + PAGE_ANNOTATION_BITS == 51, "all bits below the mark");

static ALWAYS_INLINE bool annotation_valid(uint64_t annotation)
{
	return annotation >> PAGE_ANNOTATION_BITS == 0;
}

/* 0, none, is an empty entry. */
static ALWAYS_INLINE uint64_t annotation_entry(uint64_t annotation)
{
	return annotation == 0
		       ? 0
		       : ANNOTATION_MARK | (ANNOTATION_MOST - annotation) << ANNOTATION_SHIFT;
}

/* Of an entry that is not present. Other bits in it are nobody's. */
static ALWAYS_INLINE uint64_t annotation_of(uint64_t descriptor)
{
	if ((descriptor & ANNOTATION_MARK) == 0)
		return 0;
	return ANNOTATION_MOST - (descriptor >> ANNOTATION_SHIFT & ANNOTATION_MOST);
}

#endif
