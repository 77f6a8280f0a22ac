/* SPDX-License-Identifier: MIT */
/*
 * Dumps what it was told, in hexadecimal: a line each for hvm_start_info, the memory map, the
 * modules, the command line, and the first 16 bytes of the first module.
 */
#include "kernel.inc"
start:
	movl $stack, %esp
	movl %ebx, %esi
	movl $56, %ecx
	call dump
	movl 40(%ebx), %esi		/* memmap_paddr, memmap_entries */
	imull $24, 48(%ebx), %ecx
	call dump
	movl 16(%ebx), %esi		/* modlist_paddr, nr_modules */
	imull $32, 12(%ebx), %ecx
	call dump
	movl 24(%ebx), %esi		/* cmdline_paddr */
	xorl %ecx, %ecx
1:	cmpb $0, (%esi, %ecx)
	je 2f
	incl %ecx
	jmp 1b
2:	call dump
	xorl %ecx, %ecx
	cmpl $0, 12(%ebx)
	je 3f
	movl 16(%ebx), %esi
	movl (%esi), %esi
	movl $16, %ecx
3:	call dump
	exit_with 0x10

/* %ecx bytes at %esi, and a line feed */
dump:	movw $0x3f8, %dx
1:	jecxz 2f
	movzbl (%esi), %eax
	shrl $4, %eax
	movb digits(%eax), %al
	outb %al, %dx
	movzbl (%esi), %eax
	andl $15, %eax
	movb digits(%eax), %al
	outb %al, %dx
	incl %esi
	decl %ecx
	jmp 1b
2:	movb $'\n', %al
	outb %al, %dx
	ret
digits:	.ascii "0123456789abcdef"
	.bss
	.skip 256
stack:
