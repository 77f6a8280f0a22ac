/* SPDX-License-Identifier: MIT */
/* Cursors (twofold/page_cursor.h): against the model, call by call, and what they cost. */
#include "suite.h"

#include <inttypes.h>
#include <string.h>

#include <twofold/page_cursor.h>

#include "require.h"
#include "rng.h"
#include "world.h"

#define ROUNDS     24
#define CALLS      40
#define LEAVES_MAX 600

struct run {
	struct world world;
	uint64_t state;
	struct page_cursor cursor;
	struct page_table_op op;
	struct tlb_gather gather;
	struct tlb_range ranges[4];
	struct frame frames[8];
	virt_addr at; /* where the cursor must be */
	bool ended;
};

static void flush_nothing(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
}

static uint64_t below(struct run *run, uint64_t bound)
{
	return rng_below(&run->state, bound);
}

/* Near leaves, near the ends, anywhere. */
static virt_addr some_place(struct run *run)
{
	const struct format_case *format = run->world.format;
	const struct model *model = &run->world.model;
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	const struct input_range *range = &ranges[below(run, count)];
	uint64_t span = format->level_size[below(run, format->levels)];

	switch (below(run, 5)) {
	case 0:
		return range->first + below(run, 3) * span;
	case 1:
		return addr_align_down(range->last, span);
	case 2:
		return range->first + (rng_next(&run->state) & (range->last - range->first));
	default:
		if (model->count == 0)
			return format_middle(format);
		return model->leaves[below(run, model->count)].virt;
	}
}

/* Past [virt, virt + size), as the cursor must go. */
static void pass(struct run *run, virt_addr virt, uint64_t size)
{
	struct input_range ranges[2];
	unsigned int count = format_ranges(run->world.format, ranges);

	for (unsigned int i = 0; i < count; i++) {
		if (virt + (size - 1) != ranges[i].last)
			continue;
		/* After the lower half the upper, and nothing after that. What follows is told by
		 * the input address without its sign. */
		if (i + 1 < count)
			run->at = ranges[i + 1].first;
		else
			run->ended = true;
		return;
	}
	run->at = virt + size;
}

static void require_status(enum paging_status status, enum paging_status expected, const char *what)
{
	REQUIRE(status == expected, "%s: %s, expected %s", what, status_name(status),
		status_name(expected));
}

/* The leaf or hole at the cursor, by the model. */
static const struct model_leaf *here(struct run *run, virt_addr *start, uint64_t *size)
{
	const struct model_leaf *leaf = model_find(&run->world.model, run->at);

	if (leaf != NULL) {
		*start = leaf->virt;
		*size = leaf->size;
	} else {
		model_hole(&run->world.model, run->at, start, size);
	}
	return leaf;
}

static void do_query(struct run *run)
{
	struct page_mapping mapping, expected;
	enum paging_status status = page_cursor_query(&run->cursor, &mapping);

	if (run->ended) {
		require_status(status, PAGING_INPUT_RANGE, "query past the end");
		return;
	}
	require_status(status, page_table_query(&run->world.table, run->at, &expected), "query");
	REQUIRE(mapping.virt == expected.virt && mapping.phys == expected.phys &&
			mapping.size == expected.size &&
			page_flags_equal(mapping.flags, expected.flags),
		"the cursor sees 0x%" PRIx64 "+0x%" PRIx64 ", query 0x%" PRIx64 "+0x%" PRIx64,
		mapping.virt, mapping.size, expected.virt, expected.size);
}

static void do_next(struct run *run)
{
	enum paging_status status = page_cursor_next(&run->cursor);
	virt_addr start;
	uint64_t size;

	if (!run->ended) {
		/* An emptied table is there until the cursor leaves it: its holes are small. */
		struct page_mapping mapping;

		(void)here(run, &start, &size);
		(void)page_table_query(&run->world.table, run->at, &mapping);
		REQUIRE(mapping.size <= size, "a hole that is too large");
		pass(run, mapping.virt, mapping.size);
	}
	require_status(status, run->ended ? PAGING_INPUT_RANGE : PAGING_OK, "next");
}

static void do_seek(struct run *run)
{
	virt_addr to = some_place(run);

	require_status(page_cursor_seek(&run->cursor, to), PAGING_OK, "seek");
	run->at = to;
	run->ended = false;
}

/* The first leaf of the model that touches [virt, virt + size), or NULL. */
static const struct model_leaf *in_the_way(struct run *run, virt_addr virt, uint64_t size)
{
	const struct model *model = &run->world.model;
	size_t index = model_index(model, virt);

	if (index == model->count || model->leaves[index].virt > virt + (size - 1))
		return NULL;
	return &model->leaves[index];
}

static bool has_table(struct run *run, virt_addr virt, uint64_t size)
{
	struct page_mapping mapping;

	return page_table_query(&run->world.table, virt, &mapping) == PAGING_NOT_MAPPED &&
	       mapping.size < size;
}

