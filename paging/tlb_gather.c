/* SPDX-License-Identifier: MIT */
/* The gather's slow paths. */
#include "engine/gather.h"

/* How far back it is looked for a range that can go on: pages and tables that go away by turns, at
 * two places at once, make four. */
#define RANGES_AT_HAND 4

static void forget_open(struct tlb_gather *gather)
{
	gather->open_next = 0;
}

static bool continues(const struct tlb_range *before, const struct tlb_range *range)
{
	return before->last + 1 == range->start && range->start != 0 &&
	       before->leaf_size == range->leaf_size && before->tables == range->tables &&
	       before->global == range->global;
}

/* A recent range that this one continues, or NULL. */
static struct tlb_range *range_before(const struct tlb_gather *gather,
				      const struct tlb_range *range)
{
	size_t oldest = 0;

	if (gather->range_count > RANGES_AT_HAND)
		oldest = gather->range_count - RANGES_AT_HAND;
	for (size_t i = gather->range_count; i-- > oldest;) {
		if (continues(&gather->ranges[i], range))
			return &gather->ranges[i];
	}
	return NULL;
}

/* Returns where the range is now; NULL: it is in "everything". */
static struct tlb_range *add(struct tlb_gather *gather, const struct tlb_range *range)
{
	struct tlb_range *place;

	forget_open(gather);
	if (gather->everything) {
		gather->everything_global |= range->global;
		return NULL;
	}
	place = range_before(gather, range);
	if (place) {
		place->last = range->last;
		return place;
	}
	if (gather->range_count < gather->range_capacity) {
		place = &gather->ranges[gather->range_count++];
		*place = *range;
		return place;
	}
	/* The ranges stay: they still tell what was touched first, and whether it was global. */
	for (size_t i = 0; i < gather->range_count; i++)
		gather->everything_global |= gather->ranges[i].global;
	gather->everything = true;
	gather->everything_global |= range->global;
	return NULL;
}

void paging_gather_range(struct tlb_gather *gather, const struct tlb_range *range)
{
	(void)add(gather, range);
}

void paging_gather_page(struct tlb_gather *gather, uint64_t page, uint64_t size, bool global)
{
	virt_addr start = addr_align_down(page, size);
	struct tlb_range *place = add(gather, &(struct tlb_range){ .start = start,
								   .last = start + (size - 1),
								   .leaf_size = size,
								   .global = global });

	/* The next page may continue it. */
	if (place) {
		gather->open = place;
		gather->open_next = page + size;
	}
}

void paging_frames_free(struct frame_allocator *owner, const struct frame *frames, size_t count)
{
	if (owner->free_many) {
		owner->free_many(owner, FRAME_TABLE, frames, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		owner->free(owner, FRAME_TABLE, frames[i]);
}

void tlb_gather_finish(struct tlb_gather *gather)
{
	if (gather->flush && tlb_gather_needed(gather))
		gather->flush(gather, gather->context);
	if (gather->wait_for_readers && gather->frame_count != 0)
		gather->wait_for_readers(gather, gather->context);
	if (gather->frame_count != 0)
		paging_frames_free(gather->owner, gather->frames, gather->frame_count);
	gather->range_count = 0;
	gather->frame_count = 0;
	gather->everything = false;
	gather->everything_global = false;
	forget_open(gather);
}
