/* SPDX-License-Identifier: MIT */
/* What the kernel wants to know from the device tree. All of these panic on a tree that is wrong.
 */
#ifndef ARCH_AARCH64_GUEST_DEVICE_TREE_H
#define ARCH_AARCH64_GUEST_DEVICE_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/memory_map.h"

/* A device's registers. */
struct device_tree_registers {
	phys_addr start;
	uint64_t size;
};

struct device_tree_console {
	struct device_tree_registers registers;
	bool pl011;         /* else a 16550 */
	unsigned int shift; /* log2 of the bytes from one register to the next */
	unsigned int width; /* bytes of an access */
};

enum psci_conduit {
	PSCI_NONE,
	PSCI_HVC,
	PSCI_SMC,
};

/* False if the tree has none that can be driven. */
bool device_tree_console(const void *tree, struct device_tree_console *console);
bool device_tree_memory_control(const void *tree, struct device_tree_registers *registers);
bool device_tree_debug_exit(const void *tree, struct device_tree_registers *registers);
enum psci_conduit device_tree_psci(const void *tree);

/* A CPU other than `own` that PSCI starts; both are what MPIDR_EL1 has of affinity. False if there
 * is none. */
bool device_tree_other_cpu(const void *tree, uint64_t own, uint64_t *other);

/* RAM, and what is in it, but for the tree itself. */
void device_tree_memory(const void *tree, struct memory_map *map);

void device_tree_command_line(const void *tree, char *copy, size_t size);

/* The pair number `index` in a node's `reg`, false past the last. Addresses are the parent's: buses
 * that translate are not looked into. */
bool device_tree_reg(const void *tree, int node, int index,
		     struct device_tree_registers *registers);

/* What a guest gets that has some of this machine's devices. */
struct device_tree_guest {
	struct memory_range ram, initrd;
	const char *command_line;
};

/*
 * Writes the machine's tree without the devices that a guest must not have: there are CPUs, timer,
 * PSCI, interrupt controller and console left, none of which reaches memory by itself. Returns how
 * many ranges of registers those have; they are in `devices`, which has room for `capacity`.
 */
size_t device_tree_pass(const void *tree, void *to, size_t size,
			const struct device_tree_guest *guest, struct memory_range *devices,
			size_t capacity);

/* Writes a tree with RAM and a command line, and nothing else, for a guest of this kernel's. */
void device_tree_write(void *tree, size_t size, const struct memory_range *ram,
		       const char *command_line);

#endif
