/* SPDX-License-Identifier: MIT */
/*
 * Where everything lies in the guest's virtual addresses. C, assembly and the build-time maker of
 * the boot tables read it; kernel.ld has the first two again, and the linker compares them.
 *
 *	TEST_BASE      512 GiB of the lower half for the self-test's mappings
 *	DIRECT_BASE    all RAM, at its physical address plus this
 *	DEVICE_BASE    device registers, at their physical address plus this
 *	KERNEL_OFFSET  the kernel image, at its physical address plus this
 *
 * The first 512 GiB of the upper half stay empty: a KVM that interprets supervisor code runs user
 * code on the CPU, with something of its own there, and reports a user's access as if nothing was
 * mapped.
 */
#ifndef ARCH_X86_64_GUEST_LAYOUT_H
#define ARCH_X86_64_GUEST_LAYOUT_H

#define KERNEL_PHYS   0x100000
#define KERNEL_OFFSET 0xffffffff80000000
#define DIRECT_BASE   0xffff888000000000
#define DEVICE_BASE   0xffffc00000000000
#define TEST_BASE     0x0000100000000000

/* What the boot tables reach: the identity just for the way into long mode, the direct map for the
 * start information and for the frames of the final tables. */
#define BOOT_IDENTITY_SIZE 0x200000
#define BOOT_KERNEL_SIZE   0x1000000
#define BOOT_DIRECT_SIZE   0x100000000

/* Pages are never larger; each part of the image, each stack and each stack's guard is so many. */
#define LARGEST_PAGE 4096
#define STACK_SIZE   8192

/* Selectors of the final GDT; entry.S has a smaller one with the same kernel segments. */
#define KERNEL_CS    0x08
#define KERNEL_DS    0x10
#define USER_DS      0x1b
#define USER_CS      0x23
#define TSS_SELECTOR 0x28

#endif
