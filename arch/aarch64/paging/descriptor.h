/* SPDX-License-Identifier: MIT */
/*
 * What all VMSAv8-64 descriptors share (Arm ARM DDI 0487, D8.3): types, where the output address
 * lies, and the bits that mean the same at both stages. A format fixes its granule and whether
 * addresses are in the 52-bit form of FEAT_LPA2; both are constants to all of this.
 */
#ifndef AARCH64_PAGING_DESCRIPTOR_H
#define AARCH64_PAGING_DESCRIPTOR_H

#include "engine/encoder.h"
#include "engine/flags_word.h"
#include "geometry.h"
#include "twofold/aarch64.h"

#define ARM_VALID      (UINT64_C(1) << 0)
#define ARM_TABLE      (UINT64_C(1) << 1) /* of a level-0 leaf: it is a page */
#define ARM_SHARE      8                  /* SH, not with LPA2 */
#define ARM_SHARE_MASK (UINT64_C(3) << ARM_SHARE)
#define ARM_ACCESSED   (UINT64_C(1) << 10)
#define ARM_CONTIGUOUS (UINT64_C(1) << 52)
#define ARM_DBM        (UINT64_C(1) << 51)
#define ARM_WAS_DIRTY  (UINT64_C(1) << 55) /* ours: dirty, in a leaf without write */

#define ARM_SOFTWARE       UINT64_C(0x7) /* flags.software is descriptor bits 58:56 */
#define ARM_SOFTWARE_SHIFT 56

#define ARM_SHARE_OUTER UINT64_C(2)
#define ARM_SHARE_INNER UINT64_C(3)

#define ARM_BITS(high, low) ((UINT64_MAX >> (63 - (high))) & (UINT64_MAX << (low)))

static ALWAYS_INLINE bool arm_is_device(unsigned int type)
{
	return type == MEMORY_DEVICE || type == MEMORY_DEVICE_WEAK || type == MEMORY_DEVICE_STRICT;
}

static ALWAYS_INLINE uint64_t arm_software(uint16_t software)
{
	return (software & ARM_SOFTWARE) << ARM_SOFTWARE_SHIFT;
}

static ALWAYS_INLINE uint64_t arm_share(struct page_flags flags)
{
	switch (flags.share) {
	case SHARE_OUTER:
		return ARM_SHARE_OUTER << ARM_SHARE;
	case SHARE_NONE:
		return 0;
	default:
		return (arm_is_device(flags.type) ? ARM_SHARE_OUTER : ARM_SHARE_INNER) << ARM_SHARE;
	}
}

/* What attributes say in the flags' word of shareability. */
static ALWAYS_INLINE uint64_t arm_decode_share(bool device, uint64_t a)
{
	uint64_t share = a & ARM_SHARE_MASK;

	/* Device memory is outer shareable whatever SH says. */
	if (share == ARM_SHARE_INNER << ARM_SHARE || device)
		return 0;
	if (share == ARM_SHARE_OUTER << ARM_SHARE)
		return (uint64_t)SHARE_OUTER << FLAG_SHARE;
	return (uint64_t)SHARE_NONE << FLAG_SHARE;
}

/* Output address bits that lie in the descriptor where they are in the address... */
static ALWAYS_INLINE uint64_t arm_address_mask(unsigned int granule_shift, bool lpa2)
{
	return lpa2 ? ARM_BITS(49, granule_shift) : ARM_BITS(47, granule_shift);
}

/* ... and those that do not: 51:50 in 9:8 with LPA2, 51:48 in 15:12 with the 64K granule. */
static ALWAYS_INLINE uint64_t arm_address_high_mask(unsigned int granule_shift, bool lpa2)
{
	if (lpa2)
		return ARM_BITS(9, 8);
	return granule_shift == 16 ? ARM_BITS(15, 12) : 0;
}

static ALWAYS_INLINE uint64_t arm_address(unsigned int granule_shift, bool lpa2, phys_addr phys)
{
	uint64_t high = lpa2 ? phys >> 50 << 8 : phys >> 48 << 12;

	return (phys & arm_address_mask(granule_shift, lpa2)) |
	       (high & arm_address_high_mask(granule_shift, lpa2));
}

