/* SPDX-License-Identifier: MIT */
/* An MMU that walks VMSAv8-64 tables of either stage (Arm ARM DDI 0487, D8). */
#ifndef TESTS_WALKER_ARM_H
#define TESTS_WALKER_ARM_H

#include "walker.h"

struct walker_arm_cpu {
	unsigned int stage;
	unsigned int granule; /* address bits in a page: 12, 14 or 16 */
	bool ds;              /* TCR.DS or VTCR.DS: the 52-bit descriptors of FEAT_LPA2 */
	unsigned int start;   /* levels walked; the first is 4 - start */
	unsigned int input_bits;
	unsigned int output_bits; /* TCR.IPS, VTCR.PS */
	bool upper;               /* by TTBR1 */
	bool el2;                 /* a regime of one privilege level */
	bool hd;                  /* hardware sets the dirty state, and AF */
	bool bti;
	bool xnx;
	bool fwb;
	uint64_t mair;
};

/* `type` of the result is the byte of MAIR, or MemAttr. */
struct walk_result walker_arm_translate(const struct walker_arm_cpu *cpu, uint64_t ttbr,
					const struct walk_memory *memory, uint64_t address,
					struct walk_access access);

/* What a descriptor in a table of the manual's `level` (3: pages, down to -1) is. */
enum walk_entry walker_arm_entry(const struct walker_arm_cpu *cpu, int level, uint64_t descriptor);

/* Where a table descriptor leads to. */
uint64_t walker_arm_next(const struct walker_arm_cpu *cpu, uint64_t descriptor);

#endif
