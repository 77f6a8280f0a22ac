/* SPDX-License-Identifier: MIT */
/*
 * Frames for the tables of one operation. An operation that is all or nothing counts what it needs,
 * takes all of it here, and can then not fail; the frames wait in a list through their own first
 * words, which is safe because no walker has seen them. A resumable operation takes one at a time.
 */
#ifndef PAGING_ENGINE_RESERVE_H
#define PAGING_ENGINE_RESERVE_H

#include "memory.h"

struct reserve {
	const struct page_table *table;
	struct frame_allocator *frames; /* NULL: nothing can be had */
	uint64_t frame_size;
	uint64_t held;  /* frames in the list */
	phys_addr head; /* of the list, if any are held */
};

static ALWAYS_INLINE void reserve_free(struct reserve *reserve, phys_addr phys)
{
	reserve->frames->free(reserve->frames, FRAME_TABLE,
			      (struct frame){ .start = phys, .size = reserve->frame_size });
}

static inline bool reserve_allocate(struct reserve *reserve, phys_addr *phys)
{
	struct frame frame;

	if (!reserve->frames ||
	    !reserve->frames->allocate(reserve->frames, FRAME_TABLE, reserve->frame_size, &frame))
		return false;
	*phys = frame.start;
	/* A frame that no descriptor can point to, too high or not aligned to the granule, which is
	 * a table's size, is as good as none. */
	if ((frame.start & reserve->table->output_bad) != 0) {
		reserve_free(reserve, frame.start);
		return false;
	}
	return true;
}

static inline void reserve_push(struct reserve *reserve, phys_addr phys)
{
	const struct table_access *access = &reserve->table->access;
	uint64_t *words = memory_open(access, phys, reserve->frame_size);

	words[0] = reserve->head;
	memory_close(access, phys, words);
	reserve->head = phys;
	reserve->held++;
}

/* The next frame: from the list, or from the allocator when the list is empty. */
static inline bool reserve_take(struct reserve *reserve, phys_addr *phys)
{
	const struct table_access *access = &reserve->table->access;
	uint64_t *words;

	if (reserve->held == 0)
		return reserve_allocate(reserve, phys);
	*phys = reserve->head;
	words = memory_open(access, *phys, reserve->frame_size);
	reserve->head = words[0];
	memory_close(access, *phys, words);
	reserve->held--;
	return true;
}

static inline void reserve_release(struct reserve *reserve)
{
	phys_addr phys;

	while (reserve->held != 0 && reserve_take(reserve, &phys))
		reserve_free(reserve, phys);
}

/* Holds `needed` frames, or none. */
static inline bool reserve_fill(struct reserve *reserve, uint64_t needed)
{
	phys_addr phys;

	while (reserve->held < needed) {
		if (!reserve_allocate(reserve, &phys)) {
			reserve_release(reserve);
			return false;
		}
		reserve_push(reserve, phys);
	}
	return true;
}

#endif
