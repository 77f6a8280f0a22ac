/* SPDX-License-Identifier: MIT */
/* x86_64 stage 1: Intel SDM vol. 3A 4.5 (tables 4-14 to 4-20), AMD APM vol. 2 5.3 and 5.4. */
#include "twofold/x86_64.h"

#include "engine/engine.h"
#include "geometry.h"

#define PRESENT    (UINT64_C(1) << 0)
#define WRITE      (UINT64_C(1) << 1)
#define USER       (UINT64_C(1) << 2)
#define PWT        (UINT64_C(1) << 3)
#define PCD        (UINT64_C(1) << 4)
#define ACCESSED   (UINT64_C(1) << 5)
#define DIRTY      (UINT64_C(1) << 6)
#define PAT        (UINT64_C(1) << 7) /* of a 4K leaf; larger ones have PS there */
#define GLOBAL     (UINT64_C(1) << 8)
#define PAT_LARGE  (UINT64_C(1) << 12) /* of a larger leaf: the lowest of its address bits */
#define NO_EXECUTE (UINT64_C(1) << 63)

#define PAT_SHIFT_LARGE 5 /* from PAT to PAT_LARGE */
#define KEY_SHIFT       59
#define SOFTWARE_LOW    UINT64_C(0x7)   /* flags.software bits 2:0 are descriptor bits 11:9 */
#define SOFTWARE_HIGH   UINT64_C(0x3f8) /* and bits 9:3 are 58:52 */
#define SHIFT_LOW       9
#define SHIFT_HIGH      49

#define NO_INDEX 0xff

/* Memory types by the PAT's encoding of them, SDM vol. 3A table 12-10; 2 and 3 are reserved. */
static const uint8_t pat_types[8] = {
	MEMORY_DEVICE,        MEMORY_NONCACHEABLE,    MEMORY_TYPES,  MEMORY_TYPES,
	MEMORY_WRITE_THROUGH, MEMORY_WRITE_PROTECTED, MEMORY_NORMAL, MEMORY_DEVICE_WEAK,
};

static ALWAYS_INLINE unsigned int pat_entry(uint64_t pat, unsigned int index)
{
	return (unsigned int)(pat >> (8 * index)) & 0xff;
}

/* Notes for each memory type the first PAT entry that has it. */
static enum paging_status stage1_configure(struct page_table *table,
					   const struct page_table_config *config)
{
	uint64_t pat = config->memory_attributes;

	table->type_index = UINT64_MAX; /* NO_INDEX for each */
	for (unsigned int i = 8; i-- != 0;) {
		unsigned int entry = pat_entry(pat, i);
		unsigned int shift;

		if (entry > 7 || pat_types[entry] == MEMORY_TYPES)
			return PAGING_BAD_CONFIG;
		shift = 8u * pat_types[entry];
		table->type_index &= ~(UINT64_C(0xff) << shift);
		table->type_index |= (uint64_t)i << shift;
	}
	return x86_configure(table, config, X86_64_NX | X86_64_GLOBAL | X86_64_PKU);
}

static ALWAYS_INLINE bool stage1_expressible(const struct page_table *table,
					     struct page_flags flags, unsigned int index)
{
	uint32_t features = table->features;

	if (!flags.read || flags.execute_privileged || flags.execute_user)
		return false;
	if (!flags.execute && (features & X86_64_NX) == 0)
		return false;
	if (flags.global && (features & X86_64_GLOBAL) == 0)
		return false;
	if (flags.protection_key != 0 && (features & X86_64_PKU) == 0)
		return false;
	if (flags.ignore_pat || flags.suppress_ve || flags.reserved0 != 0 || flags.reserved1 != 0)
		return false;
	return index != NO_INDEX && (flags.software & ~(SOFTWARE_LOW | SOFTWARE_HIGH)) == 0;
}

