/* SPDX-License-Identifier: MIT */
/* Never ends, and never leaves the guest after its first words. */
#include "kernel.inc"
start:
	movl $stack, %esp
	movl $text, %esi
	call puts
1:	jmp 1b
text:	.asciz "spinning\n"
	.bss
	.skip 256
stack:
