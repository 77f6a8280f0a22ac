/* SPDX-License-Identifier: MIT */
/*
 * The descriptor that the CPU's own tables and AMD's nested tables have in common: Intel SDM
 * vol. 3A 4.5 (tables 4-14 to 4-20), AMD APM vol. 2 5.3 and 5.4.
 */
#ifndef X86_64_PAGING_PTE_H
#define X86_64_PAGING_PTE_H

#include "engine/flags_word.h"
#include "geometry.h"

#define PTE_PRESENT    (UINT64_C(1) << 0)
#define PTE_WRITE      (UINT64_C(1) << 1)
#define PTE_USER       (UINT64_C(1) << 2)
#define PTE_PWT        (UINT64_C(1) << 3)
#define PTE_PCD        (UINT64_C(1) << 4)
#define PTE_ACCESSED   (UINT64_C(1) << 5)
#define PTE_DIRTY      (UINT64_C(1) << 6)
#define PTE_PAT        (UINT64_C(1) << 7) /* of a 4K leaf; larger ones have PS there */
#define PTE_GLOBAL     (UINT64_C(1) << 8)
#define PTE_PAT_LARGE  (UINT64_C(1) << 12) /* of a larger leaf: the lowest of its address bits */
#define PTE_WAS_DIRTY  (UINT64_C(1) << 58) /* ignored by the MMU: dirty, in a leaf without write */
#define PTE_NO_EXECUTE (UINT64_C(1) << 63)

#define PTE_PAT_LARGE_SHIFT 5 /* from PTE_PAT to PTE_PAT_LARGE */
#define PTE_KEY_SHIFT       59

/* flags.software: bits 2:0 are descriptor bits 11:9, bits 8:3 are 57:52. */
#define PTE_SOFTWARE_LOW        UINT64_C(0x7)
#define PTE_SOFTWARE_HIGH       UINT64_C(0x1f8)
#define PTE_SOFTWARE            (PTE_SOFTWARE_LOW | PTE_SOFTWARE_HIGH)
#define PTE_SOFTWARE_LOW_SHIFT  9
#define PTE_SOFTWARE_HIGH_SHIFT 49

#define PTE_NO_INDEX UINT8_MAX

/* Memory types by the PAT's encoding of them, SDM vol. 3A table 12-10; 2 and 3 are reserved. */
static const uint8_t pat_types[] = {
	MEMORY_DEVICE,        MEMORY_NONCACHEABLE,    MEMORY_TYPES,  MEMORY_TYPES,
	MEMORY_WRITE_THROUGH, MEMORY_WRITE_PROTECTED, MEMORY_NORMAL, MEMORY_DEVICE_WEAK,
};

static ALWAYS_INLINE unsigned int pat_entry(uint64_t pat, unsigned int index)
{
	return (uint8_t)(pat >> (8 * index));
}

/* Notes for each memory type the first PAT entry that has it. */
static ALWAYS_INLINE enum paging_status
pte_configure(struct page_table *table, const struct page_table_config *config, uint32_t features)
{
	uint64_t pat = config->memory_attributes;

	table->type_index = UINT64_MAX; /* PTE_NO_INDEX for each */
	for (unsigned int i = 8; i-- != 0;) {
		unsigned int entry = pat_entry(pat, i);
		unsigned int shift;

		if (entry > 7 || pat_types[entry] == MEMORY_TYPES)
			return PAGING_BAD_ATTRIBUTES;
		shift = 8u * pat_types[entry];
		table->type_index &= ~((uint64_t)UINT8_MAX << shift);
		table->type_index |= (uint64_t)i << shift;
	}
	return x86_configure(table, config, features);
}

/* What holds for both kinds of table. `nx`: the feature bit that says that pages can be not
 * executable. */
static ALWAYS_INLINE bool pte_expressible(const struct page_table *table, struct page_flags flags,
					  uint32_t nx)
{
	if (!flags.read || flags.execute_privileged || flags.execute_user)
		return false;
	if (!flags.execute && !table_has(table, nx))
		return false;
	if (flags.guarded || flags.ignore_pat || flags.suppress_ve || flags.reserved0 != 0 ||
	    flags.reserved1 != 0)
		return false;
	return (uint8_t)(table->type_index >> (8 * flags.type)) != PTE_NO_INDEX &&
	       (flags.software & ~PTE_SOFTWARE) == 0;
}

static ALWAYS_INLINE uint64_t pte_software(uint16_t software)
{
	return (software & PTE_SOFTWARE_LOW) << PTE_SOFTWARE_LOW_SHIFT |
	       (software & PTE_SOFTWARE_HIGH) << PTE_SOFTWARE_HIGH_SHIFT;
}

/* All but USER, GLOBAL and the key. A leaf without write never has DIRTY: with CET that would be a
 * shadow-stack page (SDM vol. 3A 4.6). */
static ALWAYS_INLINE uint64_t pte_encode(const struct page_table *table, struct page_flags flags)
{
	unsigned int index = (uint8_t)(table->type_index >> (8 * flags.type));
	uint64_t a = PTE_PRESENT;

	a |= bits_if(flags.write, PTE_WRITE);
	a |= bits_if(!flags.idle, PTE_ACCESSED);
	if (flags.dirty)
		a |= flags.write ? PTE_DIRTY : PTE_WAS_DIRTY;
	a |= bits_if(!flags.execute, PTE_NO_EXECUTE);
	a |= bits_if((index & 1) != 0, PTE_PWT);
	a |= bits_if((index & 2) != 0, PTE_PCD);
	a |= bits_if((index & 4) != 0, PTE_PAT);
	return a | pte_software(flags.software);
}

