/* SPDX-License-Identifier: MIT */
/* What an operation asks to be flushed, to the byte, and where the freed tables are meanwhile. */
#include <inttypes.h>
#include <string.h>

#include "flush_watch.h"
#include "flushing.h"
#include "require.h"
#include "suite.h"

static struct model_op operation(enum model_kind kind, virt_addr virt, uint64_t size, uint32_t mode)
{
	struct model_op op = { .kind = kind, .virt = virt, .size = size, .mode = mode };

	op.flags = format_plain_flags();
	op.flags.write = 0;
	return op;
}

/* Does it with a gather of these sizes; the watch keeps what was asked for. */
static enum paging_status watched(struct world *world, const struct model_op *what,
				  struct flush_watch *watch, size_t ranges, size_t frames,
				  bool flush)
{
	struct page_table_op op = { .frames = world_frames(world) };
	enum paging_status status;

	flush_watch_begin(watch, world, ranges, frames, flush);
	op.gather = &watch->gather;
	status = world_do(world, what, &op);
	if (status == PAGING_OK)
		model_apply(&world->model, what, what->size);
	else if (what->mode & PAGING_RESUMABLE)
		model_apply(&world->model, what, op.done);
	else
		memory_snapshot_require(world->memory, watch->before);
	flush_watch_end(watch, what);
	world_check(world);
	return status;
}

static void must(struct world *world, const struct model_op *what, struct flush_watch *watch)
{
	enum paging_status status =
		watched(world, what, watch, 16, 32, format_breaks(world->format));

	REQUIRE(status == PAGING_OK, "%s", status_name(status));
}

static void expect_range(const struct flush_watch *watch, size_t index, virt_addr start,
			 uint64_t size, uint64_t leaf_size, bool tables)
{
	const struct tlb_range *range = &watch->asked[index];

	REQUIRE(!watch->everything && index < watch->asked_count, "%zu ranges", watch->asked_count);
	REQUIRE(range->start == start && range->last == start + (size - 1),
		"[0x%" PRIx64 ", 0x%" PRIx64 "]", range->start, range->last);
	REQUIRE(range->leaf_size == leaf_size && range->tables == tables,
		"stride 0x%" PRIx64 ", tables %d", range->leaf_size, range->tables);
}

FORMAT_TEST(gather, nothing_for_a_new_mapping)
{
	uint64_t size = format_largest_leaf(format);
	struct model_op what = operation(MODEL_MAP, format_middle(format), 2 * size, 0);
	struct flush_watch watch;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	must(&world, &what, &watch);
	what.kind = MODEL_MAP_TO;
	what.virt += 2 * size;
	what.size = format_granule(format);
	must(&world, &what, &watch);
	world_close(&world);
}

/* Pages, and their tables when they are empty, go away by turns: each kind goes on where it was. */
FORMAT_TEST(gather, pages_and_tables_by_turns)
{
	uint64_t granule = format_granule(format);
	uint64_t size = 2 * granule * (granule / sizeof(uint64_t));
	virt_addr virt = format_middle(format);
	struct tlb_range ranges[2 + 2 * PAGE_TABLE_MAX_LEVELS] = { { .start = 0 } };
	struct frame frames[2 + 2 * PAGE_TABLE_MAX_LEVELS];
	struct tlb_gather gather = { .ranges = ranges,
				     .range_capacity = sizeof(ranges) / sizeof(*ranges),
				     .frames = frames,
				     .frame_capacity = sizeof(frames) / sizeof(*frames) };
	struct page_table_op op = { .leaf_sizes = granule };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = gather.owner = world_frames(&world);
	REQUIRE(page_table_map(&world.table, virt, 0, size, format_plain_flags(), &op) == PAGING_OK,
		"no map");
	op.gather = &gather;
	for (uint64_t done = 0; done < size; done += granule)
		REQUIRE(page_table_unmap(&world.table, virt + done, granule, &op) == PAGING_OK,
			"0x%" PRIx64 " is not unmapped", virt + done);
	REQUIRE(!gather.everything && ranges[0].start == virt &&
			ranges[0].last == virt + (size - 1) && ranges[0].leaf_size == granule,
		"%zu ranges, the first [0x%" PRIx64 ", 0x%" PRIx64 "]", gather.range_count,
		ranges[0].start, ranges[0].last);
	for (size_t i = 1; i < gather.range_count; i++)
		REQUIRE(ranges[i].tables, "pages again, from 0x%" PRIx64, ranges[i].start);
	tlb_gather_finish(&gather);
	world_close(&world);
}

