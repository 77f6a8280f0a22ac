/* SPDX-License-Identifier: MIT */
/* Resets by the keyboard controller: waits for its input buffer, as kernels do. */
#include "kernel.inc"
start:
	inb $0x64, %al
	testb $2, %al
	jnz start
	movb $0xfe, %al
	outb %al, $0x64
	jmp fail
