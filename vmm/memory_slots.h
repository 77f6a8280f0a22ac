/* SPDX-License-Identifier: MIT */
/*
 * KVM's memory slots, derived from the guest memory's table: neighbouring leaves that continue each
 * other at both ends with the same right to write are one slot.
 */
#ifndef VMM_MEMORY_SLOTS_H
#define VMM_MEMORY_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest_memory.h"

struct memory_run {
	uint64_t address;
	uint64_t offset; /* in the memory file */
	uint64_t size;
	bool writable;
};

/* false ends the walk. */
typedef bool (*memory_run_visitor)(void *context, const struct memory_run *run);

/*
 * The runs in ascending order. With `join_offsets` runs need not continue each other in the file:
 * that is the guest's own view, a memory map. Returns whether it got to the end.
 */
bool memory_runs(const struct guest_memory *memory, bool join_offsets, memory_run_visitor visitor,
		 void *context);

/* Gives KVM the guest's memory. *count: how many slots. */
bool memory_slots_install(const struct guest_memory *memory, int vm_fd, uint32_t *count,
			  struct failure *failure);

#endif
