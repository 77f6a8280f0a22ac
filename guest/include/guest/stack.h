/* SPDX-License-Identifier: MIT */
/* Stacks, each with a page under it that is not mapped, so that an overflow faults at once. */
#ifndef GUEST_STACK_H
#define GUEST_STACK_H

#include "layout.h"

#define STACK_GUARD_SIZE LARGEST_PAGE

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

#include "twofold/address.h"

struct stack {
	uint8_t guard[STACK_GUARD_SIZE];
	uint8_t bytes[STACK_SIZE];
} __attribute__((aligned(STACK_GUARD_SIZE)));

/* In a section of its own: whole pages, so nothing else shares one with a guard. */
#define DEFINE_STACK(name) __attribute__((section(".bss.stacks"))) struct stack name

static inline virt_addr stack_top(const struct stack *stack)
{
	return (virt_addr)(uintptr_t)(stack + 1);
}

struct named_stack {
	const char *name;
	const struct stack *stack;
};

/* All there are: these two, and the architecture's. */
/* The stack the kernel runs on, and the one that probes run on. */
extern struct stack kernel_stack, selftest_stack;

extern const struct named_stack guest_stacks[];
extern const size_t guest_stack_count;

/* The stack whose guard page `address` is in, else NULL. */
const struct named_stack *stack_by_guard(virt_addr address);

#endif
#endif
