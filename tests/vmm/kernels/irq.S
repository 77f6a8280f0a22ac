/* SPDX-License-Identifier: MIT */
/* Echo by interrupts: the PIC's line 4 to vector 0x24, halted in between. "q" ends it. */
#include "kernel.inc"
start:
	movl $stack, %esp
	lgdt gdt_pointer
	ljmp $0x08, $1f
1:	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $handler, %eax
	movw %ax, idt + 0x24 * 8
	movw $0x08, idt + 0x24 * 8 + 2
	movw $0x8e00, idt + 0x24 * 8 + 4
	shrl $16, %eax
	movw %ax, idt + 0x24 * 8 + 6
	lidt idt_pointer

	movb $0x11, %al			/* PIC: edge, cascade, vectors from 0x20, all but 4 masked */
	outb %al, $0x20
	movb $0x20, %al
	outb %al, $0x21
	movb $0x04, %al
	outb %al, $0x21
	movb $0x01, %al
	outb %al, $0x21
	movb $0xef, %al
	outb %al, $0x21

	movw $0x3fa, %dx		/* FIFOs on, trigger at 1 */
	movb $0x01, %al
	outb %al, %dx
	movw $0x3f9, %dx		/* received data available */
	movb $0x01, %al
	outb %al, %dx
	movl $text, %esi
	call puts
	sti
2:	hlt
	jmp 2b

handler:
	movw $0x3fa, %dx
	inb %dx, %al
	testb $1, %al
	jnz 2f
	movw $0x3f8, %dx
	inb %dx, %al
	cmpb $'q', %al
	je 3f
	outb %al, %dx
	jmp handler
2:	movb $0x20, %al
	outb %al, $0x20
	popl %eax			/* iret, which an interpreting KVM does not know here */
	addl $4, %esp
	popfl
	jmp *%eax
3:	exit_with 0x10
text:	.asciz "ready\n"
	.data
	.align 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word 23
	.long gdt
idt_pointer:
	.word 0x25 * 8 - 1
	.long idt
	.bss
	.align 8
idt:	.skip 0x25 * 8
	.skip 512
stack:
