/* SPDX-License-Identifier: MIT */
/* How the machine is told that the run is over. */
#ifndef ARCH_AARCH64_GUEST_ENDING_H
#define ARCH_AARCH64_GUEST_ENDING_H

#include "device_tree.h"

/* Looks for the ways there are. */
void ending_start(const void *tree);

/* The option exit=: "semihosting" or "device"; false for anything else. */
bool ending_choose(const char *value);

#endif