/* The same at two places at once: pages and tables of each make four ranges that go on, whatever
 * was before them. */
FORMAT_TEST(gather, two_places_by_turns)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt[2] = { format_middle(format), format_middle(format) + 4 * span };
	struct page_table_op op = { .leaf_sizes = granule };
	const struct tlb_range *ranges;
	struct flushing f;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	flushing_init(&f, &world);
	ranges = f.ranges;
	op.frames = world_frames(&world);
	for (unsigned int i = 0; i < 2; i++)
		REQUIRE(page_table_map(&world.table, virt[i], 0, 3 * span, format_plain_flags(),
				       &op) == PAGING_OK,
			"no map");
	op.gather = &f.gather;
	for (uint64_t page = 1; page <= 5; page += 2)
		REQUIRE(page_table_unmap(&world.table, virt[0] + 3 * span - page * granule, granule,
					 &op) == PAGING_OK,
			"no page at the end");
	for (uint64_t done = 0; done < 2 * span; done += granule) {
		for (unsigned int i = 0; i < 2; i++)
			REQUIRE(page_table_unmap(&world.table, virt[i] + done, granule, &op) ==
					PAGING_OK,
				"0x%" PRIx64 " is not unmapped", virt[i] + done);
	}
	REQUIRE(f.flushes == 0 && !f.gather.everything && f.gather.range_count == 7, "%zu ranges",
		f.gather.range_count);
	for (size_t i = 0; i < 4; i++)
		REQUIRE(ranges[3 + i].start == virt[i % 2] &&
				ranges[3 + i].last == virt[i % 2] + (2 * span - 1) &&
				ranges[3 + i].tables == (i >= 2),
			"range %zu: [0x%" PRIx64 ", 0x%" PRIx64 "]", i, ranges[3 + i].start,
			ranges[3 + i].last);
	tlb_gather_finish(&f.gather);
	world_close(&world);
}

/* Nothing is noted of pages any more, one after the other or not. */
FORMAT_TEST(gather, pages_after_everything)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct tlb_range range;
	struct tlb_gather gather = { .ranges = &range, .range_capacity = 1 };
	struct page_table_op op = { .leaf_sizes = granule };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	REQUIRE(page_table_map(&world.table, virt, 0, 8 * granule, format_plain_flags(), &op) ==
			PAGING_OK,
		"no map");
	op.gather = &gather;
	for (uint64_t page = 0; page < 6; page++)
		REQUIRE(page_table_unmap(&world.table, virt + (page == 0 ? 7 : page) * granule,
					 granule, &op) == PAGING_OK,
			"page %" PRIu64, page);
	REQUIRE(gather.everything && gather.range_count == 1 && range.start == virt + 7 * granule,
		"%zu ranges", gather.range_count);
	world_close(&world);
}

/* Tables become leaves, and the table that these are in does too: a frame that goes away has leaves
 * now where tables were that went before it. */
FORMAT_TEST(gather, collapse_over_several_levels)
{
	uint64_t size = format_largest_leaf(format), granule = format_granule(format);
	virt_addr virt = format_roomy(format);
	struct model_op what = operation(MODEL_PROTECT, virt, size, 0);
	struct page_table_op op = { 0 };
	struct flush_watch watch;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, virt, 0, size);
	REQUIRE(page_table_split(&world.table, virt, granule, granule, &op) == PAGING_OK,
		"no split");
	world_resync(&world);
	flush_watch_begin(&watch, &world, WATCH_RANGES, 1, true);
	op.gather = &watch.gather;
	REQUIRE(page_table_collapse(&world.table, virt, size, &op) == PAGING_OK, "no collapse");
	world_resync(&world);
	REQUIRE(world.model.count == 1, "%zu leaves", world.model.count);
	flush_watch_end(&watch, &what);
	world_close(&world);
}

/* A leaf of each size whose tables stay. */
FORMAT_TEST(gather, one_leaf)
{
	virt_addr virt = format_middle(format);
	struct flush_watch watch;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		for (unsigned int kind = MODEL_UNMAP; kind <= MODEL_PROTECT; kind++) {
			struct model_op what =
				operation((enum model_kind)kind, virt + size, size, 0);

			world_map(&world, virt, 0, 2 * size);
			must(&world, &what, &watch);
			REQUIRE(watch.asked_count == 1, "%zu ranges", watch.asked_count);
			expect_range(&watch, 0, virt + size, size, format_stride(format, size),
				     false);
			world_unmap(&world, virt, 2 * size, PAGING_SKIP_HOLES);
		}
	}
	world_close(&world);
}

/* Those of a run that have the permissions already. */
FORMAT_TEST(gather, nothing_for_what_stays)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct model_op what = operation(MODEL_PROTECT, virt + 2 * granule, 2 * granule, 0);
	struct flush_watch watch;
	struct world world;

	what.flags.write = 0;
	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t i = 0; i < 7; i++) /* and no group */
		world_map(&world, virt + i * granule, (i + 1) * granule, granule);
	must(&world, &what, &watch);
	REQUIRE(watch.asked_count == 1, "%zu ranges", watch.asked_count);
	what.virt = virt;
	what.size = 7 * granule;
	must(&world, &what, &watch);
	REQUIRE(watch.asked_count == 2, "%zu ranges", watch.asked_count);
	expect_range(&watch, 0, virt, 2 * granule, granule, false);
	expect_range(&watch, 1, virt + 4 * granule, 3 * granule, granule, false);
	must(&world, &what, &watch);
	REQUIRE(watch.asked_count == 0, "%zu ranges", watch.asked_count);
	world_close(&world);
}

/* Neighbours of one size make one range; what is apart stays apart. */
FORMAT_TEST(gather, runs_and_gaps)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	virt_addr virt = format_middle(format) + size;
	struct model_op what = operation(MODEL_PROTECT, virt, 2 * size, PAGING_SKIP_HOLES);
	struct flush_watch watch;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, 2 * size + 5 * granule);
	must(&world, &what, &watch);
	if (format_is_group(format, size)) { /* broken and made again one by one */
		REQUIRE(watch.asked_count == 2, "%zu ranges", watch.asked_count);
		expect_range(&watch, 0, virt, size, format_stride(format, size), false);
		expect_range(&watch, 1, virt + size, size, format_stride(format, size), false);
	} else {
		REQUIRE(watch.asked_count == 1, "%zu ranges", watch.asked_count);
		expect_range(&watch, 0, virt, 2 * size, size, false);
	}
	what.virt = virt + 2 * size;
	what.size = 5 * granule;
	must(&world, &what, &watch);
	REQUIRE(watch.asked_count == 1, "%zu ranges", watch.asked_count);
	expect_range(&watch, 0, what.virt, what.size, granule, false);
	world_unmap(&world, what.virt + granule, 2 * granule, 0);
	what.flags.write = 1;
	must(&world, &what, &watch);
	REQUIRE(watch.asked_count == 2, "%zu ranges", watch.asked_count);
	expect_range(&watch, 0, what.virt, granule, granule, false);
	expect_range(&watch, 1, what.virt + 3 * granule, 2 * granule, granule, false);
	what.kind = MODEL_UNMAP; /* all of it at once: at most one range for each size and table */
	what.virt = virt;
	what.size = 2 * size + 5 * granule;
	must(&world, &what, &watch);
	REQUIRE(watch.asked_count <= 3 + format->levels, "%zu ranges", watch.asked_count);
	world_close(&world);
}

/*
 * A part is flushed as the whole leaf that it was, and by itself too: between the split and the
 * change a walker may have read the smaller leaf.
 */
FORMAT_TEST(gather, the_whole_of_a_split_leaf)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct flush_watch watch;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		for (unsigned int kind = MODEL_UNMAP; kind <= MODEL_PROTECT; kind++) {
			struct model_op what =
				operation((enum model_kind)kind, virt + size / 2 + granule, granule,
					  PAGING_SPLIT);

			world_map(&world, virt, 0, 2 * size);
			must(&world, &what, &watch);
			expect_range(&watch, 0, virt, size, format_stride(format, size), false);
			expect_range(&watch, watch.asked_count - 1, what.virt, granule, granule,
				     false);
			world_unmap(&world, virt, 2 * size, PAGING_SKIP_HOLES);
		}
	}
	world_close(&world);
}