static ALWAYS_INLINE bool stage1_encode(const struct page_table *table, struct page_flags flags,
					uint64_t *attributes)
{
	unsigned int index = (unsigned int)(table->type_index >> (8 * flags.type)) & 0xff;
	uint64_t a = PRESENT;

	if (!stage1_expressible(table, flags, index))
		return false;
	a |= flags.write ? WRITE : 0;
	a |= flags.user ? USER : 0;
	a |= flags.idle ? 0 : ACCESSED;
	a |= flags.dirty ? DIRTY : 0;
	a |= flags.global ? GLOBAL : 0;
	a |= flags.execute ? 0 : NO_EXECUTE;
	a |= (index & 1) != 0 ? PWT : 0;
	a |= (index & 2) != 0 ? PCD : 0;
	a |= (index & 4) != 0 ? PAT : 0;
	a |= (uint64_t)flags.protection_key << KEY_SHIFT;
	a |= (flags.software & SOFTWARE_LOW) << SHIFT_LOW;
	a |= (flags.software & SOFTWARE_HIGH) << SHIFT_HIGH;
	*attributes = a;
	return true;
}

static ALWAYS_INLINE struct page_flags stage1_decode(const struct page_table *table, uint64_t a,
						     struct inherited above)
{
	unsigned int index = ((a & PWT) != 0 ? 1u : 0u) | ((a & PCD) != 0 ? 2u : 0u) |
			     ((a & PAT) != 0 ? 4u : 0u);
	uint64_t no_execute = (table->features & X86_64_NX) != 0 ? NO_EXECUTE : 0;
	struct page_flags flags = { .read = 1 };

	/* W and U are granted by all levels or not at all, NX is set by any: SDM 4.6. */
	flags.write = (a & above.and &WRITE) != 0;
	flags.user = (a & above.and &USER) != 0;
	flags.execute = ((a | above.or) & no_execute) == 0;
	flags.global = (a & GLOBAL) != 0 && (table->features & X86_64_GLOBAL) != 0;
	flags.idle = (a & ACCESSED) == 0;
	flags.dirty = (a & DIRTY) != 0;
	flags.type = pat_types[pat_entry(table->memory_attributes, index) & 7] & 7u;
	if ((table->features & X86_64_PKU) != 0)
		flags.protection_key = (a >> KEY_SHIFT) & 0xf;
	flags.software =
		(uint16_t)((a >> SHIFT_LOW & SOFTWARE_LOW) | (a >> SHIFT_HIGH & SOFTWARE_HIGH));
	return flags;
}

static ALWAYS_INLINE uint64_t stage1_leaf(uint64_t attributes, phys_addr phys, unsigned int level)
{
	if (level == 0)
		return attributes | phys;
	return (attributes & ~PAT) | (attributes & PAT) << PAT_SHIFT_LARGE | X86_LARGE | phys;
}

static ALWAYS_INLINE uint64_t stage1_leaf_attributes(uint64_t descriptor, unsigned int level)
{
	uint64_t attributes = descriptor & ~X86_ADDRESS;

	if (level == 0)
		return attributes;
	return (attributes & ~PAT) | (descriptor & PAT_LARGE) >> PAT_SHIFT_LARGE;
}

static ALWAYS_INLINE phys_addr stage1_leaf_address(uint64_t descriptor, unsigned int level)
{
	return descriptor & X86_ADDRESS & ~(level == 0 ? 0 : PAT_LARGE);
}

static ALWAYS_INLINE bool stage1_is_present(const struct page_table *table, uint64_t descriptor)
{
	(void)table;
	return (descriptor & PRESENT) != 0;
}

static ALWAYS_INLINE bool stage1_is_global(uint64_t descriptor)
{
	return (descriptor & GLOBAL) != 0;
}

/* Permissive: the leaf decides. Accessed is set already, so that hardware never writes here. */
static ALWAYS_INLINE uint64_t stage1_table(const struct page_table *table, phys_addr phys)
{
	(void)table;
	return phys | PRESENT | WRITE | USER | ACCESSED;
}

static const struct encoder stage1 = {
	.granule_shift = X86_GRANULE_SHIFT,
	.index_bits = X86_INDEX_BITS,
	.input = INPUT_SIGN_EXTENDED,
	.preserved = ACCESSED | DIRTY,
	.configure = stage1_configure,
	.encode = stage1_encode,
	.decode = stage1_decode,
	.leaf = stage1_leaf,
	.leaf_attributes = stage1_leaf_attributes,
	.leaf_address = stage1_leaf_address,
	.is_global = stage1_is_global,
	.is_present = stage1_is_present,
	.is_leaf = x86_is_leaf,
	.table = stage1_table,
	.table_address = x86_table_address,
	.counted = true,
	.count = x86_count,
	.with_count = x86_with_count,
};

PAGING_DEFINE_FORMAT(x86_64_stage1, "x86_64 stage 1", stage1);
