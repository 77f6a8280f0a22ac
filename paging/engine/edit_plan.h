/* SPDX-License-Identifier: MIT */
/* What an edit (edit.h) will come upon and take: nothing is changed. */
#ifndef PAGING_ENGINE_EDIT_PLAN_H
#define PAGING_ENGINE_EDIT_PLAN_H

#include "edit_state.h"
#include "split.h"

/* Of tables of `level`, from the one at `input` on, the first that the gather has no room for is in
 * the way, unless break-before-make is. */
static SELDOM void plan_full(const struct encoder *e, const struct page_table *table,
			     const struct edit *edit, uint64_t input, uint64_t tables,
			     unsigned int level)
{
	uint64_t before = edit->tables_emptied - tables;
	uint64_t span = level_size(e, level + 1);

	if (before > edit->room || edit->breaks)
		return;
	input = addr_align_down(input, span) + ((edit->room - before) << level_shift(e, level + 1));
	op_fail(edit->op, PAGING_GATHER_FULL, input_extend(e, table, input), span);
}

/* So many of them will be empty. */
static ALWAYS_INLINE void plan_emptied(const struct encoder *e, const struct page_table *table,
				       struct edit *edit, uint64_t input, uint64_t tables,
				       unsigned int level)
{
	edit->tables_emptied += tables;
	if (UNLIKELY(edit->tables_emptied > edit->room))
		plan_full(e, table, edit, input, tables, level);
}

/* The leaf takes break-before-make, or not: the first that does is in the way. */
static inline void plan_breaks(const struct encoder *e, const struct page_table *table,
			       struct edit *edit, uint64_t leaf, bool breaks)
{
	if (UNLIKELY(breaks) && !edit->breaks)
		edit_conflict(e, table, edit, PAGING_NEEDS_FLUSH,
			      leaf_span(e, table, &edit->c, leaf));
	edit->breaks |= breaks;
}

/* Leaves a table in the plan; `passed` bytes behind its end. */
static inline void plan_leave(const struct encoder *e, struct page_table *table, struct edit *edit,
			      uint64_t passed)
{
	unsigned int level = edit->c.level;
	bool emptied = edit->removed[level] != 0 &&
		       live_entries(e, table, &edit->c, 0) == edit->removed[level];

	cursor_ascend(table, &edit->c);
	if (emptied) {
		plan_emptied(e, table, edit, edit->c.input - passed, 1, level);
		edit->removed[level + 1]++;
	}
}

/* What the operation will do to a leaf. */
static inline enum paging_status plan_leaf(const struct encoder *e, struct page_table *table,
					   struct edit *edit, uint64_t leaf)
{
	struct page_cursor *c = &edit->c;
	uint64_t last = edit_entry_end(e, edit);

	if (in_group(e, leaf) && edit_changes(e, table, edit, leaf) &&
	    group_proves_broken(e, table, c, leaf, edit->start))
		return edit_conflict(e, table, edit, PAGING_BROKEN_GROUP,
				     leaf_span(e, table, c, leaf));
	if (edit_covers(e, table, edit, leaf)) {
		if (edit_keeps_leaves(edit))
			return PAGING_OK;
		plan_breaks(e, table, edit, leaf,
			    change_breaks(e, table, c, &edit->change, leaf, edit->op->gather));
		if (edit_empties(edit))
			edit->removed[c->level] += leaf_entries(e, table, &edit->c, leaf);
		edit_pass(e, edit, leaf_span(e, table, c, leaf));
		return PAGING_OK;
	}
	if (!edit_may_split(edit))
		return edit_conflict(e, table, edit, PAGING_WOULD_SPLIT,
				     leaf_span(e, table, c, leaf));
	plan_breaks(e, table, edit, leaf,
		    must_break(e, table, edit->op->gather) ||
			    (in_group(e, leaf) && edit->op->gather) ||
			    change_breaks(e, table, c, &edit->change, leaf, edit->op->gather));
	if (edit->change.kind == CHANGE_SPLIT)
		edit->frames_needed +=
			split_all_tables(e, c->level, edit->leaf_size, c->input, last);
	else if (!cursor_covers(e, c))
		edit->frames_needed += split_tables(e, c->level, c->input, last);
	return PAGING_OK;
}

/* What it will do to an entry that is not present. */
static inline enum paging_status plan_hole(const struct encoder *e, const struct page_table *table,
					   struct edit *edit, uint64_t d)
{
	struct page_cursor *c = &edit->c;

	if (edit->change.kind != CHANGE_UNANNOTATE)
		return edit_skips(edit) ? PAGING_OK
					: edit_conflict(e, table, edit, PAGING_NOT_MAPPED,
							level_size(e, c->level));
	if (d == 0)
		return PAGING_OK;
	if (cursor_covers(e, c)) {
		edit->removed[c->level]++;
		return PAGING_OK;
	}
	if (!edit_may_split(edit))
		return edit_conflict(e, table, edit, PAGING_WOULD_SPLIT, level_size(e, c->level));
	edit->frames_needed += split_tables(e, c->level, c->input, edit_entry_end(e, edit));
	return PAGING_OK;
}

/* Plans a run; returns its length. `level` is the cursor's. */
static ALWAYS_INLINE uint64_t plan_run(const struct encoder *e, const struct page_table *table,
				       struct edit *edit, unsigned int level)
{
	const uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_run_limit(e, table, edit);
	uint64_t n = 0;

	while (n < limit && edit_runs_on(e, table, edit, entry_load(&entry[n]), level))
		n++;
	if (edit_empties(edit))
		edit->removed[level] += n;
	return n;
}

/* Plans a run of tables; returns its length. */
static inline uint64_t edit_plan_tables(const struct encoder *e, const struct page_table *table,
					struct edit *edit)
{
	const uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_tables_limit(e, table, edit);
	uint64_t n;

	if (limit == 0)
		return 0;
	/* Each leaf will be looked at: the hint that it may have, and whether it has to break. */
	if ((e->contiguous | e->break_bits) != 0 && !edit_takes_tables(edit))
		return 0;
	n = edit_skips(edit) ? edit_tables_ahead(e, entry, limit, true)
			     : edit_tables_ahead(e, entry, limit, false);
	if (edit_empties(edit)) {
		edit->removed[1] += n;
		plan_emptied(e, table, edit, edit->c.input, n, 0);
	}
	return n;
}

static inline enum paging_status edit_plan(const struct encoder *e, struct page_table *table,
					   struct edit *edit)
{
	struct page_cursor *c = &edit->c;
	enum paging_status status = PAGING_OK;

	for (;;) {
		uint64_t d = entry_load(cursor_entry(table, e, c));
		uint64_t run = 0;

		if (!e->is_present(table, d, c->level)) {
			status = plan_hole(e, table, edit, d);
		} else if (e->is_leaf(d, c->level)) {
			run = c->level == 0 ? plan_run(e, table, edit, 0)
					    : plan_run(e, table, edit, c->level);
			if (run == 0)
				status = plan_leaf(e, table, edit, d);
		} else {
			run = edit_plan_tables(e, table, edit);
			if (run == 0) {
				edit_descend(e, table, edit, d);
				continue;
			}
		}
		if (run != 0)
			c->input += (run - 1) << level_shift(e, c->level);
		if (status != PAGING_OK || !cursor_step(e, c))
			break;
		while (cursor_left(table, e, c))
			plan_leave(e, table, edit, 1);
	}
	while (status == PAGING_OK && c->level != top_level(table))
		plan_leave(e, table, edit, 0);
	return status;
}

#endif
