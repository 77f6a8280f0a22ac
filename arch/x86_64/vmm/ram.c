/* SPDX-License-Identifier: MIT */
/* Where an x86_64 machine has its RAM, and the format of the table that says so. */
#include <string.h>

#include <twofold/x86_64.h>

#include "arch.h"
#include "vmm/memory_control.h"
#include "x86_layout.h"

const struct arch_board arch_board = {
	.irqchip = IRQCHIP_NONE,
	.vcpus_max = 255, /* APIC ids of eight bits, of which one means all */
	.debug_exit_iobase = PORT_DEBUG_EXIT,
	.debug_exit_last = LAST_PORT,
	.debug_exit_units = "ports",
};

bool arch_has_irqchip(enum irqchip irqchip, struct failure *failure)
{
	(void)irqchip;
	(void)failure;
	return true;
}

bool arch_has_device_tree(struct failure *failure)
{
	return fail(failure, STATUS_USAGE, "a machine of x86_64 has no device tree");
}

/* EPT's width. What the host's CPU has may be less, and then KVM refuses the memory slot. */
uint8_t arch_address_bits(int kvm_fd)
{
	(void)kvm_fd;
	return 48;
}

unsigned long arch_vm_type(int kvm_fd)
{
	(void)kvm_fd;
	return 0;
}

void arch_guest_memory_format(struct page_table_config *config, uint8_t address_bits)
{
	*config = (struct page_table_config){
		.format = &x86_64_ept,
		.input_bits = address_bits,
		.output_bits = 48,
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G,
		.features = EPT_ACCESSED_DIRTY,
	};
}

uint64_t arch_memory_control(void)
{
	return MEMORY_CONTROL_X86_64;
}

unsigned int arch_ram_ranges(uint64_t size, struct arch_ram ranges[ARCH_RAM_RANGES])
{
	ranges[0] = (struct arch_ram){ .base = 0,
				       .size = size < MMIO_HOLE_START ? size : MMIO_HOLE_START };
	if (size <= MMIO_HOLE_START)
		return 1;
	ranges[1] = (struct arch_ram){ .base = MMIO_HOLE_END, .size = size - MMIO_HOLE_START };
	return 2;
}

bool arch_boot_area(uint64_t *start, uint64_t *size)
{
	*start = BOOT_DATA_START;
	*size = BOOT_DATA_SIZE;
	return true;
}

void arch_initrd_window(const struct config *config, uint64_t *lowest, uint64_t *end)
{
	(void)config;
	*lowest = INITRD_LOWEST;
	*end = MMIO_HOLE_START;
}