/* The last mapping takes all tables with it, and the gather holds them until its end. */
FORMAT_TEST(gather, tables_go_with_the_last_leaf)
{
	uint64_t granule = format_granule(format);
	struct model_op what = operation(MODEL_UNMAP, format_middle(format), granule, 0);
	struct flush_watch watch;
	struct world world;
	struct page_table_op op = { 0 };

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, what.virt, 0, granule);
	flush_watch_begin(&watch, &world, 16, 8, false);
	op.gather = &watch.gather; /* and no op.frames: nothing is taken */
	REQUIRE(world_do(&world, &what, &op) == PAGING_OK, "it failed");
	REQUIRE(watch.gather.frame_count == format->levels - 1, "%zu frames",
		watch.gather.frame_count);
	REQUIRE(world.memory->live == format->levels, "%" PRIu64 " frames", world.memory->live);
	model_apply(&world.model, &what, granule);
	flush_watch_end(&watch, &what);
	expect_range(&watch, 0, what.virt, granule, granule, false);
	REQUIRE(watch.asked_count == format->levels, "%zu ranges", watch.asked_count);
	for (unsigned int level = 1; level < format->levels; level++) {
		uint64_t span = format->level_size[level];

		expect_range(&watch, level, addr_align_down(what.virt, span), span, span, true);
	}
	REQUIRE(world.memory->live == 1, "%" PRIu64 " frames", world.memory->live);
	world_check(&world);
	world_close(&world);
}

/* Four pages apart from each other, one of them global. */
static void four_pages(struct world *world, virt_addr virt, unsigned int global)
{
	struct model_op what = operation(MODEL_MAP_TO, virt, format_granule(world->format), 0);

	for (unsigned int i = 0; i < 4; i++) {
		what.flags.global = i == global;
		world_must(world, &what);
		what.virt += 2 * what.size;
	}
}

/* More ranges than there is room for: everything; global when one was, wherever it was. */
FORMAT_TEST(gather, too_many_ranges)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct model_op what = operation(MODEL_UNMAP, virt, 32 * granule, PAGING_SKIP_HOLES);
	struct page_flags flags = format_plain_flags();
	struct flush_watch watch;
	struct world world;

	flags.global = 1;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt + 40 * granule, 0, granule);
	for (size_t room = 0; room < 5; room++) {
		for (unsigned int global = 0; global <= 4; global++) {
			bool any = global < 4 || format->all_global;

			if (global < 4 && !format->expressible(format, flags))
				continue;
			four_pages(&world, virt, global);
			REQUIRE(watched(&world, &what, &watch, room, 8, false) == PAGING_OK,
				"it failed");
			REQUIRE(watch.everything == (room < 4), "everything: %d with room for %zu",
				watch.everything, room);
			REQUIRE(watch.everything_global == (watch.everything && any),
				"page %u is global: %d", global, watch.everything_global);
		}
	}
	world_close(&world);
}

/* More tables than there is room for: GATHER_FULL, or a flush on the way. */
FORMAT_TEST(gather, too_many_frames)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	struct model_op what =
		operation(MODEL_UNMAP, format_middle(format), 8 * span, PAGING_SKIP_HOLES);
	uint64_t frees = 8 + (format->levels - 2);
	struct flush_watch watch;
	struct world world;

	for (size_t room = 0; room <= frees; room++) {
		bool fits = room == frees;
		enum paging_status status;

		world_open(&world, format, MEMORY_BY_OFFSET);
		for (unsigned int i = 0; i < 8; i++)
			world_map(&world, what.virt + i * span, 0, granule);
		what.mode = PAGING_SKIP_HOLES;
		status = watched(&world, &what, &watch, 16, room, false);
		REQUIRE(status == (fits ? PAGING_OK : PAGING_GATHER_FULL), "room for %zu: %s", room,
			status_name(status));
		if (!fits && room != 0) {
			status = watched(&world, &what, &watch, 16, room, true);
			REQUIRE(status == PAGING_OK && watch.flushes >= frees / room - 1,
				"room for %zu: %s after %u flushes", room, status_name(status),
				watch.flushes);
		} else if (!fits) { /* a flush does not make room where there never is any */
			status = watched(&world, &what, &watch, 16, room, true);
			REQUIRE(status == PAGING_GATHER_FULL, "no room at all: %s",
				status_name(status));
			world_unmap(&world, what.virt, what.size, PAGING_SKIP_HOLES);
		}
		REQUIRE(world.memory->live == 1, "%" PRIu64 " frames", world.memory->live);
		world_close(&world);
	}
}

/* Resumable, with room for PAGE_TABLE_MAX_LEVELS frames each round gets further. */
/* `what` takes away what `put` puts in the first page of each of 16 tables. */
static void take_away_in_rounds(const struct format_case *format, struct model_op put,
				struct model_op what)
{
	struct flush_watch watch;
	unsigned int rounds = 0;
	struct world world;

