/* SPDX-License-Identifier: MIT */
/* Telling the TLB of changes. */
#include "flush.h"

#include "cpu.h"
#include "guest/arch.h"

#define PAGES_ONE_BY_ONE 32 /* beyond that, flushing everything is less work */

/* Clearing CR4.PGE drops global translations too. */
static void flush_everything(bool global)
{
	uint64_t cr4 = read_cr4();

	if (global && (cr4 & CR4_PGE) != 0) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
}

/* INVLPG drops the page's translation, global or not, and all that is cached of tables above. */
static void flush_range(const struct tlb_range *range)
{
	if ((range->last - range->start) / range->leaf_size >= PAGES_ONE_BY_ONE) {
		flush_everything(range->global);
		return;
	}
	for (virt_addr at = range->start;; at += range->leaf_size) {
		invalidate_page(at);
		if (range->last - at < range->leaf_size)
			return;
	}
}

void flush_exactly(const struct tlb_gather *gather, void *context)
{
	(void)context;
	if (gather->everything) {
		flush_everything(gather->everything_global);
		return;
	}
	for (size_t i = 0; i < gather->range_count; i++)
		flush_range(&gather->ranges[i]);
}

/*
 * One INVLPG does for a large leaf, whatever address in it is named. But QEMU's TCG then still runs
 * code that it translated from the leaf's other 4K pages (7.2: only the named page's entries leave
 * its jump cache), so that a fetch from there does not fault. Flushing everything is what it
 * honours.
 */
void arch_flush(const struct tlb_gather *gather, void *context)
{
	flush_exactly(gather, context);
	for (size_t i = 0; i < gather->range_count; i++) {
		if (gather->ranges[i].leaf_size > PAGE_SIZE_4K) {
			flush_everything(gather->ranges[i].global);
			return;
		}
	}
}
