/* SPDX-License-Identifier: MIT */
/* Exceptions: what the CPU and the entry code save, and who gets to see it. */
#ifndef ARCH_X86_64_GUEST_EXCEPTIONS_H
#define ARCH_X86_64_GUEST_EXCEPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Laid out by exception_common in exceptions.S. */
struct exception_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error_code; /* 0 where the CPU pushes none */
	uint64_t rip, cs, rflags, rsp, ss;
};

/* As exceptions.S aligns them. */
#define EXCEPTION_ENTRY_SIZE 16

/* Where the IDT's gate of that vector leads. */
static inline const void *exception_entry(unsigned int vector)
{
	extern const char exception_entries[];

	return exception_entries + (size_t)vector * EXCEPTION_ENTRY_SIZE;
}

/* Called by exceptions.S. Hands the fault to a probe that waits for it, or panics. */
_Noreturn void exception_handle(const struct exception_frame *frame);

/* Code that is entered to fault: the registers to come back by, and what it ended with. */
struct excursion {
	uint64_t rsp;                 /* where excursion_begin's callee-saved registers are */
	struct exception_frame frame; /* at the fault */
	uint64_t cr2;
	uint64_t handler_stack; /* where the CPU pushed its frame */
};

/* Registers to enter code with. */
struct excursion_start {
	uint64_t rip, cs, rflags, rsp, ss; /* what iretq takes */
	uint64_t rdi, rsi;
};

/* Enters by iretq; returns when an exception came. It must come. */
void excursion_begin(const struct excursion_start *start, struct excursion *excursion);
_Noreturn void excursion_end(uint64_t rsp);

/* Runs `code` with two arguments on `stack` until it faults. */
void run_to_fault(uint64_t code, uint64_t first, uint64_t second, bool user, uint64_t stack,
		  struct excursion *excursion);

#endif
