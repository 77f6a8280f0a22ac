/* SPDX-License-Identifier: MIT */
/* Reads the device tree (Devicetree Specification 0.4), by libfdt. */
#include "device_tree.h"

#include <libfdt.h>

#include "guest/panic.h"

/* Numbers in a property: `cells` words of 32 bits each, most significant first. */
static uint64_t number(const fdt32_t *words, int cells)
{
	uint64_t value = 0;

	for (int i = 0; i < cells; i++)
		value = value << 32 | fdt32_to_cpu(words[i]);
	return value;
}

bool device_tree_reg(const void *tree, int node, int index, struct device_tree_registers *reg)
{
	int parent = fdt_parent_offset(tree, node);
	int address = fdt_address_cells(tree, parent), size = fdt_size_cells(tree, parent);
	int length;
	const fdt32_t *words = fdt_getprop(tree, node, "reg", &length);

	if (!words || address < 1 || address > 2 || size < 1 || size > 2)
		return false;
	if ((index + 1) * (address + size) * (int)sizeof(fdt32_t) > length)
		return false;
	words += (ptrdiff_t)index * (address + size);
	reg->start = number(words, address);
	reg->size = number(words + address, size);
	return true;
}

static unsigned int read_word(const void *tree, int node, const char *name, unsigned int absent)
{
	int length;
	const fdt32_t *word = fdt_getprop(tree, node, name, &length);

	return word && length == sizeof(*word) ? fdt32_to_cpu(*word) : absent;
}

static bool is_one_of(const void *tree, int node, const char *const names[])
{
	for (; *names; names++) {
		if (fdt_node_check_compatible(tree, node, *names) == 0)
			return true;
	}
	return false;
}

static const char *const pl011[] = { "arm,pl011", NULL };
static const char *const ns16550[] = { "ns16550a", "ns16550", "snps,dw-apb-uart", NULL };

/* /chosen's stdout-path: a path or an alias, and after a colon what is not for us. */
static int stdout_node(const void *tree)
{
	int length, chosen = fdt_path_offset(tree, "/chosen");
	const char *path = fdt_getprop(tree, chosen, "stdout-path", &length);
	const char *end;

	if (!path)
		return -FDT_ERR_NOTFOUND;
	end = memchr(path, ':', (size_t)length);
	return fdt_path_offset_namelen(tree, path, end ? (int)(end - path) : length - 1);
}

static int first_uart(const void *tree)
{
	for (int node = fdt_next_node(tree, -1, NULL); node >= 0;
	     node = fdt_next_node(tree, node, NULL)) {
		if (is_one_of(tree, node, pl011) || is_one_of(tree, node, ns16550))
			return node;
	}
	return -FDT_ERR_NOTFOUND;
}

bool device_tree_console(const void *tree, struct device_tree_console *console)
{
	int node = stdout_node(tree);

	if (node < 0)
		node = first_uart(tree);
	if (node < 0 || !device_tree_reg(tree, node, 0, &console->registers))
		return false;
	console->pl011 = is_one_of(tree, node, pl011);
	console->shift = read_word(tree, node, "reg-shift", 0);
	console->width = read_word(tree, node, "reg-io-width", 1);
	return console->pl011 || is_one_of(tree, node, ns16550);
}

static bool find_registers(const void *tree, const char *compatible,
			   struct device_tree_registers *registers)
{
	int node = fdt_node_offset_by_compatible(tree, -1, compatible);

	return node >= 0 && device_tree_reg(tree, node, 0, registers);
}

bool device_tree_debug_exit(const void *tree, struct device_tree_registers *registers)
{
	return find_registers(tree, "twofold,debug-exit", registers);
}

bool device_tree_memory_control(const void *tree, struct device_tree_registers *registers)
{
	return find_registers(tree, "twofold,memory-control", registers);
}

enum psci_conduit device_tree_psci(const void *tree)
{
	static const char *const versions[] = { "arm,psci-1.0", "arm,psci-0.2", NULL };
	int node = fdt_path_offset(tree, "/psci");

	if (node < 0 || !is_one_of(tree, node, versions))
		return PSCI_NONE;
	if (fdt_stringlist_search(tree, node, "method", "hvc") == 0)
		return PSCI_HVC;
	return fdt_stringlist_search(tree, node, "method", "smc") == 0 ? PSCI_SMC : PSCI_NONE;
}

static void reserve(struct memory_map *map, phys_addr start, uint64_t size)
{
	if (!memory_map_reserve(map, start, size))
		panic("device tree: more than %u reserved ranges", MEMORY_MAP_RESERVED_MAX);
}

