/* SPDX-License-Identifier: MIT */
/*
 * PAGING_TELL: each leaf that goes is shown once, in the size in which it goes, with what hardware
 * has marked in it. world_do holds what an unmap tells against the model.
 */
#include <inttypes.h>
#include <string.h>

#include <twofold/page_cursor.h>

#include "require.h"
#include "suite.h"
#include "world.h"

/* How many leaves of each size. */
#define LEAVES 3

static bool expressible(const struct format_case *format, bool idle, bool dirty)
{
	struct page_flags flags = format_plain_flags();

	flags.idle = idle;
	flags.dirty = dirty;
	return format->expressible(format, flags);
}

/* The size below which a few leaves are not too many. */
static bool affordable(const struct format_case *format, uint64_t size)
{
	return size == format_granule(format) || size / format_split_leaf(format, size) <= 512;
}

/* The largest leaf that does not split into too many. */
static uint64_t large_leaf(const struct format_case *format)
{
	uint64_t size = format_largest_leaf(format);

	while (!affordable(format, size) || size > 512 * format->level_size[1])
		size = format_next_smaller_leaf(format, size);
	return size;
}

static void map_leaves(struct world *world, virt_addr virt, uint64_t size, uint64_t count,
		       uint64_t leaf)
{
	const struct format_case *format = world->format;
	struct model_op what = { .kind = MODEL_MAP, .virt = virt, .size = size * count };

	what.phys = addr_align_down(format_output_last(format) / 2, size);
	what.flags = format_plain_flags();
	what.flags.idle = expressible(format, true, false);
	what.flags.software = format->software_bits != 0;
	what.leaf_sizes = format_leaf_cap(format, leaf);
	world_must(world, &what);
}

/* Of leaves in a row the first stays, the next is read, the one after that is written to, and so
 * on. Of a group it shows in a descriptor in the middle. */
static void mark_leaves(struct world *world)
{
	const struct model *model = &world->model;

	for (size_t i = 0; i < model->count; i++) {
		const struct model_leaf *leaf = &model->leaves[i];

		if (leaf->note == 0 && i % LEAVES != 0)
			world_touch(world, leaf->virt + leaf->size / 2, i % LEAVES == 2);
	}
	world_resync(world);
	world_check(world);
}

/* LEAVES leaves of `size`, marked. */
static virt_addr furnish(struct world *world, uint64_t size)
{
	virt_addr virt = addr_align_down(format_middle(world->format), size);

	map_leaves(world, virt, size, LEAVES, size);
	mark_leaves(world);
	return virt;
}

static size_t told_dirty(const struct world *world)
{
	size_t dirty = 0;

	for (size_t i = 0; i < world->told.count; i++)
		dirty += world->told.leaves[i].flags.dirty;
	return dirty;
}

static void require_told(const struct world *world, size_t leaves, size_t dirty)
{
	if (!expressible(world->format, false, true))
		dirty = 0;
	REQUIRE(world->told.count == leaves && told_dirty(world) == dirty,
		"%zu leaves are told of, %zu of them dirty: not %zu and %zu", world->told.count,
		told_dirty(world), leaves, dirty);
}

/* An unmap that tells; it must succeed. */
static void unmap(struct world *world, virt_addr virt, uint64_t size, uint32_t mode, uint64_t note)
{
	struct model_op what = { .kind = MODEL_UNMAP, .virt = virt, .size = size, .note = note };

	what.mode = mode | PAGING_TELL;
	world_must(world, &what);
}

static void clear(struct world *world, virt_addr virt, uint64_t size)
{
	struct model_op note = { .kind = MODEL_ANNOTATE, .virt = virt, .size = size };

	world_unmap(world, virt, size, PAGING_SKIP_HOLES);
	world_must(world, &note);
	REQUIRE(world->told.count == 0, "it is not to tell");
}

static void each_way_to_unmap(struct world *world, uint64_t size)
{
	const struct format_case *format = world->format;
	uint64_t granule = format_granule(format), piece = format_split_leaf(format, size);
	virt_addr virt = furnish(world, size);

	unmap(world, virt, LEAVES * size, 0, 0);
	require_told(world, LEAVES, 1);
	furnish(world, size);
	for (unsigned int i = 0; i < LEAVES; i++) {
		unmap(world, virt + i * size, size, i == 1 ? PAGING_RESUMABLE : 0, 0);
		require_told(world, 1, i == 2);
	}
	furnish(world, size);
	unmap(world, virt, LEAVES * size, 0, 5);
	require_told(world, LEAVES, 1);
	clear(world, virt, LEAVES * size);
	if (size == granule)
		return;
	/* A part of the last, which is dirty: what it is split into is, too. */
	furnish(world, size);
	unmap(world, virt + 2 * size + size / 2, piece, PAGING_SPLIT, 0);
	require_told(world, 1, 1);
	unmap(world, virt + 2 * size, size / 2, 0, 0);
	require_told(world, size / 2 / piece, size / 2 / piece);
	clear(world, virt, LEAVES * size);
	furnish(world, size);
	unmap(world, virt + 2 * size - granule, 2 * granule, PAGING_ENLARGE, 0);
	require_told(world, 2, 1);
	clear(world, virt, LEAVES * size);
}

