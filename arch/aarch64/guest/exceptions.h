/* SPDX-License-Identifier: MIT */
/* Exceptions: what the entry code saves, and who gets to see it. */
#ifndef ARCH_AARCH64_GUEST_EXCEPTIONS_H
#define ARCH_AARCH64_GUEST_EXCEPTIONS_H

/* From here on: the second CPU's vectors. */
#define SECOND_CPU_VECTOR 16

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"

/* Laid out by exceptions.S. */
struct exception_frame {
	uint64_t x[31];
	uint64_t sp; /* SP_EL0, on which EL0 and EL1 run both */
	uint64_t elr, spsr, esr, far;
	uint64_t vector; /* which of the 16 entries, or SECOND_CPU_VECTOR and which */
	uint64_t reserved;
};

static inline unsigned int exception_class(const struct exception_frame *frame)
{
	return (unsigned int)(frame->esr >> 26 & 0x3f);
}

static inline uint64_t exception_syndrome(const struct exception_frame *frame)
{
	return frame->esr & 0x1ffffff;
}

/* Called by exceptions.S. Hands the fault to a probe that waits for it, or panics. */
_Noreturn void exception_handle(const struct exception_frame *frame);

/* Code that is entered to fault: the stack to come back to, and what it ended with. */
struct excursion {
	uint64_t sp;                  /* where excursion_begin's callee-saved registers are */
	struct exception_frame frame; /* at the fault */
	uint64_t handler_stack;       /* where the frame was saved */
};

/* Registers to enter code with. */
struct excursion_start {
	uint64_t pc, pstate, sp;
	uint64_t x0, x1;
};

/* PSTATE to enter with, as SPSR has it: all interrupts masked, on SP_EL0; at EL0, or
 * (pstate_kernel) where the kernel runs. */
#define PSTATE_USER        UINT64_C(0x3c0)
#define PSTATE_BTYPE(type) ((uint64_t)(type) << 10) /* entered as by an indirect branch: 1 to 3 */
#define PSTATE_PAN         (UINT64_C(1) << 22)

static inline uint64_t pstate_kernel(void)
{
	return PSTATE_USER | read_currentel();
}

/* Enters by eret; returns when an exception came. It must come. */
void excursion_begin(const struct excursion_start *start, struct excursion *excursion);
_Noreturn void excursion_end(uint64_t sp);

/* Runs `code` with two arguments on `stack` until it faults. */
void run_to_fault(uint64_t code, uint64_t first, uint64_t second, bool user, uint64_t stack,
		  struct excursion *excursion);
/* The same with one argument, without a stack, and with this PSTATE. */
void run_at_pstate(uint64_t code, uint64_t first, uint64_t pstate, struct excursion *excursion);

#endif
#endif
