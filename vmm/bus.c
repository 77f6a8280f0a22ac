/* SPDX-License-Identifier: MIT */
/* A bus: who answers at which address. */
#include "bus.h"

#include <inttypes.h>
#include <string.h>

static uint64_t device_last(const struct device *device)
{
	return device->base + (device->len - 1);
}

bool bus_add(struct bus *bus, struct device *device, struct failure *failure)
{
	struct device **link = &bus->devices;

	if (device->len == 0 || device->base > bus->last ||
	    device->len - 1 > bus->last - device->base)
		return fail(failure, STATUS_USAGE,
			    "%s at 0x%" PRIx64 ", length 0x%" PRIx64
			    ": expected it within 0x0-0x%" PRIx64,
			    device->name, device->base, device->len, bus->last);
	while (*link && device_last(*link) < device->base)
		link = &(*link)->next;
	if (*link && (*link)->base <= device_last(device))
		return fail(failure, STATUS_USAGE,
			    "%s at 0x%" PRIx64 "-0x%" PRIx64 " overlaps %s at 0x%" PRIx64
			    "-0x%" PRIx64 "; expected a free range",
			    device->name, device->base, device_last(device), (*link)->name,
			    (*link)->base, device_last(*link));
	device->next = *link;
	*link = device;
	return true;
}

/* The first device that touches [address, address + size), or NULL. */
static const struct device *find_device(const struct bus *bus, uint64_t address, unsigned int size)
{
	const struct device *device = bus->devices;

	while (device && device_last(device) < address)
		device = device->next;
	if (!device || (device->base > address && device->base - address >= size))
		return NULL;
	return device;
}

void bus_access(const struct bus *bus, uint64_t address, void *data, unsigned int size,
		bool is_write)
{
	const struct device *device = find_device(bus, address, size);

	if (!device) {
		if (!is_write)
			memset(data, 0xff, size);
	} else if (size <= device->width && address >= device->base &&
		   size - 1 <= device_last(device) - address) {
		device->do_io(device->owner, address - device->base, data, size, is_write);
	} else {
		/* A device touches it but does not take it whole, so it is wider than one byte. */
		unsigned int half = size / 2;

		bus_access(bus, address, data, half, is_write);
		bus_access(bus, address + half, (uint8_t *)data + half, half, is_write);
	}
}
