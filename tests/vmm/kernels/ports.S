/* SPDX-License-Identifier: MIT */
/* What ports read: all ones where nobody is, halves where a device has only a part. */
#include "kernel.inc"
start:
	movw $0x1234, %dx
	xorl %eax, %eax
	inb %dx, %al
	expect 0xff, %eax
	inw %dx, %ax
	expect 0xffff, %eax
	inl %dx, %eax
	expect 0xffffffff, %eax
	movw $0xffff, %dx		/* passes the last port */
	xorl %eax, %eax
	inw %dx, %ax
	expect 0xffff, %eax
	movw $0xfffd, %dx
	xorl %eax, %eax
	inl %dx, %eax
	expect 0xffffffff, %eax

	xorl %eax, %eax			/* isa-debug-exit */
	inb $0xf4, %al
	expect 0, %eax
	inl $0xf4, %eax
	expect 0, %eax
	xorl %eax, %eax
	inw $0xf7, %ax			/* its last byte, and nobody */
	expect 0xff00, %eax
	xorl %eax, %eax
	inb $0x64, %al
	expect 0, %eax

	movw $0x3ff, %dx		/* scratch register of the serial port */
	movb $0x5a, %al
	outb %al, %dx
	xorl %eax, %eax
	inw %dx, %ax			/* it, and nobody */
	expect 0xff5a, %eax
	movw $0x3fe, %dx
	xorl %eax, %eax
	inw %dx, %ax			/* modem status and scratch */
	expect 0x5ab0, %eax
	movw $0x1234, %dx		/* a write to nobody goes nowhere */
	outl %eax, %dx
	exit_with 0x10
