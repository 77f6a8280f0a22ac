/* SPDX-License-Identifier: MIT */
/*
 * The way in. PVH leaves us in 32-bit flat protected mode, paging off, interrupts off, EBX = physical
 * address of hvm_start_info. On to long mode by the tables that mkboot made, up to the high half, and
 * to C.
 */
#include "guest/stack.h"
#include "layout.h"

#define PHYS(symbol) ((symbol) - KERNEL_OFFSET)

#define CR0_PE	   (1 << 0)
#define CR0_WP	   (1 << 16)
#define CR0_PG	   (1 << 31)
#define CR4_PAE	   (1 << 5)
#define CR4_LA57   (1 << 12)
#define MSR_EFER   0xc0000080
#define EFER_LME   (1 << 8)
#define BOOT_CS32  0x18
#define UART_PORT  0x3f8
#define DEBUG_EXIT 0xf4

	/* From 32-bit protected mode, paging off, to 64-bit code in the image where it lies. */
	.macro enter_long_mode where
	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $boot_root_phys, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $(CR0_PG | CR0_WP | CR0_PE), %eax
	mov %eax, %cr0
	lgdt PHYS(boot_gdt_pointer)
	ljmp $KERNEL_CS, $PHYS(\where)
	.endm

	.section .note.Xen, "a", @note
	.balign 4
	.long 4			/* size of the name */
	.long 4			/* size of the descriptor */
	.long 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long PHYS(pvh_entry)

	.section .text.entry, "ax", @progbits
	.code32
	.global entry32
	/* Tests come in by way of something of their own. */
	.weak pvh_entry
	.set pvh_entry, entry32
	.type entry32, @function
entry32:
	cli
	cld
	mov %ebx, %edi		/* cpuid takes EBX */
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid
	bt $29, %edx
	jnc no_long_mode

	enter_long_mode entry64_low

	.code64
entry64_low:
	movabs $entry64, %rax
	jmp *%rax
entry64:
	mov $KERNEL_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $(kernel_stack + STACK_GUARD_SIZE + STACK_SIZE), %rsp
	xor %ebp, %ebp
	mov %edi, %edi
	call x86_main
	ud2
	.size entry32, . - entry32

	/*
	 * The way in of the second CPU: real mode, in a page below 1 MiB that this was copied to, CS =
	 * that page, IP = 0. By the same boot tables to C, which goes over to the kernel's own.
	 */
	.code16
	.global trampoline, trampoline_end
trampoline:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	lgdtl trampoline_gdt_pointer - trampoline
	mov %cr0, %eax
	or $CR0_PE, %eax
	mov %eax, %cr0
	ljmpl $BOOT_CS32, $PHYS(second_entry32)
	.balign 4
trampoline_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)
trampoline_end:

	.code32
second_entry32:
	mov $KERNEL_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	enter_long_mode second_entry64_low
	.code64
second_entry64_low:
	movabs $second_entry64, %rax
	jmp *%rax
second_entry64:
	mov $(second_cpu_stack + STACK_GUARD_SIZE + STACK_SIZE), %rsp
	xor %ebp, %ebp
	call second_cpu_main
	ud2

	/*
	 * void enter_five_levels(void): from the boot tables to those with five levels. CR4.LA57 changes
	 * with paging off only, so it goes by way of 32-bit code in the identity map. Interrupts are off.
	 */
	.code64
	.global enter_five_levels
	.type enter_five_levels, @function
enter_five_levels:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	sub $16, %rsp
	sgdt (%rsp)
	mov %rsp, five_levels_stack
	lgdt five_levels_gdt_pointer
	pushq $BOOT_CS32
	pushq $PHYS(five_levels32)
	lretq
	.code32
five_levels32:
	mov %cr0, %eax
	and $~CR0_PG, %eax
	mov %eax, %cr0
	mov %cr4, %eax
	or $CR4_LA57, %eax
	mov %eax, %cr4
	mov $boot_root57_phys, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	ljmp $KERNEL_CS, $PHYS(five_levels64_low)
	.code64
five_levels64_low:
	movabs $five_levels64, %rax
	jmp *%rax
five_levels64:
	mov five_levels_stack, %rsp
	lgdt (%rsp)
	add $16, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
	.size enter_five_levels, . - enter_five_levels

	/* A CPU without long mode cannot run C that was compiled for it: say so from here. */
	.code32
no_long_mode:
	mov $PHYS(no_long_mode_text), %esi
	mov $UART_PORT, %edx
1:	lodsb
	test %al, %al
	jz 2f
	outb %al, %dx
	jmp 1b
2:	mov $0x12, %al
	outb %al, $DEBUG_EXIT
3:	cli
	hlt
	jmp 3b

	.section .rodata.entry, "a", @progbits
no_long_mode_text:
	.asciz "Bail out! this CPU has no long mode: a 64-bit CPU is needed\n"

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* KERNEL_CS: 64-bit code */
	.quad 0x00cf93000000ffff	/* KERNEL_DS */
	.quad 0x00cf9b000000ffff	/* BOOT_CS32: 32-bit code */
boot_gdt_end:
boot_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)
five_levels_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.quad PHYS(boot_gdt)

	.section .bss.entry, "aw", @nobits
	.balign 8
five_levels_stack:
	.zero 8

	.section .note.GNU-stack, "", @progbits
