/* SPDX-License-Identifier: MIT */
/* Ends with a value that no status can carry. */
#include "kernel.inc"

main:
	exit	0x80
	b	.
