/* SPDX-License-Identifier: MIT */
/* The register that ends the run: a guest writes a value v, the process ends with (v << 1) | 1. */
#ifndef VMM_DEBUG_EXIT_H
#define VMM_DEBUG_EXIT_H

#include "bus.h"

struct machine;

struct debug_exit {
	struct device device;
	struct machine *machine;
};

/* Set device.base, device.len and device.name before. */
void debug_exit_init(struct debug_exit *debug_exit, struct machine *machine);

#endif
