/* SPDX-License-Identifier: MIT */
/*
 * A frame allocator over one region of physical memory: what a kernel or a VMM starts with. Frames
 * that come back are kept on one list per size and given out again, last in first out; the list
 * runs through the free frames themselves, so the region must be reachable through `access`.
 */
#ifndef TWOFOLD_FRAME_POOL_H
#define TWOFOLD_FRAME_POOL_H

#include "frame.h"
#include "page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

struct frame_pool {
	struct frame_allocator allocator; /* pass its address to the library */
	struct table_access access;
	phys_addr next; /* never given out: [next, end) */
	phys_addr end;
	phys_addr free[10]; /* heads of the lists of 2^(12+n) byte frames; FRAME_POOL_NONE: empty */
	uint64_t in_use;    /* frames out now */
};

#define FRAME_POOL_NONE UINT64_MAX

/* [start, end) becomes the pool's; both multiples of 4 KiB. Sizes up to 2 MiB can be had; one
 * below 4 KiB takes 4 KiB. */
void frame_pool_init(struct frame_pool *pool, phys_addr start, phys_addr end,
		     const struct table_access *access);

#ifdef __cplusplus
}
#endif

#endif
