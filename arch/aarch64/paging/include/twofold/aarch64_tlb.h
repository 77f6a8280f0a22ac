/* SPDX-License-Identifier: MIT */
/*
 * From a gather to the instructions that invalidate what it asks for, barriers included (Arm ARM
 * DDI 0487, D8.14; C5.5 for the operands). Planning is a pure function; aarch64_tlb_execute.h has
 * what executes an instruction on the CPU. A gather that asks for nothing gives no instruction;
 * what a new mapping takes is aarch64_tlb_after_map.
 *
 *	stage 1:  DSB ISHST; TLBI ...IS; DSB ISH; ISB
 *	stage 2:  DSB ISHST; TLBI IPAS2...IS; DSB ISH; TLBI VMALLE1IS; DSB ISH; ISB
 *
 * The second TLBI of stage 2 is for what combines both stages, which no IPA finds.
 */
#ifndef TWOFOLD_AARCH64_TLB_H
#define TWOFOLD_AARCH64_TLB_H

#include "twofold/page_table.h"
#include "twofold/register_status.h"
#include "twofold/tlb_gather.h"

#ifdef __cplusplus
extern "C" {
#endif

/* L: of last levels only, for leaves that went; the others are for tables too. */
enum aarch64_tlb_operation {
	AARCH64_DSB_STORES, /* DSB ISHST, or NSHST */
	AARCH64_DSB,        /* DSB ISH, or NSH */
	AARCH64_ISB,
	AARCH64_TLBI_VAE1, /* address and ASID; global ones too */
	AARCH64_TLBI_VALE1,
	AARCH64_TLBI_VAAE1, /* address, all ASIDs */
	AARCH64_TLBI_VAALE1,
	AARCH64_TLBI_ASIDE1,  /* an ASID, but not global ones */
	AARCH64_TLBI_VMALLE1, /* stage 1 of EL1&0, and both stages combined, of this VMID */
	AARCH64_TLBI_VAE2,
	AARCH64_TLBI_VALE2,
	AARCH64_TLBI_ALLE2,
	AARCH64_TLBI_IPAS2E1, /* IPA, of this VMID */
	AARCH64_TLBI_IPAS2LE1,
	AARCH64_TLBI_VMALLS12E1, /* both stages of this VMID */
};

struct aarch64_tlb_instruction {
	enum aarch64_tlb_operation operation;
	bool broadcast;   /* IS: to the inner shareable domain; else for this CPU */
	bool range;       /* a TLBI by address is the form with R, and a range in its operand */
	uint64_t operand; /* of a TLBI that takes one */
};

/* Given the instructions in the order in which they are to be executed. */
typedef void (*aarch64_tlb_emit)(void *context, const struct aarch64_tlb_instruction *instruction);

/* Beyond so many TLBIs by address all is invalidated, where the caller does not say otherwise. */
#define AARCH64_TLB_THRESHOLD 128

struct aarch64_tlb {
	const struct page_table *table; /* whose gather it is */
	uint16_t asid;                  /* stage 1 of EL1&0: the table's */
	bool all_asids;     /* its entries are part of every address space: a kernel's half */
	bool local;         /* no other CPU can hold the translations */
	bool ttl;           /* ID_AA64MMFR2_EL1.TTL is not 0: say the level of leaves */
	bool range;         /* ID_AA64ISAR0_EL1.TLB is 2 or more: ranges in one instruction */
	uint32_t threshold; /* 0: AARCH64_TLB_THRESHOLD */
};

/*
 * The whole sequence. At stage 2 it is for the VMID in VTTBR_EL2, and executed with HCR_EL2.TGE 0;
 * a table with AARCH64_EL2 is that of EL2 without HCR_EL2.E2H. A contiguous group takes a TLBI for
 * each of its entries, since the hint may be ignored. REGISTER_WRONG_TABLE, and nothing is emitted,
 * if the table is none of AArch64's.
 */
enum register_status aarch64_tlb_plan(const struct aarch64_tlb *tlb,
				      const struct tlb_gather *gather, aarch64_tlb_emit emit,
				      void *context);

/*
 * After a new mapping, which no gather names: DSB ISHST; ISB. Without the first a walk, on any CPU,
 * may not see the descriptor yet; without the second this one may have begun a walk before.
 * Of `tlb`, `table` (of either stage) and `local` matter. REGISTER_WRONG_TABLE as above.
 */
enum register_status aarch64_tlb_after_map(const struct aarch64_tlb *tlb, aarch64_tlb_emit emit,
					   void *context);

#ifdef __cplusplus
}
#endif

#endif
