/* SPDX-License-Identifier: MIT */
/* An MMU that walks RISC-V tables (privileged specification, Sv39 and Sv48x4). */
#ifndef TESTS_WALKER_RISCV_H
#define TESTS_WALKER_RISCV_H

#include "walker.h"

struct walker_riscv_cpu {
	bool g_stage;         /* Sv48x4 by hgatp; else Sv39 by satp */
	unsigned int pa_bits; /* implemented physical address bits, up to 56 */
	bool svpbmt;
};

struct walk_result walker_riscv_translate(const struct walker_riscv_cpu *cpu, uint64_t root,
					  const struct walk_memory *memory, uint64_t address,
					  struct walk_access access);

/* What a PTE of `level` (0: 4K pages) is. */
enum walk_entry walker_riscv_entry(const struct walker_riscv_cpu *cpu, unsigned int level,
				   uint64_t pte);

#endif
