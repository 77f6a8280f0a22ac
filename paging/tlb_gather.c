/* SPDX-License-Identifier: MIT */
/* The gather's slow paths. */
#include "engine/gather.h"

void paging_gather_range(struct tlb_gather *gather, const struct tlb_range *range)
{
	if (gather->everything) {
		gather->everything_global |= range->global;
		return;
	}
	if (gather->range_count < gather->range_capacity) {
		gather->ranges[gather->range_count++] = *range;
		return;
	}
	/* The ranges stay: they still tell what was touched first, and whether it was global. */
	for (size_t i = 0; i < gather->range_count; i++)
		gather->everything_global |= gather->ranges[i].global;
	gather->everything = true;
	gather->everything_global |= range->global;
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
}
