/* SPDX-License-Identifier: MIT */
/*
 * Comes between the loader and the guest, and breaks the start information in the way that a command
 * line beginning with pvh= asks for; by the first letter of its value.
 */
#define VERSION	      4
#define COMMAND_LINE  24
#define MEMORY_MAP    40
#define REGION_COUNT  48
#define REGION_SIZE   24

	.text
	.code32
	.global pvh_entry
	.type pvh_entry, @function
pvh_entry:
	mov COMMAND_LINE(%ebx), %eax
	test %eax, %eax
	jz entry32
	cmpl $0x3d687670, (%eax)	/* pvh= */
	jne entry32
	mov 4(%eax), %al
	mov MEMORY_MAP(%ebx), %edx
	cmp $'n', %al
	je null
	cmp $'m', %al
	je magic
	cmp $'v', %al
	je version
	cmp $'c', %al
	je count
	cmp $'w', %al
	je wraps
	cmp $'f', %al
	je far
	cmp $'l', %al
	je low
	cmp $'t', %al
	je twice
	jmp entry32

null:
	xor %ebx, %ebx
	jmp entry32
magic:
	movl $0, (%ebx)
	jmp entry32
version:
	movl $0, VERSION(%ebx)
	jmp entry32
count:
	movl $0, REGION_COUNT(%ebx)
	jmp entry32
wraps:	/* region 0: from 4 KiB to beyond 2^64 */
	movl $0x1000, (%edx)
	movl $-1, 8(%edx)
	movl $-1, 12(%edx)
	jmp entry32
far:	/* the memory map: beyond 4 GiB */
	movl $1, MEMORY_MAP + 4(%ebx)
	jmp entry32
low:	/* nothing but the memory below 640 KiB */
	movl $1, REGION_COUNT(%ebx)
	jmp entry32
twice:	/* region 1: the same as region 0 */
	mov (%edx), %eax
	mov %eax, REGION_SIZE(%edx)
	mov 8(%edx), %eax
	mov %eax, REGION_SIZE + 8(%edx)
	mov 16(%edx), %eax
	mov %eax, REGION_SIZE + 16(%edx)
	jmp entry32
	.size pvh_entry, . - pvh_entry

	.section .note.GNU-stack, "", @progbits
