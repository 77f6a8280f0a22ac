/* SPDX-License-Identifier: MIT */
/*
 * The tables that the kernel comes up on: 4K granule, made by the library at run time, since where
 * the image, the device tree and RAM lie is known only then. First with the MMU off: the image
 * where it lies (lower half), the image where it is linked, and the device tree. Then, in the high
 * half, whatever else is needed.
 */
#ifndef ARCH_AARCH64_GUEST_BOOT_H
#define ARCH_AARCH64_GUEST_BOOT_H

#include "twofold/aarch64_registers.h"

struct boot {
	phys_addr image; /* where it was loaded */
	phys_addr dtb;
	uint64_t dtb_size;
	bool started_at_el2;
	struct aarch64_stage1_registers registers; /* entry.S knows the order */
};
extern struct boot boot;

/* From here on the library may be used on the boot tables. Call once, in the high half. */
void boot_continue(void);

/* Maps [start, start + size), multiples of 4 KiB, in the upper half; panics if it cannot. */
void boot_map(const char *what, virt_addr virt, phys_addr phys, uint64_t size,
	      struct page_flags flags);

#endif