	put.size = format_granule(format);
	what.virt = format_middle(format);
	what.size = 16 * format->level_size[1];
	what.mode = PAGING_SKIP_HOLES | PAGING_RESUMABLE;
	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < 16; i++) {
		put.virt = what.virt + i * format->level_size[1];
		world_must(&world, &put);
	}
	for (;;) {
		size_t before = world.model.count;
		enum paging_status status =
			watched(&world, &what, &watch, 16, PAGE_TABLE_MAX_LEVELS, false);

		rounds++;
		if (status == PAGING_OK)
			break;
		REQUIRE(status == PAGING_GATHER_FULL, "%s", status_name(status));
		REQUIRE(world.model.count < before, "no progress");
	}
	REQUIRE(rounds > 1 && world.memory->live == 1, "%u rounds", rounds);
	world_close(&world);
}

/* The same of tables that hold large leaves, a run of them or one: told before anything is done. */
FORMAT_TEST(gather, too_many_tables_of_large_leaves)
{
	uint64_t size = format->level_size[1];
	virt_addr virt = format_roomy(format);
	struct flushing f;
	struct world world;

	if (!format_has_leaf(format, size) || format->levels < 3)
		return;
	for (uint64_t leaves = 1; leaves <= 3; leaves++) {
		struct page_table_op op = { .leaf_sizes = format_leaf_cap(format, size) };
		uint64_t tables;

		world_open(&world, format, MEMORY_BY_OFFSET);
		flushing_init(&f, &world);
		f.gather.flush = NULL;
		op.frames = world_frames(&world);
		REQUIRE(page_table_map(&world.table, virt, 0, leaves * size, format_plain_flags(),
				       &op) == PAGING_OK,
			"no map");
		tables = world.table.tables - 1;
		op.gather = &f.gather;
		for (size_t room = 0; room <= tables; room++) {
			enum paging_status status;

			f.gather.frame_capacity = room;
			status = page_table_unmap(&world.table, virt, leaves * size, &op);
			REQUIRE(status == (room < tables ? PAGING_GATHER_FULL : PAGING_OK) &&
					world.table.tables == (room < tables ? tables + 1 : 1),
				"%" PRIu64 " leaves, room for %zu: %s", leaves, room,
				status_name(status));
		}
		REQUIRE(f.gather.frame_count == tables, "%zu frames", f.gather.frame_count);
		tlb_gather_finish(&f.gather);
		world_close(&world);
	}
}

/* So many that the watch does not read the table at each of them any more: a live replace of Arm
 * has one for each leaf. */
FORMAT_TEST(gather, more_flushes_than_looks)
{
	uint64_t granule = format_granule(format);
	uint64_t pages = 2 * (granule / sizeof(uint64_t));
	struct model_op what =
		operation(MODEL_MAP, format_roomy(format), pages * granule, PAGING_REPLACE);
	struct page_table_op op = { .mode = PAGING_REPLACE, .leaf_sizes = granule };
	struct flush_watch watch;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	REQUIRE(page_table_map(&world.table, what.virt, 0, what.size, what.flags, &op) == PAGING_OK,
		"no map");
	world_resync(&world);
	flush_watch_begin(&watch, &world, WATCH_RANGES, WATCH_FRAMES, true);
	op.gather = &watch.gather;
	REQUIRE(page_table_map(&world.table, what.virt, granule, what.size, what.flags, &op) ==
			PAGING_OK,
		"no map in its place");
	REQUIRE(!format_breaks(format) || watch.flushes >= pages, "%u flushes", watch.flushes);
	world_resync(&world);
	REQUIRE(world.model.count == pages && world.model.leaves[0].phys == granule,
		"%zu leaves, the first goes to 0x%" PRIx64, world.model.count,
		world.model.leaves[0].phys);
	flush_watch_end(&watch, &what);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(gather, rounds_of_a_resumable_unmap)
{
	const struct model_op put = { .kind = MODEL_MAP, .flags = format_plain_flags() };
	const struct model_op what = { .kind = MODEL_UNMAP };

	take_away_in_rounds(format, put, what);
}

FORMAT_TEST(gather, rounds_of_taking_annotations_away)
{
	const struct model_op put = { .kind = MODEL_ANNOTATE, .note = 1 };
	const struct model_op what = { .kind = MODEL_ANNOTATE };

	take_away_in_rounds(format, put, what);
}

/* Several operations into one gather. */
FORMAT_TEST(gather, operations_add_up)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	struct model_op first = operation(MODEL_PROTECT, format_middle(format), granule, 0);
	struct model_op second = operation(MODEL_UNMAP, first.virt + span, granule, 0);
	struct model_op both = operation(MODEL_UNMAP, first.virt, span + granule, 0);
	struct page_table_op op = { 0 };
	struct flush_watch watch;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, first.virt, 0, granule);
	world_map(&world, second.virt, 0, granule);
	flush_watch_begin(&watch, &world, 16, 8, false);
	op.frames = world_frames(&world);
	op.gather = &watch.gather;
	REQUIRE(world_do(&world, &first, &op) == PAGING_OK, "protect failed");
	REQUIRE(world_do(&world, &second, &op) == PAGING_OK, "unmap failed");
	model_apply(&world.model, &first, granule);
	model_apply(&world.model, &second, granule);
	flush_watch_end(&watch, &both);
	REQUIRE(watch.asked_count == 3, "%zu ranges", watch.asked_count);
	expect_range(&watch, 0, first.virt, granule, granule, false);
	expect_range(&watch, 1, second.virt, granule, granule, false);
	expect_range(&watch, 2, second.virt, span, span, true);
	world_check(&world);
	world_close(&world);
}

