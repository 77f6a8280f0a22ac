/* SPDX-License-Identifier: MIT */
/* What each test kernel begins with: a PVH note, and 32-bit code at `start`. */
	.section .note, "a"
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start

/* Ends with status (value << 1) | 1; halts if there is no such device. */
.macro exit_with value
	movl $\value, %eax
	outb %al, $0xf4
	jmp halt
.endm

/* Ends with status 3 unless the operands are equal. */
.macro expect value, register
	cmpl $\value, \register
	jne fail
.endm

fail:
	movb $1, %al
	outb %al, $0xf4
halt:
	cli
1:	hlt
	jmp 1b

/* Sends the string at %esi. */
puts:
	movw $0x3f8, %dx
1:	lodsb
	testb %al, %al
	jz 2f
	outb %al, %dx
	jmp 1b
2:	ret
