/* SPDX-License-Identifier: MIT */
/* The serial port's interrupt gets through the GICv3: pending at the distributor until the byte is taken. */
#include "kernel.inc"

main:
	ldr	x12, =0x08000000
	mov	w9, #0x12		/* GICD_CTLR: ARE, group 1 */
	str	w9, [x12]
	str	wzr, [x12, #0xc08]	/* GICD_ICFGR2: level, for KVM begins with edge */
	mov	w9, #0x50		/* UARTIMSC: receive, and its timeout */
	str	w9, [x21, #0x38]
1:	ldr	w9, [x12, #0x204]	/* GICD_ISPENDR1: SPI 1 is bit 1 */
	tbz	w9, #1, 1b
	ldr	w9, [x21]		/* taking the byte lowers the line */
	ldr	w9, [x12, #0x204]
	tst	w9, #2
	exit_if	ne, 1
	exit	0x10
	b	.
