/* SPDX-License-Identifier: MIT */
/* The second stage of an Intel CPU: extended page tables, Intel SDM vol. 3C, 28.3. */
#ifndef TESTS_WALKER_EPT_H
#define TESTS_WALKER_EPT_H

#include "walker.h"

struct walker_ept_cpu {
	unsigned int levels;     /* 4 or 5: EPTP[5:3] + 1 */
	unsigned int maxphyaddr; /* CPUID 80000008h, EAX[7:0] */
	bool execute_only;       /* IA32_VMX_EPT_VPID_CAP[0] */
	bool page_2m;            /* IA32_VMX_EPT_VPID_CAP[16] */
	bool page_1g;            /* IA32_VMX_EPT_VPID_CAP[17] */
	bool accessed_dirty;     /* EPTP[6] */
	bool virtualization_exceptions;
	int shared_bit;  /* above maxphyaddr, the bit of an address that is none; 0: none */
	bool mode_based; /* the "mode-based execute control for EPT" VM-execution control */
};

/* access.user: the linear address is a user-mode one; only mode-based execute control asks. */
struct walk_result walker_ept_translate(const struct walker_ept_cpu *cpu, uint64_t root,
					const struct walk_memory *memory, uint64_t address,
					struct walk_access access);

/* What an entry of a table of `level` (1: PT, 2: PD, 3: PDPT, 4: PML4, 5: PML5) is. */
enum walk_entry walker_ept_entry(const struct walker_ept_cpu *cpu, unsigned int level,
				 uint64_t descriptor);

#endif
