/* SPDX-License-Identifier: MIT */
/* The second CPU: started by PSCI, on the tables and at the exception level of the first one. */
#ifndef ARCH_AARCH64_GUEST_SECOND_CPU_H
#define ARCH_AARCH64_GUEST_SECOND_CPU_H

/* In struct second_cpu_registers. */
#define SECOND_CPU_TTBR0      32
#define SECOND_CPU_CURRENT_EL 40
#define SECOND_CPU_OFFSET     48

#ifndef __ASSEMBLER__

#include "guest/second_cpu.h"

/* Learns from the device tree whether there is one. */
void second_cpu_find(const void *tree);

#endif
#endif
