/* SPDX-License-Identifier: MIT */
/*
 * Three CPUs: the first one turns the others on by PSCI, and finds that what is on or is not there
 * cannot be. When both have come with the context they were given, the third one ends the run,
 * status 35, and the first sleeps on.
 */
#include "kernel.inc"
#define CPU_ON             0xc4000003
#define INVALID_PARAMETERS -2
#define ALREADY_ON         -4

/* Turns CPU \cpu on, which must come to \result: else status \value. */
.macro turn_on cpu, result, value
	mov	x1, #\cpu
	adr	x2, other
	mov	x3, #(0x100 + \cpu)
	psci	CPU_ON
	cmn	x0, #(-\result)
	exit_if	ne, \value
.endm

main:
	adr	x22, here
	turn_on	1, 0, 1
	turn_on	2, 0, 2
	turn_on	2, ALREADY_ON, 3
	turn_on	3, INVALID_PARAMETERS, 4
1:	ldr	x9, [x22, #8]
	cmp	x9, #0x101
	b.ne	1b
	ldr	x9, [x22, #16]
	cmp	x9, #0x102
	b.ne	1b
	str	x9, [x22]
2:	wfi
	b	2b

/* x0 is the context. Each has a word of its own: with the MMU off nothing is exclusive. */
other:
	ldr	x20, =0x090f0000
	adr	x22, here
	mrs	x9, mpidr_el1
	and	x9, x9, #0xff
	str	x0, [x22, x9, lsl #3]
	cmp	x9, #2
	b.ne	2b
1:	ldr	x9, [x22]
	cbz	x9, 1b
	exit	0x11
	b	2b
	.balign	8
here:
	.quad	0, 0, 0
	.ltorg