FORMAT_TEST(tell, unmap_shows_what_goes_as_it_was)
{
	for (unsigned int reach = 0; reach < 2; reach++) {
		struct world world;

		world_open(&world, format, reach == 0 ? MEMORY_BY_OFFSET : MEMORY_BY_HOOK);
		for (uint64_t size = format_largest_leaf(format); size != 0;
		     size = format_next_smaller_leaf(format, size)) {
			if (affordable(format, size))
				each_way_to_unmap(&world, size);
		}
		world_close(&world);
	}
}

/* What fails tells nothing, unless it is resumable, and a plan does not. */
FORMAT_TEST(tell, nothing_is_shown_of_what_stays)
{
	uint64_t granule = format_granule(format);
	struct model_op what = { .kind = MODEL_UNMAP, .mode = PAGING_TELL };
	struct page_table_op op = { .frames = NULL };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	what.virt = furnish(&world, granule);
	what.size = (LEAVES + 1) * granule;
	REQUIRE(world_step(&world, &what) == PAGING_NOT_MAPPED, "it goes over a hole");
	require_told(&world, 0, 0);
	what.mode |= PAGING_PLAN;
	what.size = LEAVES * granule;
	REQUIRE(world_do(&world, &what, &op) == PAGING_OK, "no plan");
	require_told(&world, 0, 0);
	what.mode = PAGING_TELL | PAGING_RESUMABLE;
	what.size = (LEAVES + 1) * granule;
	REQUIRE(world_step(&world, &what) == PAGING_NOT_MAPPED, "it goes over a hole");
	require_told(&world, LEAVES, 1);
	world_close(&world);
}

/* A gather that can flush, and what hardware does before the flush is over. */
struct live {
	struct world *world;
	struct tlb_gather gather;
	struct tlb_range ranges[8];
	struct frame frames[8];
	struct page_table_op op;
	phys_addr entry; /* of a leaf that is written to meanwhile; 0: none is */
	unsigned int flushes;
};

static void on_flush(const struct tlb_gather *gather, void *context)
{
	struct live *live = context;
	const struct format_case *format = live->world->format;
	uint64_t d;

	(void)gather;
	if (live->flushes++ != 0 || live->entry == 0)
		return;
	d = format->touch(format, memory_read(live->world->memory, live->entry), true);
	memcpy(memory_at(live->world->memory, live->entry, sizeof(d)), &d, sizeof(d));
}

static void live_begin(struct live *live, struct world *world, bool flush)
{
	memset(live, 0, sizeof(*live));
	live->world = world;
	live->gather = (struct tlb_gather){ .ranges = live->ranges,
					    .range_capacity = 8,
					    .frames = live->frames,
					    .frame_capacity = 8,
					    .owner = world_frames(world),
					    .flush = flush ? on_flush : NULL,
					    .context = live };
	live->op.frames = world_frames(world);
	live->op.gather = &live->gather;
	live->op.mode = PAGING_TELL;
	live->op.visitor = world_hear;
	live->op.context = world;
	world->told.count = 0;
}

static void must(enum paging_status status, const char *what)
{
	REQUIRE(status == PAGING_OK, "%s: %s", what, status_name(status));
}

static void live_end(struct live *live)
{
	live->entry = 0;
	tlb_gather_finish(&live->gather);
	world_resync(live->world);
	world_check(live->world);
}

/* The shortcut for whole tables is not taken, and each page is shown, whatever the gather. */
FORMAT_TEST(tell, whole_tables_are_looked_into)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	uint64_t pages = 2 * span / granule;
	virt_addr virt = addr_align_down(format_middle(format), 4 * span);
	struct world world;
	struct live live;

	for (unsigned int way = 0; way < 3; way++) {
		enum paging_status status;

		if (pages > 1024)
			return;
		world_open(&world, format, MEMORY_BY_OFFSET);
		map_leaves(&world, virt, granule, pages, granule);
		world_touch(&world, virt + 7 * granule, true);
		world_touch(&world, virt + span + 9 * granule, true);
		world_resync(&world);
		live_begin(&live, &world, way == 1);
		live.op.gather = way == 2 ? NULL : &live.gather;
		live.op.mode |= way == 1 ? PAGING_SKIP_HOLES : 0;
		status = page_table_unmap(&world.table, virt, 2 * span, &live.op);
		must(status, "unmap");
		require_told(&world, pages, 2);
		REQUIRE(model_same_translation(&world.told, &world.model), "not as they were");
		live_end(&live);
		REQUIRE(world.model.count == 0, "%zu leaves are left", world.model.count);
		world_close(&world);
	}
}

