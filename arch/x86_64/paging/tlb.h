/* SPDX-License-Identifier: MIT */
/* What the plans of stage 1 and of a VPID share. */
#ifndef X86_64_PAGING_TLB_H
#define X86_64_PAGING_TLB_H

#include "twofold/x86_64_tlb.h"

/* Single addresses that the gather's ranges take. */
uint64_t x86_64_tlb_count(const struct tlb_gather *gather);

/* Whether anything that went away was global. */
bool x86_64_tlb_any_global(const struct tlb_gather *gather);

/* `model` for each leaf and table of the ranges, or of those with a global leaf. */
void x86_64_tlb_emit_ranges(const struct x86_64_tlb_instruction *model,
			    const struct tlb_gather *gather, bool only_global, x86_64_tlb_emit emit,
			    void *context);

#endif
