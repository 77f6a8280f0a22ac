/* SPDX-License-Identifier: MIT */
/*
 * Unmapping, protecting, splitting: what is there changes. All look first (is all of it
 * mapped, what has to be split, which tables will be empty), take the frames, and then change it
 * without fail.
 */
#ifndef PAGING_ENGINE_EDIT_H
#define PAGING_ENGINE_EDIT_H

#include "annotation.h"
#include "arguments.h"
#include "change.h"
#include "contiguous.h"
#include "cursor.h"
#include "gather.h"
#include "held.h"
#include "map.h"
#include "one_page.h"
#include "reserve.h"
#include "sabotage.h"
#include "split.h"
#include "subtree.h"

struct edit {
	struct page_table_op *op;
	struct page_cursor c;
	struct change change;
	uint64_t leaf_size; /* CHANGE_SPLIT */
	struct reserve reserve;
	uint64_t budget; /* tables that it may still make */
	/* Of the tables the cursor is in: entries that this operation emptied. */
	uint64_t removed[PAGE_TABLE_MAX_LEVELS];
	uint64_t start; /* of the range */
	/* What the leaves that are changed cover, with the range (PAGING_ENLARGE). */
	uint64_t first;
	uint64_t final;
	/* The plan's result. */
	uint64_t frames_needed;
	uint64_t tables_emptied;
	uint64_t room; /* tables that the gather takes */
	bool breaks;   /* something takes break-before-make */
};

/* `span`: of the leaf or hole that the operation stopped at. */
static inline enum paging_status edit_conflict(const struct encoder *e,
					       const struct page_table *table,
					       const struct edit *edit, enum paging_status status,
					       uint64_t span)
{
	return op_fail(edit->op, status,
		       input_extend(e, table, addr_align_down(edit->c.input, span)), span);
}

/* The entry is not present: is that no error? */
static ALWAYS_INLINE bool edit_skips(const struct edit *edit)
{
	return edit->change.kind == CHANGE_SPLIT || (edit->op->mode & PAGING_SKIP_HOLES) != 0;
}

/* Entries become empty, and tables with them. */
static ALWAYS_INLINE bool edit_empties(const struct edit *edit)
{
	return (edit->change.kind == CHANGE_UNMAP && edit->change.left == 0) ||
	       edit->change.kind == CHANGE_UNANNOTATE;
}

/* A leaf that is not too large stays as it is. */
static ALWAYS_INLINE bool edit_keeps_leaves(const struct edit *edit)
{
	return edit->change.kind == CHANGE_SPLIT || edit->change.kind == CHANGE_UNANNOTATE;
}

static ALWAYS_INLINE bool edit_may_split(const struct edit *edit)
{
	return edit->change.kind == CHANGE_SPLIT || (edit->op->mode & PAGING_SPLIT) != 0;
}

static ALWAYS_INLINE void edit_descend(const struct encoder *e, struct page_table *table,
				       struct edit *edit, uint64_t descriptor)
{
	cursor_descend(table, e, &edit->c, table_address(e, table, descriptor));
	edit->removed[edit->c.level] = 0;
}

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

/* Whether the leaf needs no splitting: all of it (or of its group) is in what is left of the range
 * or may be taken for that, or it is small enough already. */
static ALWAYS_INLINE bool edit_covers(const struct encoder *e, const struct page_table *table,
				      const struct edit *edit, uint64_t leaf)
{
	const struct page_cursor *c = &edit->c;
	uint64_t span = leaf_span(e, table, c, leaf);

	if (edit->change.kind == CHANGE_SPLIT)
		return span <= edit->leaf_size;
	if (edit->change.kind == CHANGE_UNANNOTATE || (edit->op->mode & PAGING_ENLARGE) != 0)
		return true;
	return addr_is_aligned(c->input, span) && c->input + (span - 1) <= c->last;
}

