/* SPDX-License-Identifier: MIT */
/*
 * The way in, and the way from one set of tables to another. A loader leaves us at EL1 or EL2, MMU
 * off, x0 = physical address of the device tree (Linux's Documentation/arch/arm64/booting.rst), or as
 * QEMU starts an ELF: x0 = 0, the tree at the start of RAM. The command line says whether EL2 is kept
 * (early.c); if not, on to EL1. Where the CPU has FEAT_VHE, EL2 has HCR_EL2.E2H and both halves of the
 * address space, and the kernel is none the wiser; where it has not, the kernel is in the lower half, where it was
 * loaded. C makes the tables (boot.c); up to the high half, if there is one, and to the kernel.
 */
#include "boot.h"
#include "guest/stack.h"
#include "layout.h"
#include "own.inc"
#include "second_cpu.h"

	/* RES1, SPAN (PAN stays as it is), no WXN, no alignment checks (D19.2.123). */
#define SCTLR_OFF 0x30d00800
#define SCTLR_EL2_OFF 0x30c50830				/* RES1 without E2H (D19.2.124) */
#define SCTLR_M	  (1 << 0)
#define SCTLR_ON  (SCTLR_M | 1 << 2 | 1 << 12)			/* M, C, I */
#define HCR_RW	  (1 << 31)					/* EL1 is AArch64 */
#define HCR_TGE	  (1 << 27)
#define HCR_E2H	  (1 << 34)
#define HCR_E2H_BIT 34
#define CPTR_NONE 0x33ff					/* EL2 traps no FP */
#define SPSR_EL1T 0x3c4
#define CPACR_FP  (3 << 20)

	.global layout_kernel_virt, layout_largest_page
	.set layout_kernel_virt, KERNEL_VIRT
	.set layout_largest_page, LARGEST_PAGE

	.arch armv8.1-a		/* for the names of what FEAT_VHE has */

	.section .text.head, "ax", @progbits
	b entry
	.long 0
	.quad 0			/* text_offset: from a multiple of 2 MiB */
	.quad image_size
	.quad 0xa		/* little endian, 4K, anywhere in memory */
	.quad 0, 0, 0
	.ascii "ARM\x64"
	.long 0

	.section .text.entry, "ax", @progbits
	.global entry
	.type entry, @function
entry:
	msr daifset, #15
	mov x19, x0
	mrs x21, CurrentEL
	cmp x21, #(2 << 2)
	b.ne 1f
	bl take_el2
	b 2f
1:	ldr x0, =SCTLR_OFF
	msr sctlr_el1, x0
	isb
	/* What the loader left in the caches goes to memory, before we write past them. */
2:	bl clean_image
	adrp x0, image_bss_start
	adrp x1, image_end
1:	stp xzr, xzr, [x0], #16
	cmp x0, x1
	b.lo 1b

	msr spsel, #0
	adrp x0, kernel_stack + STACK_GUARD_SIZE + STACK_SIZE
	mov sp, x0
	mov x0, x19
	cbnz x0, 1f
	ldr x0, =RAM_START
1:	mov x1, x21
	bl boot_begin		/* returns whether EL2 is to be kept */
	cbnz x0, 1f
	cmp x21, #(2 << 2)
	b.ne 2f
	bl drop_el2
2:	mov x0, #CPACR_FP	/* libfdt may have been compiled to use it */
	msr cpacr_el1, x0
	isb
