/* SPDX-License-Identifier: MIT */
/* Ranges that begin and end everywhere around the borders of leaves, tables and the space. */
#include <inttypes.h>

#include "require.h"
#include "suite.h"
#include "world.h"

/* More leaves than this take too long in a loop of many shapes. */
#define MANY_LEAVES 1200

/* A multiple of the largest leaf with room for some of them on both sides. */
static phys_addr output_middle(const struct format_case *format)
{
	return addr_align_down(format_output_last(format) / 2, format_largest_leaf(format));
}

static bool affordable(struct world *world, const struct model_op *what)
{
	return model_cost(&world->model, what, MANY_LEAVES + 1) <= MANY_LEAVES;
}

/* Maps a shape, then removes it: as a whole, or in two parts that meet at `cut`. */
static void round_trip(struct world *world, const struct model_op *map)
{
	struct model_op unmap = { .kind = MODEL_UNMAP, .virt = map->virt, .size = map->size };
	uint64_t granule = format_granule(world->format);
	uint64_t part = addr_align_down(map->size / 2 + granule - 1, granule);

	if (!affordable(world, map))
		return;
	world_must(world, map);
	world_step(world, map);
	world_must(world, &unmap);
	if (map->size <= granule)
		return;
	world_must(world, map);
	unmap.mode = PAGING_SPLIT;
	unmap.size = part;
	if (affordable(world, &unmap))
		world_must(world, &unmap);
	unmap.size = map->size;
	unmap.mode = PAGING_SKIP_HOLES;
	world_must(world, &unmap);
	REQUIRE(world->model.count == 0, "%zu leaves are left", world->model.count);
}

/* All shapes around one border that is a multiple of `span`, or every `step`th of them. */
static void shapes_at(struct world *world, virt_addr border, uint64_t span, size_t step)
{
	uint64_t granule = format_granule(world->format);
	const uint64_t starts[] = { 0, granule, span - granule, span, span + granule };
	const uint64_t sizes[] = { granule,        2 * granule, span - granule,    span,
				   span + granule, 2 * span,    2 * span + granule };
	phys_addr phys = output_middle(world->format);
	struct model_op what = { .kind = MODEL_MAP };

	what.flags = format_plain_flags();
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		for (size_t j = i % step; j < sizeof(sizes) / sizeof(sizes[0]); j += step) {
			what.virt = border - starts[i];
			what.size = sizes[j];
			if (what.size == 0)
				continue;
			what.phys = phys - starts[i]; /* congruent: large leaves fit */
			round_trip(world, &what);
			what.phys += granule;
			round_trip(world, &what);
		}
	}
}

FORMAT_TEST(ranges, every_border)
{
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size))
		shapes_at(&world, format_middle(format), size, 1);
	/* Borders of tables that are not borders of leaves. */
	for (unsigned int level = 1; level < format->levels; level++) {
		if (!format_has_leaf(format, format->level_size[level]))
			shapes_at(&world, format_middle(format) + format->level_size[level],
				  format_granule(format) * 2, 1);
	}
	world_close(&world);
}

FORMAT_TEST(ranges, every_border_through_the_hook)
{
	struct world world;

	world_open(&world, format, MEMORY_BY_HOOK);
	shapes_at(&world, format_middle(format), format_largest_leaf(format), 4);
	REQUIRE(world.memory->held_most <= PAGE_TABLE_MAX_LEVELS + 1 && world.memory->held_most > 0,
		"%u tables were held at once", world.memory->held_most);
	world_close(&world);
}

