/* SPDX-License-Identifier: MIT */
/* Says hello, and succeeds. */
#include "kernel.inc"
start:
	movl $stack, %esp
	movl $text, %esi
	call puts
	exit_with 0x10
text:	.asciz "hello\n"
	.bss
	.skip 256
stack:
