/* SPDX-License-Identifier: MIT */
/* How operations fill a gather (twofold/tlb_gather.h says what it means). */
#ifndef PAGING_ENGINE_GATHER_H
#define PAGING_ENGINE_GATHER_H

#include "encoder.h"

/* Gives tables back, which no walker reaches. */
void paging_frames_free(struct frame_allocator *owner, const struct frame *frames, size_t count);

/* Adds a range, or makes one of the last few longer. */
void paging_gather_range(struct tlb_gather *gather, const struct tlb_range *range);

/* [start, last], extended addresses, no longer translates as it did. NULL: no walker, no need. */
static inline void gather_range(struct tlb_gather *gather, const struct tlb_range *range)
{
	if (gather)
		paging_gather_range(gather, range);
}

/* As gather_page, whatever was before. */
enum paging_status paging_gather_page(struct tlb_gather *gather, virt_addr start, uint64_t size,
				      uint64_t global);

/* One page, which most often continues the range before; it does not end at 2^64. `global` is a bit
 * below `size`, or 0: both in one say what pages must agree in. Always PAGING_OK, so that an
 * operation can end with it. */
static ALWAYS_INLINE enum paging_status gather_page(struct tlb_gather *gather, virt_addr start,
						    uint64_t size, uint64_t global)
{
	if (UNLIKELY(gather->open_kind != (size | global)) ||
	    UNLIKELY(gather->open->last != start - 1))
		return paging_gather_page(gather, start, size, global);
	gather->open->last = start + (size - 1);
	return PAGING_OK;
}

/* Break-before-make on a live table takes a flush in the middle of the operation. */
static ALWAYS_INLINE bool gather_cannot_break(const struct tlb_gather *gather)
{
	return gather && !gather->flush;
}

/* How many frames can still be taken without a flush. */
static ALWAYS_INLINE uint64_t gather_room(const struct tlb_gather *gather)
{
	return gather->frame_capacity - gather->frame_count;
}

/* Whether a full frame array can be emptied on the way. One without any room never takes a frame.
 */
static ALWAYS_INLINE bool gather_can_flush(const struct tlb_gather *gather)
{
	return gather->flush && gather->frame_capacity != 0;
}

/* A table that nothing links to any more, once flushed, may be reused. There is room, or a flush.
 */
static inline void gather_frame(struct tlb_gather *gather, struct frame frame)
{
	if (gather_room(gather) == 0)
		tlb_gather_finish(gather);
	gather->frames[gather->frame_count++] = frame;
}

#endif
