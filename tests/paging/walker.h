/* SPDX-License-Identifier: MIT */
/*
 * Software MMUs: what a walk of a table answers, written from the manuals. They share nothing with
 * the library, so that a mistake about a descriptor has to be made twice to go unseen.
 */
#ifndef TESTS_WALKER_H
#define TESTS_WALKER_H

#include <stdbool.h>
#include <stdint.h>

enum walk_fault {
	WALK_OK,
	WALK_BAD_ADDRESS, /* not canonical, or wider than the table */
	WALK_NOT_PRESENT,
	WALK_RESERVED, /* a reserved bit is set, or the entry is misconfigured */
	WALK_DENIED,   /* present, but not for this access */
};

enum walk_kind {
	WALK_READ,
	WALK_WRITE,
	WALK_FETCH,
};

struct walk_access {
	enum walk_kind kind;
	bool user;
};

/* Physical memory, read 64 bits at a time. */
struct walk_memory {
	uint64_t (*read)(void *context, uint64_t address);
	void *context;
};

struct walk_result {
	enum walk_fault fault;
	uint64_t phys;       /* where the very address asked for goes */
	uint64_t page_size;  /* of the leaf; of the hole's or bad entry's span otherwise */
	uint64_t entry;      /* physical address of the entry that the walk ended at */
	uint64_t descriptor; /* what stands there */
	unsigned int type;   /* the hardware's number of the memory type */
	unsigned int key;
	bool ignore_pat;
	bool suppress_ve;
	bool global;
	bool accessed;
	bool dirty;
	bool shadow_stack;  /* not a page for data */
	bool modified;      /* the address modifier bit is set in the leaf */
	bool guarded;       /* branches must land on landing pads */
	unsigned int share; /* as enum shareability names it */
};

enum walk_entry {
	WALK_ENTRY_EMPTY,
	WALK_ENTRY_TABLE,
	WALK_ENTRY_LEAF,
	WALK_ENTRY_RESERVED,
};

#endif
