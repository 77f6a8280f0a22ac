/* SPDX-License-Identifier: MIT */
/*
 * The end of a run that has no device tree, and so is not told how to end. Tries one way after the other;
 * what a machine does not have is an exception there, and that goes on to the next.
 */
#include "own.inc"

	/* As in our VMM, which says so then, with a status of its own; nothing is there on QEMU's "virt". */
#define PVPANIC		0x090d0000
#define PVPANIC_CRASHED 1
#define SYS_EXIT	0x18
#define PANICKED	37	/* what isa-debug-exit makes of 0x12 */

	.section .text.boot_end, "ax", @progbits
	/* _Noreturn void boot_end(bool started_at_el2): with the MMU off, at EL1 or EL2. */
	.global boot_end
	.type boot_end, @function
boot_end:
	mov w19, w0
	adrp x0, boot_end_vectors
	add x0, x0, :lo12:boot_end_vectors
	write_own vbar, x0, x1
	isb
	adr x20, 1f
	mov x0, #PVPANIC
	mov w1, #PVPANIC_CRASHED
	strb w1, [x0]
	dsb sy
1:	msr spsel, #0		/* the exception chose the other one */
	adr x20, 2f
	ldr x0, =0x20026	/* ADP_Stopped_ApplicationExit */
	mov x1, #PANICKED
	sub sp, sp, #16
	stp x0, x1, [sp]
	mov x0, #SYS_EXIT
	mov x1, sp
	hlt #0xf000
	/* PSCI is below: of who started us at EL2, SMC; else HVC, or where that is not, SMC. */
2:	cbnz w19, 3f
	adr x20, 3f
	ldr x0, =0x84000008	/* SYSTEM_OFF */
	hvc #0
3:	adr x20, 4f
	ldr x0, =0x84000008
	smc #0
4:	wfi
	b 4b
	.size boot_end, . - boot_end
	.ltorg

	.balign 2048
boot_end_vectors:
	.rept 16
	.balign 128
	br x20
	.endr
	.balign 128

	.section .note.GNU-stack, "", %progbits