/* The flags' word (engine/flags_word.h). W is granted by all levels or not at all, NX is set by
 * any: SDM vol. 3A 4.6. */
static ALWAYS_INLINE uint64_t pte_decode(const struct page_table *table, uint64_t a,
					 struct inherited above, uint32_t nx)
{
	/* PWT and PCD are next to each other; times 8, to shift the PAT by. */
	unsigned int index =
		(unsigned int)(a & (PTE_PWT | PTE_PCD)) | ((a & PTE_PAT) != 0 ? 32u : 0u);
	uint64_t type = pat_types[table->memory_attributes >> index & 7];
	uint64_t executable = ~(a | above.any) >> 63 | bits_if(!table_has(table, nx), 1);

	return UINT64_C(1) << FLAG_READ | (a & above.all & PTE_WRITE) | executable << FLAG_EXECUTE |
	       move_bit(~a, 5, FLAG_IDLE) | move_bit(a | a >> (58 - 6), 6, FLAG_DIRTY) |
	       type << FLAG_TYPE |
	       (a >> PTE_SOFTWARE_LOW_SHIFT & PTE_SOFTWARE_LOW) << FLAG_SOFTWARE |
	       (a >> PTE_SOFTWARE_HIGH_SHIFT & PTE_SOFTWARE_HIGH) << FLAG_SOFTWARE;
}

static ALWAYS_INLINE uint64_t pte_keep(const struct page_table *table, uint64_t attributes,
				       uint64_t old)
{
	uint64_t dirty = (attributes & PTE_WRITE) != 0 ? PTE_DIRTY : PTE_WAS_DIRTY;

	(void)table;
	return (attributes & ~PTE_ACCESSED) | (old & PTE_ACCESSED) |
	       bits_if((old & (PTE_DIRTY | PTE_WAS_DIRTY)) != 0, dirty);
}

static ALWAYS_INLINE uint64_t pte_without_write(const struct page_table *table, uint64_t attributes)
{
	const unsigned int shift = 58 - 6; /* from PTE_DIRTY to PTE_WAS_DIRTY */

	(void)table;
	return (attributes & ~(PTE_WRITE | PTE_DIRTY)) | (attributes & PTE_DIRTY) << shift;
}

static ALWAYS_INLINE uint64_t pte_cleaned(const struct page_table *table, uint64_t attributes,
					  bool accessed, bool dirty)
{
	(void)table;
	attributes &= ~bits_if(accessed, PTE_ACCESSED);
	return attributes & ~(dirty ? PTE_DIRTY | PTE_WAS_DIRTY : 0);
}

static ALWAYS_INLINE uint64_t pte_merge(const struct page_table *table, uint64_t leaf,
					uint64_t other)
{
	(void)table;
	return leaf | (other & (PTE_ACCESSED | PTE_DIRTY | PTE_WAS_DIRTY));
}

static ALWAYS_INLINE uint64_t pte_leaf(uint64_t attributes, phys_addr phys, unsigned int level)
{
	if (level == 0)
		return attributes | phys;
	return (attributes & ~PTE_PAT) | (attributes & PTE_PAT) << PTE_PAT_LARGE_SHIFT | X86_LARGE |
	       phys;
}

static ALWAYS_INLINE uint64_t pte_leaf_attributes(uint64_t descriptor, unsigned int level)
{
	uint64_t attributes = descriptor & ~X86_ADDRESS;

	if (level == 0)
		return attributes;
	return (attributes & ~PTE_PAT) | (descriptor & PTE_PAT_LARGE) >> PTE_PAT_LARGE_SHIFT;
}

static ALWAYS_INLINE phys_addr pte_leaf_address(uint64_t descriptor, unsigned int level)
{
	return descriptor & X86_ADDRESS & ~bits_if(level != 0, PTE_PAT_LARGE);
}

static ALWAYS_INLINE bool pte_is_present(const struct page_table *table, uint64_t descriptor,
					 unsigned int level)
{
	(void)table;
	(void)level;
	return (descriptor & PTE_PRESENT) != 0;
}

/* NX is reserved where it is not on: SDM vol. 3A 4.5.5, APM vol. 2 5.6.3. */
static ALWAYS_INLINE uint64_t pte_broken(const struct page_table *table, uint64_t descriptor,
					 uint32_t nx)
{
	if ((descriptor & PTE_NO_EXECUTE) != 0 && !table_has(table, nx))
		return RULE(PAGE_RULE_FEATURE);
	return 0;
}

/* Permissive: the leaf decides. Accessed is set already, so that hardware never writes here. */
static ALWAYS_INLINE uint64_t pte_table(const struct page_table *table, phys_addr phys)
{
	(void)table;
	return phys | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

/* And in those of stage 1 and NPT. */
#define PTE_ENCODER                                                                                \
	X86_ENCODER(PTE_PRESENT),                                                                  \
		.software_bits = PTE_SOFTWARE, .software = pte_software, .keep = pte_keep,         \
		.without_write = pte_without_write, .write_clear = PTE_WRITE,                      \
		.write_marks = PTE_DIRTY, .write_marks_of_hardware = true, .cleaned = pte_cleaned, \
		.merge = pte_merge, .leaf = pte_leaf, .leaf_attributes = pte_leaf_attributes,      \
		.leaf_address = pte_leaf_address, .page = PTE_PRESENT,                             \
		.is_present = pte_is_present, .is_plain_table = pte_is_plain_table,                \
		.is_plain_leaf = pte_is_plain_leaf, .table = pte_table

#endif
