/* SPDX-License-Identifier: MIT */
/* An edit under way (edit.h), and what decides how an entry, or a run of them, is dealt with. */
#ifndef PAGING_ENGINE_EDIT_STATE_H
#define PAGING_ENGINE_EDIT_STATE_H

#include "annotation.h"
#include "arguments.h"
#include "change.h"
#include "contiguous.h"
#include "cursor.h"
#include "gather.h"
#include "held.h"
#include "reserve.h"
#include "tell.h"

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

/* Such tables are unlinked or written through as they are, not gone down into. */
static ALWAYS_INLINE bool edit_takes_tables(const struct edit *edit)
{
	return edit->change.kind == CHANGE_WRITE_PROTECT ||
	       (edit_empties(edit) && !op_tells(edit->op));
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

	for (; limit - n >= 8; n += 8) {
		if (!edit_table_runs_on(e, entry_load(&entry[n]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 1]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 2]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 3]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 4]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 5]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 6]), skips) ||
		    !edit_table_runs_on(e, entry_load(&entry[n + 7]), skips))
			break;
	}
	while (n < limit && edit_table_runs_on(e, entry_load(&entry[n]), skips))
		n++;
	return n;
}

#endif