FORMAT_TEST(tell, a_cursor_shows_the_leaf_that_it_unmaps)
{
	static const size_t dirty[LEAVES] = { 0, 0, 1 };
	uint64_t size = large_leaf(format);
	struct page_cursor cursor;
	struct world world;
	struct live live;
	virt_addr virt;

	for (; size != 0; size = format_next_smaller_leaf(format, size)) {
		world_open(&world, format, MEMORY_BY_HOOK);
		virt = furnish(&world, size);
		live_begin(&live, &world, true);
		must(page_cursor_open(&cursor, &world.table, virt, &live.op), "open");
		live.op.visitor = NULL;
		REQUIRE(page_cursor_unmap(&cursor) == PAGING_BAD_ARGUMENT &&
				live.op.conflict == virt && live.op.conflict_size == 0,
			"told to nobody");
		live.op.visitor = world_hear;
		for (unsigned int i = 0; i < LEAVES; i++) {
			world.told.count = 0;
			must(page_cursor_unmap(&cursor), "unmap");
			require_told(&world, 1, dirty[i]);
			REQUIRE(world.told.leaves[0].virt == virt + i * size &&
					world.told.leaves[0].size == size &&
					page_flags_equal(world.told.leaves[0].flags,
							 world.model.leaves[i].flags),
				"leaf %u is not as it was", i);
		}
		page_cursor_close(&cursor);
		live_end(&live);
		REQUIRE(world.model.count == 0, "%zu leaves are left", world.model.count);
		world_close(&world);
	}
}

/* Each page gives way to another. */
FORMAT_TEST(tell, replacing_shows_what_gives_way)
{
	uint64_t granule = format_granule(format);
	struct world world;
	struct live live;
	virt_addr virt;

	for (unsigned int way = 0; way < 2; way++) {
		world_open(&world, format, MEMORY_BY_OFFSET);
		virt = furnish(&world, granule);
		live_begin(&live, &world, true);
		live.op.gather = way == 0 ? NULL : &live.gather;
		live.op.mode |= PAGING_REPLACE;
		must(page_table_map(&world.table, virt - granule, 0, (LEAVES + 2) * granule,
				    format_plain_flags(), &live.op),
		     "replace");
		require_told(&world, LEAVES, 1);
		REQUIRE(model_same_translation(&world.told, &world.model), "not as they were");
		live_end(&live);
		world_close(&world);
	}
}

/* A page in the middle of a large leaf, which is dirty: it alone is shown, in a page's size; of a
 * group that gives way, each leaf. */
FORMAT_TEST(tell, replacing_a_part_shows_the_part)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	struct world world;
	struct live live;
	virt_addr virt;

	for (; size > granule; size = format_next_smaller_leaf(format, size)) {
		virt_addr at;

		if (!affordable(format, size))
			continue;
		world_open(&world, format, MEMORY_BY_OFFSET);
		virt = furnish(&world, size);
		at = virt + 2 * size + size / 2 - granule;
		live_begin(&live, &world, true);
		live.op.mode |= PAGING_REPLACE;
		must(page_table_map(&world.table, at, 0, granule, format_plain_flags(), &live.op),
		     "replace");
		require_told(&world, 1, 1);
		REQUIRE(world.told.leaves[0].virt == at && world.told.leaves[0].size == granule,
			"0x%" PRIx64 "+0x%" PRIx64 " is told of", world.told.leaves[0].virt,
			world.told.leaves[0].size);
		live_end(&live);
		world_close(&world);
	}
}

static enum paging_status replace_table(struct live *live, virt_addr virt)
{
	uint64_t span = live->world->format->level_size[1];

	live->op.mode |= PAGING_REPLACE;
	live->op.leaf_sizes = span;
	return page_table_map(&live->world->table, virt, 0, span, format_plain_flags(), &live->op);
}

/* A leaf takes the place of a table: what is in it is shown as it is when it has been flushed, and
 * a group as one. */
