/* SPDX-License-Identifier: MIT */
/*
 * Physical memory for tables, shared by many threads: an allocator that locks, may fail at random,
 * and poisons what comes back. A walk that reads a poisoned table ends in the trap.
 */
#ifndef TESTS_PARALLEL_ARENA_H
#define TESTS_PARALLEL_ARENA_H

#include <pthread.h>

#include <twofold/frame.h>
#include <twofold/page_table.h>

#include "../paging/walker.h"

#define ARENA_BASE  UINT64_C(0x40000000)
#define ARENA_BYTES (UINT64_C(32) << 20)
#define ARENA_UNIT  UINT64_C(4096)
#define ARENA_UNITS (ARENA_BYTES / ARENA_UNIT)

struct arena {
	struct frame_allocator allocator; /* first: the library's pointer is ours */
	pthread_mutex_t lock;
	uint8_t *bytes;
	uint64_t owned[ARENA_UNITS]; /* size of the live frame that begins there, else 0 */
	size_t next;
	uint64_t poison; /* in every word of a frame that is not live */
	phys_addr trap;  /* where the poison leads, as a leaf and as a table: itself poisoned */
	uint64_t fail_one_in;
	uint64_t random;
	uint64_t live;
	uint64_t frees;
	uint64_t failures;
};

/* `entry`: a present descriptor of the format, less its address, that is a table where tables are
 * allowed and a leaf where not (or a leaf everywhere); `shift` moves an address into it. */
struct arena *arena_create(uint64_t entry, unsigned int shift);
/* Fails the test if a frame is still out. */
void arena_destroy(struct arena *arena);

struct table_access arena_access(const struct arena *arena);
/* For the independent walker, when nothing changes the tables. */
struct walk_memory arena_walk(struct arena *arena);
uint64_t arena_read(void *arena, uint64_t address);
bool arena_is_trap(const struct arena *arena, phys_addr address);

#endif
