/* SPDX-License-Identifier: MIT */
/* Reports a crash; before, asks what can be reported, and reports nothing. */
#include "kernel.inc"
start:
	movw $0x505, %dx
	inb %dx, %al
	movzbl %al, %eax
	expect 1, %eax
	movb $0xfe, %al
	outb %al, %dx
	movb $1, %al
	outb %al, %dx
	exit_with 1