/* A leaf of a group that others left broken is not changed. */
static ALWAYS_INLINE bool edit_changes(const struct encoder *e, const struct page_table *table,
				       const struct edit *edit, uint64_t leaf)
{
	return !edit_keeps_leaves(edit) ||
	       (edit->change.kind == CHANGE_SPLIT && !edit_covers(e, table, edit, leaf));
}

/* To the last entry of the leaf, all of which is done. */
static ALWAYS_INLINE void edit_pass(const struct encoder *e, struct edit *edit, uint64_t span)
{
	struct page_cursor *c = &edit->c;
	uint64_t start = addr_align_down(c->input, span);

	if (start < edit->first)
		edit->first = start;
	if (start + (span - 1) > edit->final)
		edit->final = start + (span - 1);
	c->input = start + (span - level_size(e, c->level));
}

/* The end of what the range touches of the entry. */
static ALWAYS_INLINE uint64_t edit_entry_end(const struct encoder *e, const struct edit *edit)
{
	uint64_t last = cursor_entry_last(e, &edit->c);

	return last < edit->c.last ? last : edit->c.last;
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
	else if (edit_empties(edit))
		edit->removed[c->level]++;
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

/*
 * Runs: leaves that lie in the table and the range one after the other and need nothing decided for
 * each. How many entries can be such, from the cursor on.
 */
static inline uint64_t edit_run_limit(const struct encoder *e, const struct page_table *table,
				      const struct edit *edit)
{
	const struct page_cursor *c = &edit->c;
	unsigned int shift = level_shift(e, c->level);
	uint64_t room =
		level_entries(e, table, c->level) - level_index(e, table, c->level, c->input);
	uint64_t wanted = (c->last - c->input + 1) >> shift;

	if (edit_keeps_leaves(edit) || (edit->op->mode & PAGING_ENLARGE) != 0 ||
	    !addr_is_aligned(c->input, level_size(e, c->level)))
		return 0;
	return wanted < room ? wanted : room;
}

static ALWAYS_INLINE bool edit_runs_on(const struct encoder *e, const struct page_table *table,
				       const struct edit *edit, uint64_t d, unsigned int level)
{
	return e->is_present(table, d, level) && e->is_leaf(d, level) && !in_group(e, d) &&
	       !change_breaks(e, table, &edit->c, &edit->change, d, edit->op->gather);
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

/*
 * Lowest tables that lie in the range as a whole, one after the other, and need no look into them:
 * all that they hold is pages, and each entry is one unless holes are no matter. How many such
 * entries can there be, from the cursor on? It stands above the lowest level.
 */
static inline uint64_t edit_tables_limit(const struct encoder *e, const struct page_table *table,
					 const struct edit *edit)
{
	if (edit->c.level != 1 || !holds_pages_only(e, table))
		return 0;
	return edit_run_limit(e, table, edit);
}

/* The entry leads to such a table. */
static ALWAYS_INLINE bool edit_table_runs_on(const struct encoder *e, uint64_t d, bool skips)
{
	return (d & e->full_table_mask) == e->full_table || (skips && e->is_plain_table(d));
}

/* How many of `limit` entries do, one after the other. */
static ALWAYS_INLINE uint64_t edit_tables_ahead(const struct encoder *e, const uint64_t *entry,
						uint64_t limit, bool skips)
{
	uint64_t n = 0;

	for (; limit - n >= 4; n += 4) {
		if (!edit_table_runs_on(e, entry_load(&entry[n]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 1]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 2]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 3]), skips))
			break;
	}
	while (n < limit && edit_table_runs_on(e, entry_load(&entry[n]), skips))
		n++;
	return n;
}

/* What a lowest table holds may take break-before-make: that shows only inside. */
static ALWAYS_INLINE bool edit_may_break(const struct encoder *e, const struct edit *edit)
{
	return e->break_bits != 0 && edit->op->gather && edit->change.kind == CHANGE_PROTECT;
}

/* Plans a run of tables; returns its length. */
static inline uint64_t edit_plan_tables(const struct encoder *e, const struct page_table *table,
					struct edit *edit)
{
	const uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_tables_limit(e, table, edit);
	uint64_t n;