static ALWAYS_INLINE phys_addr arm_output(unsigned int granule_shift, bool lpa2,
					  uint64_t descriptor)
{
	uint64_t high = descriptor & arm_address_high_mask(granule_shift, lpa2);

	return (descriptor & arm_address_mask(granule_shift, lpa2)) |
	       (lpa2 ? high >> 8 << 50 : high >> 12 << 48);
}

/* The attribute word is a page's descriptor; a block has bit 1 clear. */
static ALWAYS_INLINE uint64_t arm_leaf(unsigned int granule_shift, bool lpa2, uint64_t attributes,
				       phys_addr phys, unsigned int level)
{
	uint64_t type = bits_if(level == 0, ARM_TABLE);

	return attributes | type | arm_address(granule_shift, lpa2, phys);
}

static ALWAYS_INLINE uint64_t arm_leaf_attributes(unsigned int granule_shift, bool lpa2,
						  uint64_t descriptor)
{
	return descriptor & ~(ARM_TABLE | ARM_CONTIGUOUS | arm_address_mask(granule_shift, lpa2) |
			      arm_address_high_mask(granule_shift, lpa2));
}

/* A level-0 entry without bit 1 is reserved, which is as good as invalid. */
static ALWAYS_INLINE bool arm_is_present(const struct page_table *table, uint64_t descriptor,
					 unsigned int level)
{
	(void)table;
	if (level == 0)
		return ((descriptor + 1) & (ARM_VALID | ARM_TABLE)) == 0;
	return (descriptor & ARM_VALID) != 0;
}

static ALWAYS_INLINE bool arm_is_leaf(uint64_t descriptor, unsigned int level)
{
	return level == 0 || (descriptor & ARM_TABLE) == 0;
}

/* Of level 0. */
static ALWAYS_INLINE bool arm_is_plain_leaf(uint64_t descriptor)
{
	return (descriptor & (ARM_VALID | ARM_TABLE | ARM_CONTIGUOUS)) == (ARM_VALID | ARM_TABLE);
}

static ALWAYS_INLINE bool arm_is_plain_table(uint64_t descriptor)
{
	return ((descriptor + 1) & (ARM_VALID | ARM_TABLE)) == 0;
}

/* Leaf bits that are software's or another agent's (PBHA): D8.3.2. */
#define ARM_IGNORED ARM_BITS(63, 55)

/* The bits from 12 up, below bit `shift`, that are no part of an address so aligned. */
static ALWAYS_INLINE uint64_t arm_below(unsigned int granule_shift, bool lpa2, unsigned int shift)
{
	uint64_t below = (UINT64_C(1) << shift) - (UINT64_C(1) << 12);

	return below & ~arm_address_high_mask(granule_shift, lpa2);
}

/*
 * What is reserved in descriptors of both stages. `own_table` and `own_leaf`: the bits that are
 * RES0 at the stage. nT (bit 16 of a block, FEAT_BBM) counts as an address bit: the library does
 * not use it. Bits 11:2 of a table descriptor are ignored, or hold AF (FEAT_HAFT).
 */
static ALWAYS_INLINE uint64_t arm_broken(unsigned int granule_shift, bool lpa2, uint64_t descriptor,
					 unsigned int level, uint64_t own_table, uint64_t own_leaf)
{
	unsigned int leaf_shift = granule_shift + level * (granule_shift - 3);
	uint64_t no_address = bits_if(!lpa2, ARM_BITS(49, 48));
	bool reserved;

	if ((descriptor & ARM_VALID) == 0)
		return 0;
	if (level == 0 && (descriptor & ARM_TABLE) == 0)
		return RULE(PAGE_RULE_ENTRY_TYPE);
	if (!arm_is_leaf(descriptor, level)) {
		uint64_t low = arm_below(granule_shift, lpa2, granule_shift);

		return bits_if((descriptor & (no_address | low | own_table)) != 0,
			       RULE(PAGE_RULE_RESERVED));
	}
	reserved = (descriptor & (no_address | own_leaf)) != 0 ||
		   (!lpa2 && (descriptor & ARM_SHARE_MASK) == UINT64_C(1) << ARM_SHARE);
	return bits_if(reserved, RULE(PAGE_RULE_RESERVED)) |
	       bits_if((descriptor & arm_below(granule_shift, lpa2, leaf_shift)) != 0,
		       RULE(PAGE_RULE_LEAF_UNALIGNED));
}

