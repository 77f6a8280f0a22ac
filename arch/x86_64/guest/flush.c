/* SPDX-License-Identifier: MIT */
/* Telling the TLB of changes. */
#include "flush.h"

#include "guest/arch.h"
#include "guest/kernel.h"
#include "guest/sabotage.h"
#include "second_cpu.h"
#include "twofold/x86_64_tlb_execute.h"

/* The kernel's address space is the only one. INVPCID is left alone: KVMs that interpret do not
 * know it. */
void flush_exactly(const struct tlb_gather *gather, void *context)
{
	const struct x86_64_tlb tlb = { .table = &kernel.tables[0], .space = X86_64_TLB_CURRENT };

	if (x86_64_tlb_plan(&tlb, gather, x86_64_tlb_execute, context) != REGISTER_OK)
		panic("no TLB invalidation for the table with root 0x%lx", tlb.table->root);
}

/*
 * One INVLPG does for a large leaf, whatever address in it is named. But QEMU's TCG then still runs
 * code that it translated from the leaf's other 4K pages (7.2: only the named page's entries leave
 * its jump cache), so that a fetch from there does not fault. Flushing everything is what it
 * honours.
 */
void flush_here(const struct tlb_gather *gather, void *context)
{
	flush_exactly(gather, context);
	for (size_t i = 0; i < gather->range_count; i++) {
		if (gather->ranges[i].leaf_size > PAGE_SIZE_4K) {
			struct x86_64_tlb_instruction all = {
				.operation = gather->ranges[i].global ? X86_64_TOGGLE_PGE
								      : X86_64_RELOAD_CR3,
			};

			x86_64_tlb_execute(context, &all);
			return;
		}
	}
}

void arch_flush(const struct tlb_gather *gather, void *context)
{
	if (sabotage_omits(SABOTAGE_OWN_FLUSH))
		return;
	flush_here(gather, context);
	second_cpu_flush(gather);
}
