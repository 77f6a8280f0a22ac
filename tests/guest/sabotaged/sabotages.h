/* SPDX-License-Identifier: MIT */
/*
 * Ways to break encoders: every descriptor of the points, levels and phase that one names is
 * changed by its masks. Each architecture has its own list.
 *
 * A lie is a change that decoding undoes: the library agrees with itself, and only the CPU does
 * not.
 */
#ifndef TESTS_GUEST_SABOTAGES_H
#define TESTS_GUEST_SABOTAGES_H

#include <stddef.h>
#include <stdint.h>

#include "engine/sabotage.h"
#include "guest/sabotage.h"

enum {
	JOINED = 1 << PAGING_SABOTAGE_JOINED,
	LEAF = 1 << PAGING_SABOTAGE_LEAF | JOINED,
	TABLE = 1 << PAGING_SABOTAGE_TABLE,
	CLEAR = 1 << PAGING_SABOTAGE_CLEAR,
	LIE = LEAF | 1 << PAGING_SABOTAGE_DECODE,
	ALL = 7, /* levels */
	PAGES = 1,
	BLOCKS = 2,
	LARGE = 4,
};

struct sabotage {
	const char *name;
	enum sabotage_phase phase;
	unsigned int points;
	unsigned int levels;
	uint64_t set, clear, flip;
	unsigned int omits; /* bits of enum sabotage_step */
	uint64_t only;      /* if not 0: only where the descriptor has this address */
};

#define SELFTEST SABOTAGE_SELFTEST
#define KERNEL   SABOTAGE_KERNEL
#define INNER    SABOTAGE_INNER

extern const struct sabotage sabotages[];
extern const size_t sabotage_count;

/* The address in a descriptor, for `only`. */
#define SABOTAGE_ADDRESS UINT64_C(0x0000fffffffff000)

/* What stands in an entry that was not cleared, but for its address and `set`, and the same when it
 * is not a page's. */
extern const uint64_t sabotage_large_leaf;

#endif
