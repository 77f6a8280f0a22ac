/* SPDX-License-Identifier: MIT */
/*
 * The exception level that the kernel runs at. Entered at EL2 it is there still when it reads its
 * command line, if the CPU has FEAT_VHE: EL2 then has both halves of the address space, and what is
 * called TTBR0_EL1 is TTBR0_EL2, and so on.
 */
#ifndef ARCH_AARCH64_GUEST_LEVEL_H
#define ARCH_AARCH64_GUEST_LEVEL_H

#include <stdbool.h>

/* Whether it is EL2; if not *why is a phrase for people. */
bool level_is_2(const char **why);

/* The option el=1 or el=2; false for any other. Without it: EL2 with mode=hypervisor, else EL1. */
bool level_choose(const char *value);
/* Goes where it is to be, once, before the kernel has tables of its own. Panics if it cannot. */
void level_settle(void);

#endif
