/* SPDX-License-Identifier: MIT */
/* Takes a device tree of the user's, trusting none of its bytes. */
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#include "device_tree.h"

static bool check_sound(const void *bytes, size_t length, struct failure *failure)
{
	int error;

	if (length < sizeof(struct fdt_header))
		return fail(failure, STATUS_USAGE,
			    "%zu bytes are too few for a device tree; expected at least %zu",
			    length, sizeof(struct fdt_header));
	if (fdt_magic(bytes) != FDT_MAGIC)
		return fail(failure, STATUS_USAGE,
			    "not a device tree: it begins %08" PRIx32 ", expected d00dfeed",
			    fdt_magic(bytes));
	if (fdt_totalsize(bytes) > length)
		return fail(failure, STATUS_USAGE,
			    "the device tree has 0x%" PRIx32 " bytes, and the file only 0x%zx",
			    fdt_totalsize(bytes), length);
	error = fdt_check_full(bytes, length);
	if (error != 0)
		return fail(failure, STATUS_USAGE, "the device tree is damaged: %s",
			    fdt_strerror(error));
	return true;
}

/* A number of 1 or 2 cells, moved past. */
static uint64_t take_cells(const uint8_t **at, int count)
{
	uint64_t value = 0;

	for (int i = 0; i < count; i++) {
		fdt32_t cell;

		memcpy(&cell, *at, sizeof(cell));
		value = value << 32 | fdt32_to_cpu(cell);
		*at += sizeof(cell);
	}
	return value;
}

/* Whether all of [base, base + size) is RAM. */
static bool is_ram(const struct device_tree_machine *machine, uint64_t base, uint64_t size)
{
	for (unsigned int i = 0; i < machine->memory_count; i++) {
		const struct device_tree_range *ram = &machine->memory[i];

		if (base >= ram->base && base - ram->base < ram->size &&
		    size <= ram->size - (base - ram->base))
			return true;
	}
	return false;
}

/* The ranges of one memory node. *sum: their sizes, added up. */
static bool check_memory_node(const struct device_tree_machine *machine, const void *tree, int node,
			      uint64_t *sum, struct failure *failure)
{
	int address_cells = fdt_address_cells(tree, 0), size_cells = fdt_size_cells(tree, 0), bytes;
	const uint8_t *at = fdt_getprop(tree, node, "reg", &bytes), *end;
	int step = (address_cells + size_cells) * (int)sizeof(fdt32_t);

	if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2)
		return fail(failure, STATUS_USAGE,
			    "the device tree's root has %d address and %d size cells; expected 1 "
			    "or 2",
			    address_cells, size_cells);
	if (!at || bytes == 0 || bytes % step != 0)
		return fail(failure, STATUS_USAGE,
			    "the device tree's node %s: expected a \"reg\" of addresses and sizes",
			    fdt_get_name(tree, node, NULL));
	for (end = at + bytes; at < end;) {
		uint64_t base = take_cells(&at, address_cells), size = take_cells(&at, size_cells);

		if (size == 0 || !is_ram(machine, base, size))
			return fail(failure, STATUS_USAGE,
				    "the device tree's node %s: 0x%" PRIx64 " bytes at 0x%" PRIx64
				    " are not RAM of this machine (-m)",
				    fdt_get_name(tree, node, NULL), size, base);
		*sum += size;
	}
	return true;
}

static bool check_memory(const struct device_tree_machine *machine, const void *tree,
			 struct failure *failure)
{
	uint64_t sum = 0, ram = 0;
	int node = -1;

	while ((node = fdt_node_offset_by_prop_value(tree, node, "device_type", "memory",
						     sizeof("memory"))) >= 0) {
		if (!check_memory_node(machine, tree, node, &sum, failure))
			return false;
	}
	for (unsigned int i = 0; i < machine->memory_count; i++)
		ram += machine->memory[i].size;
	if (sum != ram)
		return fail(failure, STATUS_USAGE,
			    "the device tree has 0x%" PRIx64
			    " bytes of memory and the machine 0x%" PRIx64
			    " (-m); expected the same",
			    sum, ram);
	return true;
}

static int chosen_node(void *tree)
{
	int node = fdt_path_offset(tree, "/chosen");

	return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(tree, 0, "chosen") : node;
}

static int set_chosen(const struct device_tree_machine *machine, void *tree)
{
	int node = chosen_node(tree), error = node < 0 ? node : 0;

	if (error == 0 && machine->command_line[0] != '\0')
		error = fdt_setprop(tree, node, "bootargs", machine->command_line,
				    (int)strlen(machine->command_line) + 1);
	if (error == 0 && machine->initrd.size != 0)
		error = fdt_setprop_u64(tree, node, "linux,initrd-start", machine->initrd.base);
	if (error == 0 && machine->initrd.size != 0)
		error = fdt_setprop_u64(tree, node, "linux,initrd-end",
					machine->initrd.base + machine->initrd.size);
	return error;
}

bool device_tree_adopt(const struct device_tree_machine *machine, const void *bytes, size_t length,
		       void *buffer, size_t size, size_t *result, struct failure *failure)
{
	int error;

	if (!check_sound(bytes, length, failure) || !check_memory(machine, bytes, failure))
		return false;
	error = fdt_open_into(bytes, buffer, (int)size);
	if (error == 0)
		error = set_chosen(machine, buffer);
	if (error == 0)
		error = fdt_pack(buffer);
	if (error != 0)
		return fail(failure, STATUS_USAGE, "the device tree's /chosen cannot be set: %s",
			    fdt_strerror(error));
	*result = fdt_totalsize(buffer);
	return true;
}
