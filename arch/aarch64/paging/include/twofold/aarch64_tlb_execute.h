/* SPDX-License-Identifier: MIT */
/*
 * Executes what aarch64_tlb.h planned. For kernels (EL1), and hypervisors (EL2: its own tables, and
 * stage 2). Empty unless the compiler is for AArch64.
 */
#ifndef TWOFOLD_AARCH64_TLB_EXECUTE_H
#define TWOFOLD_AARCH64_TLB_EXECUTE_H

#include "twofold/aarch64_tlb.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __aarch64__

/* A TLBI with an operand: by its name, and as a range by its encoding (op1, CRm for IS and not,
 * op2, C5.5), which assemblers know from Armv8.4 on only. */
#define AARCH64_TLBI(name, i)                                                                     \
	do {                                                                                      \
		if ((i)->broadcast)                                                               \
			__asm__ volatile("tlbi " name "is, %0" : : "r"((i)->operand) : "memory"); \
		else                                                                              \
			__asm__ volatile("tlbi " name ", %0" : : "r"((i)->operand) : "memory");   \
	} while (0)
#define AARCH64_TLBI_OR_RANGE(name, i, op1, crm_is, crm, op2)                            \
	do {                                                                             \
		if (!(i)->range)                                                         \
			AARCH64_TLBI(name, i);                                           \
		else if ((i)->broadcast)                                                 \
			__asm__ volatile("sys #" #op1 ", c8, " #crm_is ", #" #op2 ", %0" \
					 :                                               \
					 : "r"((i)->operand)                             \
					 : "memory");                                    \
		else                                                                     \
			__asm__ volatile("sys #" #op1 ", c8, " #crm ", #" #op2 ", %0"    \
					 :                                               \
					 : "r"((i)->operand)                             \
					 : "memory");                                    \
	} while (0)
#define AARCH64_TLBI_ALL(name, i)                                           \
	do {                                                                \
		if ((i)->broadcast)                                         \
			__asm__ volatile("tlbi " name "is" : : : "memory"); \
		else                                                        \
			__asm__ volatile("tlbi " name : : : "memory");      \
	} while (0)

static inline void aarch64_tlb_barrier(const struct aarch64_tlb_instruction *i)
{
	if (i->operation == AARCH64_ISB)
		__asm__ volatile("isb" : : : "memory");
	else if (i->operation == AARCH64_DSB && i->broadcast)
		__asm__ volatile("dsb ish" : : : "memory");
	else if (i->operation == AARCH64_DSB)
		__asm__ volatile("dsb nsh" : : : "memory");
	else if (i->broadcast)
		__asm__ volatile("dsb ishst" : : : "memory");
	else
		__asm__ volatile("dsb nshst" : : : "memory");
}

/* An aarch64_tlb_emit; `context` is not used. */
static inline void aarch64_tlb_execute(void *context, const struct aarch64_tlb_instruction *i)
{
	(void)context;
	switch (i->operation) {
	case AARCH64_DSB_STORES:
	case AARCH64_DSB:
	case AARCH64_ISB:
		aarch64_tlb_barrier(i);
		return;
	case AARCH64_TLBI_VAE1:
		AARCH64_TLBI_OR_RANGE("vae1", i, 0, c2, c6, 1);
		return;
	case AARCH64_TLBI_VALE1:
		AARCH64_TLBI_OR_RANGE("vale1", i, 0, c2, c6, 5);
		return;
	case AARCH64_TLBI_VAAE1:
		AARCH64_TLBI_OR_RANGE("vaae1", i, 0, c2, c6, 3);
		return;
	case AARCH64_TLBI_VAALE1:
		AARCH64_TLBI_OR_RANGE("vaale1", i, 0, c2, c6, 7);
		return;
	case AARCH64_TLBI_VAE2:
		AARCH64_TLBI_OR_RANGE("vae2", i, 4, c2, c6, 1);
		return;
	case AARCH64_TLBI_VALE2:
		AARCH64_TLBI_OR_RANGE("vale2", i, 4, c2, c6, 5);
		return;
	case AARCH64_TLBI_IPAS2E1:
		AARCH64_TLBI_OR_RANGE("ipas2e1", i, 4, c0, c4, 2);
		return;
	case AARCH64_TLBI_IPAS2LE1:
		AARCH64_TLBI_OR_RANGE("ipas2le1", i, 4, c0, c4, 6);
		return;
	case AARCH64_TLBI_ASIDE1:
		AARCH64_TLBI("aside1", i);
		return;
	case AARCH64_TLBI_VMALLE1:
		AARCH64_TLBI_ALL("vmalle1", i);
		return;
	case AARCH64_TLBI_ALLE2:
		AARCH64_TLBI_ALL("alle2", i);
		return;
	case AARCH64_TLBI_VMALLS12E1:
		AARCH64_TLBI_ALL("vmalls12e1", i);
		return;
	}
}

#endif

#ifdef __cplusplus
}
#endif

#endif
