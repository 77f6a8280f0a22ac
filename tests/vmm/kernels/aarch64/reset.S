/* SPDX-License-Identifier: MIT */
/* Asks for a reset by PSCI. */
#include "kernel.inc"

main:
	psci	0x84000009
	exit	1
	b	.
