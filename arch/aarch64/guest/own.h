/* SPDX-License-Identifier: MIT */
/*
 * For assembly: registers of the level that the CPU is at, EL1 or EL2. (With HCR_EL2.E2H those of EL2
 * have both names.) cpu.h has the same for C.
 */
#ifndef ARCH_AARCH64_GUEST_OWN_H
#define ARCH_AARCH64_GUEST_OWN_H

	.macro read_own to, name
	mrs \to, CurrentEL
	tbnz \to, #3, .Lread_el2_\@
	mrs \to, \name\()_el1
	b .Lread_\@
.Lread_el2_\@:
	mrs \to, \name\()_el2
.Lread_\@:
	.endm

	.macro write_own name, from, scratch
	mrs \scratch, CurrentEL
	tbnz \scratch, #3, .Lwrite_el2_\@
	msr \name\()_el1, \from
	b .Lwrite_\@
.Lwrite_el2_\@:
	msr \name\()_el2, \from
.Lwrite_\@:
	.endm

	/* Drops what this CPU's TLB has of its level's stage 1. */
	.macro flush_own scratch
	mrs \scratch, CurrentEL
	tbnz \scratch, #3, .Lflush_el2_\@
	tlbi vmalle1
	b .Lflush_\@
.Lflush_el2_\@:
	tlbi alle2
.Lflush_\@:
	.endm

#endif
