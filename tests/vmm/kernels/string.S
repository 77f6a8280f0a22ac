/* SPDX-License-Identifier: MIT */
/* String I/O: every element goes to the one port, and comes from it. */
#include "kernel.inc"
start:
	movl $text, %esi
	movl $text_size, %ecx
	movw $0x3f8, %dx
	rep outsb

	movw $0x3ff, %dx		/* the same scratch register five times */
	movb $0xa7, %al
	outb %al, %dx
	movl $buffer, %edi
	movl $5, %ecx
	rep insb
	movl buffer, %eax
	expect 0xa7a7a7a7, %eax
	movl buffer + 4, %eax
	expect 0x000000a7, %eax

	movl $buffer, %edi
	movw $0x1234, %dx
	movl $2, %ecx
	rep insl
	movl buffer, %eax
	expect 0xffffffff, %eax
	movl buffer + 4, %eax
	expect 0xffffffff, %eax

	movw $0x3ff, %dx		/* the last element written stays */
	movl $elements, %esi
	movl $3, %ecx
	rep outsb
	xorl %eax, %eax
	inb %dx, %al
	expect 0x33, %eax
	exit_with 0x10
	.data
text:	.ascii "0123456789abcdefghijklmnopqrstuvwxyz\n"
	.set text_size, . - text
elements:
	.byte 0x11, 0x22, 0x33
	.bss
buffer:	.skip 16
