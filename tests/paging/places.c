/* SPDX-License-Identifier: MIT */
/*
 * Single pages all over the space: the same two indices at each level in every combination, and
 * addresses that are none but have the indices of one.
 */
#include <inttypes.h>

#include "flushing.h"
#include "require.h"
#include "rng.h"
#include "suite.h"
#include "twofold/page_batch.h"
#include "world.h"

#define PLACES_MAX (1u << FORMAT_LEVELS_MAX)

/* Index 1 or 2 at each level, or 0 or 1 of a root that has no more; in some order. */
static unsigned int make_places(const struct format_case *format, uint64_t seed,
				virt_addr places[PLACES_MAX])
{
	unsigned int count = 1u << format->levels;
	unsigned int top = format->levels - 1;

	for (unsigned int n = 0; n < count; n++) {
		places[n] = format_first_range(format).first;
		for (unsigned int level = 0; level < format->levels; level++) {
			bool small = level == top && format->root_bytes <= 4 * sizeof(uint64_t);

			places[n] += ((n >> level & 1) + !small) * format->level_size[level];
		}
	}
	for (unsigned int n = count - 1; n != 0; n--) {
		unsigned int other = (unsigned int)(rng_next(&seed) % (n + 1));
		virt_addr place = places[n];

		places[n] = places[other];
		places[other] = place;
	}
	return count;
}

static void must(enum paging_status status, virt_addr virt, const char *what)
{
	REQUIRE(status == PAGING_OK, "%s of 0x%" PRIx64 ": %s", what, virt, status_name(status));
}

static void require_pages(struct world *world, const virt_addr *places, unsigned int count,
			  unsigned int from)
{
	uint64_t granule = format_granule(world->format);

	for (unsigned int n = 0; n < count; n++) {
		struct walk_result seen = world_translate(world, places[n], world_accesses[0]);
		phys_addr phys;
		enum paging_status status = page_table_translate(&world->table, places[n], &phys);

		REQUIRE((seen.fault == WALK_OK) == (n >= from) &&
				status == (n >= from ? PAGING_OK : PAGING_NOT_MAPPED),
			"0x%" PRIx64 ": %s", places[n], status_name(status));
		REQUIRE(n < from || (seen.phys == (n + 1) * granule && phys == seen.phys),
			"0x%" PRIx64 " leads to 0x%" PRIx64, places[n], seen.phys);
	}
}

static void map_and_unmap(const struct format_case *format, bool parallel, uint64_t seed)
{
	struct format_case configured = *format;
	uint64_t granule = format_granule(format);
	virt_addr places[PLACES_MAX];
	unsigned int count = make_places(format, seed, places);
	struct page_table_op op = { .mode = PAGING_RESUMABLE };
	struct flushing f;
	struct world world;

	configured.config.parallel = parallel;
	world_open(&world, &configured, MEMORY_BY_OFFSET);
	flushing_init(&f, &world);
	op.frames = world_frames(&world);
	op.gather = &f.gather;
	for (unsigned int n = 0; n < count; n++)
		must(page_table_map_to(&world.table, places[n], (n + 1) * granule,
				       format_plain_flags(), op.frames),
		     places[n], "map_to");
	require_pages(&world, places, count, 0);
	world_resync(&world);
	world_check(&world);
	for (unsigned int n = 0; n < count; n++) {
		must(page_table_unmap(&world.table, places[n], granule, &op), places[n], "unmap");
		require_pages(&world, places, count, n + 1);
		tlb_gather_finish(&f.gather);
	}
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(places, every_index_at_every_level)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		map_and_unmap(format, false, seed);
		map_and_unmap(format, true, seed);
	}
}

