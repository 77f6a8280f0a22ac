/* SPDX-License-Identifier: MIT */
/*
 * Physical frames, and who supplies them.
 *
 * The library allocates nothing of its own: each operation that may need a table is handed a frame
 * allocator, and gives every frame that it no longer needs back to it.
 */
#ifndef TWOFOLD_FRAME_H
#define TWOFOLD_FRAME_H

#include <stddef.h>

#include "address.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `size` bytes of physical memory from `start`; size is a power of two and start a multiple of it
 * (frame_set_address keeps that so). */
struct frame {
	phys_addr start;
	uint64_t size;
};

static inline phys_addr frame_start_address(const struct frame *frame)
{
	return frame->start;
}

static inline uint64_t frame_size(const struct frame *frame)
{
	return frame->size;
}

/* Moves the frame. PAGING_UNALIGNED, and the frame stays, if `start` is no multiple of its size. */
static inline enum paging_status frame_set_address(struct frame *frame, phys_addr start)
{
	if (!addr_is_aligned(start, frame->size))
		return PAGING_UNALIGNED;
	frame->start = start;
	return PAGING_OK;
}

/* What a frame is wanted for, so that an allocator can keep pools, colours or accounts apart. */
enum frame_use {
	FRAME_ROOT,  /* the root table (16 KiB, 64-byte aligned, ... as the format needs) */
	FRAME_TABLE, /* any other table */
	FRAME_PAGE,  /* memory to be mapped; the library itself never asks for it */
};

/*
 * allocate: fills *frame with a frame of exactly `size` bytes (a power of two) aligned to its size,
 *   for `use`, and returns true; or returns false and touches nothing. The content may be anything.
 *   From then on the frame is the caller's.
 * free: takes back a frame that allocate gave, with the same size and use. It must not fail. When
 *   the library calls it, no walker reaches the frame any more (see tlb_gather.h).
 *
 * free_many: the same for `count` frames, at least one, all with that use. May be NULL: then they
 *   are freed one by one.
 *
 * Embed the struct in your own and get back to it from `self`. Calls are never made concurrently by
 * one operation; an allocator shared by several threads locks by itself.
 */
struct frame_allocator {
	bool (*allocate)(struct frame_allocator *self, enum frame_use use, uint64_t size,
			 struct frame *frame);
	void (*free)(struct frame_allocator *self, enum frame_use use, struct frame frame);
	void (*free_many)(struct frame_allocator *self, enum frame_use use,
			  const struct frame *frames, size_t count);
};

#ifdef __cplusplus
}
#endif

#endif
