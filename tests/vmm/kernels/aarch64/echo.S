/* SPDX-License-Identifier: MIT */
/* Sends back what comes in, until a full stop. */
#include "kernel.inc"

main:
1:	ldr	w9, [x21, #0x18]	/* UARTFR */
	tbnz	w9, #4, 1b		/* RXFE */
	ldr	w9, [x21]
	str	w9, [x21]
	and	w9, w9, #0xff
	cmp	w9, #'.'
	b.ne	1b
	exit	0x10
	b	.
