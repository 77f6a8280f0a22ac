/* SPDX-License-Identifier: MIT */
/* Physical memory, as the loader described it. */
#ifndef GUEST_MEMORY_MAP_H
#define GUEST_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "twofold/address.h"

#define MEMORY_MAP_RAM_MAX      32
#define MEMORY_MAP_RESERVED_MAX 32

struct memory_range {
	phys_addr start;
	phys_addr end; /* exclusive */
};

struct memory_map {
	struct memory_range ram[MEMORY_MAP_RAM_MAX]; /* whole pages */
	size_t ram_count;
	/* Parts of RAM with something in them: the image, what the loader left. */
	struct memory_range reserved[MEMORY_MAP_RESERVED_MAX];
	size_t reserved_count;
};

/* RAM is rounded in to whole pages, reservations are rounded out. False if there is no more room.
 */
bool memory_map_add_ram(struct memory_map *map, phys_addr start, uint64_t size);
bool memory_map_reserve(struct memory_map *map, phys_addr start, uint64_t size);

/* The largest piece of RAM in `within` with nothing reserved in it; empty (start == end) if none.
 */
struct memory_range memory_map_largest(const struct memory_map *map, struct memory_range within);

bool memory_map_has_ram(const struct memory_map *map, phys_addr address);
uint64_t memory_map_ram_bytes(const struct memory_map *map);

#endif
