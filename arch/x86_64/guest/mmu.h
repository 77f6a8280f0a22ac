/* SPDX-License-Identifier: MIT */
/* What arch_mmu_start read of this CPU. */
#ifndef ARCH_X86_64_GUEST_MMU_H
#define ARCH_X86_64_GUEST_MMU_H

#include <stdbool.h>

#include "twofold/x86_64_registers.h"

/* CPUID, and CR4, EFER and the PAT as they are set: not what is for hypervisors only. */
const struct x86_64_cpu *mmu_cpu(void);

/* The command line says that int3 can be used here. */
extern bool breakpoint_wanted;

#endif
