/* SPDX-License-Identifier: MIT */
/* Cursors (twofold/page_cursor.h): against the model, call by call, and what they cost. */
#include "suite.h"

#include <inttypes.h>
#include <string.h>

#include <twofold/page_cursor.h>

#include "checked.h"
#include "flushing.h"
#include "require.h"
#include "trial.h"

#define ROUNDS 24

struct run {
	struct world world;
	struct page_cursor cursor;
	struct page_table_op op;
	struct tlb_gather gather;
	struct tlb_range ranges[4];
	struct frame frames[8];
	virt_addr at;
	unsigned int flushes; /* before a leaf took the place of a table */
};

/* Nothing may be mapped there yet. */
static void flush_before_the_leaf(const struct tlb_gather *gather, void *context)
{
	struct run *run = context;
	struct page_mapping mapping;

	REQUIRE(gather->range_count != 0 && gather->frame_count != 0, "a page and its tables went");
	REQUIRE(page_table_query(&run->world.table, run->at, &mapping) == PAGING_NOT_MAPPED,
		"the leaf is there before the flush");
	run->flushes++;
}

static void flush_nothing(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
}

static void require_status(enum paging_status status, enum paging_status expected, const char *what)
{
	REQUIRE(status == expected, "%s: %s, expected %s", what, status_name(status),
		status_name(expected));
}

FORMAT_TEST(cursor, does_what_the_model_does)
{
	static struct trial trial;

	trial.dice = (struct dice){ .state = 5 };
	world_open(&trial.world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < ROUNDS; i++)
		trial_cursor(&trial);
	world_close(&trial.world);
}

/* One page, and a cursor on it whose gather is the run's. */
static void open_on_a_page(struct run *run, const struct format_case *format, virt_addr at)
{
	world_open(&run->world, format, MEMORY_BY_OFFSET);
	world_map(&run->world, at, 0, format_granule(format));
	run->gather = (struct tlb_gather){ .ranges = run->ranges,
					   .range_capacity = 4,
					   .frames = run->frames,
					   .owner = world_frames(&run->world) };
	run->op = (struct page_table_op){ .frames = world_frames(&run->world),
					  .gather = &run->gather };
	require_status(page_cursor_open(&run->cursor, &run->world.table, at, &run->op), PAGING_OK,
		       "open");
}

FORMAT_TEST(cursor, keeps_the_last_page_while_its_table_has_nowhere_to_go)
{
	virt_addr at =
		format_middle(format) + 3 * format->level_size[1] + 5 * format_granule(format);
	uint64_t tables;
	static struct run run;

	open_on_a_page(&run, format, at);
	tables = run.world.table.tables;
	run.gather.frame_capacity = tables - 2;
	require_status(page_cursor_unmap(&run.cursor), PAGING_GATHER_FULL, "unmap");
	REQUIRE(run.op.conflict == at && run.op.conflict_size == format_granule(format),
		"conflict 0x%" PRIx64 "+0x%" PRIx64, run.op.conflict, run.op.conflict_size);
	world_check(&run.world);
	run.gather.frame_capacity = tables - 1;
	require_status(page_cursor_unmap(&run.cursor), PAGING_OK, "unmap");
	REQUIRE(run.gather.range_count == 1 && run.ranges[0].start == at &&
			run.ranges[0].last == at + format_granule(format) - 1 &&
			run.ranges[0].leaf_size == format_granule(format) && !run.ranges[0].tables,
		"%zu ranges, from 0x%" PRIx64, run.gather.range_count, run.ranges[0].start);
	page_cursor_close(&run.cursor);
	REQUIRE(run.gather.frame_count == tables - 1, "%zu frames", run.gather.frame_count);
	REQUIRE(run.gather.range_count > 1 && run.ranges[1].tables, "no table is flushed");
	REQUIRE(run.ranges[1].start == addr_align_down(at, format->level_size[1]) &&
			run.ranges[1].last == run.ranges[1].start + format->level_size[1] - 1,
		"of the table, 0x%" PRIx64 " to 0x%" PRIx64, run.ranges[1].start,
		run.ranges[1].last);
	tlb_gather_finish(&run.gather);
	run.world.model.count = 0;
	world_check(&run.world);
	world_close(&run.world);
}

