/* SPDX-License-Identifier: MIT */
/* Halts with interrupts off; on if the command line begins with "i". */
#include "kernel.inc"
start:
	movl $stack, %esp
	movl 24(%ebx), %edi
	movl $text, %esi
	call puts
	cmpb $'i', (%edi)
	jne halt
	sti
1:	hlt
	jmp 1b
text:	.asciz "halting\n"
	.bss
	.skip 256
stack:
