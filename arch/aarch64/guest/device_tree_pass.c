/* SPDX-License-Identifier: MIT */
/* The device tree of a guest that has some of this machine's devices. */
#include <libfdt.h>

#include "device_tree.h"
#include "guest/panic.h"

/* Nodes below the root that stay, by name up to "@". Not "fw-cfg", which writes to any memory. */
static const char *const kept[] = {
	"psci", "memory", "pl011", "intc", "cpus", "timer", "apb-pclk", "chosen", "aliases",
};

static void must(int error)
{
	if (error < 0)
		panic("a guest's device tree: %s", fdt_strerror(error));
}

static bool is_kept(const void *tree, int node)
{
	int length;
	const char *name = fdt_get_name(tree, node, &length);
	const char *at = memchr(name, '@', (size_t)length);
	size_t own = at ? (size_t)(at - name) : (size_t)length;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (strlen(kept[i]) == own && memcmp(name, kept[i], own) == 0)
			return true;
	}
	return false;
}

/* The first one below `parent` that does not stay, or an error. */
static int find_other(const void *tree, int parent, bool (*stays)(const void *tree, int node))
{
	int node;

	fdt_for_each_subnode(node, tree, parent)
	{
		if (!stays || !stays(tree, node))
			return node;
	}
	return node;
}

static void delete_others(void *tree, int parent, bool (*stays)(const void *tree, int node))
{
	for (;;) {
		int node = find_other(tree, parent, stays);

		if (node == -FDT_ERR_NOTFOUND)
			return;
		must(node);
		must(fdt_del_node(tree, node));
	}
}

static int find(const void *tree, const char *compatible)
{
	int node = fdt_node_offset_by_compatible(tree, -1, compatible);

	if (node < 0)
		panic("a guest's device tree: this machine has no %s", compatible);
	return node;
}

static size_t find_devices(const void *tree, struct memory_range *devices, size_t capacity)
{
	/* Of the interrupt controller: the distributor, and the CPU's interface. */
	static const struct {
		const char *compatible;
		int ranges;
	} passed[] = { { "arm,cortex-a15-gic", 2 }, { "arm,pl011", 1 } };
	size_t count = 0;

	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		int node = find(tree, passed[i].compatible);
		struct device_tree_registers registers;

		for (int j = 0; j < passed[i].ranges; j++) {
			if (count == capacity || !device_tree_reg(tree, node, j, &registers))
				panic("a guest's device tree: registers of %s",
				      passed[i].compatible);
			devices[count++] =
				(struct memory_range){ registers.start,
						       registers.start + registers.size };
		}
	}
	return count;
}

static void set_memory(void *tree, const struct memory_range *ram)
{
	fdt64_t reg[2] = { cpu_to_fdt64(ram->start), cpu_to_fdt64(ram->end - ram->start) };
	int node =
		fdt_node_offset_by_prop_value(tree, -1, "device_type", "memory", sizeof("memory"));

	must(node);
	must(fdt_setprop(tree, node, "reg", reg, sizeof(reg)));
}

static void set_chosen(void *tree, const struct device_tree_guest *guest)
{
	int node = fdt_path_offset(tree, "/chosen");

	must(node);
	must(fdt_setprop(tree, node, "bootargs", guest->command_line,
			 (int)strlen(guest->command_line) + 1));
	must(fdt_setprop_u64(tree, node, "linux,initrd-start", guest->initrd.start));
	must(fdt_setprop_u64(tree, node, "linux,initrd-end", guest->initrd.end));
}

size_t device_tree_pass(const void *tree, void *to, size_t size,
			const struct device_tree_guest *guest, struct memory_range *devices,
			size_t capacity)
{
	must(fdt_open_into(tree, to, (int)size));
	delete_others(to, 0, is_kept);
	delete_others(to, find(to, "arm,cortex-a15-gic"), NULL); /* v2m */
	set_memory(to, &guest->ram);
	set_chosen(to, guest);
	must(fdt_pack(to));
	return find_devices(to, devices, capacity);
}
