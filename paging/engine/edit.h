/* SPDX-License-Identifier: MIT */
/*
 * Unmapping and protecting: what is there changes. Both look first (is all of it mapped, what has
 * to be split, which tables will be empty), take the frames, and then change it without fail.
 */
#ifndef PAGING_ENGINE_EDIT_H
#define PAGING_ENGINE_EDIT_H

#include "arguments.h"
#include "cursor.h"
#include "gather.h"
#include "reserve.h"
#include "sabotage.h"
#include "split.h"

struct edit {
	struct page_table_op *op;
	struct cursor c;
	bool unmap; /* else protect, with: */
	uint64_t attributes;
	struct reserve reserve;
	/* Of the tables the cursor is in: entries that this operation emptied. */
	uint64_t removed[PAGE_TABLE_MAX_LEVELS];
	/* The plan's result. */
	uint64_t frames_needed;
	uint64_t tables_emptied;
};

static ALWAYS_INLINE enum paging_status edit_conflict(const struct encoder *e,
						      const struct page_table *table,
						      const struct edit *edit,
						      enum paging_status status)
{
	return op_fail(edit->op, status, input_extend(e, table, cursor_entry_start(e, &edit->c)),
		       level_size(e, edit->c.level));
}

/* The entry is not present: is that an error? */
static ALWAYS_INLINE bool edit_skips(const struct edit *edit)
{
	return (edit->op->mode & PAGING_SKIP_HOLES) != 0;
}

static ALWAYS_INLINE void edit_descend(const struct encoder *e, struct page_table *table,
				       struct edit *edit, uint64_t descriptor)
{
	cursor_descend(table, e, &edit->c, e->table_address(descriptor));
	edit->removed[edit->c.level] = 0;
}

/* Entries in use in the table the cursor is in. `removed` of the count are not any more. */
static ALWAYS_INLINE uint64_t edit_live(const struct encoder *e, const struct page_table *table,
					const struct cursor *c, uint64_t removed)
{
	uint64_t live = 0;

	if (e->counted)
		return e->count(entry_load(c->slots[c->level])) - removed;
	for (uint64_t i = 0; i < level_entries(e, table, c->level); i++)
		live += e->is_present(table, entry_load(&c->tables[c->level][i]));
	return live;
}

/* Leaves a table in the plan. */
static ALWAYS_INLINE void plan_leave(const struct encoder *e, struct page_table *table,
				     struct edit *edit)
{
	unsigned int level = edit->c.level;
	bool emptied = edit->unmap && edit->removed[level] != 0 &&
		       edit_live(e, table, &edit->c, 0) == edit->removed[level];

	cursor_ascend(table, &edit->c);
	if (emptied) {
		edit->tables_emptied++;
		edit->removed[level + 1]++;
	}
}

/* What the operation will do to a leaf. */
static ALWAYS_INLINE enum paging_status plan_leaf(const struct encoder *e, struct page_table *table,
						  struct edit *edit)
{
	struct cursor *c = &edit->c;
	uint64_t last = cursor_entry_last(e, c);

	if (cursor_covers(e, c)) {
		edit->removed[c->level]++;
		return PAGING_OK;
	}
	if ((edit->op->mode & PAGING_SPLIT) == 0)
		return edit_conflict(e, table, edit, PAGING_WOULD_SPLIT);
	edit->frames_needed += split_tables(e, c->level, c->input, last < c->last ? last : c->last);
	return PAGING_OK;
}

static ALWAYS_INLINE enum paging_status edit_plan(const struct encoder *e, struct page_table *table,
						  struct edit *edit)
{
	struct cursor *c = &edit->c;
	enum paging_status status = PAGING_OK;

