/* SPDX-License-Identifier: MIT */
/*
 * Writes a value to isa-debug-exit. Command line: width b, w or l, a blank, two hexadecimal digits;
 * "b 7f".
 */
#include "kernel.inc"
start:
	movl $stack, %esp
	movl 24(%ebx), %esi		/* cmdline_paddr */
	movb (%esi), %cl
	movzbl 2(%esi), %eax
	call digit
	movl %eax, %edi
	shll $4, %edi
	movzbl 3(%esi), %eax
	call digit
	orl %edi, %eax
	cmpb $'w', %cl
	je 1f
	cmpb $'l', %cl
	je 2f
	outb %al, $0xf4
	jmp halt
1:	outw %ax, $0xf4
	jmp halt
2:	outl %eax, $0xf4
	jmp halt

digit:
	subl $'0', %eax
	cmpl $10, %eax
	jb 1f
	subl $39, %eax			/* 'a' - '0' - 10 */
1:	ret
	.bss
	.skip 256
stack:
