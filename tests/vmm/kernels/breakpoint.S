/* SPDX-License-Identifier: MIT */
/* An instruction that an interpreting KVM does not know. */
#include "kernel.inc"
start:
	nop
	int3
	jmp fail
