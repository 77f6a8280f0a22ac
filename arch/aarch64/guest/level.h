/* SPDX-License-Identifier: MIT */
/*
 * The exception level that the kernel runs at: where it was entered, or from EL2 on to EL1, before
 * there is anything else (early.h). Where the CPU has FEAT_VHE, EL2 has both halves of the address
 * space, and what is called TTBR0_EL1 is TTBR0_EL2, and so on. Where it has not, the kernel is in
 * the one half of EL2 that there is, where it was loaded.
 */
#ifndef ARCH_AARCH64_GUEST_LEVEL_H
#define ARCH_AARCH64_GUEST_LEVEL_H

#include <stdbool.h>

/* Whether it is EL2; if not *why is a phrase for people. */
bool level_is_2(const char **why);

/* The option el=1 or el=2; false for any other. Without it: EL2 with mode=hypervisor, else EL1. */
bool level_choose(const char *value);
/* Panics if the kernel is not at the level that the command line asks for. */
void level_check(void);

#endif