static void do_map(struct run *run)
{
	const struct format_case *format = run->world.format;
	uint64_t size = format_granule(format);
	struct model_op what = { .kind = MODEL_MAP };
	const struct model_leaf *obstacle;
	enum paging_status status;

	if (below(run, 2) != 0)
		size = UINT64_C(1) << below(run, 40);
	if (below(run, 3) != 0 && !run->ended && format_has_leaf(format, size)) {
		virt_addr start = addr_align_down(run->at, size);

		require_status(page_cursor_seek(&run->cursor, start), PAGING_OK, "seek");
		run->at = start;
	}
	what.virt = run->at;
	what.size = size;
	what.phys = addr_align_down(rng_next(&run->state) & format_output_last(format), size);
	if (below(run, 8) == 0)
		what.phys += format_granule(format);
	what.flags = format_random_flags(format, &run->state);
	status = page_cursor_map(&run->cursor, what.phys, size, what.flags);
	if (run->ended) {
		require_status(status, PAGING_INPUT_RANGE, "map past the end");
		return;
	}
	if (!format_has_leaf(format, size)) {
		require_status(status, PAGING_BAD_SIZE, "map a size that is none");
		return;
	}
	if (!addr_is_aligned(what.virt | what.phys, size)) {
		require_status(status, PAGING_UNALIGNED, "map unaligned");
		return;
	}
	if (what.phys + (size - 1) > format_output_last(format)) {
		require_status(status, PAGING_OUTPUT_RANGE, "map beyond the output width");
		return;
	}
	if (status == PAGING_NO_MEMORY) {
		REQUIRE(run->world.memory->failures != 0, "memory was not short");
		return;
	}
	obstacle = in_the_way(run, what.virt, size);
	if (obstacle == NULL && !format_is_group(format, size) && has_table(run, what.virt, size)) {
		/* The table is empty, but the cursor has not left it yet. */
		require_status(status, PAGING_ALREADY_MAPPED, "map over a table");
		return;
	}
	require_status(status, obstacle != NULL ? PAGING_ALREADY_MAPPED : PAGING_OK, "map");
	if (obstacle == NULL) {
		model_apply(&run->world.model, &what, size);
		pass(run, what.virt, size);
	} else if (format_granule(format) == size) {
		REQUIRE(run->op.conflict == obstacle->virt &&
				run->op.conflict_size == obstacle->size,
			"conflict 0x%" PRIx64 "+0x%" PRIx64, run->op.conflict,
			run->op.conflict_size);
	}
}

static void do_change(struct run *run, bool unmap)
{
	const struct format_case *format = run->world.format;
	struct model_op what = { .kind = unmap ? MODEL_UNMAP : MODEL_PROTECT };
	const struct model_leaf *leaf;
	enum paging_status status;

	what.flags = format_random_flags(format, &run->state);
	what.flags.idle = what.flags.dirty = 0;
	status = unmap ? page_cursor_unmap(&run->cursor)
		       : page_cursor_protect(&run->cursor, what.flags);
	if (run->ended) {
		require_status(status, PAGING_INPUT_RANGE, "a change past the end");
		return;
	}
	leaf = here(run, &what.virt, &what.size);
	if (leaf == NULL) {
		require_status(status, PAGING_NOT_MAPPED, "a change of nothing");
		REQUIRE(run->op.conflict <= run->at && run->op.conflict_size <= what.size,
			"conflict 0x%" PRIx64 "+0x%" PRIx64, run->op.conflict,
			run->op.conflict_size);
		return;
	}
	require_status(status, PAGING_OK, unmap ? "unmap" : "protect");
	model_apply(&run->world.model, &what, what.size);
	pass(run, what.virt, what.size);
}

static void one_call(struct run *run)
{
	if (below(run, 8) == 0)
		memory_fail_at(run->world.memory, 1 + below(run, 3), true);
	switch (below(run, 8)) {
	case 0:
		do_next(run);
		break;
	case 1:
		do_seek(run);
		break;
	case 2:
	case 3:
		if (run->world.model.count > LEAVES_MAX || below(run, 3) != 0)
			do_change(run, true);
		else
			do_change(run, false);
		break;
	default:
		do_map(run);
		break;
	}
	memory_fail_at(run->world.memory, 0, false);
	do_query(run);
}

static void one_round(struct run *run, bool live)
{
	run->gather = (struct tlb_gather){ .ranges = run->ranges,
					   .range_capacity = 4,
					   .frames = run->frames,
					   .frame_capacity = 8,
					   .owner = world_frames(&run->world),
					   .flush = flush_nothing };
	run->op = (struct page_table_op){ .frames = world_frames(&run->world) };
	run->op.gather = live ? &run->gather : NULL;
	run->at = some_place(run);
	run->ended = false;
	require_status(page_cursor_open(&run->cursor, &run->world.table, run->at, &run->op),
		       PAGING_OK, "open");
	for (unsigned int i = 0; i < CALLS; i++)
		one_call(run);
	page_cursor_close(&run->cursor);
	REQUIRE(run->world.memory->held == 0, "%u tables are still mapped",
		run->world.memory->held);
	tlb_gather_finish(&run->gather);
	world_check(&run->world);
}

FORMAT_TEST(cursor, does_what_the_model_does)
{
	static struct run run;

	run.state = 5;
	world_open(&run.world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < ROUNDS; i++)
		one_round(&run, (i & 1) != 0);
	world_close(&run.world);
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
	virt_addr at = format_middle(format);
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
	tlb_gather_finish(&run.gather);
	run.world.model.count = 0;
	world_check(&run.world);
	world_close(&run.world);
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
