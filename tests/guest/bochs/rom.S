/* SPDX-License-Identifier: MIT */
/*
 * All the firmware that a guest kernel needs in Bochs: from the reset vector to 32-bit flat protected
 * mode, the segments of the ELF in this ROM to where they belong, and to its entry point with EBX =
 * PVH start info. There is no BIOS and no display; the first disk is read to memory as a whole if -DDISK says
 * to which address. -DLOCKED: as firmware that has VMX switched off does.
 *
 * -DELF="file" -DMEMORY=<MiB of RAM> -DCOMMAND_LINE="text" [-DDISK=<address>] [-DLOCKED]
 */
#define INFO_PHYS 0x7000 /* the start info is copied here, which is RAM */

#define CODE32 0x08
#define DATA32 0x10

#define CR0_PE 0x1

#define MSR_FEATURE_CONTROL 0x3a
#define FEATURE_LOCKED	    0x1 /* and VMX is not allowed */

/* The ELF's header and program header, ELF-64 object file format. */
#define E_ENTRY	    24
#define E_PHOFF	    32
#define E_PHENTSIZE 54
#define E_PHNUM	    56
#define P_TYPE	    0
#define P_OFFSET    8
#define P_PADDR	    24
#define P_FILESZ    32
#define P_MEMSZ	    40
#define PT_LOAD	    1

	.section .text, "ax", @progbits
	.code32
	.global start32
start32:
	mov $DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $INFO_PHYS, %esp
	cld

#ifdef LOCKED
	mov $MSR_FEATURE_CONTROL, %ecx
	mov $FEATURE_LOCKED, %eax
	xor %edx, %edx
	wrmsr
#endif
#ifdef DISK
	call read_disk
#endif
	movzwl elf + E_PHNUM, %ebp
	mov $elf, %ebx
	add elf + E_PHOFF, %ebx
1:	cmpl $PT_LOAD, P_TYPE(%ebx)
	jne 2f
	mov $elf, %esi
	add P_OFFSET(%ebx), %esi
	mov P_PADDR(%ebx), %edi
	mov P_FILESZ(%ebx), %ecx
	rep movsb
	mov P_MEMSZ(%ebx), %ecx
	sub P_FILESZ(%ebx), %ecx
	xor %eax, %eax
	rep stosb
2:	movzwl elf + E_PHENTSIZE, %eax
	add %eax, %ebx
	dec %ebp
	jnz 1b

	mov $info, %esi
	mov $INFO_PHYS, %edi
	mov $(info_end - info), %ecx
	rep movsb
	mov $INFO_PHYS, %ebx
	jmp *elf + E_ENTRY

#ifdef DISK
#include "disk.S"
#endif

	.balign 8
info:
	.long 0x336ec578			/* magic */
	.long 1					/* version */
	.long 0					/* flags */
	.long 0					/* modules: none */
	.quad 0
	.quad INFO_PHYS + command_line - info
	.quad 0					/* no ACPI */
	.quad INFO_PHYS + memory_map - info
	.long 2					/* regions */
	.long 0
memory_map:
	.quad 0, 0xa0000			/* start, size */
	.long 1, 0				/* RAM */
	.quad 0x100000, (MEMORY << 20) - 0x100000
	.long 1, 0
command_line:
	.asciz COMMAND_LINE
info_end:

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff		/* CODE32 */
	.quad 0x00cf93000000ffff		/* DATA32 */
gdt_end:

	.balign 16
elf:
	.incbin ELF

	/* The last 64 KiB are what a CPU sees at its reset, with CS's base at 0xffff0000. */
	.section .reset, "ax", @progbits
	.code16
start16:
	cli
	lgdtl %cs:(gdt_pointer - start16)
	mov %cr0, %eax
	or $CR0_PE, %eax
	mov %eax, %cr0
	ljmpl $CODE32, $start32
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt

	.section .vector, "ax", @progbits
	.code16
	/* jmp to offset 0 of the segment from 0xfff0: the instruction has 3 bytes. */
	.byte 0xe9
	.word 0xd

	.section .note.GNU-stack, "", @progbits
