/* SPDX-License-Identifier: MIT */
/* How the machine is told that the run is over. */
#ifndef ARCH_X86_64_GUEST_DEBUG_EXIT_H
#define ARCH_X86_64_GUEST_DEBUG_EXIT_H

#include <stdbool.h>

/* The option exit=: "device" (isa-debug-exit) or "bochs"; false for anything else. */
bool debug_exit_choose(const char *value);

#endif