/* With room for one table, and a flush when it takes more, all of them go. */
FORMAT_TEST(cursor, flushes_for_each_table_that_goes)
{
	static struct run run;

	open_on_a_page(&run, format, format_middle(format));
	run.gather.frame_capacity = 1;
	run.gather.flush = flush_nothing;
	require_status(page_cursor_unmap(&run.cursor), PAGING_OK, "unmap");
	page_cursor_close(&run.cursor);
	tlb_gather_finish(&run.gather);
	REQUIRE(run.world.table.tables == 1, "%" PRIu64 " tables", run.world.table.tables);
	run.world.model.count = 0;
	world_check(&run.world);
	world_close(&run.world);
}

static void replace_an_emptied_table(const struct format_case *format, bool can_flush)
{
	virt_addr at = addr_align_down(format_middle(format), format_largest_leaf(format));
	struct model_op what = { .kind = MODEL_MAP, .virt = at };
	uint64_t tables;
	bool breaks;
	static struct run run;

	what.size = format_largest_leaf(format);
	what.flags = format_plain_flags();
	what.leaf_sizes = format_leaf_cap(format, what.size);
	open_on_a_page(&run, format, at);
	tables = run.world.table.tables;
	breaks = format->break_flags != NULL && what.size != format_granule(format) && tables > 1;
	run.at = at;
	run.flushes = 0;
	run.gather.frame_capacity = 8;
	run.gather.context = &run;
	require_status(page_cursor_unmap(&run.cursor), PAGING_OK, "unmap");
	require_status(page_cursor_seek(&run.cursor, at), PAGING_OK, "seek");
	if (breaks && !can_flush) {
		require_status(page_cursor_map(&run.cursor, 0, what.size, what.flags),
			       PAGING_NEEDS_FLUSH, "without a flush");
		REQUIRE(run.gather.range_count != 0, "the gather has been emptied");
		tlb_gather_finish(&run.gather); /* as after a flush of the caller's */
	}
	run.gather.flush = can_flush ? flush_before_the_leaf : NULL;
	require_status(page_cursor_map(&run.cursor, 0, what.size, what.flags), PAGING_OK, "map");
	REQUIRE(run.flushes == (breaks && can_flush ? 1 : 0), "%u flushes", run.flushes);
	run.gather.flush = NULL;
	page_cursor_close(&run.cursor);
	tlb_gather_finish(&run.gather);
	run.world.model.count = 0;
	model_apply(&run.world.model, &what, what.size);
	REQUIRE(run.world.table.tables <= tables, "%" PRIu64 " tables", run.world.table.tables);
	world_check(&run.world);
	world_close(&run.world);
}

FORMAT_TEST(cursor, puts_a_larger_leaf_where_it_has_emptied_a_table)
{
	replace_an_emptied_table(format, true);
	replace_an_emptied_table(format, false);
}

FORMAT_TEST(cursor, leaves_the_annotation_that_unmap_is_told_to)
{
	virt_addr at = format_middle(format);
	struct page_mapping mapping;
	static struct run run;

	open_on_a_page(&run, format, at);
	run.op.annotation = UINT64_C(1) << PAGE_ANNOTATION_BITS;
	require_status(page_cursor_unmap(&run.cursor), PAGING_BAD_FLAGS, "one bit too many");
	run.op.annotation = 7;
	require_status(page_cursor_unmap(&run.cursor), PAGING_OK, "unmap");
	page_cursor_close(&run.cursor);
	require_status(page_table_query(&run.world.table, at, &mapping), PAGING_NOT_MAPPED,
		       "query");
	REQUIRE(mapping.annotation == 7 && mapping.size == format_granule(format),
		"annotation %" PRIu64, mapping.annotation);
	REQUIRE(run.gather.frame_count == 0, "a table went");
	tlb_gather_finish(&run.gather);
	world_close(&run.world);
}

FORMAT_TEST(cursor, does_not_break_what_cannot_be_flushed)
{
	virt_addr at = format_middle(format);
	struct page_flags flags = format_plain_flags();
	static struct run run;

	flags.type = MEMORY_DEVICE;
	if (!format->expressible(format, flags) || format->break_flags == NULL ||
	    !format->break_flags(format_plain_flags(), flags))
		return;
	open_on_a_page(&run, format, at);
	require_status(page_cursor_protect(&run.cursor, flags), PAGING_NEEDS_FLUSH, "protect");
	world_check(&run.world);
	run.gather.flush = flush_nothing;
	run.gather.frame_capacity = 1;
	require_status(page_cursor_protect(&run.cursor, flags), PAGING_OK, "protect");
	page_cursor_close(&run.cursor);
	world_resync(&run.world);
	REQUIRE(run.world.model.leaves[0].flags.type == MEMORY_DEVICE, "it did not change");
	world_check(&run.world);
	world_close(&run.world);
}

