/* SPDX-License-Identifier: MIT */
/* Reports a crash; before, asks what can be reported, and reports nothing. */
#include "kernel.inc"

main:
	ldr	x12, =0x090d0000
	ldrb	w9, [x12]
	cmp	w9, #1
	exit_if	ne, 1
	mov	w9, #0xfe
	strb	w9, [x12]
	mov	w9, #1
	strb	w9, [x12]
	exit	2
	b	.
