/* SPDX-License-Identifier: MIT */
/* x86_64 stage 1: the CPU's own tables. */
#include "twofold/x86_64.h"

#include "engine/engine.h"
#include "pte.h"

static enum paging_status stage1_configure(struct page_table *table,
					   const struct page_table_config *config)
{
	return pte_configure(table, config, X86_64_NX | X86_64_GLOBAL | X86_64_PKU);
}

static ALWAYS_INLINE bool stage1_encode(const struct page_table *table, struct page_flags flags,
					uint64_t *attributes)
{
	if (!pte_expressible(table, flags, X86_64_NX))
		return false;
	if (flags.global && (table->features & X86_64_GLOBAL) == 0)
		return false;
	if (flags.protection_key != 0 && (table->features & X86_64_PKU) == 0)
		return false;
	*attributes = pte_encode(table, flags) | (flags.user ? PTE_USER : 0) |
		      (flags.global ? PTE_GLOBAL : 0) |
		      (uint64_t)flags.protection_key << PTE_KEY_SHIFT;
	return true;
}

static ALWAYS_INLINE struct page_flags stage1_decode(const struct page_table *table, uint64_t a,
						     struct inherited above)
{
	uint64_t word = pte_decode(table, a, above, X86_64_NX);

	word |= (a & above.all & PTE_USER) << (FLAG_USER - 2);
	if ((table->features & X86_64_GLOBAL) != 0)
		word |= move_bit(a, 8, FLAG_GLOBAL);
	if ((table->features & X86_64_PKU) != 0)
		word |= (a >> PTE_KEY_SHIFT & 0xf) << FLAG_KEY;
	return flags_of_word(word);
}

/* D without W in a leaf is a shadow-stack page to a CPU with CET: SDM vol. 3A 4.6. */
static ALWAYS_INLINE uint64_t stage1_broken(const struct page_table *table, uint64_t descriptor,
					    unsigned int level)
{
	uint64_t rules;

	if ((descriptor & PTE_PRESENT) == 0)
		return 0;
	rules = pte_broken(table, descriptor, X86_64_NX);
	if (x86_is_leaf(descriptor, level) && (descriptor & (PTE_WRITE | PTE_DIRTY)) == PTE_DIRTY)
		rules |= RULE(PAGE_RULE_SHADOW_STACK);
	return rules;
}

static const struct encoder stage1 = {
	.modifiers = true,
	.granule_shift = X86_GRANULE_SHIFT,
	.index_bits = X86_INDEX_BITS,
	.input = INPUT_SIGN_EXTENDED,
	.configure = stage1_configure,
	.encode = stage1_encode,
	.decode = stage1_decode,
	.break_before_make = x86_break_before_make,
	.software_bits = PTE_SOFTWARE,
	.software = pte_software,
	.keep = pte_keep,
	.without_write = pte_without_write,
	.write_clear = PTE_WRITE,
	.write_marks = PTE_DIRTY,
	.write_marks_of_hardware = true,
	.write_plain = pte_write_plain,
	.cleaned = pte_cleaned,
	.merge = pte_merge,
	.leaf = pte_leaf,
	.leaf_attributes = pte_leaf_attributes,
	.leaf_address = pte_leaf_address,
	.global = PTE_GLOBAL,
	.page = PTE_PRESENT,
	.is_present = pte_is_present,
	.is_leaf = x86_is_leaf,
	.is_plain_table = pte_is_plain_table,
	.is_plain_leaf = pte_is_plain_leaf,
	.broken = stage1_broken,
	.table = pte_table,
	.table_address = x86_table_address,
	.table_bits = X86_ADDRESS,
	.counted = true,
	.count = x86_count,
	.with_count = x86_with_count,
	.count_up = x86_count_up,
	.count_down = x86_count_down,
	.count_down_left = x86_count_down_left,
	.full_table = X86_FULL | PTE_PRESENT,
	.full_table_mask = X86_COUNT | X86_LARGE | PTE_PRESENT,
};

PAGING_DEFINE_FORMAT_OF_KIND(x86_64_stage1, "x86_64 stage 1", stage1, X86_KIND_STAGE1);