	if (limit == 0 || edit_may_break(e, edit))
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
		leaf_remove(e, table, c, leaf, edit->change.left, edit->op->gather);
		if (edit->change.left == 0)
			edit->removed[c->level] += leaf_entries(e, table, c, leaf);
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

/* The leaves from [from] to before [to], counted from the one of `level` at `input`, have been
 * unmapped or changed. */
static inline void run_gather(const struct encoder *e, const struct page_table *table,
			      struct tlb_gather *gather, uint64_t input, unsigned int level,
			      uint64_t from, uint64_t to, bool global)
{
	unsigned int shift = level_shift(e, level);

	if (from == to)
		return;
	gather_range(gather,
		     &(struct tlb_range){ .start = input_extend(e, table, input + (from << shift)),
					  .last = input_extend(e, table, input + (to << shift) - 1),
					  .leaf_size = level_size(e, level),
					  .global = global });
}

/* The same from the cursor on. */
static inline void edit_run_gather(const struct encoder *e, const struct page_table *table,
				   const struct edit *edit, uint64_t from, uint64_t to, bool global)
{
	if (edit->change.kind != CHANGE_SOFTWARE)
		run_gather(e, table, edit->op->gather, edit->c.input, edit->c.level, from, to,
			   global);
}

/* Unmaps a run of leaves that are global all, or none. What hardware marks in them meanwhile is
 * nobody's concern, so that a store will do. */
static ALWAYS_INLINE uint64_t run_unmap(const struct encoder *e, const struct page_table *table,
					struct edit *edit, unsigned int level)
{
	const struct tlb_gather *gather = edit->op->gather;
	uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_run_limit(e, table, edit);
	bool global = is_global(e, entry_load(entry));
	uint64_t n;

	if ((edit->op->mode & PAGING_RESUMABLE) != 0 && gather && !gather_can_flush(gather))
		return 0;
	for (n = 0; n < limit; n++) {
		uint64_t d = entry_load(&entry[n]);

		if (!edit_runs_on(e, table, edit, d, level) || is_global(e, d) != global)
			break;
		entry_write(&entry[n],
			    paging_sabotage(PAGING_SABOTAGE_CLEAR, level, edit->change.left));
	}
	if (n != 0)
		memory_clean(table, entry, n * sizeof(*entry));
	if (edit->change.left == 0)
		edit->removed[level] += n;
	edit_run_gather(e, table, edit, 0, n, global);
	return n;
}

/* Takes the tables that `count` entries lead to out of the tree, and notes their frames. */
static ALWAYS_INLINE void run_unlink(const struct encoder *e, const struct page_table *table,
				     uint64_t *entry, uint64_t count, struct frame *frames)
{
	const struct frame *end = frames + count;
	uint64_t bits = table->table_bits;
	uint64_t size = table_bytes(e, table, 0);

	for (; frames != end; entry++, frames++) {
		uint64_t d = entry_load(entry);

		entry_publish(entry, paging_sabotage(PAGING_SABOTAGE_CLEAR, 1, 0));
		frames->start = e->table_bits != 0 ? d & bits : table_address(e, table, d);
		frames->size = size;
	}
}

/* The same of a table that no walker uses: the frames go back at once. */
static ALWAYS_INLINE void run_unlink_offline(const struct encoder *e,
					     const struct page_table *table, uint64_t *entry,
					     uint64_t count, struct frame_allocator *allocator)
{
	struct frame frames[16];

	for (uint64_t done = 0; done < count;) {
		uint64_t some = count - done < 16 ? count - done : 16;

		run_unlink(e, table, entry + done, some, frames);
		paging_frames_free(allocator, frames, some);
		done += some;
	}
}

/* Unmaps a run of whole lowest tables, as many as the gather has room for: each is unlinked as it
 * is. */
static inline uint64_t run_unmap_tables(const struct encoder *e, struct page_table *table,
					struct edit *edit)
{
	struct tlb_gather *gather = edit->op->gather;
	uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_tables_limit(e, table, edit);
	bool skips = edit_skips(edit);
	uint64_t n;

