/* SPDX-License-Identifier: MIT */
/* The register that ends the run, as QEMU's isa-debug-exit: any write counts, reads are 0. */
#include "debug_exit.h"

#include <inttypes.h>
#include <string.h>

#include "machine.h"

/* A status has eight bits and one of them says that the guest chose it. */
#define MAX_VALUE 0x7f

static void debug_exit_io(void *owner, uint64_t offset, void *data, unsigned int size,
			  bool is_write)
{
	struct debug_exit *debug_exit = owner;
	uint32_t value = 0;

	(void)offset;
	if (!is_write) {
		memset(data, 0, size);
		return;
	}
	memcpy(&value, data, size);
	if (value <= MAX_VALUE)
		machine_end(debug_exit->machine, (int)((value << 1) | 1), "debug-exit", "%s", "");
	else
		machine_end(debug_exit->machine, STATUS_EXIT_VALUE, "debug-exit",
			    "the guest ended with value 0x%" PRIx32
			    ", which no exit status can carry; expected at most 0x%x",
			    value, MAX_VALUE);
}

void debug_exit_init(struct debug_exit *debug_exit, struct machine *machine)
{
	debug_exit->machine = machine;
	debug_exit->device.width = 4;
	debug_exit->device.owner = debug_exit;
	debug_exit->device.do_io = debug_exit_io;
}
