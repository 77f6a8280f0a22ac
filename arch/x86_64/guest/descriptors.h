/* SPDX-License-Identifier: MIT */
/* GDT, IDT and TSS. */
#ifndef ARCH_X86_64_GUEST_DESCRIPTORS_H
#define ARCH_X86_64_GUEST_DESCRIPTORS_H

#include <stdint.h>

/* Which stack of the TSS's interrupt stack table an exception is taken on. */
enum exception_stack {
	EXCEPTION_STACK_PAGE_FAULT = 1,
	EXCEPTION_STACK_DOUBLE_FAULT,
	EXCEPTION_STACK_OTHER,
};

/* Loads all three. From here on exceptions are taken. */
void descriptors_load(void);

/* The same on the second CPU, which has an IDT of its own. */
void descriptors_load_second(void);

/* Moves one of the exception stacks; returns where it was. */
uint64_t exception_stack_move(enum exception_stack which, uint64_t top);

#endif
