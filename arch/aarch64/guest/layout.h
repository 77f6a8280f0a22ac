/* SPDX-License-Identifier: MIT */
/*
 * Where everything lies in the guest's virtual addresses: TEST_BASE in the lower half (TTBR0), all
 * else in the upper one (TTBR1). C, assembly and kernel.ld read it.
 *
 *	TEST_BASE      the self-test's mappings
 *	DIRECT_BASE    all RAM, at its physical address plus this
 *	DEVICE_BASE    device registers, at their physical address plus this
 *	BOOT_DTB_BASE  the device tree, likewise, in the boot tables only
 *	KERNEL_VIRT    the kernel image, wherever it was loaded
 *
 * At EL2 without HCR_EL2.E2H there is no upper half: the image stays where it was loaded, and of
 * the other bases the low 48 bits count (boot_layout).
 */
#ifndef ARCH_AARCH64_GUEST_LAYOUT_H
#define ARCH_AARCH64_GUEST_LAYOUT_H

#define KERNEL_VIRT   0xffffffff80000000
#define DIRECT_BASE   0xffff800000000000
#define DEVICE_BASE   0xffffc00000000000
#define BOOT_DTB_BASE 0xffffe00000000000
#define TEST_BASE     0x0000100000000000

/* Where an ELF asks to be loaded: in QEMU's RAM, above the device tree, which is at RAM_START then.
 */
#define KERNEL_PHYS 0x40200000
#define RAM_START   0x40000000

/* Pages are never larger; each part of the image, each stack and each stack's guard is so many. */
#define LARGEST_PAGE 0x10000
#define STACK_SIZE   0x10000

#endif
