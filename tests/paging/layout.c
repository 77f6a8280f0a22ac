/* SPDX-License-Identifier: MIT */
/* Reads descriptors out of memory by hand: entry n of a table is at 8n, its table at bits 51:12. */
#include "layout.h"

#include <inttypes.h>

#include "require.h"
#include "world.h"

void layout_require(const char *format, const struct layout_leaf *leaves, size_t count,
		    uint64_t ignored)
{
	struct world world;

	world_open(&world, format_case_named(format), MEMORY_BY_OFFSET);
	for (size_t i = 0; i < count; i++) {
		struct model_op what = { .kind = MODEL_MAP };
		uint64_t seen;

		require_story("%s", leaves[i].what);
		what.virt = format_middle(world.format);
		what.phys = leaves[i].phys;
		what.size = leaves[i].size;
		what.flags = leaves[i].flags;
		world_must(&world, &what);
		seen = world_descriptor(&world, what.virt);
		REQUIRE(((seen ^ leaves[i].descriptor) & ~ignored) == 0,
			"%s, %s: 0x%016" PRIx64 ", the manual has 0x%016" PRIx64, format,
			leaves[i].what, seen, leaves[i].descriptor);
		world_unmap(&world, what.virt, what.size, 0);
	}
	world_close(&world);
}

void layout_require_tables(const char *format, uint64_t mask, uint64_t expected)
{
	const struct format_case *what = format_case_named(format);
	unsigned int levels = what->levels;
	struct world world;
	virt_addr virt = 0;
	phys_addr table;

	for (unsigned int i = 0; i < levels; i++)
		virt |= (uint64_t)(i + 1) << (12 + 9 * (levels - 1 - i));
	world_open(&world, what, MEMORY_BY_OFFSET);
	world_map(&world, virt, UINT64_C(0x87654000), PAGE_SIZE_4K);
	table = world.table.root;
	for (unsigned int i = 0; i < levels; i++) {
		for (unsigned int j = 0; j < 512; j++) {
			uint64_t entry = memory_read(world.memory, table + UINT64_C(8) * j);

			REQUIRE((entry != 0) == (j == i + 1),
				"%s: entry %u of table %u is 0x%" PRIx64, format, j, i, entry);
		}
		if (i + 1 < levels) {
			uint64_t entry = memory_read(world.memory, table + UINT64_C(8) * (i + 1));

			REQUIRE((entry & mask) == expected, "%s: table %u is linked by 0x%" PRIx64,
				format, i, entry);
			table = entry & UINT64_C(0x000ffffffffff000);
		}
	}
	world_close(&world);
}