/* FEAT_BBM at level 2 lets block and table, and the contiguous hint, change in place (D8.16.2). A
 * change of type or shareability takes break-before-make all the same. So do groups here, of our
 * choice: what hardware marks in one descriptor of a group is for all of them, and is collected
 * while none of them is valid (split.h, group_rewrite). */
static ALWAYS_INLINE bool arm_break_before_make(const struct page_table *table)
{
	return !table_has(table, AARCH64_BBM2);
}

/* Table entries have 58:51 and 7:2 ignored in every form: 14 bits, for up to 8192 entries. */
#define ARM_COUNT_LOW  ARM_BITS(7, 2)
#define ARM_COUNT_HIGH ARM_BITS(58, 51)

static ALWAYS_INLINE uint64_t arm_count(uint64_t descriptor)
{
	return (descriptor & ARM_COUNT_LOW) >> 2 | (descriptor & ARM_COUNT_HIGH) >> 45;
}

/* Once in 64 times a carry goes from the low part to the high one, through all that lies between.
 */
static ALWAYS_INLINE uint64_t arm_count_up(uint64_t descriptor)
{
	const uint64_t count = ARM_COUNT_LOW | ARM_COUNT_HIGH;
	uint64_t up = descriptor + (UINT64_C(1) << 2);

	if (LIKELY((up & ARM_COUNT_LOW) != 0))
		return up;
	return (((descriptor | ~count) + (UINT64_C(1) << 2)) & count) | (descriptor & ~count);
}

static ALWAYS_INLINE uint64_t arm_count_down(uint64_t descriptor)
{
	const uint64_t count = ARM_COUNT_LOW | ARM_COUNT_HIGH;

	return (((descriptor & count) - (UINT64_C(1) << 2)) & count) | (descriptor & ~count);
}

static ALWAYS_INLINE bool arm_count_down_left(uint64_t *descriptor)
{
	uint64_t d = *descriptor;

	/* The low part is 2 or more: it takes no borrow, and some are left. */
	if (LIKELY((d & ARM_COUNT_LOW & ~(UINT64_C(1) << 2)) != 0)) {
		*descriptor = d - (UINT64_C(1) << 2);
		return true;
	}
	*descriptor = arm_count_down(d);
	return arm_count(d) > 1;
}

static ALWAYS_INLINE uint64_t arm_with_count(uint64_t descriptor, uint64_t count)
{
	return (descriptor & ~(ARM_COUNT_LOW | ARM_COUNT_HIGH)) | (count << 2 & ARM_COUNT_LOW) |
	       (count << 45 & ARM_COUNT_HIGH);
}

/* The root takes up to `root_extra` bits more than another table (concatenation, at stage 2). */
static ALWAYS_INLINE enum paging_status arm_configure(struct page_table *table,
						      const struct page_table_config *config,
						      unsigned int granule_shift, bool lpa2,
						      unsigned int root_extra)
{
	unsigned int index_bits = granule_shift - 3;
	unsigned int largest;
	unsigned int widest = arm_widest(granule_shift, lpa2);
	unsigned int least = arm_least(granule_shift, root_extra);
	unsigned int bits = config->input_bits;
	unsigned int leaf_levels = arm_leaf_levels(granule_shift, lpa2, config->output_bits);

	if (bits < least || bits > widest)
		return PAGING_BAD_INPUT_BITS;
	if (config->output_bits < 32 || config->output_bits > widest)
		return PAGING_BAD_OUTPUT_BITS;
	largest = granule_shift + index_bits * (leaf_levels - 1);
	if (leaf_levels == 2) /* and groups of those */
		largest += ARM_BLOCK_GROUP_SHIFT(granule_shift);
	if (config->leaf_sizes >> largest > 1)
		return PAGING_BAD_LEAF_SIZES;
	table->levels = arm_levels(granule_shift, root_extra, bits);
	return PAGING_OK;
}

