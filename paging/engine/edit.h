/* SPDX-License-Identifier: MIT */
/*
 * Unmapping, protecting, splitting: what is there changes. All look first (is all of it
 * mapped, what has to be split, which tables will be empty), take the frames, and then change it
 * without fail.
 */
#ifndef PAGING_ENGINE_EDIT_H
#define PAGING_ENGINE_EDIT_H

#include "edit_plan.h"
#include "edit_protect.h"
#include "edit_runs.h"
#include "map.h"
#include "one_page.h"
#include "split.h"
#include "subtree.h"
#include "tell.h"

/* Leaves a table: takes what was removed off its count, and unlinks it if nothing is left. */
static inline void edit_leave(const struct encoder *e, struct page_table *table, struct edit *edit)
{
	struct page_cursor *c = &edit->c;
	unsigned int level = c->level;
	uint64_t *slot = c->slots[level];
	phys_addr phys = c->phys[level];
	uint64_t live;

	if (edit->removed[level] == 0) {
		cursor_ascend(table, c);
		return;
	}
	live = live_entries(e, table, c, edit->removed[level]);
	cursor_ascend(table, c);
	if (live != 0) {
		if (e->counted)
			entry_link(table, slot, e->with_count(entry_load(slot), live));
		return;
	}
	edit->removed[level + 1]++;
	unlink_table(e, table, slot, phys, level,
		     addr_align_down(c->input, level_size(e, level + 1)), edit->op);
}

/*
 * A resumable unmap with a gather that cannot flush stops before it would empty a table whose frame
 * has nowhere to go.
 */
static inline bool edit_gather_full(const struct encoder *e, const struct page_table *table,
				    const struct edit *edit, uint64_t entries)
{
	const struct tlb_gather *gather = edit->op->gather;
	unsigned int level = edit->c.level;

	if (!edit_empties(edit) || (edit->op->mode & PAGING_RESUMABLE) == 0 || !gather ||
	    gather_can_flush(gather) || level == top_level(table) ||
	    gather_room(gather) >= table->levels - 1u)
		return false;
	return live_entries(e, table, &edit->c, edit->removed[level]) == entries;
}

/* Changes the leaf, all of which is in the range, and moves to the end of it. */
static inline enum paging_status edit_leaf(const struct encoder *e, struct page_table *table,
					   struct edit *edit, uint64_t leaf)
{
	struct page_cursor *c = &edit->c;
	uint64_t span = leaf_span(e, table, c, leaf);

	if (edit_keeps_leaves(edit))
		return PAGING_OK;
	if (edit_gather_full(e, table, edit, leaf_entries(e, table, &edit->c, leaf)))
		return edit_conflict(e, table, edit, PAGING_GATHER_FULL, span);
	if (change_breaks(e, table, &edit->c, &edit->change, leaf, edit->op->gather) &&
	    gather_cannot_break(edit->op->gather))
		return edit_conflict(e, table, edit, PAGING_NEEDS_FLUSH, span);
	if (edit->change.kind == CHANGE_UNMAP) {
		leaf = leaf_remove(e, table, c, leaf, edit->change.left, edit->op->gather);
		if (edit->change.left == 0)
			edit->removed[c->level] += leaf_entries(e, table, c, leaf);
		if (op_tells(edit->op))
			tell_leaf(e, table, c, leaf, edit->op);
	} else {
		leaf_change(e, table, c, &edit->change, leaf, edit->op->gather);
	}
	edit_pass(e, edit, span);
	return PAGING_OK;
}

/* An entry that is not present; *split: it is a table now. */
static inline enum paging_status edit_hole(const struct encoder *e, struct page_table *table,
					   struct edit *edit, uint64_t d, bool *split)
{
	struct page_cursor *c = &edit->c;
	uint64_t span = level_size(e, c->level);
	phys_addr phys;

	*split = false;
	if (edit->change.kind != CHANGE_UNANNOTATE)
		return edit_skips(edit) ? PAGING_OK
					: edit_conflict(e, table, edit, PAGING_NOT_MAPPED, span);
	if (d == 0)
		return PAGING_OK;
	if (cursor_covers(e, c)) {
		if (edit_gather_full(e, table, edit, 1))
			return edit_conflict(e, table, edit, PAGING_GATHER_FULL, span);
		entry_store(table, cursor_entry(table, e, c), 0);
		edit->removed[c->level]++;
		return PAGING_OK;
	}
	if (!edit_may_split(edit))
		return edit_conflict(e, table, edit, PAGING_WOULD_SPLIT, span);
	if (edit->budget == 0)
		return edit_conflict(e, table, edit, PAGING_BUDGET, span);
	*split = split_hole(e, table, c, &edit->reserve, d, &phys);
	if (!*split)
		return edit_conflict(e, table, edit, PAGING_NO_MEMORY, span);
	edit->budget--;
	return PAGING_OK;
}