/* Nothing is done at `virt`, which is no address. */
static void require_none(struct world *world, virt_addr virt)
{
	uint64_t granule = format_granule(world->format);
	struct memory_snapshot *before = memory_snapshot_take(world->memory);
	struct page_flags flags = format_plain_flags();
	struct page_table *table = &world->table;
	struct page_pair pair = { .virt = virt, .phys = 0 };
	struct page_table_op op = { .frames = world_frames(world) };
	struct page_mapping mapping;
	phys_addr phys;
	size_t done;

	REQUIRE(page_table_map_to(table, virt, 0, flags, op.frames) == PAGING_INPUT_RANGE &&
			page_table_map(table, virt, 0, granule, flags, &op) == PAGING_INPUT_RANGE &&
			page_table_map_batch(table, &pair, 1, flags, op.frames, &done) ==
				PAGING_INPUT_RANGE,
		"0x%" PRIx64 " can be mapped", virt);
	REQUIRE(page_table_translate(table, virt, &phys) == PAGING_INPUT_RANGE &&
			page_table_translate_batch(table, &pair, 1, &done) == PAGING_INPUT_RANGE &&
			page_table_query(table, virt, &mapping) == PAGING_INPUT_RANGE,
		"0x%" PRIx64 " leads somewhere", virt);
	REQUIRE(page_table_protect(table, virt, granule, flags, &op) == PAGING_INPUT_RANGE &&
			page_table_write_protect(table, virt, granule, &op) == PAGING_INPUT_RANGE &&
			page_table_unmap(table, virt, granule, &op) == PAGING_INPUT_RANGE,
		"0x%" PRIx64 " can be changed", virt);
	memory_snapshot_require(world->memory, before);
	memory_snapshot_drop(before);
}

/* What is like `virt` in some bits. */
static void look_alikes(struct world *world, virt_addr virt)
{
	const struct format_case *format = world->format;
	uint64_t below = (UINT64_C(1) << format->config.input_bits) - 1;
	virt_addr alike[66] = { virt & below, virt | ~below };
	size_t count = 2;

	for (unsigned int bit = 0; bit < 64; bit++)
		alike[count++] = virt ^ UINT64_C(1) << bit;
	for (size_t i = 0; i < count; i++) {
		if (!addr_is_aligned(alike[i], format_granule(format)) ||
		    format_has_input(format, alike[i]))
			continue;
		require_none(world, alike[i]);
		require_none(world, alike[i] + format_granule(format));
	}
}

FORMAT_TEST(places, look_alikes_are_none)
{
	struct format_case configured = *format;
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);

	for (unsigned int way = 0; way < 2 * count; way++) {
		virt_addr virt = ranges[way / 2].first + 2 * format_granule(format);
		struct world world;

		configured.config.parallel = way % 2 != 0;
		world_open(&world, &configured, MEMORY_BY_OFFSET);
		must(page_table_map_to(&world.table, virt, 0, format_plain_flags(),
				       world_frames(&world)),
		     virt, "map_to");
		look_alikes(&world, virt);
		virt = ranges[way / 2].last - 2 * format_granule(format) + 1;
		must(page_table_map_to(&world.table, virt, 0, format_plain_flags(),
				       world_frames(&world)),
		     virt, "map_to");
		look_alikes(&world, virt);
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}

/* Beside a page that is there, so that only a store is left to do. */
FORMAT_TEST(places, bad_pages_of_a_parallel_table)
{
	struct format_case configured = *format;
	uint64_t granule = format_granule(format);
	virt_addr there = format_middle(format), virt = there + granule;
	const struct page_flags plain = format_plain_flags(), none = { .read = 0 };
	struct frame_allocator *frames;
	struct world world;

	configured.config.parallel = true;
	world_open(&world, &configured, MEMORY_BY_OFFSET);
	frames = world_frames(&world);
	must(page_table_map_to(&world.table, there, 0, plain, frames), there, "map_to");
	must(page_table_map_to(&world.table, there + 2 * granule, 0, plain, frames), there,
	     "map_to");
	world_resync(&world);
	for (uint64_t bit = 1; bit < granule; bit <<= 1) {
		REQUIRE(page_table_map_to(&world.table, virt + bit, 0, plain, frames) ==
				PAGING_UNALIGNED,
			"0x%" PRIx64, virt + bit);
		REQUIRE(page_table_map_to(&world.table, virt, bit, plain, frames) ==
				PAGING_UNALIGNED,
			"output 0x%" PRIx64, bit);
	}
	REQUIRE(page_table_map_to(&world.table, virt, format_output_last(format) + 1, plain,
				  frames) == PAGING_OUTPUT_RANGE,
		"beyond the last output address");
	REQUIRE(page_table_map_to(&world.table, virt, 0, none, frames) == PAGING_BAD_FLAGS,
		"no rights");
	world_check(&world);
	world_close(&world);
}
