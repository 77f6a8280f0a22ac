/* SPDX-License-Identifier: MIT */
/*
 * Entries of the exceptions, 16 bytes each, and excursions: entering code of any privilege by iretq
 * and coming back by the exception that it ends with.
 */

	.text
	.balign 16
	.global exception_entries
exception_entries:
	.set vector, 0
	.rept 32
	.balign 16
	/* #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX come with an error code. */
	.if !((1 << vector) & 0x60227d00)
	push $0
	.endif
	push $vector
	jmp exception_common
	.set vector, vector + 1
	.endr

exception_common:
	push %rax
	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	cld
	and $-16, %rsp
	call exception_handle
	ud2

	/* void excursion_begin(const struct excursion_start *start, struct excursion *excursion) */
	.global excursion_begin
	.type excursion_begin, @function
excursion_begin:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rsi)
	push 32(%rdi)		/* ss */
	push 24(%rdi)		/* rsp */
	push 16(%rdi)		/* rflags */
	push 8(%rdi)		/* cs */
	push (%rdi)		/* rip */
	mov 48(%rdi), %rsi
	mov 40(%rdi), %rdi
	iretq
	.size excursion_begin, . - excursion_begin

	/* _Noreturn void excursion_end(uint64_t rsp): returns from excursion_begin. */
	.global excursion_end
	.type excursion_end, @function
excursion_end:
	mov %rdi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
	.size excursion_end, . - excursion_end

	/*
	 * What probes run. One page, which the self-test maps for user code too. Each ends with ud2 at
	 * the label that tells success from a fault.
	 */
	.section .user, "ax", @progbits
	.balign 16
	.global probe_code_read, probe_code_read_end
probe_code_read:
	movzbl (%rdi), %eax
probe_code_read_end:
	ud2
	.global probe_code_write, probe_code_write_end
probe_code_write:
	movb %sil, (%rdi)
probe_code_write_end:
	ud2
	.global probe_code_divide, probe_code_divide_end
probe_code_divide:
	xor %ecx, %ecx
	xor %edx, %edx
	mov $1, %eax
probe_code_divide_end:
	div %ecx
	.global probe_code_privileged
probe_code_privileged:
	hlt

	.text
	.global probe_code_write_msr, probe_code_write_msr_end
	/* wrmsr and rdmsr that may fault: the register in RDI, the value in RSI. */
	.global probe_code_write_msr, probe_code_write_msr_end
probe_code_write_msr:
	mov %edi, %ecx
	mov %esi, %eax
	shr $32, %rsi
	mov %esi, %edx
	wrmsr
probe_code_write_msr_end:
	ud2
	.global probe_code_read_msr, probe_code_read_msr_end
probe_code_read_msr:
	mov %edi, %ecx
	rdmsr
probe_code_read_msr_end:
	ud2
	.global probe_landing
probe_landing:
	ud2
	/*
	 * Calls itself EDI times, each with 256 bytes of stack: an overflow if the stack has less. Where
	 * nothing stops it, it stops by itself before it has run over more than the guard page.
	 */
	.global probe_code_overflow, probe_code_overflow_end
probe_code_overflow:
	sub $248, %rsp
	dec %edi
	js probe_code_overflow_end
	call probe_code_overflow
probe_code_overflow_end:
	ud2

	.section .rodata
	.global probe_landing_rodata
probe_landing_rodata:
	ud2

	.section .note.GNU-stack, "", @progbits