/* The range covers part of the leaf: makes smaller ones of it. */
static inline enum paging_status edit_split(const struct encoder *e, struct page_table *table,
					    struct edit *edit, uint64_t leaf)
{
	struct tlb_gather *gather = edit->op->gather;
	struct page_cursor *c = &edit->c;
	uint64_t span = leaf_span(e, table, c, leaf);
	bool breaks = must_break(e, table, gather) || (gather && in_group(e, leaf));

	if (!edit_may_split(edit))
		return edit_conflict(e, table, edit, PAGING_WOULD_SPLIT, span);
	if (edit->budget == 0 && !in_group(e, leaf))
		return edit_conflict(e, table, edit, PAGING_BUDGET, span);
	if (breaks && gather_cannot_break(gather))
		return edit_conflict(e, table, edit, PAGING_NEEDS_FLUSH, span);
	if (in_group(e, leaf)) {
		group_unfold(e, table, c, gather);
		return PAGING_OK;
	}
	if (!split_leaf(e, table, c, &edit->reserve, gather))
		return edit_conflict(e, table, edit, PAGING_NO_MEMORY, span);
	edit->budget--;
	return PAGING_OK;
}

static ALWAYS_INLINE uint64_t edit_leaves(const struct encoder *e, const struct page_table *table,
					  struct edit *edit, unsigned int level)
{
	if (edit->change.kind == CHANGE_WRITE_PROTECT)
		return run_write_protect(e, table, edit, level);
	if (edit->change.kind == CHANGE_UNMAP)
		return run_unmap(e, table, edit, level);
	return run_change(e, table, edit, level);
}

/* Whole lowest tables, without going down into each. */
static inline uint64_t edit_tables(const struct encoder *e, struct page_table *table,
				   struct edit *edit)
{
	if (edit->change.kind == CHANGE_WRITE_PROTECT)
		return run_protect_tables(e, table, edit);
	return run_unmap_tables(e, table, edit);
}

/* Deals with the entry that the cursor is on, or with a run from there. *again: it now stands on
 * another that must be looked at, or on the same. */
static ALWAYS_INLINE enum paging_status
edit_entry(const struct encoder *e, struct page_table *table, struct edit *edit, bool *again)
{
	struct page_cursor *c = &edit->c;
	uint64_t d = entry_load(cursor_entry(table, e, c));
	uint64_t run;

	*again = false;
	if (!e->is_present(table, d, c->level))
		return edit_hole(e, table, edit, d, again);
	/* Pages are most of what there is: for them the level is a constant. */
	if (!e->is_leaf(d, c->level))
		run = edit_tables(e, table, edit);
	else if (c->level == 0)
		run = edit_leaves(e, table, edit, 0);
	else
		run = edit_leaves(e, table, edit, c->level);
	if (run != 0) {
		c->input += (run - 1) << level_shift(e, c->level);
		return PAGING_OK;
	}
	if (!e->is_leaf(d, c->level)) {
		edit_descend(e, table, edit, d);
		*again = true;
		return PAGING_OK;
	}
	if (in_group(e, d) && edit_changes(e, table, edit, d) && group_is_broken(e, table, c, d))
		return edit_conflict(e, table, edit, PAGING_BROKEN_GROUP,
				     leaf_span(e, table, c, d));
	if (edit_covers(e, table, edit, d))
		return edit_leaf(e, table, edit, d);
	*again = true;
	return edit_split(e, table, edit, d);
}

/* Changes the range; stops, if it is resumable, at what stands in the way. */
static ALWAYS_INLINE enum paging_status edit_run(const struct encoder *e, struct page_table *table,
						 struct edit *edit)
{
	struct page_cursor *c = &edit->c;

	for (;;) {
		bool again;
		enum paging_status status = edit_entry(e, table, edit, &again);

		if (status != PAGING_OK)
			return status;
		if (again)
			continue;
		if (!cursor_step(e, c))
			return PAGING_OK;
		while (cursor_left(table, e, c)) {
			/* The range under the table that is left ends before c->input. */
			c->input--;
			edit_leave(e, table, edit);
			c->input++;
		}
	}
}

/* What `bytes` of the range came to, or will. */
static inline void edit_enlarged(const struct encoder *e, const struct page_table *table,
				 struct edit *edit, uint64_t bytes)
{
	struct page_table_op *op = edit->op;

	if ((op->mode & PAGING_ENLARGE) == 0 || bytes == 0)
		return;
	if (edit->final < edit->start + (bytes - 1))
		edit->final = edit->start + (bytes - 1);
	op->enlarged = input_extend(e, table, edit->first);
	op->enlarged_size = edit->final - edit->first + 1;
}