FORMAT_TEST(cursor, opens_only_where_an_address_is_and_a_table_can_go)
{
	struct page_table_op op = { 0 };
	struct page_cursor cursor;
	struct world world;
	virt_addr outside = format->inputs == INPUTS_HIGH ? 0 : format_first_range(format).last + 1;

	world_open(&world, format, MEMORY_BY_HOOK);
	require_status(page_cursor_open(&cursor, &world.table, format_middle(format), &op),
		       PAGING_BAD_ARGUMENT, "neither frames nor gather");
	op.frames = world_frames(&world);
	require_status(page_cursor_open(&cursor, &world.table, outside, &op), PAGING_INPUT_RANGE,
		       "outside");
	require_status(page_cursor_open(&cursor, &world.table, format_middle(format), &op),
		       PAGING_OK, "open");
	require_status(page_cursor_seek(&cursor, outside), PAGING_INPUT_RANGE, "seek outside");
	page_cursor_close(&cursor);
	REQUIRE(world.memory->held == 0, "%u tables are still mapped", world.memory->held);
	world_close(&world);
}

/* A leaf, or a page in a table, where one of a group's leaves was to be: it is named, and nothing
 * has changed. */
static void group_over(const struct format_case *format, unsigned int level, uint64_t n, bool table)
{
	uint64_t piece = format->level_size[level], size = format->group_size[level];
	virt_addr at = addr_align_down(format_middle(format), size) + size;
	struct page_cursor cursor;
	struct world world;
	struct page_table_op op = { .mode = 0 };

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, at + n * piece, 0, table ? format_granule(format) : piece);
	require_status(page_cursor_open(&cursor, &world.table, at, &op), PAGING_OK, "open");
	require_status(page_cursor_map(&cursor, 0, size, format_plain_flags()),
		       PAGING_ALREADY_MAPPED, "map");
	page_cursor_close(&cursor);
	REQUIRE(op.conflict == at + n * piece && op.conflict_size == piece,
		"conflict 0x%" PRIx64 "+0x%" PRIx64, op.conflict, op.conflict_size);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(cursor, names_what_is_in_the_way_of_a_group)
{
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t piece = format->level_size[level], size = format->group_size[level];

		if (size == 0 || !format_has_leaf(format, size))
			continue;
		for (uint64_t n = 0; n < size / piece; n += n == 1 ? size / piece - 2 : 1) {
			if (format_has_leaf(format, piece))
				group_over(format, level, n, false);
			if (level != 0)
				group_over(format, level, n, true);
		}
	}
}

/* What a cursor changes is asked for; what it finds as it is to be is not. */
FORMAT_TEST(cursor, gathers_what_it_protects)
{
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		virt_addr at = addr_align_down(format_middle(format), size);
		struct page_flags flags = format_plain_flags();
		struct page_cursor cursor;
		struct flushing f;
		struct world world;
		struct page_table_op op = { .mode = 0 };
		bool group = format_is_group(format, size);

		world_open(&world, format, MEMORY_BY_OFFSET);
		world_map(&world, at, 0, size);
		flushing_init(&f, &world);
		op.frames = world_frames(&world);
		op.gather = &f.gather;
		flags.write = 0;
		for (unsigned int i = 0; i < 2; i++) {
			require_status(page_cursor_open(&cursor, &world.table, at, &op), PAGING_OK,
				       "open");
			require_status(page_cursor_protect(&cursor, flags), PAGING_OK, "protect");
			page_cursor_close(&cursor);
			/* A group has been flushed meanwhile. */
			REQUIRE(f.flushes == (group ? 1 : i), "%u flushes", f.flushes);
			REQUIRE(f.gather.range_count == (i == 0 && !group ? 1 : 0), "%zu ranges",
				f.gather.range_count);
			if (i == 0 && !group)
				REQUIRE(f.ranges[0].start == at &&
						f.ranges[0].last == at + size - 1 &&
						f.ranges[0].leaf_size == size,
					"0x%" PRIx64 " to 0x%" PRIx64, f.ranges[0].start,
					f.ranges[0].last);
			if (!group)
				tlb_gather_finish(&f.gather);
			REQUIRE(!world_query(&world, at).flags.write, "it is writable");
		}
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}

