/* SPDX-License-Identifier: MIT */
/* Reads every port there is, and writes to every port but those that would end the run. */
#include "kernel.inc"
start:
	xorl %edx, %edx
1:	inb %dx, %al
	cmpw $0xf4, %dx
	jb 2f
	cmpw $0xf8, %dx
	jb 3f
	cmpw $0x505, %dx
	je 3f
2:	movb $0x01, %al
	outb %al, %dx
3:	incw %dx
	jnz 1b
	exit_with 0x10
