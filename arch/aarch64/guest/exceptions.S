/* SPDX-License-Identifier: MIT */
/*
 * Entries of the exceptions, and excursions: entering code of any privilege by eret and coming back by
 * the exception that it ends with. The kernel runs on SP_EL0, so that exceptions, which are taken on
 * SP_EL1, have a stack of their own.
 */
#include "exceptions.h"
#include "guest/stack.h"
#include "layout.h"
#include "own.inc"

#define FRAME_SIZE 304

	.macro entry_of vector, first=0
	.balign 128
	.if \vector >= 4 && \vector < 8
	/* From a handler, whose stack may be what is wrong: on to another. */
	msr tpidr_el1, x0
	adrp x0, emergency_stack + STACK_GUARD_SIZE + STACK_SIZE
	mov sp, x0
	mrs x0, tpidr_el1
	.endif
	sub sp, sp, #FRAME_SIZE
	stp x0, x1, [sp]
	mov x0, #(\first + \vector)
	b exception_common
	.endm

	.text
	.balign 2048
	.global exception_vectors
exception_vectors:
	.irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	entry_of \vector
	.endr
	.balign 128

	/*
	 * The second CPU's, which has one stack for them, the emergency one: second_cpu_read and
	 * second_cpu_write come back with SECOND_CPU_FAULT, all else ends the run.
	 */
	.balign 2048
	.global second_cpu_vectors
second_cpu_vectors:
	sub sp, sp, #16
	stp x0, x1, [sp]
	mrs x0, elr_el1
	adr x1, second_cpu_read
	cmp x0, x1
	b.eq 1f
	adr x1, second_cpu_write
	cmp x0, x1
	b.eq 1f
	ldp x0, x1, [sp], #16
	sub sp, sp, #FRAME_SIZE
	stp x0, x1, [sp]
	mov x0, #SECOND_CPU_VECTOR
	b exception_common
1:	adr x0, second_cpu_faulted
	msr elr_el1, x0
	ldp x0, x1, [sp], #16
	eret
	.irp vector, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	entry_of \vector, SECOND_CPU_VECTOR
	.endr
	.balign 128

	/* uint32_t second_cpu_read(virt_addr), second_cpu_write(virt_addr) */
	.global second_cpu_read, second_cpu_write
	.type second_cpu_read, @function
	.type second_cpu_write, @function
second_cpu_read:
	ldrb w0, [x0]
	ret
	.size second_cpu_read, . - second_cpu_read
second_cpu_write:
	strb wzr, [x0]
	mov w0, wzr
	ret
	.size second_cpu_write, . - second_cpu_write
second_cpu_faulted:
	mov w0, #-1
	ret

exception_common:
	stp x2, x3, [sp, #16]
	stp x4, x5, [sp, #32]
	stp x6, x7, [sp, #48]
	stp x8, x9, [sp, #64]
	stp x10, x11, [sp, #80]
	stp x12, x13, [sp, #96]
	stp x14, x15, [sp, #112]
	stp x16, x17, [sp, #128]
	stp x18, x19, [sp, #144]
	stp x20, x21, [sp, #160]
	stp x22, x23, [sp, #176]
	stp x24, x25, [sp, #192]
	stp x26, x27, [sp, #208]
	stp x28, x29, [sp, #224]
	mrs x1, sp_el0
	stp x30, x1, [sp, #240]
	read_own x1, elr
	read_own x2, spsr
	stp x1, x2, [sp, #256]
	read_own x1, esr
	read_own x2, far
	stp x1, x2, [sp, #272]
	stp x0, xzr, [sp, #288]
	mov x0, sp
	bl exception_handle
	brk #0

	/* void excursion_begin(const struct excursion_start *start, struct excursion *excursion) */
	.global excursion_begin
	.type excursion_begin, @function
excursion_begin:
	stp x19, x20, [sp, #-96]!
	stp x21, x22, [sp, #16]
	stp x23, x24, [sp, #32]
	stp x25, x26, [sp, #48]
	stp x27, x28, [sp, #64]
	stp x29, x30, [sp, #80]
	mov x2, sp
	str x2, [x1]
	ldp x2, x3, [x0]
	write_own elr, x2, x4
	write_own spsr, x3, x4
	ldp x4, x5, [x0, #16]
	ldr x1, [x0, #32]
	mov x0, x5
	mov sp, x4
	eret
	.size excursion_begin, . - excursion_begin

	/* _Noreturn void excursion_end(uint64_t sp): returns from excursion_begin. */
	.global excursion_end
	.type excursion_end, @function
excursion_end:
	adrp x1, exception_stack + STACK_GUARD_SIZE + STACK_SIZE
	mov sp, x1
	msr spsel, #0
	mov sp, x0
	ldp x29, x30, [sp, #80]
	ldp x27, x28, [sp, #64]
	ldp x25, x26, [sp, #48]
	ldp x23, x24, [sp, #32]
	ldp x21, x22, [sp, #16]
	ldp x19, x20, [sp], #96
	ret
	.size excursion_end, . - excursion_end

	/*
	 * What probes run. A page, which the self-test maps for user code too. Each ends with brk at
	 * the label that tells success from a fault.
	 */
	.section .user, "ax", @progbits
	.balign 16
	.global probe_code_read, probe_code_read_end
probe_code_read:
	ldrb w0, [x0]
probe_code_read_end:
	brk #1
	.global probe_code_write, probe_code_write_end
probe_code_write:
	strb w1, [x0]
probe_code_write_end:
	brk #1
	.global probe_code_svc, probe_code_svc_end
probe_code_svc:
	svc #0x2f
probe_code_svc_end:
	brk #1
	.global probe_code_privileged
probe_code_privileged:
	msr vbar_el1, x0
	.global probe_code_undefined
probe_code_undefined:
	udf #0

	.text
	.global probe_landing
probe_landing:
	brk #1
	/*
	 * Takes w0 times 256 bytes of stack: an overflow if the stack has less. Where nothing stops it,
	 * it stops by itself before it has run over more than the guard page.
	 */
	.global probe_code_overflow, probe_code_overflow_end
probe_code_overflow:
	sub sp, sp, #256
	str xzr, [sp]
	subs w0, w0, #1
	b.pl probe_code_overflow
probe_code_overflow_end:
	brk #1

	.section .rodata
	.balign 4
	.global probe_landing_rodata
probe_landing_rodata:
	brk #1
