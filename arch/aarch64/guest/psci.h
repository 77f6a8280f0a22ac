/* SPDX-License-Identifier: MIT */
/* Calls of the firmware, or of the hypervisor in its place (Arm DEN 0022, PSCI 0.2 and later). */
#ifndef ARCH_AARCH64_GUEST_PSCI_H
#define ARCH_AARCH64_GUEST_PSCI_H

#include <stdbool.h>
#include <stdint.h>

enum psci_function {
	PSCI_SYSTEM_OFF = 0x84000008,
	PSCI_CPU_ON = 0xc4000003, /* MPIDR, entry (physical), what it has in x0 */
};

#define PSCI_SUCCESS 0

/* Learns from the device tree whether there is PSCI, and how it is called. */
void psci_start(const void *tree);
bool psci_exists(void);

/* Returns the answer, negative for an error; also where there is no PSCI. */
int64_t psci_call(enum psci_function function, uint64_t first, uint64_t second, uint64_t third);

#endif
