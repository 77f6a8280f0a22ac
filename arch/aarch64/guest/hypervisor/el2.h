/* SPDX-License-Identifier: MIT */
/* Guests at EL1, on tables of stage 2. */
#ifndef ARCH_AARCH64_GUEST_EL2_H
#define ARCH_AARCH64_GUEST_EL2_H

#include "guest/inner.h"

extern const struct inner_backend inner_el2;

/* el2_enter.S has it in this order. */
struct el2_registers {
	uint64_t x[31];
	uint64_t sp; /* SP_EL0 */
	uint64_t pc, pstate;
	uint64_t host_sp; /* el2_enter's own */
	uint64_t fpcr, fpsr;
	uint64_t reserved;
	uint64_t q[64]; /* two words each */
};

/* Runs the guest until it is left for EL2; by which of the vectors for lower levels: 0 to 3. */
uint64_t el2_enter(struct el2_registers *registers);

#endif
