/* SPDX-License-Identifier: MIT */
/* The register by which a guest reports that it has crashed, as QEMU's pvpanic. */
#ifndef VMM_PVPANIC_H
#define VMM_PVPANIC_H

#include "bus.h"

struct machine;

/* Puts it on the bus, at `base`. */
bool pvpanic_init(struct device *device, struct bus *bus, uint64_t base, struct machine *machine,
		  struct failure *failure);

#endif
