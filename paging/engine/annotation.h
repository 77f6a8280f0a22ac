/* SPDX-License-Identifier: MIT */
/*
 * Annotations: what an entry that is not present says to the caller. To the MMU of every format
 * such an entry is empty as long as its low bits are clear (and, in EPT, bit 10: SDM vol.
 * 3C 28.3.2), so the layout is the same for all. Bit 51 marks an annotation; with it the entry,
 * taken for an address, lies above all memory, so that a CPU with L1TF finds nothing there.
 */
#ifndef PAGING_ENGINE_ANNOTATION_H
#define PAGING_ENGINE_ANNOTATION_H

#include "encoder.h"

#define ANNOTATION_MARK  (UINT64_C(1) << 51)
#define ANNOTATION_SHIFT 12

_Static_assert(ANNOTATION_SHIFT + PAGE_ANNOTATION_BITS == 51, "all bits below the mark");

static ALWAYS_INLINE bool annotation_valid(uint64_t annotation)
{
	return annotation >> PAGE_ANNOTATION_BITS == 0;
}

/* 0, none, is an empty entry. */
static ALWAYS_INLINE uint64_t annotation_entry(uint64_t annotation)
{
	return annotation == 0 ? 0 : ANNOTATION_MARK | annotation << ANNOTATION_SHIFT;
}

/* Of an entry that is not present. Other bits in it are nobody's. */
static ALWAYS_INLINE uint64_t annotation_of(uint64_t descriptor)
{
	if ((descriptor & ANNOTATION_MARK) == 0)
		return 0;
	return (descriptor & ~ANNOTATION_MARK) >> ANNOTATION_SHIFT &
	       ((UINT64_C(1) << PAGE_ANNOTATION_BITS) - 1);
}

#endif
