/* SPDX-License-Identifier: MIT */
/* AMD nested paging: APM vol. 2 15.25. Guest accesses are user accesses, so U is always set. */
#include "twofold/x86_64.h"

#include "engine/engine.h"
#include "pte.h"

static enum paging_status npt_configure(struct page_table *table,
					const struct page_table_config *config)
{
	return pte_configure(table, config, NPT_NX);
}

static ALWAYS_INLINE bool npt_encode(const struct page_table *table, struct page_flags flags,
				     uint64_t *attributes)
{
	if (!pte_expressible(table, flags, NPT_NX))
		return false;
	if (flags.user || flags.global || flags.protection_key != 0)
		return false;
	*attributes = pte_encode(table, flags) | PTE_USER;
	return true;
}

/* A page that the guest cannot reach because U is missing somewhere grants it nothing. */
static ALWAYS_INLINE struct page_flags npt_decode(const struct page_table *table, uint64_t a,
						  struct inherited above)
{
	uint64_t word = pte_decode(table, a, above, NPT_NX);

	if (UNLIKELY((a & above.all & PTE_USER) == 0))
		word &= ~UINT64_C(7); /* read, write, execute */
	return flags_of_word(word);
}

/* Bit 8, which is G in a leaf, must be zero in the entries above a page directory: APM vol.
 * 2 5.3.3, figures 5-18 to 5-23. */
static ALWAYS_INLINE uint64_t npt_broken(const struct page_table *table, uint64_t descriptor,
					 unsigned int level)
{
	uint64_t rules;

	if ((descriptor & PTE_PRESENT) == 0)
		return 0;
	rules = pte_broken(table, descriptor, NPT_NX);
	if (level >= 2 && !x86_is_leaf(descriptor, level) && (descriptor & PTE_GLOBAL) != 0)
		rules |= RULE(PAGE_RULE_RESERVED);
	return rules;
}

static const struct encoder npt = {
	.modifiers = true,
	.granule_shift = X86_GRANULE_SHIFT,
	.index_bits = X86_INDEX_BITS,
	.input = INPUT_ZERO_EXTENDED,
	.configure = npt_configure,
	.encode = npt_encode,
	.decode = npt_decode,
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
	.page = PTE_PRESENT,
	.is_present = pte_is_present,
	.is_leaf = x86_is_leaf,
	.is_plain_table = pte_is_plain_table,
	.is_plain_leaf = pte_is_plain_leaf,
	.broken = npt_broken,
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

PAGING_DEFINE_FORMAT_OF_KIND(x86_64_npt, "x86_64 NPT", npt, X86_KIND_NPT);