/* One leaf of each size at `virt`, capped from above and from below. */
static void leaves_at(struct world *world, virt_addr virt)
{
	const struct format_case *format = world->format;
	struct model_op what = { .kind = MODEL_MAP, .virt = virt };

	what.flags = format_plain_flags();
	what.size = format_largest_leaf(format);
	what.phys = output_middle(format);
	for (uint64_t cap = what.size; cap != 0; cap = format_next_smaller_leaf(format, cap)) {
		what.leaf_sizes = format->config.leaf_sizes & (2 * cap - 1);
		if (!affordable(world, &what))
			continue;
		world_must(world, &what);
		REQUIRE(world->model.leaves[0].size == cap, "a leaf of 0x%" PRIx64,
			world->model.leaves[0].size);
		world_unmap(world, what.virt, what.size, 0);
		what.leaf_sizes = format_leaf_cap(format, cap);
		world_must(world, &what);
		world_unmap(world, what.virt, what.size, 0);
	}
}

FORMAT_TEST(ranges, leaves_of_each_size)
{
	uint64_t size = format_largest_leaf(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	leaves_at(&world, format_middle(format));
	for (unsigned int i = 0; i < count; i++) {
		leaves_at(&world, ranges[i].first);
		leaves_at(&world, ranges[i].last - size + 1);
	}
	world_close(&world);
}

/* What many may map at once is mapped in as large leaves as by one alone, but for groups. */
FORMAT_TEST(ranges, large_leaves_of_a_parallel_table)
{
	struct format_case parallel = format_parallel(format);
	struct page_table_op op = { .mode = PAGING_RESUMABLE };
	struct world world;

	world_open(&world, &parallel, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t size = format->level_size[level];
		virt_addr virt = addr_align_down(format_middle(format), size);
		struct page_mapping mapping;

		if (!format_has_leaf(format, size) || size > format_output_last(format))
			continue;
		REQUIRE(page_table_map(&world.table, virt, 0, size, format_plain_flags(), &op) ==
				PAGING_OK,
			"map");
		REQUIRE(page_table_query(&world.table, virt + size - 1, &mapping) == PAGING_OK &&
				mapping.virt == virt && mapping.size == size,
			"0x%" PRIx64 " bytes are mapped in 0x%" PRIx64, size, mapping.size);
		REQUIRE(page_table_unmap(&world.table, virt, size, &op) == PAGING_OK, "unmap");
	}
	world_check(&world);
	world_close(&world);
}

/* Leaves of each size and no larger ones, by one mapper of a parallel table. */
FORMAT_TEST(ranges, leaves_of_each_size_in_a_parallel_table)
{
	struct format_case parallel = format_parallel(format);
	uint64_t largest = format_largest_leaf(format);
	virt_addr virt = format_roomy(format);
	struct world world;

	world_open(&world, &parallel, MEMORY_BY_OFFSET);
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t size = format->level_size[level];
		struct page_table_op op = { .frames = world_frames(&world),
					    .mode = PAGING_RESUMABLE,
					    .leaf_sizes = format_leaf_cap(format, size) };

		if (!format_has_leaf(format, size) || largest / size > 512)
			continue;
		require_story_begin("leaves of 0x%" PRIx64, size);
		REQUIRE(page_table_map(&world.table, virt, 0, largest, format_plain_flags(), &op) ==
				PAGING_OK,
			"no map");
		REQUIRE(world_query(&world, virt).size == size &&
				world_query(&world, virt + largest / 2).size == size &&
				world_query(&world, virt + largest - 1).size == size,
			"0x%" PRIx64, world_query(&world, virt).size);
		op.mode = 0;
		REQUIRE(page_table_unmap(&world.table, virt, largest, &op) == PAGING_OK,
			"no unmap");
	}
	world_resync(&world);
	world_close(&world);
}

/* The first and last pages of each half and of the output, together in one table. */
FORMAT_TEST(ranges, corners_of_the_space)
{
	uint64_t granule = format_granule(format);
	phys_addr top = format_output_last(format) - granule + 1;
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < count; i++) {
		virt_addr last = ranges[i].last - granule + 1;

		world_map(&world, ranges[i].first, top, granule);
		world_map(&world, last, 0, granule);
		world_map(&world, last - granule, top, granule);
		world_map(&world, last - 4 * granule, 0, 2 * granule);
	}
	for (unsigned int i = 0; i < count; i++) {
		world_unmap(&world, ranges[i].last - granule + 1, granule, 0);
		world_unmap(&world, ranges[i].first, ranges[i].last - ranges[i].first + 1,
			    PAGING_SKIP_HOLES);
	}
	REQUIRE(world.model.count == 0, "%zu leaves are left", world.model.count);
	world_close(&world);
}

