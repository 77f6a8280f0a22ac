/* SPDX-License-Identifier: MIT */
/*
 * What is left at EL2 when the kernel has gone on to EL1 on a CPU without FEAT_VHE: HVC makes one access
 * by tables of EL2, with x0 = the physical address of a struct el2_probe. EL2's MMU is off otherwise.
 */
#define TTBR0	0	/* and TCR */
#define MAIR	16	/* and which access */
#define ADDRESS 32
#define ESR	40	/* and FAR */

	/* RES1 of SCTLR_EL2 without E2H; M, C, I. */
#define SCTLR_EL2_OFF 0x30c50830
#define SCTLR_EL2_ON  (SCTLR_EL2_OFF | 1 << 0 | 1 << 2 | 1 << 12)

	.text
	.balign 4096		/* one page has it all */
	.global el2_vectors, el2_vectors_end
el2_vectors:
	.irp vector, 0, 1, 2, 3
	.balign 128
	b .
	.endr
	.balign 128
	b faulted
	.irp vector, 5, 6, 7
	.balign 128
	b .
	.endr
	.balign 128
	b called
	.irp vector, 9, 10, 11, 12, 13, 14, 15
	.balign 128
	b .
	.endr
	.balign 128

called:
	mrs x5, elr_el2		/* a fault writes to them */
	mrs x6, spsr_el2
	ldp x1, x2, [x0, #TTBR0]
	msr ttbr0_el2, x1
	msr tcr_el2, x2
	ldp x1, x2, [x0, #MAIR]
	msr mair_el2, x1
	ldr x3, [x0, #ADDRESS]
	isb
	dsb sy
	tlbi alle2
	ic iallu
	dsb sy
	isb
	ldr x1, =SCTLR_EL2_ON
	msr sctlr_el2, x1
	isb
	cmp x2, #1
	b.lo 1f
	b.eq 2f
	adr x30, done
	br x3
1:	ldrb w1, [x3]
	b done
2:	strb w1, [x3]
done:
	mov x1, xzr
	mov x2, xzr
	b leave
faulted:
	mrs x1, esr_el2
	mrs x2, far_el2
leave:
	ldr x3, =SCTLR_EL2_OFF
	msr sctlr_el2, x3
	isb
	stp x1, x2, [x0, #ESR]
	dsb sy
	msr elr_el2, x5
	msr spsr_el2, x6
	eret
	.ltorg
el2_vectors_end:

	.section .note.GNU-stack, "", %progbits
