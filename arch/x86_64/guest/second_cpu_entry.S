/* SPDX-License-Identifier: MIT */
/* What the second CPU's interrupts enter, and the accesses that it makes and may fault on. */
	.text

	.macro interrupt_entry name, handler
	.global \name
\name:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbp
	mov %rsp, %rbp
	and $-16, %rsp
	cld
	call \handler
	mov %rbp, %rsp
	pop %rbp
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	iretq
	.endm

	interrupt_entry second_cpu_flush_entry, second_cpu_flush_request
	interrupt_entry second_cpu_wake_entry, second_cpu_wake_request
	.global second_cpu_spurious_entry
second_cpu_spurious_entry:
	iretq

	/* uint32_t second_cpu_read(virt_addr), second_cpu_write(virt_addr) */
	.global second_cpu_read, second_cpu_write
	.type second_cpu_read, @function
	.type second_cpu_write, @function
second_cpu_read:
	movzbl (%rdi), %eax
	ret
	.size second_cpu_read, . - second_cpu_read
second_cpu_write:
	movb $0x5a, (%rdi)
	xor %eax, %eax
	ret
	.size second_cpu_write, . - second_cpu_write
second_cpu_faulted:
	mov $-1, %eax
	ret

	/* Those two come back with SECOND_CPU_FAULT; any other page fault ends the run. */
	.global second_cpu_page_fault
second_cpu_page_fault:
	cmpq $second_cpu_read, 8(%rsp)
	je 1f
	cmpq $second_cpu_write, 8(%rsp)
	jne exception_entries + 16 * 14
1:	add $8, %rsp		/* the error code */
	movq $second_cpu_faulted, (%rsp)
	iretq

	.section .note.GNU-stack, "", @progbits