1:	bl boot_build		/* returns struct aarch64_stage1_registers, and an offset behind it */
	mov x20, x0
	bl clean_image		/* and what they hold since is out of date */

	ldp x0, x1, [x20]
	ldp x2, x3, [x20, #16]
	ldr x21, [x20, #BOOT_OFFSET]
	bl set_regime
	adr x0, in_place
	add x0, x0, x21
	br x0
	/* Where the kernel is to be: code finds all else relative to itself. */
in_place:
	adrp x0, kernel_stack + STACK_GUARD_SIZE + STACK_SIZE
	mov sp, x0
	msr spsel, #1
	adrp x0, exception_stack + STACK_GUARD_SIZE + STACK_SIZE
	mov sp, x0
	msr spsel, #0
	adrp x0, exception_vectors
	add x0, x0, :lo12:exception_vectors
	write_own vbar, x0, x1
	isb
	mov x29, xzr
	mov x30, xzr
	bl arm_main
	brk #0
	.size entry, . - entry

	/*
	 * The second CPU, by PSCI: MMU off, x0 = physical address of a struct second_cpu_registers. Goes where
	 * the first one is, and onto its tables.
	 */
	.global second_cpu_entry
second_cpu_entry:
	msr daifset, #15
	mov x19, x0
	mrs x21, CurrentEL
	cmp x21, #(2 << 2)
	b.ne 2f
	bl take_el2
	ldr x0, [x19, #SECOND_CPU_CURRENT_EL]
	cmp x0, x21
	b.eq 1f
	bl drop_el2
	b 1f
2:	ldr x0, =SCTLR_OFF
	msr sctlr_el1, x0
1:	msr spsel, #1
	isb
	ldr x20, [x19, #SECOND_CPU_TTBR0]
	ldr x21, [x19, #SECOND_CPU_OFFSET]
	ldp x0, x1, [x19]
	ldp x2, x3, [x19, #16]
	bl set_regime
	adr x0, second_in_high_half
	add x0, x0, x21
	br x0
second_in_high_half:
	msr ttbr0_el1, x20
	isb
	tlbi vmalle1
	dsb nsh
	isb
	adrp x0, emergency_stack + STACK_GUARD_SIZE + STACK_SIZE
	mov sp, x0
	msr spsel, #0
	adrp x0, second_cpu_stack + STACK_GUARD_SIZE + STACK_SIZE
	mov sp, x0
	adrp x0, second_cpu_vectors
	add x0, x0, :lo12:second_cpu_vectors
	msr vbar_el1, x0
	isb
	mov x29, xzr
	mov x30, xzr
	bl second_cpu_main
	brk #0

	/* EL2 as the kernel runs there, MMU off: with E2H and TGE if the CPU has FEAT_VHE. Takes x0 to x3. */
take_el2:
	msr cntvoff_el2, xzr
	msr hstr_el2, xzr
	msr vttbr_el2, xzr
	mrs x0, midr_el1
	msr vpidr_el2, x0
	mrs x0, mpidr_el1
	msr vmpidr_el2, x0
	mov x0, #HCR_RW
	mov x1, #3		/* the timers are EL1's */
	mov x2, #CPTR_NONE
	mrs x3, id_aa64mmfr1_el1
	ubfx x3, x3, #8, #4	/* VH */
	cbnz x3, 1f
	ldr x3, =SCTLR_EL2_OFF
	b 2f
1:	ldr x0, =HCR_RW | HCR_TGE | HCR_E2H
	mov x1, #(3 << 10)	/* E2H has the same elsewhere */
	mov x2, #CPACR_FP
	ldr x3, =SCTLR_OFF
2:	msr hcr_el2, x0
	isb
	msr cnthctl_el2, x1
	msr cptr_el2, x2
	msr sctlr_el2, x3
	isb
	ret

	/* After take_el2; returns at EL1, MMU off, on SP_EL0 as it is. Takes x0 and x1. */
drop_el2:
	ldr x0, =SCTLR_OFF
	mrs x1, hcr_el2
	tbnz x1, #HCR_E2H_BIT, 1f
	msr sctlr_el1, x0
	adrp x0, el2_vectors	/* for the self-test */
	add x0, x0, :lo12:el2_vectors
	msr vbar_el2, x0
	b 2f
1:	msr sctlr_el12, x0
	bic x1, x1, #HCR_TGE
	msr hcr_el2, x1
2:	mov x0, #SPSR_EL1T
	msr spsr_el2, x0
	msr elr_el2, x30
	dsb nsh
	tlbi alle1		/* what a loader may have left */
	dsb nsh
	isb
	eret

	/* Cleans and invalidates the whole image in the caches. Takes x0 to x4. */
clean_image:
	adrp x0, image_start
	adrp x1, image_end
	mrs x2, ctr_el0
	ubfx x2, x2, #16, #4	/* DminLine */
	mov x3, #4
	lsl x2, x3, x2
	dsb sy
1:	dc civac, x0
	add x0, x0, x2
	cmp x0, x1
	b.lo 1b
	dsb sy
	ret

	/*
	 * Turns the MMU off, and on with TTBR0 = x0, TTBR1 = x1, TCR = x2, MAIR = x3. Runs where its
	 * virtual address is its physical one. Takes x4 and x5, touches no memory. EL2 without E2H has no TTBR1: then
	 * it is EL1's, where nothing runs yet.
	 */
set_regime:
	read_own x4, sctlr
	bic x4, x4, #SCTLR_M
	write_own sctlr, x4, x5
	isb
	write_own mair, x3, x5
	write_own tcr, x2, x5
	write_own ttbr0, x0, x5
	msr ttbr1_el1, x1
	isb
	dsb nsh
	flush_own x5
	ic iallu
	dsb nsh
	isb
	mov x5, #SCTLR_ON
	orr x4, x4, x5
	write_own sctlr, x4, x5
	isb
	ret

	/*
	 * void switch_regime(uint64_t step, const struct aarch64_stage1_registers *to, phys_addr set_regime): `step` is a
	 * TTBR0 of the present regime that has this code where it lies, and to->ttbr0 one of the next. 0: all of them
	 * have it there.
	 */
	.global switch_regime, set_regime
	.type switch_regime, @function
switch_regime:
	mov x9, x2
	mov x10, x30
	cbz x0, 1f
	write_own ttbr0, x0, x2
	isb
	dsb nsh
	flush_own x2
	dsb nsh
	isb
1:	ldp x2, x3, [x1, #16]
	ldp x0, x1, [x1]
	/* set_regime returns to its caller's low address: the two are as far apart there. */
	adr x5, set_regime
	adr x6, 1f
	sub x6, x6, x5
	add x30, x9, x6
	br x9
1:	/* Low. */
	br x10
	.size switch_regime, . - switch_regime

	.ltorg
	.global entry_code_end
entry_code_end:
