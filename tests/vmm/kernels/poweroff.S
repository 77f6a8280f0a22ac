/* SPDX-License-Identifier: MIT */
/* Powers off as kernels do under QEMU; before, writes what must not power off, and says "on". */
#include "kernel.inc"
start:
	movl $stack, %esp
	movw $0x604, %dx
	xorl %eax, %eax
	outw %ax, %dx			/* no SLP_EN */
	movw $0x3400, %ax
	outw %ax, %dx			/* SLP_EN, but another sleep type */
	inw %dx, %ax
	movzwl %ax, %eax
	expect 0, %eax
	movl $text, %esi
	call puts
	movw $0x604, %dx
	movw $0x2000, %ax
	outw %ax, %dx
	jmp fail
text:	.asciz "on\n"
	.bss
	.skip 256
stack:
