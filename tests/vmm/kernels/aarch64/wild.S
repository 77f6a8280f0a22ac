/* SPDX-License-Identifier: MIT */
/* Where nobody answers all is ones and writes go nowhere; an access that the CPU does not describe is an external abort. */
#include "kernel.inc"

main:
	ldr	x12, =0x0a000000
	mov	x9, #-1
	str	x9, [x12]
	strb	wzr, [x12]
	strh	wzr, [x12, #2]
	ldr	x9, [x12]
	cmp	x9, #-1
	exit_if	ne, 1
	ldr	w9, [x12, #4]
	cmp	w9, #-1
	exit_if	ne, 2
	ldrh	w9, [x12, #2]
	mov	w10, #0xffff
	cmp	w9, w10
	exit_if	ne, 3
	ldrb	w9, [x12, #1]
	cmp	w9, #0xff
	exit_if	ne, 4
	ldur	x9, [x12, #-8]
	cmp	x9, #-1
	exit_if	ne, 5
	/* Beyond RAM. */
	ldr	x12, =0x800000000
	ldr	x9, [x12]
	cmp	x9, #-1
	exit_if	ne, 6
	/* A pair has no syndrome. */
	ldr	x12, =0x0a000000
	adr	x28, 1f
	mov	x27, #0
	ldp	x9, x10, [x12]
	exit	7
1:	ubfx	x9, x27, #26, #6
	cmp	x9, #0x25		/* data abort from this level */
	exit_if	ne, 8
	and	x9, x27, #0x3f
	cmp	x9, #0x10		/* synchronous external abort */
	exit_if	ne, 9
	exit	0x10
	b	.
