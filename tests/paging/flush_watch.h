/* SPDX-License-Identifier: MIT */
/*
 * Watches what one operation asks to be invalidated: every stale translation, the old leaf's whole
 * span, no more than that; and that tables which a walker may still read are left alone.
 */
#ifndef TESTS_FLUSH_WATCH_H
#define TESTS_FLUSH_WATCH_H

#include "world.h"

#define WATCH_RANGES 64
#define WATCH_FRAMES 64

struct flush_watch {
	struct world *world;
	struct tlb_gather gather; /* for struct page_table_op */
	struct tlb_range ranges[WATCH_RANGES];
	struct frame frames[WATCH_FRAMES];
	struct memory_snapshot *before;
	struct model model_before;

	/* Since the last flush at which it looked: what TLBs may still hold, and what has been
	 * asked for. */
	struct model stale;
	size_t round_first; /* in asked */
	bool round_everything;
	bool round_everything_global;

	/* All that was asked for, over all flushes: break-before-make has a range for each leaf. It
	 * stays until the next watch begins, so one watch is open at a time. */
	struct tlb_range *asked;
	size_t asked_count;
	bool everything;
	bool everything_global;
	unsigned int flushes;
	uint64_t leaves_read; /* at all of them */
};

/* `flush`: the gather has a flush callback; without one a full frame array is the end. */
void flush_watch_begin(struct flush_watch *watch, struct world *world, size_t range_capacity,
		       size_t frame_capacity, bool flush);
/* Checks what `what` asked for, given that world->model is up to date, and finishes the gather. */
void flush_watch_end(struct flush_watch *watch, const struct model_op *what);
/* Ends without a check: the operation was not given the gather. */
void flush_watch_drop(struct flush_watch *watch);

#endif