	for (;;) {
		uint64_t d = entry_load(cursor_entry(table, e, c));

		if (!e->is_present(table, d)) {
			if (!edit_skips(edit))
				status = edit_conflict(e, table, edit, PAGING_NOT_MAPPED);
		} else if (e->is_leaf(d, c->level)) {
			status = plan_leaf(e, table, edit);
		} else {
			edit_descend(e, table, edit, d);
			continue;
		}
		if (status != PAGING_OK || !cursor_step(e, c))
			break;
		while (cursor_left(table, e, c))
			plan_leave(e, table, edit);
	}
	while (c->level != top_level(table))
		plan_leave(e, table, edit);
	return status;
}

/* Leaves a table: takes what was removed off its count, and unlinks it if nothing is left. */
static ALWAYS_INLINE void edit_leave(const struct encoder *e, struct page_table *table,
				     struct edit *edit)
{
	struct cursor *c = &edit->c;
	unsigned int level = c->level;
	uint64_t *slot = c->slots[level];
	struct frame frame = { .start = c->phys[level], .size = table_bytes(e, table, level) };
	uint64_t live;

	if (!edit->unmap || edit->removed[level] == 0) {
		cursor_ascend(table, c);
		return;
	}
	live = edit_live(e, table, c, edit->removed[level]);
	cursor_ascend(table, c);
	if (live != 0) {
		if (e->counted)
			entry_store(slot, e->with_count(entry_load(slot), live));
		return;
	}
	entry_link(slot, paging_sabotage(PAGING_SABOTAGE_CLEAR, level + 1, 0));
	edit->removed[level + 1]++;
	table->tables--;
	if (edit->op->gather) {
		uint64_t start = addr_align_down(c->input, level_size(e, level + 1));

		gather_range(edit->op->gather,
			     &(struct tlb_range){
				     .start = input_extend(e, table, start),
				     .last = input_extend(e, table,
							  start + level_size(e, level + 1) - 1),
				     .leaf_size = level_size(e, level),
				     .tables = true });
		gather_frame(edit->op->gather, frame);
	} else {
		edit->op->frames->free(edit->op->frames, FRAME_TABLE, frame);
	}
}

/*
 * A resumable unmap with a gather that cannot flush stops before it would empty a table whose frame
 * has nowhere to go.
 */
static ALWAYS_INLINE bool edit_gather_full(const struct encoder *e, const struct page_table *table,
					   const struct edit *edit)
{
	const struct tlb_gather *gather = edit->op->gather;
	unsigned int level = edit->c.level;

	if (!edit->unmap || (edit->op->mode & PAGING_RESUMABLE) == 0 || !gather ||
	    gather_can_flush(gather) || level == top_level(table) ||
	    gather_room(gather) >= table->levels - 1u)
		return false;
	return edit_live(e, table, &edit->c, edit->removed[level]) == 1;
}

/* Changes the leaf, all of which is in the range. */
static ALWAYS_INLINE void edit_leaf(const struct encoder *e, struct page_table *table,
				    struct edit *edit, uint64_t old)
{
	struct cursor *c = &edit->c;
	uint64_t *entry = cursor_entry(table, e, c);
	unsigned int level = c->level;

	if (edit->unmap) {
		old = entry_exchange(entry, paging_sabotage(PAGING_SABOTAGE_CLEAR, level, 0));
		edit->removed[level]++;
	} else {
		uint64_t new;

		do {
			uint64_t kept = e->leaf_attributes(old, level) & e->preserved;

			new = paging_sabotage(PAGING_SABOTAGE_LEAF, level,
					      e->leaf(edit->attributes | kept,
						      e->leaf_address(old, level), level));
		} while (new != old && !entry_replace(entry, &old, new));
		if (new == old)
			return;
	}
	gather_range(edit->op->gather,
		     &(struct tlb_range){ .start = input_extend(e, table, cursor_entry_start(e, c)),
					  .last = input_extend(e, table, cursor_entry_last(e, c)),
					  .leaf_size = level_size(e, level),
					  .global = e->is_global(old) });
}

/* Changes the range; stops, if it is resumable, at what stands in the way. */
static ALWAYS_INLINE enum paging_status edit_run(const struct encoder *e, struct page_table *table,
						 struct edit *edit)
{
	struct cursor *c = &edit->c;

