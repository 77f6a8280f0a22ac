/* SPDX-License-Identifier: MIT */
/* Calls of a cursor (twofold/page_cursor.h) as the dice fall, each against the model. */
#include <inttypes.h>
#include <string.h>

#include <twofold/page_cursor.h>

#include "require.h"
#include "trial.h"

#define CALLS      40
#define LEAVES_MAX 600

struct run {
	struct trial *trial;
	struct world *world;
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
	return dice_below(&run->trial->dice, bound);
}

/* Past [virt, virt + size), as the cursor must go. */
static void pass(struct run *run, virt_addr virt, uint64_t size)
{
	struct input_range ranges[2];
	unsigned int count = format_ranges(run->world->format, ranges);

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

static void do_query(struct run *run)
{
	struct page_mapping mapping, expected;
	enum paging_status status = page_cursor_query(&run->cursor, &mapping);

	if (run->ended) {
		require_status(status, PAGING_INPUT_RANGE, "query past the end");
		return;
	}
	require_status(status, page_table_query(&run->world->table, run->at, &expected), "query");
	REQUIRE(mapping.virt == expected.virt && mapping.phys == expected.phys &&
			mapping.size == expected.size &&
			mapping.annotation == expected.annotation &&
			page_flags_equal(mapping.flags, expected.flags),
		"the cursor sees 0x%" PRIx64 "+0x%" PRIx64 ", query 0x%" PRIx64 "+0x%" PRIx64,
		mapping.virt, mapping.size, expected.virt, expected.size);
}

/* The leaf, annotated entry or hole at the cursor, by the model. */
static const struct model_leaf *here(struct run *run, virt_addr *start, uint64_t *size)
{
	const struct model_leaf *leaf = model_find(&run->world->model, run->at);

	if (leaf != NULL) {
		*start = leaf->virt;
		*size = leaf->size;
	} else {
		model_hole(&run->world->model, run->at, start, size);
	}
	return leaf;
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
		(void)page_table_query(&run->world->table, run->at, &mapping);
		REQUIRE(mapping.size <= size, "a hole that is too large");
		pass(run, mapping.virt, mapping.size);
	}
	require_status(status, run->ended ? PAGING_INPUT_RANGE : PAGING_OK, "next");
}

static void seek(struct run *run, virt_addr to)
{
	bool good = format_has_input(run->world->format, to);

	require_status(page_cursor_seek(&run->cursor, to), good ? PAGING_OK : PAGING_INPUT_RANGE,
		       "seek");
	if (!good)
		return;
	run->at = to;
	run->ended = false;
}

/* Whether a leaf of `size` cannot stand at `virt`: something is mapped there, or there is a table.
 * One that the cursor has emptied goes when a leaf takes its place. */
static bool is_taken(const struct run *run, virt_addr virt, uint64_t size)
{
	const struct format_case *format = run->world->format;
	const struct model *model = &run->world->model;
	uint64_t piece = format_is_group(format, size) ? format_split_leaf(format, size) : size;

	for (uint64_t at = 0; at < size; at += piece) {
		const struct model_leaf *leaf = model_find(model, virt + at);

		if ((leaf != NULL && leaf->note == 0) || model_has_table(model, virt + at, piece))
			return true;
	}
	return false;
}

/* What is wrong with mapping that, whatever the table has; PAGING_OK: nothing. */
static enum paging_status wrong_with(const struct format_case *format, const struct model_op *what)
{
	if (!format_has_leaf(format, what->size))
		return PAGING_BAD_SIZE;
	if (!addr_is_aligned(what->virt | what->phys, what->size))
		return PAGING_UNALIGNED;
	if (what->phys > format_output_last(format) ||
	    what->size - 1 > format_output_last(format) - what->phys)
		return PAGING_OUTPUT_RANGE;
	return format->expressible(format, what->flags) ? PAGING_OK : PAGING_BAD_FLAGS;
}

static struct model_op some_map(struct run *run)
{
	const struct format_case *format = run->world->format;
	struct model_op what = { .kind = MODEL_MAP, .size = format_granule(format) };

	if (below(run, 2) != 0)
		what.size = UINT64_C(1) << below(run, 40);
	if (below(run, 3) != 0 && !run->ended && format_has_leaf(format, what.size))
		seek(run, addr_align_down(run->at, what.size));
	what.virt = run->at;
	what.phys = addr_align_down(trial_phys(run->trial, what.virt), what.size);
	if (below(run, 8) == 0)
		what.phys += format_granule(format);
	what.flags = trial_flags(run->trial);
	return what;
}

static void do_map(struct run *run)
{
	const struct format_case *format = run->world->format;
	struct model_op what = some_map(run);
	enum paging_status wrong = wrong_with(format, &what);
	bool taken = !run->ended && wrong == PAGING_OK && is_taken(run, what.virt, what.size);
	enum paging_status status = page_cursor_map(&run->cursor, what.phys, what.size, what.flags);

	if (run->ended) {
		require_status(status, PAGING_INPUT_RANGE, "map past the end");
		return;
	}
	if (status == PAGING_NO_MEMORY || wrong != PAGING_OK)
		REQUIRE(run->op.conflict == what.virt && run->op.conflict_size == 0,
			"conflict 0x%" PRIx64 "+0x%" PRIx64 " at 0x%" PRIx64, run->op.conflict,
			run->op.conflict_size, what.virt);
	if (status == PAGING_NO_MEMORY) {
		REQUIRE(run->world->memory->failures != 0 && wrong == PAGING_OK,
			"memory was not short");
		return;
	}
	if (wrong == PAGING_OK && taken)
		wrong = PAGING_ALREADY_MAPPED;
	require_status(status, wrong, "map");
	if (status == PAGING_OK) {
		model_apply(&run->world->model, &what, what.size);
		pass(run, what.virt, what.size);
	} else if (taken && what.size == format_granule(format)) {
		const struct model_leaf *leaf = model_find(&run->world->model, what.virt);

		REQUIRE(leaf != NULL && run->op.conflict == leaf->virt &&
				run->op.conflict_size == leaf->size,
			"conflict 0x%" PRIx64 "+0x%" PRIx64, run->op.conflict,
			run->op.conflict_size);
	}
}

