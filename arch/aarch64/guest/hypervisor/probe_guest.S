/* SPDX-License-Identifier: MIT */
/* The probe guest (guest/inner.h). It may run wherever it is copied to, and has no stack. */

#define INNER_CALL_READY 1

	.section .rodata
	.balign 2048
	.global inner_probe_start, inner_probe_end
inner_probe_start:
	adr x9, vectors
	msr vbar_el1, x9
	isb
ready:
	mov x0, #INNER_CALL_READY
	hvc #0
	cmp x0, #1
	b.lo read
	b.eq write
	cmp x0, #3
	b.lo fetch
	b.eq modify
	cmp x0, #5
	b.lo set_root
	b.eq flush
	cmp x0, #7
	b.lo sweep
halt:
	wfi
	b halt
read:
	ldrb w1, [x1]
	b ready
write:
	strb w2, [x1]
	b ready
fetch:
	adr x9, ready
	br x1
modify:
	ldrb w3, [x1]
	add w3, w3, w2
	strb w3, [x1]
	b ready
set_root:
	msr ttbr0_el1, x2
	isb
	tlbi vmalle1
	dsb nsh
	isb
	b ready
flush:
	lsr x1, x1, #12
	and x1, x1, #0xfffffffffff
	dsb nshst
	tlbi vaae1, x1
	dsb nsh
	isb
	b ready
sweep:
	str x1, [x1]
	add x1, x1, x3
	cmp x1, x2
	b.lo sweep
	b ready

	/* An exception that is its own is not expected, and no hypercall. */
	.balign 2048
vectors:
	.rept 16
	.balign 128
	hvc #1
	.endr
inner_probe_end:

	.section .note.GNU-stack, "", %progbits
