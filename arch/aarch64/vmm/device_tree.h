/* SPDX-License-Identifier: MIT */
/* The device tree that tells a guest what its machine has. Needs no machine, and no Arm. */
#ifndef VMM_DEVICE_TREE_H
#define VMM_DEVICE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define DEVICE_TREE_MAX_MEMORY 256
/* What a kernel maps for it at most. */
#define DEVICE_TREE_MAX_SIZE   0x200000

struct device_tree_range {
	uint64_t base;
	uint64_t size;
};

struct device_tree_machine {
	unsigned int gic; /* version, 2 or 3; 0: no interrupt controller */
	unsigned int cpus;
	bool has_debug_exit;
	uint64_t debug_exit_base;
	uint64_t debug_exit_size;
	bool has_memory_control;
	uint64_t memory_control_base;
	struct device_tree_range memory[DEVICE_TREE_MAX_MEMORY]; /* RAM, ascending */
	unsigned int memory_count;
	const char *command_line;        /* "" puts none into a tree */
	struct device_tree_range initrd; /* size 0: none */
};

/* Writes the tree to `buffer`; at its length in *length. */
bool device_tree_build(const struct device_tree_machine *machine, void *buffer, size_t size,
		       size_t *length, struct failure *failure);

/*
 * Takes a tree of the user's: `length` bytes, of which none is trusted. Its memory nodes must say
 * what the machine's RAM is. Command line and initrd of the machine, where there are some, go into
 * its /chosen; nothing else is changed. The result is in `buffer`, like device_tree_build's.
 */
bool device_tree_adopt(const struct device_tree_machine *machine, const void *bytes, size_t length,
		       void *buffer, size_t size, size_t *result, struct failure *failure);

#endif
