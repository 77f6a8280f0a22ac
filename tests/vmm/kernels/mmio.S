/* SPDX-License-Identifier: MIT */
/* Addresses that are no memory: all ones, and a write goes nowhere. */
#include "kernel.inc"
start:
	movl $0xd0000000, %ebx
	xorl %eax, %eax
	movb (%ebx), %al
	expect 0xff, %eax
	movw (%ebx), %ax
	expect 0xffff, %eax
	movl (%ebx), %eax
	expect 0xffffffff, %eax
	movl $0x12345678, (%ebx)
	movl (%ebx), %eax
	expect 0xffffffff, %eax

	movl $0x00200000, %ebx		/* a hole of the configuration, in the midst of RAM */
	movl $0x11111111, -4(%ebx)
	movl $0x22222222, 4096(%ebx)
	movl (%ebx), %eax
	expect 0xffffffff, %eax
	movl -4(%ebx), %eax
	expect 0x11111111, %eax
	movl 4096(%ebx), %eax
	expect 0x22222222, %eax
	movl -2(%ebx), %eax		/* half RAM, half hole */
	expect 0xffff1111, %eax
	movl $0x33334444, -2(%ebx)
	movl -4(%ebx), %eax
	expect 0x44441111, %eax
	exit_with 0x10