/* A table that others left empty is none of the cursor's business, which passes through it. */
FORMAT_TEST(cursor, leaves_the_empty_tables_of_others)
{
	virt_addr at = format_middle(format);
	struct page_table_op op = { .mode = 0 };
	struct memory_snapshot *before;
	struct page_mapping mapping;
	struct page_cursor cursor;
	phys_addr slot;
	uint64_t page;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, at, 0, format_granule(format));
	slot = entry_at(&world, at, 0);
	page = entry_read(&world, slot);
	entry_write(&world, slot, 0);
	before = memory_snapshot_take(world.memory);
	require_status(page_cursor_open(&cursor, &world.table, at, &op), PAGING_OK, "open");
	require_status(page_cursor_query(&cursor, &mapping), PAGING_NOT_MAPPED, "query");
	require_status(page_cursor_seek(&cursor, at + 5 * format->level_size[1]), PAGING_OK,
		       "seek");
	require_status(page_cursor_query(&cursor, &mapping), PAGING_NOT_MAPPED, "query");
	page_cursor_close(&cursor);
	memory_snapshot_require(world.memory, before);
	memory_snapshot_drop(before);
	entry_write(&world, slot, page);
	world_check(&world);
	world_close(&world);
}

/* The same after the cursor has changed another table of that level. */
FORMAT_TEST(cursor, leaves_them_after_tables_of_its_own)
{
	uint64_t granule = format_granule(format);

	for (unsigned int level = 0; level + 1 < format->levels; level++) {
		virt_addr at = format_middle(format), beside = at + format->level_size[level];
		virt_addr other = at + format->level_size[level + 1];
		struct page_table_op op = { .mode = 0 };
		struct page_mapping mapping;
		struct page_cursor cursor;
		phys_addr slot;
		uint64_t entry, tables;
		struct world world;

		world_open(&world, format, MEMORY_BY_OFFSET);
		op.frames = world_frames(&world);
		world_map(&world, at, 0, granule);
		world_map(&world, beside, 0, granule);
		world_map(&world, other, 0, granule);
		slot = entry_at(&world, other, level);
		entry = entry_read(&world, slot);
		entry_write(&world, slot, 0);
		tables = world.table.tables - level; /* those below are emptied */
		require_status(page_cursor_open(&cursor, &world.table, at, &op), PAGING_OK, "open");
		require_status(page_cursor_unmap(&cursor), PAGING_OK, "unmap");
		require_status(page_cursor_seek(&cursor, other), PAGING_OK, "seek");
		require_status(page_cursor_query(&cursor, &mapping), PAGING_NOT_MAPPED, "query");
		require_status(page_cursor_seek(&cursor, beside), PAGING_OK, "seek");
		require_status(page_cursor_query(&cursor, &mapping), PAGING_OK, "query");
		page_cursor_close(&cursor);
		REQUIRE(world.table.tables == tables && entry_at(&world, other, level) == slot,
			"level %u: the table is gone", level);
		entry_write(&world, slot, entry);
		world_resync(&world);
		REQUIRE(world.model.count == 2, "%zu leaves", world.model.count);
		world_check(&world);
		world_close(&world);
	}
}

/* The root's entries are one group; with a bit less to translate it would be larger than the root
 * (errors_aarch64.c). */
Test(cursor, a_group_that_is_all_there_is, .timeout = SUITE_TIMEOUT)
{
	struct format_case format = *format_case_named("s1-16k-38-groups");
	struct page_cursor cursor;
	struct page_mapping mapping;
	struct world world;

	format.config.input_bits = 30;
	format.config.features = 0;
	format.inputs = INPUTS_LOW;
	format.levels = 2;
	format.root_bytes = 32 * sizeof(uint64_t);
	world_open(&world, &format, MEMORY_BY_OFFSET);
	require_status(page_cursor_open(&cursor, &world.table, 0,
					&(struct page_table_op){ .frames = world_frames(&world) }),
		       PAGING_OK, "open");
	require_status(page_cursor_map(&cursor, PAGE_SIZE_1G, PAGE_SIZE_1G, format_plain_flags()),
		       PAGING_OK, "map");
	page_cursor_close(&cursor);
	require_status(page_table_query(&world.table, PAGE_SIZE_1G - 1, &mapping), PAGING_OK,
		       "query");
	REQUIRE(mapping.size == PAGE_SIZE_1G && mapping.phys == PAGE_SIZE_1G, "0x%" PRIx64,
		mapping.size);
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}