static inline enum paging_status edit_prepare(const struct encoder *e, struct page_table *table,
					      struct edit *edit, uint64_t input, uint64_t last)
{
	const struct tlb_gather *gather = edit->op->gather;
	enum paging_status status;

	edit->removed[top_level(table)] = 0;
	edit->frames_needed = 0;
	edit->tables_emptied = 0;
	edit->room = UINT64_MAX;
	if (gather && !gather_can_flush(gather))
		edit->room = gather_room(gather);
	edit->breaks = false;
	if ((edit->op->mode & (PAGING_RESUMABLE | PAGING_PLAN)) == PAGING_RESUMABLE)
		return PAGING_OK;
	cursor_open(table, e, &edit->c, input, last);
	status = edit_plan(e, table, edit);
	cursor_close(table, &edit->c);
	if (status != PAGING_OK)
		return status;
	if (edit->breaks && gather_cannot_break(gather))
		return PAGING_NEEDS_FLUSH;
	if (edit->tables_emptied > edit->room)
		return PAGING_GATHER_FULL;
	edit->op->tables = edit->frames_needed;
	if ((edit->op->mode & PAGING_PLAN) != 0) {
		edit_enlarged(e, table, edit, last - input + 1);
		return PAGING_OK;
	}
	/* The plan can have noted what takes a flush. */
	if (!reserve_fill(&edit->reserve, edit->frames_needed))
		return op_fail(edit->op, PAGING_NO_MEMORY, input_extend(e, table, input), 0);
	edit->removed[top_level(table)] = 0;
	return PAGING_OK;
}

/* Arguments are checked; edit has its op and what it is to do. */
static inline enum paging_status edit_range(const struct encoder *e, struct page_table *table,
					    struct edit *edit, virt_addr virt, uint64_t size)
{
	struct page_table_op *op = edit->op;
	bool limited = (op->mode & PAGING_RESUMABLE) != 0 && op->budget != 0;
	uint64_t input = virt & input_mask(table);
	uint64_t last = input + (size - 1);
	enum paging_status status;

	edit->start = edit->first = edit->final = input;
	edit->budget = limited ? op->budget : UINT64_MAX;
	edit->reserve = (struct reserve){ .table = table,
					  .frames = op->frames,
					  .frame_size = table_bytes(e, table, 0) };
	status = edit_prepare(e, table, edit, input, last);
	if (status != PAGING_OK || (op->mode & PAGING_PLAN) != 0)
		return status;
	edit->first = edit->final = input;
	cursor_open(table, e, &edit->c, input, last);
	status = edit_run(e, table, edit);
	op->done = status == PAGING_OK ? size : edit->c.input - input;
	edit_enlarged(e, table, edit, op->done);
	while (edit->c.level != top_level(table))
		edit_leave(e, table, edit);
	cursor_close(table, &edit->c);
	/* Some are left if it did not come to its end. */
	reserve_release(&edit->reserve);
	return status;
}

static SELDOM enum paging_status unmap_general(const struct encoder *e, struct page_table *table,
					       virt_addr virt, uint64_t size,
					       struct page_table_op *op)
{
	enum paging_status status =
		check_range(e, table, virt, size, op, PAGING_ENLARGE | PAGING_TELL);
	struct edit edit;

	if (status != PAGING_OK)
		return status;
	if (!op->gather && !op->frames)
		return PAGING_BAD_ARGUMENT;
	if (!annotation_valid(op->annotation))
		return PAGING_BAD_FLAGS;
	edit.op = op;
	edit.change.kind = CHANGE_UNMAP;
	edit.change.left = annotation_entry(op->annotation);
	if (edit.change.left != 0)
		held_add(table, HELD_ANNOTATIONS);
	return edit_range(e, table, &edit, virt, size);
}

/* A page whose table is not at hand, or with more to it. */
static SELDOM enum paging_status unmap_far(const struct encoder *e, struct page_table *table,
					   virt_addr virt, struct page_table_op *op)
{
	if (one_page_unmap(e, table, virt, op))
		return PAGING_OK;
	if (is_plain_op(op) && recent_find(e, table, virt) && one_page_unmap(e, table, virt, op))
		return PAGING_OK;
	if (one_page_unmap_last(e, table, virt, op))
		return PAGING_OK;
	return unmap_general(e, table, virt, level_size(e, 0), op);
}

static ALWAYS_INLINE enum paging_status unmap_range(const struct encoder *e,
						    struct page_table *table, virt_addr virt,
						    uint64_t size, struct page_table_op *op)
{
	if (UNLIKELY(size != level_size(e, 0)))
		return unmap_general(e, table, virt, size, op);
	if (one_page_unmap_next(e, table, virt, op))
		return PAGING_OK;
	return unmap_far(e, table, virt, op);
}