/* The two addresses functions of an encoder, and its members that follow from granule and LPA2. */
#define ARM_DEFINE_ADDRESSES(prefix, granule_shift_, lpa2_)                                 \
	static ALWAYS_INLINE uint64_t prefix##_leaf(uint64_t attributes, phys_addr phys,    \
						    unsigned int level)                     \
	{                                                                                   \
		return arm_leaf(granule_shift_, lpa2_, attributes, phys, level);            \
	}                                                                                   \
	static ALWAYS_INLINE uint64_t prefix##_leaf_attributes(uint64_t descriptor,         \
							       unsigned int level)          \
	{                                                                                   \
		(void)level;                                                                \
		return arm_leaf_attributes(granule_shift_, lpa2_, descriptor);              \
	}                                                                                   \
	static ALWAYS_INLINE phys_addr prefix##_leaf_address(uint64_t descriptor,           \
							     unsigned int level)            \
	{                                                                                   \
		return addr_align_down(                                                     \
			arm_output(granule_shift_, lpa2_, descriptor),                      \
			UINT64_C(1) << ((granule_shift_) + level * ((granule_shift_)-3u))); \
	}                                                                                   \
	static ALWAYS_INLINE uint64_t prefix##_table(const struct page_table *table,        \
						     phys_addr phys)                        \
	{                                                                                   \
		(void)table;                                                                \
		return ARM_VALID | ARM_TABLE | arm_address(granule_shift_, lpa2_, phys);    \
	}                                                                                   \
	static ALWAYS_INLINE phys_addr prefix##_table_address(uint64_t descriptor)          \
	{                                                                                   \
		return arm_output(granule_shift_, lpa2_, descriptor);                       \
	}

/* As arm_with_count for as many as a table has. */
#define ARM_FULL(granule_shift_) (UINT64_C(1) << ((granule_shift_)-3) << 45 & ARM_COUNT_HIGH)

#define ARM_ENCODER_ADDRESSES(prefix, granule_shift_, lpa2_)                                  \
	.granule_shift = (granule_shift_), .index_bits = (granule_shift_)-3,                  \
	.software_bits = ARM_SOFTWARE, .software = arm_software, .leaf = prefix##_leaf,       \
	.leaf_attributes = prefix##_leaf_attributes, .leaf_address = prefix##_leaf_address,   \
	.table = prefix##_table, .table_address = prefix##_table_address,                     \
	.is_present = arm_is_present, .is_leaf = arm_is_leaf,                                 \
	.is_plain_table = arm_is_plain_table, .counted = true, .count = arm_count,            \
	.with_count = arm_with_count, .count_up = arm_count_up, .count_down = arm_count_down, \
	.count_down_left = arm_count_down_left, .is_plain_leaf = arm_is_plain_leaf,           \
	.page = ARM_VALID | ARM_TABLE,                                                        \
	.full_table = ARM_FULL(granule_shift_) | ARM_VALID | ARM_TABLE,                       \
	.full_table_mask = ARM_COUNT_LOW | ARM_COUNT_HIGH | ARM_VALID | ARM_TABLE,            \
	.write_marks = ARM_DBM, .write_marks_feature = AARCH64_HARDWARE_DIRTY,                \
	.break_before_make = arm_break_before_make, .contiguous = ARM_CONTIGUOUS,             \
	.contiguous_shift = { ARM_PAGE_GROUP_SHIFT(granule_shift_),                           \
			      ARM_BLOCK_GROUP_SHIFT(granule_shift_) },                        \
	.contiguous_above = ARM_BLOCK_GROUP_SHIFT(granule_shift_), .ignored = ARM_IGNORED,    \
	.table_bits = (lpa2_) || (granule_shift_) == 16 ? 0 : ARM_BITS(47, granule_shift_)

#endif
