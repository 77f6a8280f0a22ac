/* SPDX-License-Identifier: MIT */
/* Writes to read-only memory at 0x50000000: it stays as it is. Ends with 0x10 then. */
#include "kernel.inc"

main:
	ldr	x12, =0x50000000
	ldr	x13, [x12]
	mvn	x9, x13
	str	x9, [x12]
	ldr	x9, [x12]
	cmp	x9, x13
	exit_if	ne, 1
	exit	0x10
	b	.
