/* SPDX-License-Identifier: MIT */
/* The gather's slow paths. */
#include "engine/gather.h"

/* How far back it is looked for a range that can go on: pages and tables that go away by turns, at
 * two places at once, make four. */
#define RANGES_AT_HAND 4

/* The next page may continue it. What ends at 2^64 has no next. */
static void keep_open(struct tlb_gather *gather, struct tlb_range *range)
{
	gather->open = range;
	gather->open_next = range->last + 1;
	gather->open_kind = gather_kind(range->leaf_size, range->tables, range->global);
	if (gather->open_next == 0)
		gather->open_kind = 0;
}

static void forget_open(struct tlb_gather *gather)
{
	gather->open = NULL;
	gather->open_next = 0;
	gather->open_kind = 0;
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

void paging_gather_range(struct tlb_gather *gather, const struct tlb_range *range)
{
	struct tlb_range *place;

	if (gather->everything) {
		gather->everything_global |= range->global;
		return;
	}
	place = range_before(gather, range);
	if (place) {
		place->last = range->last;
		keep_open(gather, place);
		return;
	}
	if (gather->range_count < gather->range_capacity) {
		place = &gather->ranges[gather->range_count++];
		*place = *range;
		keep_open(gather, place);
		return;
	}
	/* The ranges stay: they still tell what was touched first, and whether it was global. */
	for (size_t i = 0; i < gather->range_count; i++)
		gather->everything_global |= gather->ranges[i].global;
	gather->everything = true;
	gather->everything_global |= range->global;
	forget_open(gather);
}

enum paging_status paging_gather_page(struct tlb_gather *gather, virt_addr start, uint64_t size,
				      bool global)
{
	paging_gather_range(gather, &(struct tlb_range){ .start = start,
							 .last = start + (size - 1),
							 .leaf_size = size,
							 .global = global });
	return PAGING_OK;
}

void tlb_gather_finish(struct tlb_gather *gather)
{
	if (gather->flush && tlb_gather_needed(gather))
		gather->flush(gather, gather->context);
	if (gather->wait_for_readers && gather->frame_count != 0)
		gather->wait_for_readers(gather, gather->context);
	for (size_t i = 0; i < gather->frame_count; i++)
		gather->owner->free(gather->owner, FRAME_TABLE, gather->frames[i]);
	gather->range_count = 0;
	gather->frame_count = 0;
	gather->everything = false;
	gather->everything_global = false;
	forget_open(gather);
}
