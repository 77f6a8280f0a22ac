/* SPDX-License-Identifier: MIT */
/* The clock of measurements. */
#include "cpu.h"
#include "guest/arch.h"

const char arch_clock_name[] = "TSC";

uint64_t arch_clock(void)
{
	return read_tsc();
}

uint64_t arch_clock_hz(void)
{
	return 0;
}
