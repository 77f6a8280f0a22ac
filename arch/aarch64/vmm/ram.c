/* SPDX-License-Identifier: MIT */
/* Where an AArch64 machine has its RAM, and the format of the table that says so. */
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <twofold/aarch64.h>

#include "arch.h"
#include "arm_layout.h"
#include "kvm.h"
#include "number.h"

/* What every KVM has, and the widest that the format has. */
#define DEFAULT_ADDRESS_BITS 40
#define MAX_ADDRESS_BITS     48

/* A kernel and its initrd are within so much, from a multiple of 1 GiB on. */
#define BOOT_WINDOW (32 * GIB)

const struct arch_board arch_board = {
	.irqchip = IRQCHIP_FULL,
	/* As many redistributors as there is room for. */
	.vcpus_max = (UART_BASE - GIC_REDISTRIBUTOR) / GIC_REDISTRIBUTOR_SIZE,
	.debug_exit_iobase = DEBUG_EXIT_BASE,
	.debug_exit_last = DEVICES_LAST,
	.debug_exit_units = "bytes",
};

bool arch_has_irqchip(enum irqchip irqchip, struct failure *failure)
{
	if (irqchip == IRQCHIP_SPLIT)
		return fail(failure, STATUS_USAGE,
			    "split: a machine of AArch64 has a whole GIC or nothing; expected none "
			    "or full");
	return true;
}

bool arch_has_device_tree(struct failure *failure)
{
	(void)failure;
	return true;
}

uint8_t arch_address_bits(int kvm_fd)
{
	int bits = kvm_fd < 0 ? 0 : kvm_capability(kvm_fd, KVM_CAP_ARM_VM_IPA_SIZE);

	if (bits <= 0)
		return DEFAULT_ADDRESS_BITS;
	return bits > MAX_ADDRESS_BITS ? MAX_ADDRESS_BITS : (uint8_t)bits;
}

/* 0 where the width is no choice. */
unsigned long arch_vm_type(int kvm_fd)
{
	if (!kvm_capability(kvm_fd, KVM_CAP_ARM_VM_IPA_SIZE))
		return 0;
	return KVM_VM_TYPE_ARM_IPA_SIZE(arch_address_bits(kvm_fd));
}

void arch_guest_memory_format(struct page_table_config *config, uint8_t address_bits)
{
	*config = (struct page_table_config){
		.format = &aarch64_stage2_4k,
		.input_bits = address_bits,
		.output_bits = 48,
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G,
		.features = AARCH64_HARDWARE_DIRTY,
	};
}

uint64_t arch_memory_control(void)
{
	return MEMORY_CONTROL_BASE;
}

unsigned int arch_ram_ranges(uint64_t size, struct arch_ram ranges[ARCH_RAM_RANGES])
{
	ranges[0] = (struct arch_ram){ .base = RAM_BASE, .size = size };
	return 1;
}

bool arch_boot_area(uint64_t *start, uint64_t *size)
{
	(void)start;
	(void)size;
	return false;
}

void arch_initrd_window(const struct config *config, uint64_t *lowest, uint64_t *end)
{
	*lowest = RAM_BASE;
	*end = RAM_BASE + (config->memory < BOOT_WINDOW ? config->memory : BOOT_WINDOW);
}
