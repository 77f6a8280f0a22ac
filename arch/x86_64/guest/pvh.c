/* SPDX-License-Identifier: MIT */
/* PVH: what the loader leaves for a guest, Xen's hvm_start_info. */
#include "pvh.h"

#include "guest/panic.h"
#include "layout.h"

#define PVH_MAGIC 0x336ec578

struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t module_count;
	uint64_t modules;
	uint64_t command_line;
	uint64_t rsdp;
	uint64_t memory_map; /* from here on: version 1 */
	uint32_t memory_map_count;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t start;
	uint64_t size;
	uint64_t command_line;
	uint64_t reserved;
};

struct pvh_region {
	uint64_t start;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

#define PVH_REGION_RAM 1

/* A pointer to `size` bytes that the loader left, which must lie where the boot tables reach. */
static const void *reach(const char *what, phys_addr start, uint64_t size)
{
	if (start >= BOOT_DIRECT_SIZE || size > BOOT_DIRECT_SIZE - start)
		panic("PVH start info: %s at 0x%lx (%lu bytes) lies beyond 4 GiB", what, start,
		      size);
	return (const void *)(uintptr_t)(start + DIRECT_BASE);
}

static void reserve(struct memory_map *map, phys_addr start, uint64_t size)
{
	if (!memory_map_reserve(map, start, size))
		panic("PVH start info: more than %u reserved ranges", MEMORY_MAP_RESERVED_MAX);
}

static void read_regions(const struct pvh_start_info *info, struct memory_map *map)
{
	uint64_t size = info->memory_map_count * sizeof(struct pvh_region);
	const struct pvh_region *regions = reach("the memory map", info->memory_map, size);

	reserve(map, info->memory_map, size);
	for (uint32_t i = 0; i < info->memory_map_count; i++) {
		if (regions[i].type != PVH_REGION_RAM)
			continue;
		if (regions[i].start + regions[i].size < regions[i].start)
			panic("PVH start info: region %u of the memory map wraps", i);
		if (!memory_map_add_ram(map, regions[i].start, regions[i].size))
			panic("PVH start info: more than %u regions of RAM", MEMORY_MAP_RAM_MAX);
	}
	if (map->ram_count == 0)
		panic("PVH start info: the memory map has no RAM");
}

static void read_modules(const struct pvh_start_info *info, struct memory_map *map)
{
	uint64_t size = info->module_count * sizeof(struct pvh_module);
	const struct pvh_module *modules = reach("the module list", info->modules, size);

	reserve(map, info->modules, size);
	for (uint32_t i = 0; i < info->module_count; i++)
		reserve(map, modules[i].start, modules[i].size);
}

static void read_command_line(const struct pvh_start_info *info, struct memory_map *map, char *copy,
			      size_t size)
{
	const char *text;
	size_t length = 0;

	copy[0] = '\0';
	if (info->command_line == 0)
		return;
	text = reach("the command line", info->command_line, size);
	while (text[length] != '\0') {
		copy[length] = text[length];
		if (++length == size)
			panic("command line: longer than %zu bytes", size - 1);
	}
	copy[length] = '\0';
	reserve(map, info->command_line, length + 1);
}

void pvh_read(phys_addr start_info, struct memory_map *map, char *command_line, size_t size)
{
	const struct pvh_start_info *info = reach("it", start_info, sizeof(*info));

	if (start_info == 0 || info->magic != PVH_MAGIC)
		panic("EBX = 0x%lx does not point at a PVH start info", start_info);
	if (info->version < 1)
		panic("PVH start info: version 0 has no memory map, version 1 is needed");
	reserve(map, start_info, sizeof(*info));
	read_regions(info, map);
	read_modules(info, map);
	read_command_line(info, map, command_line, size);
}

void pvh_write(void *page, phys_addr phys, const struct memory_range *ram, const char *command_line)
{
	struct {
		struct pvh_start_info info;
		struct pvh_region region;
		char command_line[256];
	} *written = page;
	size_t length = 0;

	written->info = (struct pvh_start_info){
		.magic = PVH_MAGIC,
		.version = 1,
		.command_line = phys + (uint64_t)((char *)written->command_line - (char *)page),
		.memory_map = phys + (uint64_t)((char *)&written->region - (char *)page),
		.memory_map_count = 1,
	};
	written->region = (struct pvh_region){
		.start = ram->start,
		.size = ram->end - ram->start,
		.type = PVH_REGION_RAM,
	};
	do {
		if (length == sizeof(written->command_line))
			panic("an inner guest's command line is too long");
		written->command_line[length] = command_line[length];
	} while (command_line[length++] != '\0');
}
