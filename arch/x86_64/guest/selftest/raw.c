/* SPDX-License-Identifier: MIT */
/* Descriptors as they stand in memory, found by a walk of our own. */
#include "raw.h"

#include <stdbool.h>
#include <stddef.h>

#include "cpu.h"
#include "guest/kernel.h"

#define RAW_ADDRESS UINT64_C(0x000ffffffffff000)
#define CR4_LA57    (UINT64_C(1) << 12)

static unsigned int root_level(void)
{
	return (read_cr4() & CR4_LA57) != 0 ? 4 : 3;
}

static bool ends_walk(uint64_t descriptor, unsigned int level)
{
	return (descriptor & RAW_PRESENT) == 0 || level == 0 || (descriptor & RAW_LARGE) != 0;
}

static volatile uint64_t *entry_of(phys_addr table, virt_addr virt, unsigned int level)
{
	volatile uint64_t *entries = direct(table & RAW_ADDRESS);

	return &entries[virt >> (12 + 9 * level) & 511];
}

volatile uint64_t *raw_end(virt_addr virt, unsigned int *level)
{
	volatile uint64_t *entry;
	phys_addr table = read_cr3();

	*level = root_level();
	for (;;) {
		entry = entry_of(table, virt, *level);
		if (ends_walk(*entry, *level))
			return entry;
		table = *entry;
		--*level;
	}
}

volatile uint64_t *raw_entry(virt_addr virt, unsigned int level)
{
	volatile uint64_t *entry;
	phys_addr table = read_cr3();

	for (unsigned int at = root_level();; at--) {
		entry = entry_of(table, virt, at);
		if (at == level)
			return entry;
		if (ends_walk(*entry, at))
			return NULL;
		table = *entry;
	}
}