	if (!edit_empties(edit) || limit == 0 || !edit_table_runs_on(e, entry_load(entry), skips))
		return 0;
	/* Tables above may become empty too, which edit_gather_full looks after. */
	if ((edit->op->mode & PAGING_RESUMABLE) != 0 && gather && !gather_can_flush(gather))
		return 0;
	if (gather && gather_room(gather) == 0)
		tlb_gather_finish(gather);
	if (gather && limit > gather_room(gather))
		limit = gather_room(gather);
	n = skips ? edit_tables_ahead(e, entry, limit, true)
		  : edit_tables_ahead(e, entry, limit, false);
	if (gather) {
		run_unlink(e, table, entry, n, gather->frames + gather->frame_count);
		gather->frame_count += n;
	} else {
		run_unlink_offline(e, table, entry, n, edit->op->frames);
	}
	memory_clean(table, entry, n * sizeof(*entry));
	recent_forget(table);
	table->tables -= n;
	edit->removed[1] += n;
	if (gather)
		gather_tables(e, table, gather, edit->c.input,
			      edit->c.input + (n << level_shift(e, 1)) - 1, 0, true,
			      (table->held & HELD_GLOBALS) != 0);
	return n;
}

/* Changes the attributes of a run; the leaves that do change are gathered in pieces. */
static ALWAYS_INLINE uint64_t run_change(const struct encoder *e, const struct page_table *table,
					 struct edit *edit, unsigned int level)
{
	uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_run_limit(e, table, edit);
	uint64_t from = 0; /* [from, n) are changed, and global or not as `global` says */
	bool global = false;
	uint64_t n;