FORMAT_TEST(tell, a_table_that_gives_way_is_flushed_first)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = addr_align_down(format_middle(format), 4 * span);
	uint64_t size = format->group_size[0];
	struct world world;
	struct live live;

	if (!format_has_leaf(format, span) || span / granule > 512)
		return;
	if (size == 0 || !format_has_leaf(format, size))
		size = granule;
	for (unsigned int way = 0; way < 3; way++) {
		enum paging_status status;

		world_open(&world, format, MEMORY_BY_HOOK);
		map_leaves(&world, virt, size, LEAVES, size);
		mark_leaves(&world);
		live_begin(&live, &world, way != 1);
		live.op.gather = way == 2 ? NULL : &live.gather;
		live.entry = world_translate(&world, virt, world_accesses[0]).entry;
		status = replace_table(&live, virt);
		REQUIRE(world.memory->held == 0, "%u tables are mapped", world.memory->held);
		if (way == 1) {
			REQUIRE(status == PAGING_NEEDS_FLUSH, "%s", status_name(status));
			REQUIRE(live.op.conflict == virt && live.op.conflict_size == span,
				"0x%" PRIx64 " is in the way", live.op.conflict);
			require_told(&world, 0, 0);
			live.op.mode |= PAGING_RESUMABLE;
			REQUIRE(replace_table(&live, virt) == PAGING_NEEDS_FLUSH, "not resumable");
			require_told(&world, 0, 0);
			world_check(&world);
			world_close(&world);
			continue;
		}
		must(status, "replace");
		require_told(&world, LEAVES, way == 0 ? 2 : 1);
		for (unsigned int i = 0; i < LEAVES; i++)
			REQUIRE(world.told.leaves[i].virt == virt + i * size &&
					world.told.leaves[i].size == size &&
					world.told.leaves[i].phys == world.model.leaves[i].phys,
				"leaf %u is not as it was", i);
		live_end(&live);
		world_close(&world);
	}
}

/* A flush that a table takes is not forgotten over a leaf behind it that takes none, whole or in
 * part; nor is a leaf before it replaced. */
FORMAT_TEST(tell, a_table_beside_a_leaf_takes_a_flush)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = addr_align_down(format_middle(format), 4 * span);
	struct world world;
	struct live live;

	if (!format_has_leaf(format, span) || span / granule > 512)
		return;
	for (uint64_t part = span; part >= span / 2; part /= 2) {
		enum paging_status status;

		world_open(&world, format, MEMORY_BY_OFFSET);
		map_leaves(&world, virt, granule, LEAVES, granule);
		map_leaves(&world, virt + span, span, 1, span);
		live_begin(&live, &world, false);
		live.op.mode |= PAGING_REPLACE;
		status = page_table_map(&world.table, virt, 0, span + part, format_plain_flags(),
					&live.op);
		REQUIRE(status == PAGING_NEEDS_FLUSH && live.op.conflict == virt &&
				live.op.conflict_size == span,
			"%s, 0x%" PRIx64 "+0x%" PRIx64, status_name(status), live.op.conflict,
			live.op.conflict_size);
		require_told(&world, 0, 0);
		world_check(&world);
		world_close(&world);
	}
	world_open(&world, format, MEMORY_BY_OFFSET);
	map_leaves(&world, virt, span, 1, span);
	map_leaves(&world, virt + span, granule, LEAVES, granule);
	live_begin(&live, &world, false);
	live.op.mode |= PAGING_REPLACE;
	REQUIRE(page_table_map(&world.table, virt, 0, 2 * span, format_plain_flags(), &live.op) ==
			PAGING_NEEDS_FLUSH,
		"the leaf before it");
	world_check(&world);
	world_close(&world);
}

/* A group of which hardware has written to one page, through any of its descriptors. */
FORMAT_TEST(tell, a_group_is_dirty_by_any_of_its_leaves)
{
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t piece = format->level_size[level], size = format->group_size[level];
		virt_addr virt =
			addr_align_down(format_middle(format), size == 0 ? 1 : size) + size;

		if (!format_has_leaf(format, size))
			continue;
		for (uint64_t n = 0; n < size / piece; n += n == 1 ? size / piece - 2 : 1) {
			for (unsigned int way = 0; way < 2; way++) {
				struct world world;
				struct live live;

				world_open(&world, format, MEMORY_BY_OFFSET);
				map_leaves(&world, virt, size, 1, size);
				world_touch(&world, virt + n * piece, true);
				world_resync(&world);
				live_begin(&live, &world, true);
				live.op.gather = way == 0 ? NULL : &live.gather;
				must(page_table_unmap(&world.table, virt, size, &live.op), "unmap");
				require_told(&world, 1, 1);
				REQUIRE(model_same_translation(&world.told, &world.model),
					"not as it was");
				live_end(&live);
				world_close(&world);
			}
		}
	}
}
