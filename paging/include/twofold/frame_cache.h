/* SPDX-License-Identifier: MIT */
/*
 * Table frames taken in advance, so that an operation made under a lock, or where nothing may fail,
 * need not ask for memory:
 *
 *	op.mode = PAGING_PLAN;
 *	status = page_table_map(&table, virt, phys, size, flags, &op);
 *	status = frame_cache_top_up(&cache, op.tables);     (outside of locks; may fail)
 *	op.mode = 0;
 *	op.frames = &cache.allocator;
 *	status = page_table_map(&table, virt, phys, size, flags, &op);     (has its frames)
 *
 * If the table has changed since the plan, the second call can want more frames; all or nothing as
 * it is, it then answers PAGING_NO_MEMORY and has changed nothing: plan again. Frames wait in a
 * list through their own first words, so they must be reachable through `access`. A cache is used
 * by one thread at a time: each has its own, or a lock around it.
 */
#ifndef TWOFOLD_FRAME_CACHE_H
#define TWOFOLD_FRAME_CACHE_H

#include "frame.h"
#include "page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

struct frame_cache {
	struct frame_allocator allocator; /* pass its address to the library */
	struct frame_allocator *source;
	struct table_access access;
	uint64_t frame_size;
	uint64_t count; /* frames at hand */
	phys_addr head; /* of the list, if there are any */
};

/*
 * An empty cache of frames of `frame_size` bytes: what the table's granule is. PAGING_BAD_ARGUMENT:
 * no source. PAGING_BAD_SIZE: not a power of two of 8 or more.
 *
 * Its allocator gives frames of that size for FRAME_TABLE while it has any, and asks nobody; what
 * is freed stays at hand. It gives none of another size or use; such a frame that is freed (by
 * page_table_destroy, the root) goes to `source`.
 */
enum paging_status frame_cache_init(struct frame_cache *cache, struct frame_allocator *source,
				    uint64_t frame_size, const struct table_access *access);

/* Takes frames from the source until there are `count` at hand. PAGING_NO_MEMORY: it had not so
 * many; those that were taken went back. */
enum paging_status frame_cache_top_up(struct frame_cache *cache, uint64_t count);

/* Gives all frames at hand back to the source. */
void frame_cache_drain(struct frame_cache *cache);

#ifdef __cplusplus
}
#endif

#endif