static void read_ram(const void *tree, struct memory_map *map)
{
	struct device_tree_registers reg;
	int node = -1;

	for (;;) {
		node = fdt_node_offset_by_prop_value(tree, node, "device_type", "memory",
						     sizeof("memory"));
		if (node < 0)
			break;
		for (int i = 0; device_tree_reg(tree, node, i, &reg); i++) {
			if (reg.start + reg.size < reg.start)
				panic("device tree: %s wraps", fdt_get_name(tree, node, NULL));
			if (!memory_map_add_ram(map, reg.start, reg.size))
				panic("device tree: more than %u regions of RAM",
				      MEMORY_MAP_RAM_MAX);
		}
	}
	if (map->ram_count == 0)
		panic("device tree: there is no RAM in it");
}

/* Of one word or two: the property's length says. */
static uint64_t read_number(const void *tree, int node, const char *name)
{
	int length;
	const fdt32_t *words = fdt_getprop(tree, node, name, &length);

	return words ? number(words, length / (int)sizeof(*words)) : 0;
}

bool device_tree_other_cpu(const void *tree, uint64_t own, uint64_t *other)
{
	int node, cpus = fdt_path_offset(tree, "/cpus");

	if (cpus < 0)
		return false;
	fdt_for_each_subnode(node, tree, cpus)
	{
		if (fdt_stringlist_search(tree, node, "device_type", "cpu") != 0 ||
		    fdt_stringlist_search(tree, node, "enable-method", "psci") != 0)
			continue;
		*other = read_number(tree, node, "reg");
		if (*other != own)
			return true;
	}
	return false;
}

void device_tree_memory(const void *tree, struct memory_map *map)
{
	int chosen = fdt_path_offset(tree, "/chosen");
	int reserved = fdt_path_offset(tree, "/reserved-memory");
	uint64_t initrd = read_number(tree, chosen, "linux,initrd-start");
	struct device_tree_registers reg;
	int child;

	read_ram(tree, map);
	reserve(map, initrd, read_number(tree, chosen, "linux,initrd-end") - initrd);
	for (int i = 0; i < fdt_num_mem_rsv(tree); i++) {
		fdt_get_mem_rsv(tree, i, &reg.start, &reg.size);
		reserve(map, reg.start, reg.size);
	}
	if (reserved < 0)
		return;
	fdt_for_each_subnode(child, tree, reserved)
	{
		for (int i = 0; device_tree_reg(tree, child, i, &reg); i++)
			reserve(map, reg.start, reg.size);
	}
}

void device_tree_command_line(const void *tree, char *copy, size_t size)
{
	int length, chosen = fdt_path_offset(tree, "/chosen");
	const char *text = fdt_getprop(tree, chosen, "bootargs", &length);

	copy[0] = '\0';
	if (!text)
		return;
	if ((size_t)length > size)
		panic("command line: longer than %zu bytes", size - 1);
	memcpy(copy, text, (size_t)length);
	copy[size - 1] = '\0';
}

static int add_text(void *tree, const char *name, const char *text)
{
	return fdt_property(tree, name, text, (int)strlen(text) + 1);
}

static int add_memory(void *tree, const struct memory_range *ram)
{
	fdt64_t reg[2] = { cpu_to_fdt64(ram->start), cpu_to_fdt64(ram->end - ram->start) };
	int error = fdt_begin_node(tree, "memory");

	if (error == 0)
		error = add_text(tree, "device_type", "memory");
	if (error == 0)
		error = fdt_property(tree, "reg", reg, sizeof(reg));
	return error != 0 ? error : fdt_end_node(tree);
}

static int add_command_line(void *tree, const char *command_line)
{
	int error = fdt_begin_node(tree, "chosen");

	if (error == 0)
		error = add_text(tree, "bootargs", command_line);
	return error != 0 ? error : fdt_end_node(tree);
}

void device_tree_write(void *tree, size_t size, const struct memory_range *ram,
		       const char *command_line)
{
	int error = fdt_create(tree, (int)size);

	if (error == 0)
		error = fdt_finish_reservemap(tree);
	if (error == 0)
		error = fdt_begin_node(tree, "");
	if (error == 0)
		error = fdt_property_u32(tree, "#address-cells", 2);
	if (error == 0)
		error = fdt_property_u32(tree, "#size-cells", 2);
	if (error == 0)
		error = add_memory(tree, ram);
	if (error == 0)
		error = add_command_line(tree, command_line);
	if (error == 0)
		error = fdt_end_node(tree);
	if (error == 0)
		error = fdt_finish(tree);
	if (error != 0)
		panic("an inner guest's device tree: error %d", error);
}
