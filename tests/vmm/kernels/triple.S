/* SPDX-License-Identifier: MIT */
/* An exception without any descriptor table: triple fault. */
#include "kernel.inc"
start:
	lidt nothing
	ud2
	jmp fail
nothing:
	.word 0
	.long 0
