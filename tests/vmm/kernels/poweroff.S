/* SPDX-License-Identifier: MIT */
/* Powers off as kernels do under QEMU; before, writes what must not power off. */
#include "kernel.inc"
start:
	movw $0x604, %dx
	xorl %eax, %eax
	outw %ax, %dx			/* no SLP_EN */
	movw $0x3400, %ax
	outw %ax, %dx			/* SLP_EN, but another sleep type */
	inw %dx, %ax
	movzwl %ax, %eax
	expect 0, %eax
	movw $0x2000, %ax
	outw %ax, %dx
	jmp fail
