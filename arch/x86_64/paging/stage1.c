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
	if (flags.global && !table_has(table, X86_64_GLOBAL))
		return false;
	if (flags.protection_key != 0 && !table_has(table, X86_64_PKU))
		return false;
	*attributes = pte_encode(table, flags) | bits_if(flags.user, PTE_USER) |
		      bits_if(flags.global, PTE_GLOBAL) |
		      (uint64_t)flags.protection_key << PTE_KEY_SHIFT;
	return true;
}

static ALWAYS_INLINE struct page_flags stage1_decode(const struct page_table *table, uint64_t a,
						     struct inherited above)
{
	uint64_t word = pte_decode(table, a, above, X86_64_NX);

	word |= (a & above.all & PTE_USER) << (FLAG_USER - 2);
	if (table_has(table, X86_64_GLOBAL))
		word |= move_bit(a, 8, FLAG_GLOBAL);
	if (table_has(table, X86_64_PKU))
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
	PTE_ENCODER,
	.input = INPUT_SIGN_EXTENDED,
	.configure = stage1_configure,
	.encode = stage1_encode,
	.decode = stage1_decode,
	.global = PTE_GLOBAL,
	.broken = stage1_broken,
};

PAGING_DEFINE_FORMAT_OF_KIND(x86_64_stage1, "x86_64 stage 1", stage1, X86_KIND_STAGE1);
