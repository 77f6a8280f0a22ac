/* SPDX-License-Identifier: MIT */
/* The MMU of an x86_64 CPU in IA-32e mode: Intel SDM vol. 3A, 4.5 to 4.9. */
#ifndef TESTS_WALKER_X86_H
#define TESTS_WALKER_X86_H

#include "walker.h"

struct walker_x86_cpu {
	unsigned int levels;     /* 4, or 5 with CR4.LA57 */
	unsigned int maxphyaddr; /* CPUID 80000008h, EAX[7:0] */
	bool page_2m;            /* always on a CPU; a test may forbid it */
	bool page_1g;            /* CPUID 80000001h, EDX[26] */
	bool nxe;                /* IA32_EFER.NXE */
	bool pge;                /* CR4.PGE */
	bool pke;                /* CR4.PKE */
	uint64_t pat;            /* IA32_PAT */
	/* The bit of an entry's address that is none: the C-bit (APM vol. 2 15.34.1), a TDX guest's
	 * shared bit. 0: there is none. */
	uint64_t modifier;
};

struct walk_result walker_x86_translate(const struct walker_x86_cpu *cpu, uint64_t cr3,
					const struct walk_memory *memory, uint64_t address,
					struct walk_access access);

/* What an entry of a table of `level` (1: PT, 2: PD, 3: PDPT, 4: PML4, 5: PML5) is. */
enum walk_entry walker_x86_entry(const struct walker_x86_cpu *cpu, unsigned int level,
				 uint64_t descriptor);

#endif