/* Ends exactly at the end of the space, at 2^64 where it does: start + size is 0. */
FORMAT_TEST(ranges, up_to_the_very_end)
{
	uint64_t size = format_largest_leaf(format), granule = format_granule(format);
	struct model_op part = { .kind = MODEL_UNMAP, .mode = PAGING_SPLIT, .size = granule };
	struct model_op protect = { .kind = MODEL_PROTECT, .size = size };
	struct input_range ranges[2];
	virt_addr end = ranges[format_ranges(format, ranges) - 1].last + 1;
	struct world world;

	protect.virt = end - size;
	protect.flags = format_plain_flags();
	protect.flags.write = 0;
	part.virt = end - granule;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, end - 2 * size, 0, 2 * size);
	world_must(&world, &protect);
	world_unmap(&world, end - 2 * size, size, 0);
	if (affordable(&world, &part))
		world_must(&world, &part);
	world_unmap(&world, end - size, size, PAGING_SKIP_HOLES);
	world_close(&world);
}

/* Takes one granule out of a leaf of each size: the rest keeps everything it had. */
static void split_once(struct world *world, uint64_t size, uint64_t offset, enum model_kind kind)
{
	const struct format_case *format = world->format;
	uint64_t state = size ^ offset;
	struct model_op map = { .kind = MODEL_MAP, .virt = format_middle(format), .size = size };
	struct model_op part = { .kind = kind, .mode = PAGING_SPLIT };

	map.phys = output_middle(format);
	map.flags = format_random_flags(format, &state);
	part.virt = map.virt + offset;
	part.size = format_granule(format);
	part.flags = format_random_flags(format, &state);
	if (!affordable(world, &map))
		return;
	world_must(world, &map);
	part.mode = 0;
	if (size != part.size) {
		enum paging_status status = world_step(world, &part);

		REQUIRE(status == PAGING_WOULD_SPLIT, "%s", status_name(status));
	}
	part.mode = PAGING_SPLIT;
	world_must(world, &part);
	world_unmap(world, map.virt, map.size, PAGING_SKIP_HOLES);
}

FORMAT_TEST(ranges, splits_keep_every_attribute)
{
	uint64_t granule = format_granule(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		const uint64_t offsets[] = { 0, granule, size / 2, size - granule };

		for (size_t i = 0; i < 4 && (offsets[i] < size); i++) {
			split_once(&world, size, offsets[i], MODEL_UNMAP);
			split_once(&world, size, offsets[i], MODEL_PROTECT);
		}
	}
	world_close(&world);
}

/* Two borders in one range, each in the middle of a leaf of another size. */
FORMAT_TEST(ranges, splits_at_both_ends)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	struct model_op part = { .mode = PAGING_SPLIT, .size = size };
	struct world world;

	part.virt = format_middle(format) + size / 2 + granule;
	part.flags = format_plain_flags();
	part.flags.write = 0;
	if (size == granule) /* there is nothing to split */
		part.virt = format_middle(format);
	world_open(&world, format, MEMORY_BY_OFFSET);
	for (part.kind = MODEL_UNMAP; part.kind <= MODEL_PROTECT; part.kind++) {
		world_map(&world, format_middle(format), 0, size);
		world_map(&world, format_middle(format) + size, 2 * size, size);
		world_must(&world, &part);
		world_unmap(&world, format_middle(format), 2 * size, PAGING_SKIP_HOLES);
	}
	world_close(&world);
}