/* The callback of tlb_gather_finish. */
static void count_flush(const struct tlb_gather *gather, void *context)
{
	unsigned int *flushes = context;

	REQUIRE(tlb_gather_needed(gather), "a flush without need");
	++*flushes;
}

/* What tlb_gather_finish does, in its order. */
struct steps {
	struct frame_allocator allocator;
	char text[16];
};

static void note_step(struct steps *steps, char step)
{
	steps->text[strlen(steps->text)] = step;
}

static void note_flush(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	note_step(context, 'f');
}

static void note_wait(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	note_step(context, 'w');
}

static void note_free(struct frame_allocator *allocator, enum frame_use use, struct frame frame)
{
	(void)use;
	(void)frame;
	note_step((struct steps *)allocator, '-');
}

/* Frames go back after the flush, and after the readers where there are such; without frames nobody
 * is waited for. */
Test(gather_end, waits_for_readers_of_frames)
{
	static const char *const texts[] = { "f", "fw-", "fw--", "fw---" };

	for (size_t count = 0; count < 4; count++) {
		struct steps steps = { .allocator = { .free = note_free } };
		struct tlb_range range = { .start = 0, .last = 4095, .leaf_size = 4096 };
		struct frame frames[3] = { { .size = 4096 }, { .size = 4096 }, { .size = 4096 } };
		struct tlb_gather gather = { .ranges = &range,
					     .range_count = 1,
					     .range_capacity = 1,
					     .frames = frames,
					     .frame_count = count,
					     .frame_capacity = 3,
					     .owner = &steps.allocator,
					     .flush = note_flush,
					     .wait_for_readers = note_wait,
					     .context = &steps };

		tlb_gather_finish(&gather);
		REQUIRE(strcmp(steps.text, texts[count]) == 0, "%zu frames: %s", count, steps.text);
	}
}

Test(gather_end, calls_flush_once_and_only_if_needed)
{
	struct test_memory *memory = memory_create(0, MEMORY_BY_OFFSET);
	struct tlb_range range = { .start = 0, .last = 4095, .leaf_size = 4096 };
	unsigned int flushes = 0;
	struct frame frame;
	struct tlb_gather gather = { .ranges = &range,
				     .range_capacity = 1,
				     .frames = &frame,
				     .frame_capacity = 1,
				     .owner = &memory->allocator,
				     .flush = count_flush,
				     .context = &flushes };

	tlb_gather_finish(&gather);
	REQUIRE(flushes == 0, "%u flushes", flushes);
	gather.range_count = 1;
	REQUIRE(memory->allocator.allocate(&memory->allocator, FRAME_TABLE, 4096, &frame),
		"no frame");
	gather.frame_count = 1;
	tlb_gather_finish(&gather);
	REQUIRE(flushes == 1 && memory->live == 0 && gather.range_count == 0 &&
			gather.frame_count == 0,
		"%u flushes, %" PRIu64 " live", flushes, memory->live);
	gather.everything = gather.everything_global = true;
	tlb_gather_finish(&gather);
	REQUIRE(flushes == 2 && !gather.everything && !gather.everything_global, "%u flushes",
		flushes);
	memory_destroy(memory);
}
