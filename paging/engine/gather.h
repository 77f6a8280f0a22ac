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

/*
 * What a gather compares of a page is one number: its address, and below its size what the pages of
 * a range agree in, the bits that pages have and whether it is global. The size has a bit of its
 * own there, so that the number is never 0. An entry that is no page lacks one of the bits, and so
 * has a number that no range goes on with.
 */
static ALWAYS_INLINE uint64_t gather_page_bits(const struct encoder *e)
{
	return e->page | e->global | e->not_global;
}

static ALWAYS_INLINE uint64_t gather_page_of(const struct encoder *e, virt_addr start,
					     uint64_t bits)
{
	return start + (UINT64_C(1) << (e->granule_shift - 10)) + bits;
}

/* The range before goes on with this page... */
static ALWAYS_INLINE bool gather_continues(const struct tlb_gather *gather, uint64_t page)
{
	return gather->open_next == page;
}

/* ... and is added to it. */
static ALWAYS_INLINE void gather_continue(const struct encoder *e, struct tlb_gather *gather)
{
	gather->open_next += level_size(e, 0);
	gather->open->last += level_size(e, 0);
}

/* Adds `page`, whatever was before. */
void paging_gather_page(struct tlb_gather *gather, uint64_t page, uint64_t size, bool global);

/* One page, which was `d` and is in no group; it does not end at 2^64. */
static ALWAYS_INLINE void gather_page(const struct encoder *e, struct tlb_gather *gather,
				      virt_addr start, uint64_t d)
{
	/* Some pages lack one of the bits. */
	uint64_t page = gather_page_of(e, start, (d & gather_page_bits(e)) | e->page);

	if (gather_continues(gather, page))
		gather_continue(e, gather);
	else
		paging_gather_page(gather, page, level_size(e, 0), is_global(e, d));
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
