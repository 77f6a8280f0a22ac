/* SPDX-License-Identifier: MIT */
/*
 * Single pages all over the space: the same two indices at each level in every combination, and
 * addresses that are none but have the indices of one.
 */
#include <inttypes.h>

#include <twofold/page_batch.h>

#include "flushing.h"
#include "require.h"
#include "rng.h"
#include "suite.h"
#include "world.h"

#define PLACES_MAX (1u << FORMAT_LEVELS_MAX)

/* Two indices in a row, the first of them even or odd, at each level; in some order. */
static unsigned int make_places(const struct format_case *format, uint64_t seed,
				virt_addr places[PLACES_MAX])
{
	unsigned int count = 1u << format->levels;
	uint64_t state = seed;

	REQUIRE(format_entries(format, format->levels - 1) >= 4, "a root of fewer entries");

	for (unsigned int n = 0; n < count; n++) {
		places[n] = format_first_range(format).first;
		for (unsigned int level = 0; level < format->levels; level++) {
			places[n] += ((n >> level & 1) + 1 + seed % 2) * format->level_size[level];
		}
	}
	for (unsigned int n = count; n > 1; n--) {
		unsigned int other = (unsigned int)(rng_next(&state) % n);
		virt_addr place = places[n - 1];

		places[n - 1] = places[other];
		places[other] = place;
	}
	return count;
}

static void must(enum paging_status status, virt_addr virt, const char *what)
{
	REQUIRE(status == PAGING_OK, "%s of 0x%" PRIx64 ": %s", what, virt, status_name(status));
}

