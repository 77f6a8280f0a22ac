/* SPDX-License-Identifier: MIT */
/* Shoot-downs by interrupt. */
#include "guest/selftest.h"
#include "second_cpu.h"

/* While its interrupts are off it cannot answer, so nobody may go on as if it had. */
static void check_acknowledgement(const struct check *check)
{
	struct tlb_gather all = { .everything = true };

	(void)check;
	if (!second_cpu_runs())
		return;
	second_cpu_deafen();
	expect_true("it is deaf when it is asked", !second_cpu_hears());
	second_cpu_flush(&all);
	expect_true("it hears when the shoot-down is over", second_cpu_hears());
	second_cpu_join();
}

static const struct check checks[] = {
	{ .name = "smp: a shoot-down waits for the acknowledgement", .run = check_acknowledgement },
};
const struct check_list arch_smp_checks = CHECK_LIST(checks);
