/* SPDX-License-Identifier: MIT */
/* Telling the TLBs of changes, by the library's plan. */
#include "flush.h"

#include "cpu.h"
#include "guest/kernel.h"
#include "guest/sabotage.h"
#include "twofold/aarch64_tlb_execute.h"

void flush_address(virt_addr address)
{
	/* VAAE1IS takes VA[55:12], of any ASID (Arm ARM DDI 0487, C5.5). */
	__asm__ volatile("dsb ishst\n\t"
			 "tlbi vaae1is, %0\n\t"
			 "dsb ish\n\t"
			 "isb"
			 :
			 : "r"(address >> 12 & ((UINT64_C(1) << 44) - 1))
			 : "memory");
}

void flush_everything(void)
{
	__asm__ volatile("dsb ishst" : : : "memory");
	if (read_currentel() == CURRENT_EL2)
		__asm__ volatile("tlbi alle2is" : : : "memory");
	else
		__asm__ volatile("tlbi vmalle1is" : : : "memory");
	__asm__ volatile("dsb ish\n\tisb" : : : "memory");
}

static void execute(const struct tlb_gather *gather, const struct page_table *table, bool local)
{
	struct aarch64_tlb tlb = {
		.table = table,
		.local = local,
		.ttl = (read_id_aa64mmfr2_el1() >> 48 & 15) != 0,
		.range = (read_id_aa64isar0_el1() >> 56 & 15) >= 2,
	};

	if (aarch64_tlb_plan(&tlb, gather, aarch64_tlb_execute, NULL) != REGISTER_OK)
		panic("no TLB invalidation for the table with root 0x%lx", table->root);
}

void flush_table(const struct tlb_gather *gather, const struct page_table *table)
{
	execute(gather, table, false);
}

/* A gather is of one table, but does not say which where it is of everything. */
static void execute_own(const struct tlb_gather *gather, bool local)
{
	if (gather->range_count != 0) {
		execute(gather, kernel_table(gather->ranges[0].start), local);
		return;
	}
	for (unsigned int i = 0; i < kernel.mmu.tables; i++)
		execute(gather, &kernel.tables[i], local);
}

void flush_exactly(const struct tlb_gather *gather, void *context)
{
	(void)context;
	execute_own(gather, false);
}

void flush_here(const struct tlb_gather *gather, void *context)
{
	(void)context;
	execute_own(gather, true);
}

/* As on x86_64: QEMU's TCG runs on what it translated from other pages of a large leaf (7.2). */
void arch_flush(const struct tlb_gather *gather, void *context)
{
	if (sabotage_omits(SABOTAGE_OWN_FLUSH))
		return;
	if (sabotage_omits(SABOTAGE_INTERRUPT)) {
		flush_here(gather, context);
		return;
	}
	flush_exactly(gather, context);
	for (size_t i = 0; i < gather->range_count; i++) {
		if (gather->ranges[i].leaf_size > arch_leaf_size(LEAF_PAGE)) {
			flush_everything();
			return;
		}
	}
}