static void map_one(struct world *world, virt_addr virt, phys_addr phys)
{
	must(page_table_map_to(&world->table, virt, phys, format_plain_flags(),
			       world_frames(world)),
	     virt, "map_to");
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

static void map_and_unmap(const struct format_case *format, uint64_t seed)
{
	uint64_t granule = format_granule(format);
	virt_addr places[PLACES_MAX];
	unsigned int count = make_places(format, seed, places);
	struct page_table_op op = { .mode = PAGING_RESUMABLE };
	struct flushing f;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	flushing_init(&f, &world);
	op.frames = world_frames(&world);
	op.gather = &f.gather;
	for (unsigned int n = 0; n < count; n++)
		map_one(&world, places[n], (n + 1) * granule);
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
	struct format_case parallel = format_parallel(format);

	for (uint64_t seed = 1; seed <= 4; seed++) {
		map_and_unmap(format, seed);
		map_and_unmap(&parallel, seed);
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
				PAGING_INPUT_RANGE &&
			done == 0,
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
	uint64_t span = format->level_size[1];
	virt_addr alike[67] = { virt & below, virt | ~below,
				0 - addr_align_down(virt, span) + virt % span };
	size_t count = 3;

	for (unsigned int bit = 0; bit < 64; bit++)
		alike[count++] = virt ^ UINT64_C(1) << bit;
	for (size_t i = 0; i < count; i++) {
		if (!addr_is_aligned(alike[i], format_granule(format)) ||
		    format_has_input(format, alike[i]))
			continue;
		require_none(world, alike[i]);
		if (!format_has_input(format, alike[i] + format_granule(format)))
			require_none(world, alike[i] + format_granule(format));
	}
}

FORMAT_TEST(places, look_alikes_are_none)
{
	struct format_case parallel = format_parallel(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);

	for (unsigned int way = 0; way < 2 * count; way++) {
		virt_addr virt = ranges[way / 2].first + 2 * format_granule(format);
		struct world world;

		world_open(&world, way % 2 != 0 ? &parallel : format, MEMORY_BY_OFFSET);
		map_one(&world, virt, 0);
		look_alikes(&world, virt);
		virt = ranges[way / 2].last - 2 * format_granule(format) + 1;
		map_one(&world, virt, 0);
		look_alikes(&world, virt);
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}

/* The last pages of each range of addresses, and what comes after them if one counts on. */
FORMAT_TEST(places, around_the_end)
{
	struct format_case parallel = format_parallel(format);
	uint64_t granule = format_granule(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);

	for (unsigned int way = 0; way < 2 * count; way++) {
		virt_addr end = ranges[way / 2].last + 1;
		struct world world;

		world_open(&world, way % 2 != 0 ? &parallel : format, MEMORY_BY_OFFSET);
		for (uint64_t n = 0; n < 4; n++) {
			virt_addr virt = end + (n - 2) * granule;

			if (!format_has_input(format, virt))
				require_none(&world, virt);
			else
				map_one(&world, virt, (n + 1) * granule);
		}
		for (uint64_t n = 0; n < 4; n++) {
			virt_addr virt = end + (n - 2) * granule;

			if (format_has_input(format, virt))
				REQUIRE(world_query(&world, virt).phys == (n + 1) * granule,
					"0x%" PRIx64, virt);
		}
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}

/* As far from 0 on one side as on the other, and as far from the next table. */
FORMAT_TEST(places, on_both_sides_of_zero)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];

	for (uint64_t n = 1; n < 4; n++) {
		virt_addr virt = n * span, other = 0 - virt;
		struct world world;

		if (!format_has_input(format, virt))
			return;
		world_open(&world, format, MEMORY_BY_OFFSET);
		map_one(&world, virt + granule, granule);
		map_one(&world, virt + 2 * granule, 2 * granule);
		for (uint64_t i = 0; i < 4; i++) {
			phys_addr phys;

			if (!format_has_input(format, other)) {
				require_none(&world, other + i * granule);
				continue;
			}
			REQUIRE(page_table_translate(&world.table, other + i * granule, &phys) ==
					PAGING_NOT_MAPPED,
				"0x%" PRIx64, other + i * granule);
			map_one(&world, other + i * granule, (i + 7) * granule);
			map_one(&world, virt + (i + 3) * granule, (i + 3) * granule);
		}
		for (uint64_t i = 1; i < 3; i++)
			REQUIRE(world_query(&world, virt + i * granule).phys == i * granule,
				"0x%" PRIx64, virt + i * granule);
		for (uint64_t i = 3; i < 7 && format_has_input(format, other); i++)
			REQUIRE(world_query(&world, virt + i * granule).phys == i * granule,
				"0x%" PRIx64, virt + i * granule);
		for (uint64_t i = 0; i < 4 && format_has_input(format, other); i++)
			REQUIRE(world_query(&world, other + i * granule).phys == (i + 7) * granule,
				"0x%" PRIx64, other + i * granule);
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}

/* What differs from a page in the bits below one is none, for what does one page at a time. */
static void require_unaligned(struct world *world, virt_addr virt)
{
	uint64_t granule = format_granule(world->format);
	struct frame_allocator *frames = world_frames(world);
	struct page_table_op op = { .frames = frames };
	struct page_flags flags = format_plain_flags();
	struct page_table *table = &world->table;

	REQUIRE(page_table_map_to(table, virt, 0, flags, frames) == PAGING_UNALIGNED &&
			page_table_unmap(table, virt, granule, &op) == PAGING_UNALIGNED &&
			page_table_protect(table, virt, granule, flags, &op) == PAGING_UNALIGNED &&
			page_table_write_protect(table, virt, granule, &op) == PAGING_UNALIGNED,
		"0x%" PRIx64, virt);
}

/* Beside a page that is there, so that only a store is left to do. */
static void bad_pages(const struct format_case *format)
{
	uint64_t granule = format_granule(format);
	virt_addr there = format_middle(format), virt = there + granule;
	const struct page_flags plain = format_plain_flags(), none = { .read = 0 };
	struct frame_allocator *frames;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	frames = world_frames(&world);
	REQUIRE(page_table_map(&world.table, there, 0, granule, plain,
			       &(struct page_table_op){ .frames = frames,
							.mode = PAGING_RESUMABLE }) == PAGING_OK,
		"map");
	REQUIRE(page_table_map_to(&world.table, virt, 0, none, frames) == PAGING_BAD_FLAGS,
		"no rights, before any others");
	map_one(&world, there + 2 * granule, 0);
	world_resync(&world);
	for (uint64_t bit = 1; bit < granule; bit <<= 1) {
		require_unaligned(&world, there + bit);
		require_unaligned(&world, virt + bit);
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
	/* From another table, so that this one is not at hand. */
	map_one(&world, there + format->level_size[1], 0);
	for (uint64_t bit = 1; bit < granule; bit <<= 1) {
		require_unaligned(&world, virt + bit);
		map_one(&world, there + format->level_size[1] + 2 * bit * granule, 0);
		require_unaligned(&world, there + 4 * granule + bit);
		map_one(&world, there + 2 * format->level_size[1] + (2 * bit + 5) * granule, 0);
		REQUIRE(page_table_map_to(&world.table, virt, bit, plain, frames) ==
				PAGING_UNALIGNED,
			"output 0x%" PRIx64, bit);
		map_one(&world, there + format->level_size[1] + (2 * bit + 1) * granule, 0);
	}
	REQUIRE(page_table_map_to(&world.table, virt, format_output_last(format) + 1, plain,
				  frames) == PAGING_OUTPUT_RANGE,
		"beyond the last output address");
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(places, bad_pages)
{
	struct format_case parallel = format_parallel(format);

	bad_pages(format);
	bad_pages(&parallel);
}

/* What others may be reading (what flags were encoded as, and where) is written once. */
FORMAT_TEST(places, a_parallel_table_keeps_its_first_flags)
{
	struct format_case parallel = format_parallel(format);
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_flags flags = format_plain_flags();
	struct page_table kept;
	struct world world;

	world_open(&world, &parallel, MEMORY_BY_OFFSET);
	for (uint64_t i = 0; i < 3; i++)
		map_one(&world, virt + i * granule, i * granule);
	kept = world.table;
	flags.write = 0;
	for (uint64_t i = 3; i < 6; i++)
		must(page_table_map_to(&world.table, virt + i * granule, i * granule, flags,
				       world_frames(&world)),
		     virt + i * granule, "map_to");
	/* Of tables whose pages are mapped by the short walk. */
	REQUIRE(kept.plain_limit == 0 || kept.recent_attributes != 0, "nothing is kept");
	REQUIRE(world.table.recent_attributes == kept.recent_attributes &&
			page_flags_equal(world.table.recent_flags, kept.recent_flags),
		"they are written again");
	for (uint64_t i = 0; i < 6; i++)
		REQUIRE(world_query(&world, virt + i * granule).flags.write == (i < 3),
			"page %" PRIu64, i);
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

/* The upper half, of four levels, with a root of few entries. */
Test(places, small_root_of_the_upper_half, .timeout = SUITE_TIMEOUT)
{
	struct format_case format = *format_case_named("s1-4k-39-upper"), parallel;

	format.config.input_bits = 42;
	format.levels = 4;
	format.level_size[3] = UINT64_C(1) << 39;
	format.root_bytes = 8 * sizeof(uint64_t);
	parallel = format_parallel(&format);
	map_and_unmap(&format, 1);
	map_and_unmap(&parallel, 1);
}

/* In a table that was taken over, one page is changed before any is mapped: flags that stand for
 * nothing stand for nothing still. */
FORMAT_TEST(places, no_flags_in_an_adopted_table)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_table_config config = format->config;
	const struct page_flags none = { .read = 0 };
	struct tlb_range range;
	struct tlb_gather gather = { .ranges = &range, .range_capacity = 1 };
	struct page_table_op op = { .gather = &gather };
	struct page_table table;
	enum paging_status status;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, granule);
	config.access = world.table.access;
	must(page_table_adopt(&table, &config, world.table.root), virt, "adopt");
	must(page_table_write_protect(&table, virt, granule, &op), virt, "write_protect");
	status = page_table_map_to(&table, virt + granule, 0, none, world_frames(&world));
	REQUIRE(status == PAGING_BAD_FLAGS, "%s", status_name(status));
	tlb_gather_finish(&gather);
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

/* Replacing and planning take a parallel table like any other, resumable or not. */
FORMAT_TEST(places, a_parallel_table_is_replaced_in)
{
	static const uint32_t modes[] = { 0, PAGING_RESUMABLE };
	struct format_case parallel = format_parallel(format);
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct page_table_op op = { .mode = modes[i] | PAGING_REPLACE };
		struct memory_snapshot *before;
		struct world world;

		world_open(&world, &parallel, MEMORY_BY_OFFSET);
		op.frames = world_frames(&world);
		map_one(&world, virt, granule);
		must(page_table_map(&world.table, virt, 0, 2 * granule, format_plain_flags(), &op),
		     virt, "replace");
		REQUIRE(world_query(&world, virt).phys == 0, "0x%" PRIx64,
			world_query(&world, virt).phys);
		before = memory_snapshot_take(world.memory);
		op.mode = modes[i] | PAGING_PLAN;
		must(page_table_map(&world.table, virt + 2 * granule, 0, granule,
				    format_plain_flags(), &op),
		     virt, "plan");
		op.mode |= PAGING_REPLACE;
		must(page_table_map(&world.table, virt, granule, granule, format_plain_flags(),
				    &op),
		     virt, "plan");
		memory_snapshot_require(world.memory, before);
		memory_snapshot_drop(before);
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}
