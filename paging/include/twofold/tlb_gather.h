/* SPDX-License-Identifier: MIT */
/*
 * What must be invalidated before an operation's effect is real, and the table frames that may be
 * reused only after that.
 *
 * A gather allocates nothing: both arrays are the caller's. When the range array is full the gather
 * widens to "everything". When the frame array is full the operation calls `flush`, and if there is
 * none it fails with PAGING_GATHER_FULL: having changed nothing, or, resumable, as far as it got
 * (with room for PAGE_TABLE_MAX_LEVELS frames it always gets further).
 *
 * Break-before-make flushes once for each leaf or contiguous group that it breaks, whatever room
 * there is. Where many leaves of a live table are to change so, unmapping them all, finishing the
 * gather and mapping them again takes one flush.
 *
 * What a gather still names is not mapped anew until it has been flushed. Within an operation the
 * library sees to that (break-before-make, with `flush`); from one operation to the next it is the
 * caller's to finish the gather after what unmaps and before what maps in the same place. On Arm
 * two translations of one address may otherwise be in the TLB at once, which is an abort or worse
 * (DDI 0487 D8.16); elsewhere the old one may go on being used.
 *
 * Freed tables are named in the array and nowhere else: nothing is ever written into a table that a
 * walker may still read.
 *
 * Walkers are the MMU, which is through with a table once it is flushed, and software that calls
 * page_table_query or page_table_walk beside the operation, which is not: for those,
 * `wait_for_readers`.
 */
#ifndef TWOFOLD_TLB_GATHER_H
#define TWOFOLD_TLB_GATHER_H

#include <stddef.h>

#include "address.h"
#include "frame.h"

#ifdef __cplusplus
extern "C" {
#endif

struct page_table;

/* Translations of [start, last] (inclusive, input addresses) are stale. */
struct tlb_range {
	virt_addr start;
	virt_addr last;
	/* The stride to invalidate by: the size of the leaves that were there, which for a
	 * contiguous group is that of each of its entries, since the MMU may have cached them one
	 * by one; or with `tables` what each table spanned. One address in each is enough. */
	uint64_t leaf_size;
	/* Tables went away, and what is cached of them: not a leaf-only invalidation. What they
	 * held is in ranges of its own. */
	bool tables;
	bool global; /* one of the leaves was global */
};

struct tlb_gather {
	/* The caller fills these in; all else starts as zero. */
	struct tlb_range *ranges;
	size_t range_capacity;
	/* Without `flush`, room for PAGE_TABLE_MAX_LEVELS or more: a resumable operation that has
	 * less may answer PAGING_GATHER_FULL with nothing done, however often. */
	struct frame *frames;
	size_t frame_capacity;
	/* Where the frames go back to; NULL only with no capacity for any. */
	struct frame_allocator *owner;
	/* Invalidates what the gather asks for, on every CPU that may hold it, and returns when
	 * that is complete. May be NULL. It leaves the gather alone: the library resets it. */
	void (*flush)(const struct tlb_gather *gather, void *context);
	/* Called after the flush and before frames go back, if there are any: returns when each
	 * read section that had begun before the call has ended (synchronize_rcu, an epoch). Such a
	 * section is the caller's; it brackets one or more calls of page_table_query and
	 * page_table_walk, with a full memory barrier at its beginning. The thread that writes is
	 * in none itself. NULL: no software reads the table meanwhile. */
	void (*wait_for_readers)(const struct tlb_gather *gather, void *context);
	void *context; /* of both */

	/* The library fills these in. */
	size_t range_count;
	size_t frame_count;
	bool everything;        /* the ranges did not fit: invalidate the whole address space */
	bool everything_global; /* and a global leaf was among them */
	/* The range that a page was added to last, and the page that would continue it, 0 if there
	 * is none (engine/gather.h). */
	struct tlb_range *open;
	uint64_t open_next;
};

/* Whether anything must be invalidated at all. */
static inline bool tlb_gather_needed(const struct tlb_gather *gather)
{
	return gather->everything || gather->range_count != 0;
}

/* Ends a round: calls `flush` if anything is needed and it is set, waits for readers, gives the
 * frames back to `owner`, and empties the gather. With no `flush`, the caller has invalidated by
 * itself before. */
void tlb_gather_finish(struct tlb_gather *gather);

#ifdef __cplusplus
}
#endif

#endif
