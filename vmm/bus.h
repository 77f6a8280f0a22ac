/* SPDX-License-Identifier: MIT */
/*
 * A bus: who answers at which address. Ports and memory-mapped registers are each one bus.
 *
 * Nobody at home reads as all ones, and a write there goes nowhere. An access that no device takes
 * whole (it straddles two, or is wider than the device's registers) reaches them as halves, down to
 * single bytes, lower address first.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

/* `data` has `size` bytes (1, 2, 4 or 8), little end first; [offset, offset + size) is in the
 * device. A read fills all of them in. */
typedef void (*device_io)(void *owner, uint64_t offset, void *data, unsigned int size,
			  bool is_write);

/* Filled in by the device, which it is a part of; `next` is the bus's. */
struct device {
	uint64_t base;
	uint64_t len;       /* not zero */
	unsigned int width; /* widest access that do_io takes: 1, 2, 4 or 8 */
	const char *name;
	void *owner;
	device_io do_io;
	struct device *next;
};

struct bus {
	struct device *devices; /* sorted by base */
	uint64_t last;          /* highest address there is */
};

/* Refused: an empty device, one beyond the end of the bus, one on top of another. */
bool bus_add(struct bus *bus, struct device *device, struct failure *failure);

/* `size` is 1, 2, 4 or 8. */
void bus_access(const struct bus *bus, uint64_t address, void *data, unsigned int size,
		bool is_write);

#endif