/* What the cursor tells of is the leaf that it unmaps. */
static void require_told(const struct run *run, const struct model_leaf *leaf)
{
	const struct model *told = &run->world->told;

	if (leaf == NULL || (run->op.mode & PAGING_TELL) == 0) {
		REQUIRE(told->count == 0, "%zu leaves are told of", told->count);
		return;
	}
	REQUIRE(told->count == 1 && told->leaves[0].virt == leaf->virt &&
			told->leaves[0].phys == leaf->phys && told->leaves[0].size == leaf->size &&
			page_flags_equal(told->leaves[0].flags, leaf->flags),
		"%zu leaves are told of, not the one at 0x%" PRIx64, told->count, leaf->virt);
}

static enum paging_status change(struct run *run, const struct model_op *what)
{
	if (what->kind == MODEL_PROTECT)
		return page_cursor_protect(&run->cursor, what->flags);
	run->world->told.count = 0;
	run->op.mode = what->mode;
	run->op.annotation = what->note;
	return page_cursor_unmap(&run->cursor);
}

static struct model_op some_change(struct run *run, bool unmap)
{
	struct model_op what = { .kind = unmap ? MODEL_UNMAP : MODEL_PROTECT };

	what.flags = trial_flags(run->trial);
	what.flags.idle = what.flags.dirty = 0;
	what.mode = below(run, 2) != 0 ? PAGING_TELL : 0;
	if (unmap && below(run, 4) == 0)
		what.note = below(run, 8) == 0 ? UINT64_C(1) << PAGE_ANNOTATION_BITS : 3;
	return what;
}

static void do_change(struct run *run, bool unmap)
{
	const struct format_case *format = run->world->format;
	struct model_op what = some_change(run, unmap);
	enum paging_status status = change(run, &what);
	const struct model_leaf *leaf = NULL;
	bool wrong = unmap ? what.note >> PAGE_ANNOTATION_BITS != 0
			   : !format->expressible(format, what.flags);

	if (run->ended) {
		require_status(status, PAGING_INPUT_RANGE, "a change past the end");
		return;
	}
	if (wrong) {
		require_status(status, PAGING_BAD_FLAGS, "a change to what there is not");
		REQUIRE(run->op.conflict == run->at && run->op.conflict_size == 0,
			"conflict 0x%" PRIx64 "+0x%" PRIx64, run->op.conflict,
			run->op.conflict_size);
		return;
	}
	leaf = here(run, &what.virt, &what.size);
	if (leaf == NULL || leaf->note != 0) {
		require_status(status, PAGING_NOT_MAPPED, "a change of nothing");
		REQUIRE(run->op.conflict <= run->at && run->op.conflict_size <= what.size,
			"conflict 0x%" PRIx64 "+0x%" PRIx64, run->op.conflict,
			run->op.conflict_size);
		if (unmap)
			require_told(run, NULL);
		return;
	}
	require_status(status, PAGING_OK, unmap ? "unmap" : "protect");
	if (unmap)
		require_told(run, leaf);
	model_apply(&run->world->model, &what, what.size);
	pass(run, what.virt, what.size);
}

static void one_call(struct run *run)
{
	if (below(run, 8) == 0)
		memory_fail_at(run->world->memory, 1 + below(run, 3), true);
	switch (below(run, 8)) {
	case 0:
		do_next(run);
		break;
	case 1:
		seek(run, trial_virt(run->trial));
		break;
	case 2:
	case 3:
		do_change(run, run->world->model.count > LEAVES_MAX || below(run, 3) != 0);
		break;
	default:
		if (run->world->model.count > LEAVES_MAX)
			do_change(run, true);
		else
			do_map(run);
		break;
	}
	memory_fail_at(run->world->memory, 0, false);
	do_query(run);
}

void trial_cursor(struct trial *trial)
{
	struct world *world = &trial->world;
	struct run run = { .trial = trial, .world = world };
	uint64_t calls;
	bool good;

	run.gather = (struct tlb_gather){ .ranges = run.ranges,
					  .range_capacity = 4,
					  .frames = run.frames,
					  .frame_capacity = 8,
					  .owner = world_frames(world),
					  .flush = flush_nothing };
	run.op.frames = world_frames(world);
	run.op.gather = below(&run, 2) != 0 ? &run.gather : NULL;
	run.op.visitor = world_hear;
	run.op.context = world;
	run.at = trial_virt(trial);
	good = format_has_input(world->format, run.at);
	require_story("cursor at 0x%" PRIx64, run.at);
	require_status(page_cursor_open(&run.cursor, &world->table, run.at, &run.op),
		       good ? PAGING_OK : PAGING_INPUT_RANGE, "open");
	if (!good)
		return;
	calls = 1 + below(&run, CALLS);
	for (uint64_t i = 0; i < calls; i++)
		one_call(&run);
	page_cursor_close(&run.cursor);
	REQUIRE(world->memory->held == 0, "%u tables are still mapped", world->memory->held);
	tlb_gather_finish(&run.gather);
	world_check(world);
}
