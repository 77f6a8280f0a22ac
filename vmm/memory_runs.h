/* SPDX-License-Identifier: MIT */
/* What the guest memory's table maps, as a list of runs: neighbours that continue each other are
 * one. */
#ifndef VMM_MEMORY_RUNS_H
#define VMM_MEMORY_RUNS_H

#include <stdbool.h>

#include "guest_memory.h"

/* false ends the walk. */
typedef bool (*memory_run_visitor)(void *context, const struct memory_run *run);

/*
 * The runs in ascending order: leaves that continue each other at both ends with the same right to
 * write. With `join_offsets` runs need not continue each other in the file: that is the guest's own
 * view, a memory map. Returns whether it got to the end.
 */
bool memory_runs(const struct guest_memory *memory, bool join_offsets, memory_run_visitor visitor,
		 void *context);
/* The same of [address, address + size); leaves that reach beyond it are shown as a whole. */
bool memory_runs_in(const struct guest_memory *memory, uint64_t address, uint64_t size,
		    bool join_offsets, memory_run_visitor visitor, void *context);

#endif
