/* SPDX-License-Identifier: MIT */
/* The register by which a guest changes its memory: vmm/memory_control.h is the contract. */
#ifndef VMM_MEMORY_CONTROL_DEVICE_H
#define VMM_MEMORY_CONTROL_DEVICE_H

#include <stdbool.h>

#include "bus.h"
#include "failure.h"
#include "guest_memory.h"

struct machine;

struct memory_control {
	struct device device;
	struct machine *machine;
	bool bad_write_reported;
	struct guest_undo undo; /* of the request that is being done */
};

/* Puts it on the machine's bus. Refused where the guest has memory there. */
bool memory_control_init(struct memory_control *control, struct machine *machine,
			 struct failure *failure);

#endif
