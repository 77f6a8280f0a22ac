/* SPDX-License-Identifier: MIT */
/* Sleeps for ever. */
#include "kernel.inc"

main:
1:	wfi
	b	1b
