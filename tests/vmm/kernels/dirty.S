/* SPDX-License-Identifier: MIT */
/* Writes to four pages, the last of memory (-m 16M) among them, and reads others below. */
#include "kernel.inc"
start:
	movl $0x00400000, %ebx
	movl (%ebx), %eax
	movl %eax, 0x00500ffc
	movb $1, 0x00601000
	orb $0, 0x00602fff
	movl 0x00408000, %eax
	lock incl 0x00ffffff - 3
	exit_with 0x10
