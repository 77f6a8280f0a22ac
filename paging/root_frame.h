/* SPDX-License-Identifier: MIT */
/* What a root takes of memory, and is aligned to. */
#ifndef PAGING_ROOT_FRAME_H
#define PAGING_ROOT_FRAME_H

#include "twofold/page_table.h"

/*
 * The entries that all input addresses take. A root of a few of them still wants a frame that a
 * base register can point to: 64 bytes, on Arm (TTBR, VTTBR: what is left of BADDR when it holds 52
 * bits).
 */
static inline uint64_t root_frame_bytes(const struct page_table *table, unsigned int granule_shift)
{
	unsigned int top = granule_shift + (granule_shift - 3) * (table->levels - 1u);
	uint64_t bytes = UINT64_C(8) << (table->input_bits - top);

	return bytes < 64 ? 64 : bytes;
}

#endif
