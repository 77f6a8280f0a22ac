/* SPDX-License-Identifier: MIT */
/* The state at the entry is as the boot protocol says: ends with 0x10, or the number of what is not. */
#include "kernel.inc"

main:
	ldr	w9, [x19]
	ldr	w10, =0xedfe0dd0	/* the tree's magic, from big-endian */
	cmp	w9, w10
	exit_if	ne, 1
	orr	x9, x1, x2
	orr	x9, x9, x3
	cmp	x9, #0
	exit_if	ne, 2
	mrs	x9, CurrentEL
	cmp	x9, #1 << 2
	exit_if	ne, 3
	mrs	x9, daif
	cmp	x9, #0xf << 6
	exit_if	ne, 4
	mrs	x9, sctlr_el1
	tst	x9, #1
	exit_if	ne, 5
	mrs	x9, spsel
	cmp	x9, #1
	exit_if	ne, 6
	tst	x19, #7
	exit_if	ne, 7
	adr	x9, _start
	tst	x9, #0x1fffff
	exit_if	ne, 8
	exit	0x10
	b	.
