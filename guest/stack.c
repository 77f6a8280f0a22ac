/* SPDX-License-Identifier: MIT */
/* Which stack an address is the guard of. */
#include "guest/stack.h"

const struct named_stack *stack_by_guard(virt_addr address)
{
	for (size_t i = 0; i < guest_stack_count; i++) {
		virt_addr guard = (virt_addr)(uintptr_t)guest_stacks[i].stack->guard;

		if (address - guard < STACK_GUARD_SIZE)
			return &guest_stacks[i];
	}
	return NULL;
}
