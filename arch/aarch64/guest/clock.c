/* SPDX-License-Identifier: MIT */
/* The clock of measurements. */
#include "cpu.h"
#include "guest/arch.h"

const char arch_clock_name[] = "CNTVCT_EL0";

/* Not read before what came earlier is done (D11.2.2). */
uint64_t arch_clock(void)
{
	__asm__ volatile("isb" : : : "memory");
	return read_cntvct_el0();
}

uint64_t arch_clock_hz(void)
{
	return read_cntfrq_el0();
}
