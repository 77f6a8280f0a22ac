/* SPDX-License-Identifier: MIT */
/* Physical memory, as the loader described it. */
#include "guest/memory_map.h"

#include "layout.h"

bool memory_map_add_ram(struct memory_map *map, phys_addr start, uint64_t size)
{
	struct memory_range range = {
		.start = addr_align_up(start, LARGEST_PAGE),
		.end = addr_align_down(start + size, LARGEST_PAGE),
	};

	if (range.start >= range.end)
		return true;
	if (map->ram_count == MEMORY_MAP_RAM_MAX)
		return false;
	map->ram[map->ram_count++] = range;
	return true;
}

bool memory_map_reserve(struct memory_map *map, phys_addr start, uint64_t size)
{
	struct memory_range range = {
		.start = addr_align_down(start, PAGE_SIZE_4K),
		.end = addr_align_up(start + size, PAGE_SIZE_4K),
	};

	if (size == 0)
		return true;
	if (map->reserved_count == MEMORY_MAP_RESERVED_MAX)
		return false;
	map->reserved[map->reserved_count++] = range;
	return true;
}

static struct memory_range intersection(struct memory_range a, struct memory_range b)
{
	struct memory_range both = {
		.start = a.start > b.start ? a.start : b.start,
		.end = a.end < b.end ? a.end : b.end,
	};

	if (both.start > both.end)
		both.end = both.start;
	return both;
}

/* The larger of the two parts of `range` that `hole` leaves. */
static struct memory_range carve(struct memory_range range, struct memory_range hole)
{
	struct memory_range cut = intersection(range, hole);

	if (cut.start == cut.end)
		return range;
	if (cut.start - range.start >= range.end - cut.end)
		range.end = cut.start;
	else
		range.start = cut.end;
	return range;
}

struct memory_range memory_map_largest(const struct memory_map *map, struct memory_range within)
{
	struct memory_range best = { 0, 0 };

	for (size_t i = 0; i < map->ram_count; i++) {
		struct memory_range piece = intersection(map->ram[i], within);

		for (size_t j = 0; j < map->reserved_count; j++)
			piece = carve(piece, map->reserved[j]);
		if (piece.end - piece.start > best.end - best.start)
			best = piece;
	}
	return best;
}

bool memory_map_has_ram(const struct memory_map *map, phys_addr address)
{
	for (size_t i = 0; i < map->ram_count; i++) {
		if (address >= map->ram[i].start && address < map->ram[i].end)
			return true;
	}
	return false;
}

uint64_t memory_map_ram_bytes(const struct memory_map *map)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < map->ram_count; i++)
		bytes += map->ram[i].end - map->ram[i].start;
	return bytes;
}
