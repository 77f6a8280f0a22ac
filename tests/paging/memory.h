/* SPDX-License-Identifier: MIT */
/*
 * The tests' physical memory and the allocator of its frames. It knows where every frame is, fills
 * what it gives out and what comes back with rubbish, and fails the test on any misuse.
 */
#ifndef TESTS_MEMORY_H
#define TESTS_MEMORY_H

#include <stddef.h>

#include <twofold/frame.h>
#include <twofold/page_table.h>

#include "walker.h"

#define MEMORY_UNIT    PAGE_SIZE_4K
#define MEMORY_UNITS   16384u
#define MEMORY_BYTES   (MEMORY_UNITS * MEMORY_UNIT)
/* Pointers that may be held at once through the hook. */
#define MEMORY_WINDOWS (PAGE_TABLE_MAX_LEVELS + 1)

enum memory_reach {
	MEMORY_BY_OFFSET,
	MEMORY_BY_HOOK, /* a pointer lives from map to unmap and faults after that */
};

/* Per unit: what begins or continues here. */
struct memory_unit {
	enum {
		MEMORY_NEVER_USED,
		MEMORY_LIVE,
		MEMORY_LIVE_TAIL,
		MEMORY_FREED
	} state;
	enum frame_use use;
	uint32_t size;
	uint32_t born; /* number of the allocation */
	uint32_t walk; /* the last one that came to it */
	bool may_free; /* though guarded */
};

struct test_memory {
	struct frame_allocator allocator; /* first: the library's pointer is ours */
	phys_addr base;
	uint8_t *bytes;  /* the tests' own view, always reachable */
	uint8_t *tables; /* the library's, by offset */
	int file;
	struct memory_unit *units;
	uint64_t live_units[MEMORY_UNITS / 64]; /* a bit for each frame, where it begins */
	size_t next; /* unit to try first: a freed frame is used again as late as can be */

	/* What the frames asked for must look like; 0: not checked. */
	uint64_t root_bytes;
	uint64_t table_bytes;

	/* Failing on purpose: at allocation number fail_at (from 1; 0 never), once or from then on.
	 */
	uint64_t fail_at;
	bool fail_after;
	/* Frames of this allocation and earlier ones may only be freed by memory_may_free. 0: no
	 * rule. */
	uint64_t guarded;
	uint32_t walks;

	uint64_t requests;
	uint64_t failures;
	uint64_t live; /* frames out now */
	uint64_t frees;

	uint8_t *windows;
	phys_addr window_of[MEMORY_WINDOWS]; /* UINT64_MAX: not in use */
	unsigned int held;
	unsigned int held_most;
	enum memory_reach reach;
};

/* `base` is where the memory begins, a multiple of 2 MiB. */
struct test_memory *memory_create(phys_addr base, enum memory_reach reach);
/* Fails the test if a frame is still out, or one was written to after it was freed. */
void memory_destroy(struct test_memory *memory);

/* How a table's configuration says how to reach this memory. */
struct table_access memory_access(struct test_memory *memory);

/* Lets allocation number `n` from now on fail; `after`: and all that follow. n 0: none. */
void memory_fail_at(struct test_memory *memory, uint64_t n, bool after);

/* No walker reads that frame any more: it may be freed though it is guarded. */
void memory_may_free(struct test_memory *memory, phys_addr address);
/* Whether that frame was freed, or may be. */
bool memory_has_gone(const struct test_memory *memory, phys_addr address);
/* A walk of the whole tree begins; it comes to that frame; it is over, and no walker that begins
 * anew reads any other of the guarded frames. */
void memory_walk_begin(struct test_memory *memory);
void memory_walk_reach(struct test_memory *memory, phys_addr address);
void memory_may_free_unlinked(struct test_memory *memory);

/* The test's view of a live frame's bytes; the test fails if [address, +size) is not live. */
uint8_t *memory_at(const struct test_memory *memory, phys_addr address, uint64_t size);
/* One word of a live frame: the `read` of a struct walk_memory whose context is the memory. */
uint64_t memory_read(void *memory, uint64_t address);
struct walk_memory memory_walk(struct test_memory *memory);
/* The live frame that `address` lies in, and the number of its allocation. */
struct frame memory_frame(const struct test_memory *memory, phys_addr address, uint64_t *born);
bool memory_is_live(const struct test_memory *memory, phys_addr address);

/* Every live frame and its bytes. */
struct memory_snapshot;
struct memory_snapshot *memory_snapshot_take(const struct test_memory *memory);
void memory_snapshot_drop(struct memory_snapshot *snapshot);
/* The bytes that a frame had then; NULL if it was not live. */
const uint8_t *memory_snapshot_find(const struct memory_snapshot *snapshot, phys_addr start);
/* Fails the test unless the same frames are live (and no other) with the same bytes. */
void memory_snapshot_require(const struct test_memory *memory,
			     const struct memory_snapshot *snapshot);

#endif
