/* SPDX-License-Identifier: MIT */
#include "psci.h"

#include "device_tree.h"

#define PSCI_NOT_SUPPORTED (-1)

static enum psci_conduit conduit;

void psci_start(const void *tree)
{
	conduit = device_tree_psci(tree);
}

bool psci_exists(void)
{
	return conduit != PSCI_NONE;
}

int64_t psci_call(enum psci_function function, uint64_t first, uint64_t second, uint64_t third)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = first;
	register uint64_t x2 __asm__("x2") = second;
	register uint64_t x3 __asm__("x3") = third;

	if (conduit == PSCI_HVC)
		__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	else if (conduit == PSCI_SMC)
		__asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	else
		return PSCI_NOT_SUPPORTED;
	return (int64_t)x0;
}
