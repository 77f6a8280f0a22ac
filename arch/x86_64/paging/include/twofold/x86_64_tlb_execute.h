/* SPDX-License-Identifier: MIT */
/*
 * Executes what x86_64_tlb.h planned, on this processor, at CPL 0. For kernels and hypervisors, and
 * an x86_64 compiler.
 *
 * X86_64_RELOAD_CR3 and X86_64_TOGGLE_PGE read a register, and write it: nothing on this processor
 * may change it between, so interrupts that could are off.
 */
#ifndef TWOFOLD_X86_64_TLB_EXECUTE_H
#define TWOFOLD_X86_64_TLB_EXECUTE_H

#include "twofold/x86_64_tlb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The 128-bit operand of INVPCID, INVVPID and INVEPT. */
struct x86_64_tlb_descriptor {
	uint64_t low;
	uint64_t high;
};

static inline void x86_64_tlb_reload_cr3(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

/* Bit 7 is CR4.PGE. A change of it either way drops everything. */
static inline void x86_64_tlb_toggle_pge(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 ^ 0x80) : "memory");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

/* An x86_64_tlb_emit; `context` is not used. INVVPID and INVEPT need VMX operation. */
static inline void x86_64_tlb_execute(void *context, const struct x86_64_tlb_instruction *i)
{
	/* The EPTP or PCID or VPID, and the linear address; an INVEPT's upper half is 0. */
	struct x86_64_tlb_descriptor descriptor = { i->id, i->address };
	uint64_t type = i->type;

	(void)context;
	switch (i->operation) {
	case X86_64_INVLPG:
		__asm__ volatile("invlpg (%0)" : : "r"(i->address) : "memory");
		return;
	case X86_64_RELOAD_CR3:
		x86_64_tlb_reload_cr3();
		return;
	case X86_64_TOGGLE_PGE:
		x86_64_tlb_toggle_pge();
		return;
	case X86_64_INVPCID:
		__asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"(type) : "memory");
		return;
	case X86_64_INVVPID:
		__asm__ volatile("invvpid %0, %1" : : "m"(descriptor), "r"(type) : "memory", "cc");
		return;
	case X86_64_INVEPT:
		__asm__ volatile("invept %0, %1" : : "m"(descriptor), "r"(type) : "memory", "cc");
		return;
	}
}

#ifdef __cplusplus
}
#endif

#endif
