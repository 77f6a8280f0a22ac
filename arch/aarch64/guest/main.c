/* SPDX-License-Identifier: MIT */
/* From the entry code to the common kernel. */
#include "guest/main.h"

#include "boot.h"
#include "device_tree.h"
#include "ending.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "layout.h"
#include "psci.h"
#include "second_cpu.h"
#include "uart.h"

struct arch_layout arch_layout = {
	.test_base = TEST_BASE, .boot_reach = UINT64_C(1) << 48, /* all RAM */
};

static const struct page_flags device_flags = { .read = 1, .write = 1, .type = MEMORY_DEVICE };
static const struct page_flags ram_flags = { .read = 1, .write = 1 };

static void map_device(const struct device *device)
{
	boot_map(device->name, arch_layout.device_base + device->start, device->start, device->size,
		 device_flags);
}

static void start_console(const void *tree)
{
	struct device_tree_console console;

	if (!device_tree_console(tree, &console))
		return;
	kernel_add_device("console", console.registers.start, console.registers.size);
	map_device(&kernel.devices[0]);
	uart_start(&console);
}

static void find_memory_control(const void *tree)
{
	struct device_tree_registers registers;

	if (!device_tree_memory_control(tree, &registers))
		return;
	kernel.memory_control = registers.start;
	kernel_add_device("memory control", registers.start, registers.size);
}

static void map_ram(void)
{
	for (size_t i = 0; i < kernel.memory.ram_count; i++) {
		struct memory_range ram = kernel.memory.ram[i];

		boot_map("RAM", arch_layout.direct_base + ram.start, ram.start, ram.end - ram.start,
			 ram_flags);
	}
}

_Noreturn void arm_main(void);

_Noreturn void arm_main(void)
{
	static char command_line[1024];
	const void *tree = (const void *)(uintptr_t)boot.tree;
	size_t devices;

	arch_layout.direct_base = boot_layout(DIRECT_BASE);
	arch_layout.device_base = boot_layout(DEVICE_BASE);
	arch_layout.kernel_offset = boot.offset;
	boot_continue();
	start_console(tree);
	devices = kernel.device_count;
	psci_start(tree);
	ending_start(tree);
	second_cpu_find(tree);
	find_memory_control(tree);
	for (; devices < kernel.device_count; devices++)
		map_device(&kernel.devices[devices]);
	device_tree_memory(tree, &kernel.memory);
	if (!memory_map_reserve(&kernel.memory, boot.dtb, boot.dtb_size))
		panic("memory map: too many reserved ranges");
	map_ram();
	device_tree_command_line(tree, command_line, sizeof(command_line));
	guest_main(command_line);
}
