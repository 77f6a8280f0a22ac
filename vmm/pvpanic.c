/* SPDX-License-Identifier: MIT */
/* The register by which a guest reports that it has crashed (QEMU's docs/specs/pvpanic). */
#include "pvpanic.h"

#include "machine.h"

#define PANICKED 0x01 /* the guest has crashed; a read says which events are known here */

static void pvpanic_io(void *owner, uint64_t offset, void *data, unsigned int size, bool is_write)
{
	uint8_t *byte = data;

	(void)offset;
	(void)size; /* width is 1 */
	if (!is_write)
		*byte = PANICKED;
	else if (*byte & PANICKED)
		machine_end(owner, STATUS_PANIC, "panic", "the guest reported a crash");
}

bool pvpanic_init(struct device *device, struct bus *bus, uint64_t base, struct machine *machine,
		  struct failure *failure)
{
	*device = (struct device){ .base = base,
				   .len = 1,
				   .width = 1,
				   .name = "the panic register",
				   .owner = machine,
				   .do_io = pvpanic_io };
	return bus_add(bus, device, failure);
}
