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
	PTE_ENCODER,
	/* And no bit that makes a leaf global. */
	.input = INPUT_ZERO_EXTENDED,
	.configure = npt_configure,
	.encode = npt_encode,
	.decode = npt_decode,
	.broken = npt_broken,
};

PAGING_DEFINE_FORMAT_OF_KIND(x86_64_npt, "x86_64 NPT", npt, X86_KIND_NPT);
