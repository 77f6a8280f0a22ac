/* SPDX-License-Identifier: MIT */
/* Telling the TLBs of changes (Arm ARM DDI 0487, D8.14). */
#include "flush.h"

#include "guest/arch.h"

#define ADDRESSES_ONE_BY_ONE 64 /* beyond that, invalidating everything is less work */

static void begin(void)
{
	__asm__ volatile("dsb ishst" : : : "memory");
}

static void end(void)
{
	__asm__ volatile("dsb ish\n\tisb" : : : "memory");
}

/* VAAE1IS: leaves and table entries, of any ASID and global. The operand is VA[55:12]. */
static void invalidate(virt_addr address)
{
	__asm__ volatile("tlbi vaae1is, %0"
			 :
			 : "r"(address >> 12 & ((UINT64_C(1) << 44) - 1))
			 : "memory");
}

void flush_address(virt_addr address)
{
	begin();
	invalidate(address);
	end();
}

void flush_everything(void)
{
	begin();
	__asm__ volatile("tlbi vmalle1is" : : : "memory");
	end();
}

static bool is_large(const struct tlb_range *range)
{
	return (range->last - range->start) / range->leaf_size >= ADDRESSES_ONE_BY_ONE;
}

void flush_exactly(const struct tlb_gather *gather, void *context)
{
	(void)context;
	begin();
	for (size_t i = 0; i < gather->range_count; i++) {
		const struct tlb_range *range = &gather->ranges[i];
		virt_addr at = range->start;

		if (gather->everything || is_large(range))
			break;
		for (; range->last - at >= range->leaf_size; at += range->leaf_size)
			invalidate(at);
		invalidate(at);
	}
	end();
	for (size_t i = 0; i < gather->range_count; i++) {
		if (is_large(&gather->ranges[i])) {
			flush_everything();
			return;
		}
	}
	if (gather->everything)
		flush_everything();
}

/* As on x86_64: QEMU's TCG runs on what it translated from other pages of a large leaf (7.2). */
void arch_flush(const struct tlb_gather *gather, void *context)
{
	flush_exactly(gather, context);
	for (size_t i = 0; i < gather->range_count; i++) {
		if (gather->ranges[i].leaf_size > arch_leaf_size(LEAF_PAGE)) {
			flush_everything();
			return;
		}
	}
}
