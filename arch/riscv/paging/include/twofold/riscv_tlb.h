/* SPDX-License-Identifier: MIT */
/*
 * From a gather to the fences that invalidate what it asks for, as data (privileged specification,
 * 12.2.1 SFENCE.VMA; HFENCE of the hypervisor extension; Svinval). Planning is a pure function, and
 * executes nothing. All of these are local to the hart: each one that may hold the translations
 * executes the plan itself, or is asked to by SBI's RFENCE. A fence also orders the stores before
 * it on its own hart; what another hart stored must be visible there first.
 *
 * A gather that asks for nothing gives no instruction. Note that a new mapping is never gathered:
 * a hart may still fault on it once, until it executes a fence (12.2.1; not with Svvptc).
 */
#ifndef TWOFOLD_RISCV_TLB_H
#define TWOFOLD_RISCV_TLB_H

#include "twofold/page_table.h"
#include "twofold/register_status.h"
#include "twofold/tlb_gather.h"

#ifdef __cplusplus
extern "C" {
#endif

enum riscv_tlb_operation {
	RISCV_SFENCE_VMA,     /* stage 1: address, ASID */
	RISCV_HFENCE_VVMA,    /* stage 1 of the VMID that is in hgatp: address, ASID */
	RISCV_HFENCE_GVMA,    /* G-stage: guest-physical address, VMID */
	RISCV_SFENCE_W_INVAL, /* before SINVAL and HINVAL ... */
	RISCV_SINVAL_VMA,  /* the same as the three fences, but not ordered with what is around */
	RISCV_HINVAL_VVMA, /* them */
	RISCV_HINVAL_GVMA,
	RISCV_SFENCE_INVAL_IR, /* ... and after them */
};

struct riscv_tlb_instruction {
	enum riscv_tlb_operation operation;
	/* What the register in rs1, and in rs2, holds. Not by address, or not by ID: the register
	 * is x0, which stands for all of them, while any other that holds 0 stands for 0. */
	bool by_address;
	bool by_id;
	uint64_t address; /* any in the leaf; of GVMA shifted right by 2, as rs1 has it */
	uint64_t id;
};

/* Given the instructions in the order in which they are to be executed. */
typedef void (*riscv_tlb_emit)(void *context, const struct riscv_tlb_instruction *instruction);

/* Beyond so many single addresses all is invalidated, where the caller does not say otherwise. */
#define RISCV_TLB_THRESHOLD 64

struct riscv_tlb {
	const struct page_table *table; /* whose gather it is */
	uint16_t id;        /* the table's ASID, at the G-stage its VMID; 0 where there are none */
	bool all_ids;       /* its entries are part of every address space: a kernel's half */
	bool guest;         /* a stage-1 table that guests walk, of the VMID in hgatp */
	bool svinval;       /* the hart has Svinval: more than one fence becomes SINVAL, HINVAL */
	uint32_t threshold; /* 0: RISCV_TLB_THRESHOLD */
};

/*
 * The whole sequence. One address is enough for a leaf of any size; a fence by address says nothing
 * of entries above the leaf, so a table that went takes all of its ID; and a fence by ID leaves
 * global translations, so a global leaf takes one for every ID. REGISTER_WRONG_TABLE, and nothing
 * is emitted, if the table is none of RISC-V's, or `guest` is set and it is of the G-stage.
 */
enum register_status riscv_tlb_plan(const struct riscv_tlb *tlb, const struct tlb_gather *gather,
				    riscv_tlb_emit emit, void *context);

#ifdef __cplusplus
}
#endif

#endif