	for (;;) {
		uint64_t d = entry_load(cursor_entry(table, e, c));

		if (!e->is_present(table, d)) {
			if (!edit_skips(edit))
				return edit_conflict(e, table, edit, PAGING_NOT_MAPPED);
		} else if (!e->is_leaf(d, c->level)) {
			edit_descend(e, table, edit, d);
			continue;
		} else if (cursor_covers(e, c)) {
			if (edit_gather_full(e, table, edit))
				return edit_conflict(e, table, edit, PAGING_GATHER_FULL);
			edit_leaf(e, table, edit, d);
		} else {
			if ((edit->op->mode & PAGING_SPLIT) == 0)
				return edit_conflict(e, table, edit, PAGING_WOULD_SPLIT);
			if (!split_leaf(e, table, c, &edit->reserve, edit->op->gather))
				return edit_conflict(e, table, edit, PAGING_NO_MEMORY);
			continue;
		}
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

static ALWAYS_INLINE enum paging_status edit_prepare(const struct encoder *e,
						     struct page_table *table, struct edit *edit,
						     uint64_t input, uint64_t last)
{
	const struct tlb_gather *gather = edit->op->gather;
	enum paging_status status;

	edit->removed[top_level(table)] = 0;
	edit->frames_needed = 0;
	edit->tables_emptied = 0;
	if ((edit->op->mode & PAGING_RESUMABLE) != 0)
		return PAGING_OK;
	cursor_open(table, e, &edit->c, input, last);
	status = edit_plan(e, table, edit);
	cursor_close(table, &edit->c);
	if (status != PAGING_OK)
		return status;
	if (gather && !gather_can_flush(gather) && edit->tables_emptied > gather_room(gather))
		return PAGING_GATHER_FULL;
	if (!reserve_fill(&edit->reserve, edit->frames_needed))
		return PAGING_NO_MEMORY;
	edit->removed[top_level(table)] = 0;
	return PAGING_OK;
}

static ALWAYS_INLINE enum paging_status edit_range(const struct encoder *e,
						   struct page_table *table, virt_addr virt,
						   uint64_t size, struct page_table_op *op,
						   bool unmap, uint64_t attributes)
{
	uint64_t input = virt & input_mask(table);
	uint64_t last = input + (size - 1);
	/* Set in part: zeroing the cursor and all would take a call of memset. */
	struct edit edit;
	enum paging_status status;

	edit.op = op;
	edit.unmap = unmap;
	edit.attributes = attributes & ~e->preserved;
	edit.reserve = (struct reserve){ .table = table,
					 .frames = op->frames,
					 .frame_size = table_bytes(e, table, 0) };
	status = edit_prepare(e, table, &edit, input, last);
	if (status != PAGING_OK)
		return status;
	cursor_open(table, e, &edit.c, input, last);
	status = edit_run(e, table, &edit);
	op->done = status == PAGING_OK ? size : edit.c.input - input;
	while (edit.c.level != top_level(table))
		edit_leave(e, table, &edit);
	cursor_close(table, &edit.c);
	return status;
}

static ALWAYS_INLINE enum paging_status unmap_range(const struct encoder *e,
						    struct page_table *table, virt_addr virt,
						    uint64_t size, struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op);

	if (status != PAGING_OK)
		return status;
	if (!op->gather && !op->frames)
		return PAGING_BAD_CONFIG;
	return edit_range(e, table, virt, size, op, true, 0);
}

static ALWAYS_INLINE enum paging_status protect_range(const struct encoder *e,
						      struct page_table *table, virt_addr virt,
						      uint64_t size, struct page_flags flags,
						      struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op);
	uint64_t attributes;

	if (status != PAGING_OK)
		return status;
	/* Accessed and dirty stay as the entries have them, whatever the flags say. */
	flags.idle = 0;
	flags.dirty = 0;
	if (!e->encode(table, flags, &attributes))
		return PAGING_BAD_FLAGS;
	return edit_range(e, table, virt, size, op, false, attributes);
}

#endif
