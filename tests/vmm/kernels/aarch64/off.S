/* SPDX-License-Identifier: MIT */
/* Powers off by PSCI. */
#include "kernel.inc"

main:
	psci	0x84000008
	exit	1
	b	.
