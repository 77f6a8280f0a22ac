/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs. The first one starts all others by INIT and SIPI; what they do then is up to the
 * first letter of the command line:
 *	n	each counts itself; the first one ends the run when CPUID's number of them is there
 *	e	the second one ends the run, while the first one is halted for ever
 *	t	the second one makes a triple fault
 *	w	nobody is started
 */
#include "kernel.inc"
#define TRAMPOLINE 0x8000
#define ICR_LOW    0xfee00300
#define SPURIOUS   0xfee000f0

start:
	movl $stack, %esp
	movl 24(%ebx), %esi		/* cmdline_paddr */
	movb (%esi), %al
	movb %al, mode
	cmpb $'w', %al
	je halt
	movl $trampoline, %esi
	movl $TRAMPOLINE, %edi
	movl $(trampoline_end - trampoline), %ecx
	cld
	rep movsb
	movl $1, %eax			/* how many there are besides this one */
	cpuid
	shrl $16, %ebx
	movzbl %bl, %edi
	decl %edi
	movl $0x1ff, SPURIOUS		/* local APIC on */
	movl $0x000c4500, ICR_LOW	/* INIT, to all but this */
	call pause_a_while
	movl $(0x000c4600 | TRAMPOLINE >> 12), ICR_LOW
	call pause_a_while
	movl $(0x000c4600 | TRAMPOLINE >> 12), ICR_LOW
	cmpb $'e', mode
	je halt
	cmpb $'t', mode
	je halt
1:	pause
	cmpl %edi, count
	jne 1b
	exit_with 0x10

pause_a_while:
	movl $100000, %ecx
1:	pause
	loop 1b
	ret

other:
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	cmpb $'e', mode
	je 2f
	cmpb $'t', mode
	je 3f
	lock incl count
	jmp halt
2:	exit_with 0x11
3:	lidt no_idt
	ud2

	.code16
trampoline:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl TRAMPOLINE + gdt_pointer - trampoline
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $0x08, $other
	.align 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word 23
	.long TRAMPOLINE + gdt - trampoline
trampoline_end:
	.code32
	.data
	.align 8
no_idt:	.word 0
	.long 0
mode:	.byte 0
	.align 4
count:	.long 0
	.bss
	.skip 256
stack:
