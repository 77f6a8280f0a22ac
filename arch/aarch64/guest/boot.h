/* SPDX-License-Identifier: MIT */
/*
 * The tables that the kernel comes up on: 4K granule, made by the library at run time, since where
 * the image, the device tree and RAM lie is known only then. First with the MMU off: the image
 * where it lies (lower half), the image where it is linked (upper half, if EL2 without E2H is not
 * what has none), and the device tree. Then, where the kernel is, whatever else is needed.
 */
#ifndef ARCH_AARCH64_GUEST_BOOT_H
#define ARCH_AARCH64_GUEST_BOOT_H

/* In struct boot, behind the registers. */
#define BOOT_OFFSET 32

#ifndef __ASSEMBLER__

#include "twofold/aarch64_registers.h"

struct boot {
	phys_addr image; /* where it was loaded */
	phys_addr dtb;
	uint64_t dtb_size;
	bool started_at_el2;
	struct aarch64_stage1_registers registers; /* entry.S knows the order */
	uint64_t offset; /* the image's addresses are physical plus this */
	virt_addr tree;  /* the device tree */
};
extern struct boot boot;

/* From here on the library may be used on the boot tables. Call once, where the kernel is to be. */
void boot_continue(void);

/* An address of layout.h, on this CPU. */
virt_addr boot_layout(virt_addr high);

/* Maps [start, start + size), multiples of 4 KiB; panics if it cannot. */
void boot_map(const char *what, virt_addr virt, phys_addr phys, uint64_t size,
	      struct page_flags flags);

#endif
#endif
