/* SPDX-License-Identifier: MIT */
/* Says "ready", then sends back what it receives; "q" ends it, and is not sent back. */
#include "kernel.inc"
start:
	movl $stack, %esp
	movl $text, %esi
	call puts
1:	movw $0x3fd, %dx
	inb %dx, %al
	testb $1, %al
	jz 1b
	movw $0x3f8, %dx
	inb %dx, %al
	cmpb $'q', %al
	je 2f
	outb %al, %dx
	jmp 1b
2:	exit_with 0x10
text:	.asciz "ready\n"
	.bss
	.skip 256
stack:
