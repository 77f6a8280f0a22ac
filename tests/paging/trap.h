/* SPDX-License-Identifier: MIT */
/*
 * Stops at every store of the library: the library's view of the memory is read-only, a store
 * faults, is let through by single-stepping that one instruction, and the test looks at what it
 * made.
 */
#ifndef TESTS_TRAP_H
#define TESTS_TRAP_H

#include <stdint.h>

#include "formats.h"
#include "memory.h"

#define TRAP_CLOSED 256

struct trap {
	struct test_memory *memory;
	/* Before a store to `address` is made: the hardware may have been there first. */
	void (*before)(struct trap *trap, phys_addr address);
	/* After a store. */
	void (*after)(struct trap *trap, phys_addr address);
	/* If set, stores to a new frame are let pass until an entry of this format links it: no
	 * walker gets there before. */
	const struct format_case *format;
	void *context;
	uint64_t stores; /* that were stopped at */

	/* New frames that were linked. */
	phys_addr closed[TRAP_CLOSED];
	size_t closed_count;
};

/* Only one at a time. The callbacks run in a signal handler, on the stack of the operation: they
 * may read and write the memory, and fail the test. */
void trap_begin(struct trap *trap);
void trap_end(struct trap *trap);

#endif
