/* SPDX-License-Identifier: MIT */
/* Where an x86_64 machine has its RAM, and the format of the table that says so. */
#include <string.h>

#include <twofold/x86_64.h>

#include "arch.h"
#include "x86_layout.h"

/* EPT's widths. What the host's CPU has may be less, and then KVM refuses the memory slot. */
void arch_guest_memory_format(struct page_table_config *config)
{
	*config = (struct page_table_config){
		.format = &x86_64_ept,
		.input_bits = 48,
		.output_bits = 48,
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G,
	};
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

void arch_boot_area(uint64_t *start, uint64_t *size)
{
	*start = BOOT_DATA_START;
	*size = BOOT_DATA_SIZE;
}

void arch_initrd_window(uint64_t *lowest, uint64_t *end)
{
	*lowest = INITRD_LOWEST;
	*end = MMIO_HOLE_START;
}
