/* SPDX-License-Identifier: MIT */
/* The state at the PVH entry: flat protected mode, no paging, no interrupts, a hypervisor. */
#include "kernel.inc"
start:
	movl $stack, %esp
	pushfl
	popl %ecx
	expect 0x2, %ecx
	movl %cr0, %ecx
	expect 0x11, %ecx
	movl %cr4, %ecx
	expect 0, %ecx
	expect 0x336ec578, (%ebx)	/* magic */
	expect 1, 4(%ebx)		/* version */
	movl $0xc0000080, %ecx
	rdmsr
	expect 0, %eax			/* EFER */
	movl $1, %eax
	cpuid
	btl $31, %ecx
	jnc fail
	shrl $16, %ebx			/* one logical processor, APIC id 0 */
	expect 1, %ebx
	exit_with 0x10
	.bss
	.skip 256
stack:
