/* SPDX-License-Identifier: MIT */
/* What the x86_64 formats share: 4K granule, 9 bits a level, addresses in bits 51:12. */
#ifndef X86_64_PAGING_GEOMETRY_H
#define X86_64_PAGING_GEOMETRY_H

#include "engine/encoder.h"

/* struct page_table_format's kind; RISC-V's are from 16, AArch64's from 256 on. */
#define X86_KIND_STAGE1 1
#define X86_KIND_EPT    2
#define X86_KIND_NPT    3

#define X86_GRANULE_SHIFT 12
#define X86_INDEX_BITS    9
#define X86_ADDRESS       UINT64_C(0x000ffffffffff000) /* bits 51:12 */
#define X86_LARGE         (UINT64_C(1) << 7)           /* a leaf above level 0 (PS) */

/* Bits 61:52 of a table entry are ignored by the MMU in all of these formats; a table has up to
 * 512 live entries. */
#define X86_COUNT_SHIFT 52
#define X86_COUNT       (UINT64_C(0x3ff) << X86_COUNT_SHIFT)

static ALWAYS_INLINE uint64_t x86_count(uint64_t descriptor)
{
	return (descriptor & X86_COUNT) >> X86_COUNT_SHIFT;
}

static ALWAYS_INLINE uint64_t x86_with_count(uint64_t descriptor, uint64_t count)
{
	return (descriptor & ~X86_COUNT) | count << X86_COUNT_SHIFT;
}

static ALWAYS_INLINE uint64_t x86_count_up(uint64_t descriptor)
{
	return descriptor + (UINT64_C(1) << X86_COUNT_SHIFT);
}

static ALWAYS_INLINE uint64_t x86_count_down(uint64_t descriptor)
{
	return descriptor - (UINT64_C(1) << X86_COUNT_SHIFT);
}

#define X86_FULL (UINT64_C(512) << X86_COUNT_SHIFT)

static ALWAYS_INLINE bool x86_count_down_left(uint64_t *descriptor)
{
	uint64_t one = UINT64_C(1) << X86_COUNT_SHIFT;

	/* Or the compiler shifts the rest to compare it. */
	__asm__("" : "+r"(one));
	*descriptor -= one;
	/* There is nothing above the count. */
	return *descriptor >= one;
}

static ALWAYS_INLINE phys_addr x86_table_address(uint64_t descriptor)
{
	return descriptor & X86_ADDRESS;
}

static ALWAYS_INLINE bool x86_is_leaf(uint64_t descriptor, unsigned int level)
{
	return level == 0 || (descriptor & X86_LARGE) != 0;
}

/* Present, and not large: of the formats whose bit 0 says present. */
static ALWAYS_INLINE bool pte_is_plain_table(uint64_t descriptor)
{
	return ((descriptor - 1) & (X86_LARGE | 1)) == 0;
}

/* Of level 0. */
static ALWAYS_INLINE bool pte_is_plain_leaf(uint64_t descriptor)
{
	return (descriptor & 1) != 0;
}

/* A leaf may be split and joined in place: SDM vol. 3A 4.10.2.3, as long as what is changed is
 * flushed before it is changed further. */
static ALWAYS_INLINE bool x86_break_before_make(const struct page_table *table)
{
	(void)table;
	return false;
}

/* 4 or 5 levels, and addresses that fit a descriptor. */
static ALWAYS_INLINE enum paging_status
x86_configure(struct page_table *table, const struct page_table_config *config, uint32_t features)
{
	const uint64_t leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G;

	if (config->input_bits != 48 && config->input_bits != 57)
		return PAGING_BAD_INPUT_BITS;
	if (config->output_bits < 32 || config->output_bits > 52)
		return PAGING_BAD_OUTPUT_BITS;
	if ((config->leaf_sizes & ~leaf_sizes) != 0)
		return PAGING_BAD_LEAF_SIZES;
	if ((config->features & ~features) != 0)
		return PAGING_BAD_FEATURES;
	table->levels = (uint8_t)((config->input_bits - X86_GRANULE_SHIFT) / X86_INDEX_BITS);
	return PAGING_OK;
}

/* What is alike in the encoders of all three formats. `present`: what every table entry has. */
#define X86_ENCODER(present_)                                                                \
	.modifiers = true, .granule_shift = X86_GRANULE_SHIFT, .index_bits = X86_INDEX_BITS, \
	.break_before_make = x86_break_before_make, .is_leaf = x86_is_leaf,                  \
	.table_address = x86_table_address, .table_bits = X86_ADDRESS, .counted = true,      \
	.count = x86_count, .with_count = x86_with_count, .count_up = x86_count_up,          \
	.count_down = x86_count_down, .count_down_left = x86_count_down_left,                \
	.full_table = X86_FULL | (present_), .full_table_mask = X86_COUNT | X86_LARGE | (present_)

#endif
