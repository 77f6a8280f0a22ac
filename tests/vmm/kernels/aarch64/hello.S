/* SPDX-License-Identifier: MIT */
/* Says hello. */
#include "kernel.inc"

main:
	print	hello
	exit	0x10
	b	.

hello:	.asciz	"hello from EL1\n"
