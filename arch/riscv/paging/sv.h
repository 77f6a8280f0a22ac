/* SPDX-License-Identifier: MIT */
/* RISC-V page-based memory: privileged specification, 12.3, 12.4 and 18.5. */
#ifndef RISCV_PAGING_SV_H
#define RISCV_PAGING_SV_H

#include "twofold/riscv.h"

#include "engine/engine.h"

/* struct page_table_format's kind; those of the others are in their geometry.h. */
#define RISCV_KIND_STAGE1  16
#define RISCV_KIND_G_STAGE 17

#define VALID      (UINT64_C(1) << 0)
#define READ       (UINT64_C(1) << 1)
#define WRITE      (UINT64_C(1) << 2)
#define EXECUTE    (UINT64_C(1) << 3)
#define USER       (UINT64_C(1) << 4)
#define GLOBAL     (UINT64_C(1) << 5)
#define ACCESSED   (UINT64_C(1) << 6)
#define DIRTY      (UINT64_C(1) << 7)
#define ADDRESS    UINT64_C(0x003ffffffffffc00) /* PPN, bits 53:10 */
#define RESERVED   UINT64_C(0x1fc0000000000000) /* bits 60:54 */
#define TYPE_SHIFT 61                           /* Svpbmt: 0 PMA, 1 NC, 2 IO */
#define TYPE       (UINT64_C(3) << TYPE_SHIFT)
#define NAPOT      (UINT64_C(1) << 63) /* Svnapot, which the library does not use */

#define SOFTWARE       UINT64_C(0x3) /* RSW, bits 9:8 */
#define SOFTWARE_SHIFT 8

static const uint8_t types[] = { MEMORY_NORMAL, MEMORY_NONCACHEABLE, MEMORY_DEVICE, MEMORY_TYPES };

static ALWAYS_INLINE enum paging_status sv_configure(struct page_table *table,
						     const struct page_table_config *config,
						     unsigned int input_bits, uint8_t levels)
{
	if (config->input_bits != input_bits)
		return PAGING_BAD_INPUT_BITS;
	if (config->output_bits < 32 || config->output_bits > 56)
		return PAGING_BAD_OUTPUT_BITS;
	if ((config->features & ~RISCV_SVPBMT) != 0)
		return PAGING_BAD_FEATURES;
	if (config->memory_attributes != 0)
		return PAGING_BAD_ATTRIBUTES;
	table->levels = levels;
	return PAGING_OK;
}

static ALWAYS_INLINE uint64_t sv_software(uint16_t software)
{
	return (software & SOFTWARE) << SOFTWARE_SHIFT;
}

static ALWAYS_INLINE bool sv_encode(const struct page_table *table, struct page_flags flags,
				    uint64_t *attributes)
{
	bool typed = table_has(table, RISCV_SVPBMT);
	uint64_t type = 0;

	if (!flags.read && (flags.write || !flags.execute))
		return false;
	if (flags.execute_privileged || flags.execute_user || flags.ignore_pat ||
	    flags.suppress_ve || flags.guarded || flags.protection_key != 0 ||
	    flags.reserved0 != 0 || flags.reserved1 != 0 || (flags.software & ~SOFTWARE) != 0)
		return false;
	while (type < 3 && types[type] != flags.type)
		type++;
	if (type == 3 || (type != 0 && !typed))
		return false;
	*attributes = VALID | bits_if(flags.read, READ) | bits_if(flags.write, WRITE) |
		      bits_if(flags.execute, EXECUTE) | bits_if(flags.user, USER) |
		      bits_if(flags.global, GLOBAL) | bits_if(!flags.idle, ACCESSED) |
		      bits_if(flags.dirty, DIRTY) | type << TYPE_SHIFT |
		      sv_software(flags.software);
	return true;
}

static ALWAYS_INLINE struct page_flags sv_decode(const struct page_table *table, uint64_t a,
						 struct inherited above)
{
	struct page_flags flags = { .read = (a & READ) != 0 };

	flags.write = (a & WRITE) != 0;
	flags.execute = (a & EXECUTE) != 0;
	flags.user = (a & USER) != 0;
	flags.global = ((a | above.any) & GLOBAL) != 0;
	flags.idle = (a & ACCESSED) == 0;
	flags.dirty = (a & DIRTY) != 0;
	if (table_has(table, RISCV_SVPBMT))
		flags.type = types[a >> TYPE_SHIFT & 3] & 7u;
	flags.software = (uint16_t)(a >> SOFTWARE_SHIFT & SOFTWARE);
	return flags;
}

static ALWAYS_INLINE uint64_t sv_keep(const struct page_table *table, uint64_t attributes,
				      uint64_t old)
{
	(void)table;
	return (attributes & ~(ACCESSED | DIRTY)) | (old & (ACCESSED | DIRTY));
}

static ALWAYS_INLINE uint64_t sv_without_write(const struct page_table *table, uint64_t attributes)
{
	(void)table;
	return attributes & ~WRITE;
}

static ALWAYS_INLINE uint64_t sv_cleaned(const struct page_table *table, uint64_t attributes,
					 bool accessed, bool dirty)
{
	(void)table;
	return attributes & ~(bits_if(accessed, ACCESSED) | bits_if(dirty, DIRTY));
}

static ALWAYS_INLINE uint64_t sv_merge(const struct page_table *table, uint64_t leaf,
				       uint64_t other)
{
	(void)table;
	return leaf | (other & (ACCESSED | DIRTY));
}

/* Sizes may change in place; the stale translation is flushed after (12.2.1, SFENCE.VMA). */
static ALWAYS_INLINE bool sv_break_before_make(const struct page_table *table)
{
	(void)table;
	return false;
}

static ALWAYS_INLINE uint64_t sv_leaf(uint64_t attributes, phys_addr phys, unsigned int level)
{
	(void)level;
	return attributes | phys >> 2;
}

static ALWAYS_INLINE uint64_t sv_leaf_attributes(uint64_t descriptor, unsigned int level)
{
	(void)level;
	return descriptor & ~ADDRESS;
}

static ALWAYS_INLINE phys_addr sv_leaf_address(uint64_t descriptor, unsigned int level)
{
	(void)level;
	return (descriptor & ADDRESS) << 2;
}

/* Write alone is reserved, but it leads to no table. */
static ALWAYS_INLINE bool sv_is_leaf(uint64_t descriptor, unsigned int level)
{
	(void)level;
	return (descriptor & (READ | WRITE | EXECUTE)) != 0;
}

/* At level 0 there is nothing to lead to: such an entry faults like an invalid one. */
static ALWAYS_INLINE bool sv_is_present(const struct page_table *table, uint64_t descriptor,
					unsigned int level)
{
	(void)table;
	return (descriptor & VALID) != 0 && (level != 0 || sv_is_leaf(descriptor, level));
}

/* Valid, and readable or executable. */
static ALWAYS_INLINE bool sv_is_plain_leaf(uint64_t descriptor)
{
	return (descriptor & VALID) != 0 && (descriptor & (READ | EXECUTE)) != 0;
}

static ALWAYS_INLINE bool sv_is_plain_table(uint64_t descriptor)
{
	return (descriptor & (VALID | READ | WRITE | EXECUTE)) == VALID;
}

/* What makes the walk of 12.3.2 raise a page fault, or is to be cleared by software (12.4.1). */
static ALWAYS_INLINE uint64_t sv_broken(const struct page_table *table, uint64_t descriptor,
					unsigned int level)
{
	bool leaf = sv_is_leaf(descriptor, level);
	uint64_t type = descriptor & TYPE;
	bool permissions = (descriptor & (READ | WRITE)) != WRITE;
	bool reserved = (descriptor & RESERVED) != 0 ||
			(!leaf && (descriptor & (ACCESSED | DIRTY | USER | TYPE)) != 0);
	bool feature = (descriptor & NAPOT) == 0 && (type == 0 || table_has(table, RISCV_SVPBMT));

	if ((descriptor & VALID) == 0)
		return 0;
	return bits_if(!permissions, RULE(PAGE_RULE_PERMISSIONS)) |
	       bits_if(!leaf && level == 0, RULE(PAGE_RULE_ENTRY_TYPE)) |
	       bits_if(reserved, RULE(PAGE_RULE_RESERVED)) |
	       bits_if(!feature, RULE(PAGE_RULE_FEATURE)) |
	       bits_if(feature && leaf && type == TYPE, RULE(PAGE_RULE_MEMORY_TYPE));
}

static ALWAYS_INLINE uint64_t sv_table(const struct page_table *table, phys_addr phys)
{
	(void)table;
	return VALID | phys >> 2;
}

static ALWAYS_INLINE phys_addr sv_table_address(uint64_t descriptor)
{
	return (descriptor & ADDRESS) << 2;
}

#define SV_ENCODER                                                                                \
	.granule_shift = 12, .index_bits = 9, .keep = sv_keep, .merge = sv_merge,                 \
	.without_write = sv_without_write, .write_clear = WRITE, .cleaned = sv_cleaned,           \
	.break_before_make = sv_break_before_make, .leaf = sv_leaf,                               \
	.leaf_attributes = sv_leaf_attributes, .leaf_address = sv_leaf_address, .global = GLOBAL, \
	.is_present = sv_is_present, .is_leaf = sv_is_leaf, .is_plain_table = sv_is_plain_table,  \
	.is_plain_leaf = sv_is_plain_leaf, .table = sv_table, .table_address = sv_table_address,  \
	.counted = false, .software_bits = SOFTWARE, .software = sv_software

#endif