	for (n = 0; n < limit; n++) {
		uint64_t old = entry_load(&entry[n]);
		uint64_t new;

		if (!edit_runs_on(e, table, edit, old, level))
			break;
		do {
			new = paging_sabotage(PAGING_SABOTAGE_LEAF, level,
					      leaf_changed(e, table, &edit->change, old, level));
		} while (new != old && !entry_replace(table, &entry[n], &old, new));
		if (new != old && is_global(e, old) == global)
			continue;
		edit_run_gather(e, table, edit, from, n, global);
		from = new != old ? n : n + 1;
		global = is_global(e, old);
	}
	edit_run_gather(e, table, edit, from, n, global);
	return n;
}

/* A leaf that is in no group. */
static ALWAYS_INLINE bool is_single_leaf(const struct encoder *e, const struct page_table *table,
					 uint64_t d, unsigned int level)
{
	return e->is_present(table, d, level) && e->is_leaf(d, level) && !in_group(e, d);
}

static ALWAYS_INLINE void entry_write_protect(const struct encoder *e, uint64_t *entry,
					      unsigned int level)
{
	uint64_t d = e->without_write(entry_load(entry));

	entry_write(entry, paging_sabotage(PAGING_SABOTAGE_LEAF, level, d));
}

/* One that has no mark; nobody else looks. */
static ALWAYS_INLINE void entry_write_protect_plain(const struct encoder *e, uint64_t *entry)
{
	*entry = (*entry & ~e->write_clear) | e->write_set;
}

#define RUN_BLOCK 16

/* Whether one of a block of leaves has one of the marks. */
static ALWAYS_INLINE bool block_marked(const uint64_t *at, uint64_t marks)
{
	uint64_t any = at[0];

	any |= at[1];
	any |= at[2];
	any |= at[3];
	any |= at[4];
	any |= at[5];
	any |= at[6];
	any |= at[7];
	any |= at[8];
	any |= at[9];
	any |= at[10];
	any |= at[11];
	any |= at[12];
	any |= at[13];
	any |= at[14];
	any |= at[15];
	return (any & marks) != 0;
}

/* Takes write permission from a block of leaves without marks. */
static ALWAYS_INLINE void block_write_protect(const struct encoder *e, uint64_t *at)
{
	entry_write_protect_plain(e, &at[0]);
	entry_write_protect_plain(e, &at[1]);
	entry_write_protect_plain(e, &at[2]);
	entry_write_protect_plain(e, &at[3]);
	entry_write_protect_plain(e, &at[4]);
	entry_write_protect_plain(e, &at[5]);
	entry_write_protect_plain(e, &at[6]);
	entry_write_protect_plain(e, &at[7]);
	entry_write_protect_plain(e, &at[8]);
	entry_write_protect_plain(e, &at[9]);
	entry_write_protect_plain(e, &at[10]);
	entry_write_protect_plain(e, &at[11]);
	entry_write_protect_plain(e, &at[12]);
	entry_write_protect_plain(e, &at[13]);
	entry_write_protect_plain(e, &at[14]);
	entry_write_protect_plain(e, &at[15]);
}

/* The same block after block, up to the first in which a leaf has a mark. `plain`: none has. */
static ALWAYS_INLINE uint64_t *run_protect_blocks(const struct encoder *e, uint64_t *at,
						  const uint64_t *end, bool plain)
{
	if (plain) {
		for (; end - at >= RUN_BLOCK; at += RUN_BLOCK)
			block_write_protect(e, at);
	}
	for (; end - at >= RUN_BLOCK; at += RUN_BLOCK) {
		if (UNLIKELY(block_marked(at, e->write_marks)))
			break;
		/* Changed in place, as without a look, rather than kept and written back. */
		__asm__ volatile("" : : : "memory");
		block_write_protect(e, at);
	}
	return at;
}

/* Takes write permission from a run that no walker uses. */
static ALWAYS_INLINE uint64_t run_protect_offline(const struct encoder *e,
						  const struct page_table *table, uint64_t *entry,
						  uint64_t limit, unsigned int level)
{
	struct page_table view;
	uint64_t n;

	table_view(&view, table);
	for (n = 0; n < limit && is_single_leaf(e, &view, entry_load(&entry[n]), level); n++)
		entry_write_protect(e, &entry[n], level);
	return n;
}

/* The same of a lowest table all entries of which are leaves. */
static ALWAYS_INLINE void table_protect_offline(const struct encoder *e, uint64_t *entries,
						bool plain)
{
	uint64_t *end = entries + (UINT64_C(1) << e->index_bits);

	for (uint64_t *at = entries; at != end;) {
		if (!PAGING_SABOTAGED)
			at = run_protect_blocks(e, at, end, plain);
		for (uint64_t *some = at + RUN_BLOCK; at != end && at != some; at++)
			entry_write_protect(e, at, 0);
	}
}

/* Exchanges the leaf at `entry` and goes on to what the next one is expected to be. */
static ALWAYS_INLINE bool run_protect_step(uint64_t *entry, uint64_t *old, uint64_t *new,
					   uint64_t step)
{
	if (UNLIKELY(!entry_swap(entry, old, *new)))
		return false;
	*old += step;
	*new += step;
	return true;
}

/*
 * Most often the leaves of a run differ by where they lead to, in steps, and by nothing else: each
 * is exchanged without a look at it. Returns the first that is not so, or one of the last few;
 * `old` and `new` are the first leaf's.
 */
static ALWAYS_INLINE uint64_t *run_protect_steps(const struct encoder *e, uint64_t *first,
						 const uint64_t *end, uint64_t old, uint64_t new)
{
	const uint64_t step = e->leaf(0, level_size(e, 0), 0) - e->leaf(0, 0, 0);
	uint64_t first_new = new;

	for (uint64_t *at = first; end - at >= 8; at += 8) {
		if (!run_protect_step(&at[0], &old, &new, step) ||
		    !run_protect_step(&at[1], &old, &new, step) ||
		    !run_protect_step(&at[2], &old, &new, step) ||
		    !run_protect_step(&at[3], &old, &new, step) ||
		    !run_protect_step(&at[4], &old, &new, step) ||
		    !run_protect_step(&at[5], &old, &new, step) ||
		    !run_protect_step(&at[6], &old, &new, step) ||
		    !run_protect_step(&at[7], &old, &new, step))
			break;
	}
	return first + (new - first_new) / step;
}

/* Leaves from `leaf` on lead to so many pages without coming to the end of what a descriptor can
 * say, which would carry into its attributes. */
static ALWAYS_INLINE bool run_steps(const struct encoder *e, const struct page_table *table,
				    uint64_t leaf, uint64_t pages)
{
	phys_addr last = leaf_address(e, table, leaf, 0) + (pages << level_shift(e, 0));

	return !PAGING_SABOTAGED && last >> table->output_bits == 0;
}

/* The same of one that a walker uses: hardware may mark the leaves meanwhile. None is global. The
 * table spans from `input` on. */
static ALWAYS_INLINE void table_protect_live(const struct encoder *e,
					     const struct page_table *table,
					     struct tlb_gather *gather, uint64_t *entries,
					     uint64_t input)
{
	uint64_t *end = entries + (UINT64_C(1) << e->index_bits);
	uint64_t *from = entries;   /* [from, at) are changed */
	uint64_t *singly = entries; /* up to here, since it was no good to go by steps */
	uint64_t *at = entries;

	while (at != end) {
		uint64_t old = entry_load(at);
		uint64_t new = paging_sabotage(PAGING_SABOTAGE_LEAF, 0, e->without_write(old));

		if (UNLIKELY(new == old)) {
			run_gather(e, table, gather, input, 0, (uint64_t)(from - entries),
				   (uint64_t)(at - entries), false);
			from = ++at;
			continue;
		}
		if (at >= singly && run_steps(e, table, old, (uint64_t)(end - at))) {
			at = run_protect_steps(e, at, end, old, new);
			singly = end - at > RUN_BLOCK ? at + RUN_BLOCK : end;
			continue;
		}
		while (UNLIKELY(!entry_swap(at, &old, new)))
			new = paging_sabotage(PAGING_SABOTAGE_LEAF, 0, e->without_write(old));
		at++;
	}
	run_gather(e, table, gather, input, 0, (uint64_t)(from - entries),
		   UINT64_C(1) << e->index_bits, false);
}

/* Takes write permission from a run of whole lowest tables, full ones without global pages. */
static inline uint64_t run_protect_tables(const struct encoder *e, const struct page_table *table,
					  const struct edit *edit)
{
	const uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_tables_limit(e, table, edit);
	uint64_t bytes = table_bytes(e, table, 0);
	bool plain = e->write_plain(table);
	uint64_t n;

	if ((table->held & HELD_GLOBALS) != 0)
		return 0;
	for (n = 0; n < limit; n++) {
		uint64_t d = entry_load(&entry[n]);
		phys_addr phys = table_address(e, table, d);
		uint64_t *entries;

		if ((d & e->full_table_mask) != e->full_table)
			break;
		entries = memory_open(&table->access, phys, bytes);
		if (edit->op->gather)
			table_protect_live(e, table, edit->op->gather, entries,
					   edit->c.input + (n << level_shift(e, 1)));
		else
			table_protect_offline(e, entries, plain);
		memory_clean(table, entries, bytes);
		memory_close(&table->access, phys, entries);
	}
	return n;
}

/* Takes write permission from a run of any leaves that a walker uses; it ends where one is not as
 * global as the first. */
static ALWAYS_INLINE uint64_t run_protect_live(const struct encoder *e,
					       const struct page_table *table,
					       const struct edit *edit, uint64_t *entry,
					       uint64_t limit, unsigned int level)
{
	bool global = is_global(e, entry_load(entry));
	uint64_t *end = entry + limit;
	uint64_t *from = entry; /* [from, at) are changed */
	struct page_table view;
	uint64_t *at;

	table_view(&view, table);
	for (at = entry; at != end; at++) {
		uint64_t old = entry_load(at);
		uint64_t new;

		if (!is_single_leaf(e, &view, old, level) || is_global(e, old) != global)
			break;
		new = paging_sabotage(PAGING_SABOTAGE_LEAF, level, e->without_write(old));
		if (UNLIKELY(new == old)) {
			edit_run_gather(e, table, edit, (uint64_t)(from - entry),
					(uint64_t)(at - entry), global);
			from = at + 1;
			continue;
		}
		while (UNLIKELY(!entry_swap(at, &old, new)))
			new = paging_sabotage(PAGING_SABOTAGE_LEAF, level, e->without_write(old));
	}
	if (from < at)
		edit_run_gather(e, table, edit, (uint64_t)(from - entry), (uint64_t)(at - entry),
				global);
	return (uint64_t)(at - entry);
}

/* Takes write permission from a run of leaves. */
static ALWAYS_INLINE uint64_t run_write_protect(const struct encoder *e,
						const struct page_table *table, struct edit *edit,
						unsigned int level)
{
	uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_run_limit(e, table, edit);
	uint64_t n;

	if (limit == 0)
		return 0;
	if (edit->op->gather)
		n = run_protect_live(e, table, edit, entry, limit, level);
	else
		n = run_protect_offline(e, table, entry, limit, level);
	if (n != 0)
		memory_clean(table, entry, n * sizeof(*entry));
	return n;
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
	if (!reserve_fill(&edit->reserve, edit->frames_needed))
		return PAGING_NO_MEMORY;
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
	return status;
}

static SELDOM enum paging_status unmap_general(const struct encoder *e, struct page_table *table,
					       virt_addr virt, uint64_t size,
					       struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op, PAGING_ENLARGE);
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

/* The page's table is not at hand, or there is more to it. */
static SELDOM enum paging_status unmap_far(const struct encoder *e, struct page_table *table,
					   virt_addr virt, uint64_t size, struct page_table_op *op)
{
	enum paging_status status;

	if (one_page_unmap(e, table, virt, size, op, true, &status))
		return status;
	if (is_one_page(e, size, op, 0) && recent_find(e, table, virt) &&
	    one_page_unmap(e, table, virt, size, op, true, &status))
		return status;
	if (one_page_unmap_last(e, table, virt, size, op))
		return PAGING_OK;
	return unmap_general(e, table, virt, size, op);
}

static ALWAYS_INLINE enum paging_status unmap_range(const struct encoder *e,
						    struct page_table *table, virt_addr virt,
						    uint64_t size, struct page_table_op *op)
{
	enum paging_status status;

	if (one_page_unmap(e, table, virt, size, op, false, &status))
		return status;
	return unmap_far(e, table, virt, size, op);
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
	enum paging_status status;
	uint64_t index;

	kept.idle = 0;
	kept.dirty = 0;
	if (is_one_page(e, size, op, 0) &&
	    (recent_is(e, table, virt, &index) || recent_find(e, table, virt)) &&
	    encode_recent(e, table, kept, &change.attributes) &&
	    one_page_change(e, table, &change, virt, size, op, &status))
		return status;
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

static SELDOM enum paging_status write_protect_far(const struct encoder *e,
						   struct page_table *table, virt_addr virt,
						   uint64_t size, struct page_table_op *op)
{
	enum paging_status status;

	if (is_one_page(e, size, op, 0) && recent_find(e, table, virt) &&
	    one_page_write_protect(e, table, virt, size, op, &status))
		return status;
	return write_protect_general(e, table, virt, size, op);
}

static ALWAYS_INLINE enum paging_status write_protect_range(const struct encoder *e,
							    struct page_table *table,
							    virt_addr virt, uint64_t size,
							    struct page_table_op *op)
{
	enum paging_status status;

	if (one_page_write_protect(e, table, virt, size, op, &status))
		return status;
	return write_protect_far(e, table, virt, size, op);
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
	enum paging_status status =
		check_range(e, table, virt, size, op, annotation == 0 ? PAGING_ENLARGE : 0);
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
