/* SPDX-License-Identifier: MIT */
/*
 * Into a guest by eret, and back by the exception that it ends with. The kernel is on SP_EL0 before and
 * after, and its C has nothing in floating-point registers.
 */
	.arch armv8.1-a+simd

	/* struct el2_registers */
#define X30	240
#define SP_PC	248
#define PSTATE	264
#define HOST_SP 272
#define FPCR	280
#define FPSR	288
#define VECTORS 304

	/* x2 to x29, at x2's place from `base` on. */
	.macro general operation, base
	\operation x2, x3, [\base, #16]
	\operation x4, x5, [\base, #32]
	\operation x6, x7, [\base, #48]
	\operation x8, x9, [\base, #64]
	\operation x10, x11, [\base, #80]
	\operation x12, x13, [\base, #96]
	\operation x14, x15, [\base, #112]
	\operation x16, x17, [\base, #128]
	\operation x18, x19, [\base, #144]
	\operation x20, x21, [\base, #160]
	\operation x22, x23, [\base, #176]
	\operation x24, x25, [\base, #192]
	\operation x26, x27, [\base, #208]
	\operation x28, x29, [\base, #224]
	.endm

	/* All 32, from `address` on, which moves. */
	.macro vectors operation, address
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\operation q\n, [\address], #16
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\operation q\n, [\address], #16
	.endr
	.endm

	.text
	/* uint64_t el2_enter(struct el2_registers *registers) */
	.global el2_enter
	.type el2_enter, @function
el2_enter:
	stp x19, x20, [sp, #-96]!
	stp x21, x22, [sp, #16]
	stp x23, x24, [sp, #32]
	stp x25, x26, [sp, #48]
	stp x27, x28, [sp, #64]
	stp x29, x30, [sp, #80]
	mov x1, sp
	str x1, [x0, #HOST_SP]
	msr tpidr_el2, x0
	adrp x1, guest_vectors
	add x1, x1, :lo12:guest_vectors
	msr vbar_el2, x1
	ldp x1, x2, [x0, #FPCR]
	msr fpcr, x1
	msr fpsr, x2
	add x1, x0, #VECTORS
	vectors ldr, x1
	msr spsel, #1
	ldp x1, x2, [x0, #SP_PC]
	msr sp_el0, x1
	msr elr_el2, x2
	ldr x1, [x0, #PSTATE]
	msr spsr_el2, x1
	isb
	general ldp, x0
	ldr x30, [x0, #X30]
	ldp x0, x1, [x0]
	eret

	/* x0: by which entry; the guest's x0 and x1 are on the stack, which is SP_EL2's. */
guest_left:
	mrs x1, tpidr_el2
	general stp, x1
	str x30, [x1, #X30]
	ldp x2, x3, [sp], #16
	stp x2, x3, [x1]
	mrs x2, sp_el0
	mrs x3, elr_el2
	stp x2, x3, [x1, #SP_PC]
	mrs x2, spsr_el2
	str x2, [x1, #PSTATE]
	mrs x2, fpcr
	mrs x3, fpsr
	stp x2, x3, [x1, #FPCR]
	add x2, x1, #VECTORS
	vectors str, x2
	adrp x2, exception_vectors
	add x2, x2, :lo12:exception_vectors
	msr vbar_el2, x2
	mrs x2, id_aa64mmfr1_el1
	ubfx x2, x2, #20, #4	/* PAN */
	cbz x2, 1f
	msr pan, #0		/* the guest's stays on otherwise */
1:	isb
	ldr x2, [x1, #HOST_SP]
	msr spsel, #0
	mov sp, x2
	ldp x29, x30, [sp, #80]
	ldp x27, x28, [sp, #64]
	ldp x25, x26, [sp, #48]
	ldp x23, x24, [sp, #32]
	ldp x21, x22, [sp, #16]
	ldp x19, x20, [sp], #96
	ret
	.size el2_enter, . - el2_enter

	/* From EL2 itself: as ever. From below: the guest. */
	.balign 2048
guest_vectors:
	.irp vector, 0, 1, 2, 3, 4, 5, 6, 7
	.balign 128
	b exception_vectors + 128 * \vector
	.endr
	.irp vector, 0, 1, 2, 3
	.balign 128
	stp x0, x1, [sp, #-16]!
	mov x0, #\vector
	b guest_left
	.endr
	.irp vector, 12, 13, 14, 15
	.balign 128
	b exception_vectors + 128 * \vector
	.endr
	.balign 128

	.section .note.GNU-stack, "", %progbits
