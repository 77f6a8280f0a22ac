/* SPDX-License-Identifier: MIT */
/* RISC-V Sv48x4, the G-stage. */
#include "sv.h"

/* At the G-stage all accesses are user accesses, and G must be clear. */
static ALWAYS_INLINE bool x4_encode(const struct page_table *table, struct page_flags flags,
				    uint64_t *attributes)
{
	if (flags.user || flags.global || !sv_encode(table, flags, attributes))
		return false;
	*attributes |= USER;
	return true;
}

static ALWAYS_INLINE struct page_flags x4_decode(const struct page_table *table, uint64_t a,
						 struct inherited above)
{
	struct page_flags flags = sv_decode(table, a, above);

	if ((a & USER) == 0) {
		flags.read = 0;
		flags.write = 0;
		flags.execute = 0;
	}
	flags.user = 0;
	flags.global = 0;
	return flags;
}

static ALWAYS_INLINE uint64_t x4_broken(const struct page_table *table, uint64_t descriptor,
					unsigned int level)
{
	uint64_t rules = sv_broken(table, descriptor, level);

	if ((descriptor & (VALID | GLOBAL)) == (VALID | GLOBAL))
		rules |= RULE(PAGE_RULE_RESERVED);
	return rules;
}

static enum paging_status sv48x4_configure(struct page_table *table,
					   const struct page_table_config *config)
{
	return sv_configure(table, config, 50, 4);
}

static const struct encoder sv48x4 = {
	SV_ENCODER,          .input = INPUT_ZERO_EXTENDED, .configure = sv48x4_configure,
	.encode = x4_encode, .decode = x4_decode,          .broken = x4_broken,
};

PAGING_DEFINE_FORMAT_OF_KIND(riscv_sv48x4, "RISC-V Sv48x4", sv48x4, RISCV_KIND_G_STAGE);
