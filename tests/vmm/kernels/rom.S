/* SPDX-License-Identifier: MIT */
/* ROM at 2 MiB that begins with "ROM!": reads, survives two writes, executes. */
#include "kernel.inc"
start:
	movl $0x00200000, %ebx
	movl (%ebx), %eax
	expect 0x214d4f52, %eax
	movl $0xdeadbeef, (%ebx)
	movb $0x55, 3(%ebx)
	movl (%ebx), %eax
	expect 0x214d4f52, %eax
	movl $stack, %esp
	call *code
	expect 0x600d, %eax
	exit_with 0x10
	.data
code:
	.long 0x00200004		/* the file has movl $0x600d, %eax; ret there */
	.bss
	.skip 256
stack:
