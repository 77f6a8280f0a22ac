/* SPDX-License-Identifier: MIT */
/* An MMU that walks AMD nested page tables (AMD64 APM vol. 2, 15.25, with 5.3 and 5.4). */
#ifndef TESTS_WALKER_NPT_H
#define TESTS_WALKER_NPT_H

#include "walker.h"

struct walker_npt_cpu {
	unsigned int levels;     /* 4, or 5 if the host has CR4.LA57 set */
	unsigned int maxphyaddr; /* CPUID 80000008h, EAX[7:0] */
	bool page_2m;            /* always there in a CPU; a test may forbid it */
	bool page_1g;            /* CPUID 80000001h, EDX[26] */
	bool nxe;                /* the host's EFER.NXE */
	uint64_t pat;            /* the host's PAT */
	unsigned int c_bit;      /* CPUID 8000001Fh, EBX[5:0]; 0 without memory encryption */
};

struct walk_result walker_npt_translate(const struct walker_npt_cpu *cpu, uint64_t ncr3,
					const struct walk_memory *memory, uint64_t address,
					struct walk_access access);

/* What an entry of a table of `level` (1: PT, ..., 5: PML5) is. */
enum walk_entry walker_npt_entry(const struct walker_npt_cpu *cpu, unsigned int level,
				 uint64_t descriptor);

#endif