static SELDOM enum paging_status protect_general(const struct encoder *e, struct page_table *table,
						 virt_addr virt, uint64_t size,
						 struct page_flags flags, struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op, PAGING_ENLARGE);
	struct edit edit;

	if (status != PAGING_OK)
		return status;
	/* Accessed and dirty stay as the entries have them, whatever the flags say. */
	flags.idle = 0;
	flags.dirty = 0;
	if (!encode_held(e, table, flags, &edit.change.attributes))
		return PAGING_BAD_FLAGS;
	edit.op = op;
	edit.change.kind = CHANGE_PROTECT;
	return edit_range(e, table, &edit, virt, size);
}

static ALWAYS_INLINE enum paging_status protect_range(const struct encoder *e,
						      struct page_table *table, virt_addr virt,
						      uint64_t size, struct page_flags flags,
						      struct page_table_op *op)
{
	struct change change = { .kind = CHANGE_PROTECT };
	struct page_flags kept = flags;
	uint64_t index;

	kept.idle = 0;
	kept.dirty = 0;
	if (size == level_size(e, 0) && is_plain_op(op) &&
	    (recent_is(e, table, virt, &index) || recent_find(e, table, virt)) &&
	    encode_recent(e, table, kept, &change.attributes) &&
	    one_page_change(e, table, &change, virt, op))
		return PAGING_OK;
	return protect_general(e, table, virt, size, flags, op);
}

static SELDOM enum paging_status write_protect_general(const struct encoder *e,
						       struct page_table *table, virt_addr virt,
						       uint64_t size, struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op, PAGING_ENLARGE);
	struct edit edit;

	if (status != PAGING_OK)
		return status;
	edit.op = op;
	edit.change.kind = CHANGE_WRITE_PROTECT;
	return edit_range(e, table, &edit, virt, size);
}

/* As unmap_far. */
static SELDOM enum paging_status write_protect_far(const struct encoder *e,
						   struct page_table *table, virt_addr virt,
						   struct page_table_op *op)
{
	if (is_plain_op(op) && recent_find(e, table, virt) &&
	    one_page_write_protect(e, table, virt, op))
		return PAGING_OK;
	return write_protect_general(e, table, virt, level_size(e, 0), op);
}

static ALWAYS_INLINE enum paging_status write_protect_range(const struct encoder *e,
							    struct page_table *table,
							    virt_addr virt, uint64_t size,
							    struct page_table_op *op)
{
	if (UNLIKELY(size != level_size(e, 0)))
		return write_protect_general(e, table, virt, size, op);
	if (one_page_write_protect(e, table, virt, op))
		return PAGING_OK;
	return write_protect_far(e, table, virt, op);
}

static ALWAYS_INLINE enum paging_status software_range(const struct encoder *e,
						       struct page_table *table, virt_addr virt,
						       uint64_t size, uint16_t software,
						       struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op, PAGING_ENLARGE);
	struct edit edit;

	if (status != PAGING_OK)
		return status;
	if ((software & ~e->software_bits) != 0)
		return PAGING_BAD_FLAGS;
	edit.op = op;
	edit.change.kind = CHANGE_SOFTWARE;
	edit.change.attributes = e->software(software);
	return edit_range(e, table, &edit, virt, size);
}

static ALWAYS_INLINE enum paging_status annotate_range(const struct encoder *e,
						       struct page_table *table, virt_addr virt,
						       uint64_t size, uint64_t annotation,
						       struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op, 0);
	struct edit edit;

	if (status != PAGING_OK)
		return status;
	if (!annotation_valid(annotation))
		return PAGING_BAD_FLAGS;
	if (annotation != 0)
		return annotate_mapping(e, table, virt & input_mask(table), size,
					annotation_entry(annotation), op);
	if (!op->gather && !op->frames)
		return PAGING_BAD_ARGUMENT;
	edit.op = op;
	edit.change.kind = CHANGE_UNANNOTATE;
	return edit_range(e, table, &edit, virt, size);
}

static ALWAYS_INLINE enum paging_status split_range(const struct encoder *e,
						    struct page_table *table, virt_addr virt,
						    uint64_t size, uint64_t leaf_size,
						    struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op, 0);
	struct edit edit;

	if (status != PAGING_OK)
		return status;
	if ((table->leaf_sizes & leaf_size) == 0 || !addr_is_aligned(leaf_size, leaf_size))
		return PAGING_BAD_SIZE;
	edit.op = op;
	edit.change.kind = CHANGE_SPLIT;
	edit.leaf_size = leaf_size;
	return edit_range(e, table, &edit, virt, size);
}

#endif
