/* SPDX-License-Identifier: MIT */
/*
 * Cursors of the caller's: they stay where they are between calls, so that mapping one page after
 * the other costs a store each. What that does to the counts of live entries above is written when
 * a table is left; a table that is empty then goes.
 */
#ifndef PAGING_ENGINE_PLACE_H
#define PAGING_ENGINE_PLACE_H

#include "annotation.h"
#include "arguments.h"
#include "change.h"
#include "contiguous.h"
#include "cursor.h"
#include "gather.h"
#include "map.h"
#include "query.h"
#include "reserve.h"
#include "tell.h"

/* `gone` (modulo 2^64) entries fewer are in use in the cursor's table of that level. */
static ALWAYS_INLINE void place_touch(struct page_cursor *c, unsigned int level, uint64_t gone)
{
	c->gone[level] += gone;
	c->touched |= UINT32_C(1) << level;
}

/* Into the table at `phys`, in which nothing has been changed yet. */
static ALWAYS_INLINE void place_enter(const struct encoder *e, const struct page_table *table,
				      struct page_cursor *c, phys_addr phys)
{
	cursor_descend(table, e, c, phys);
	c->gone[c->level] = 0;
	c->touched &= ~(UINT32_C(1) << c->level);
}

/* Leaves a table: writes its count, or gives it up if it has become empty. */
static inline void place_leave(const struct encoder *e, struct page_table *table,
			       struct page_cursor *c)
{
	unsigned int level = c->level;
	uint64_t *slot = c->slots[level];
	phys_addr phys = c->phys[level];
	bool touched = (c->touched >> level & 1) != 0;
	uint64_t live = touched ? live_entries(e, table, c, c->gone[level]) : 0;

	cursor_ascend(table, c);
	if (!touched)
		return;
	if (live != 0) {
		if (e->counted)
			entry_link(table, slot, e->with_count(entry_load(slot), live));
		return;
	}
	place_touch(c, level + 1, 1);
	unlink_table(e, table, slot, phys, level,
		     addr_align_down(c->here, level_size(e, level + 1)), c->op);
}

/* Up to the lowest table that c->input is in. */
static ALWAYS_INLINE void place_rise(const struct encoder *e, struct page_table *table,
				     struct page_cursor *c)
{
	while (c->level != top_level(table) &&
	       UNLIKELY((c->input ^ c->here) >> level_shift(e, c->level + 1) != 0))
		place_leave(e, table, c);
	c->here = c->input;
}

/* From there down as far as there are tables; returns the entry that the walk ends at. */
static ALWAYS_INLINE uint64_t place_descend(const struct encoder *e, struct page_table *table,
					    struct page_cursor *c)
{
	for (;;) {
		uint64_t d = entry_load(cursor_entry(table, e, c));

		if (!e->is_present(table, d, c->level) || e->is_leaf(d, c->level))
			return d;
		place_enter(e, table, c, table_address(e, table, d));
	}
}

/* To c->input, whatever is there. */
static ALWAYS_INLINE uint64_t place_reach(const struct encoder *e, struct page_table *table,
					  struct page_cursor *c)
{
	place_rise(e, table, c);
	return place_descend(e, table, c);
}

/* On to the byte after `span` bytes, aligned. */
static ALWAYS_INLINE void place_pass(const struct page_table *table, struct page_cursor *c,
				     uint64_t span)
{
	uint64_t last = c->input | (span - 1);

	if (last == input_mask(table))
		c->ended = true;
	else
		c->input = last + 1;
}

static ALWAYS_INLINE enum paging_status place_open(const struct encoder *e,
						   struct page_table *table, virt_addr virt,
						   struct page_table_op *op, struct page_cursor *c)
{
	if (!input_valid(e, table, virt))
		return PAGING_INPUT_RANGE;
	if (!op->gather && !op->frames)
		return PAGING_BAD_ARGUMENT;
	cursor_open(table, e, c, virt & input_mask(table), input_mask(table));
	c->table = table;
	c->op = op;
	c->here = c->input;
	c->ended = false;
	c->gone[c->level] = 0;
	c->touched = 0;
	return PAGING_OK;
}

static ALWAYS_INLINE enum paging_status place_seek(const struct encoder *e, struct page_cursor *c,
						   virt_addr virt)
{
	if (!input_valid(e, c->table, virt))
		return PAGING_INPUT_RANGE;
	c->input = virt & input_mask(c->table);
	c->ended = false;
	return PAGING_OK;
}

static ALWAYS_INLINE void place_close(const struct encoder *e, struct page_cursor *c)
{
	while (c->level != top_level(c->table))
		place_leave(e, c->table, c);
	cursor_close(c->table, c);
}

static ALWAYS_INLINE enum paging_status place_query(const struct encoder *e, struct page_cursor *c,
						    struct page_mapping *mapping)
{
	struct page_table *table = c->table;
	uint64_t d;

	if (c->ended)
		return PAGING_INPUT_RANGE;
	d = place_reach(e, table, c);
	if (!e->is_present(table, d, c->level)) {
		describe_hole(e, table, c, d, mapping);
		return PAGING_NOT_MAPPED;
	}
	describe_leaf(e, table, c, d, inherited_above(table, c), mapping);
	return PAGING_OK;
}

/* Past the leaf, or the hole, that the cursor is in. */
static ALWAYS_INLINE enum paging_status place_next(const struct encoder *e, struct page_cursor *c)
{
	struct page_table *table = c->table;
	uint64_t d;

	if (c->ended)
		return PAGING_INPUT_RANGE;
	d = place_reach(e, table, c);
	place_pass(table, c,
		   e->is_present(table, d, c->level) ? leaf_span(e, table, c, d)
						     : level_size(e, c->level));
	return c->ended ? PAGING_INPUT_RANGE : PAGING_OK;
}

/* What is in the way of the operation. */
static inline enum paging_status place_fail(const struct encoder *e, const struct page_cursor *c,
					    uint64_t span, enum paging_status status)
{
	uint64_t input = span == 0 ? c->input : addr_align_down(c->input, span);

	return op_fail(c->op, status, input_extend(e, c->table, input), span);
}

/* Tables from the empty entry `d` that the cursor stands on down to `level`. */
static inline enum paging_status place_grow(const struct encoder *e, struct page_cursor *c,
					    unsigned int level, uint64_t d)
{
	struct page_table *table = c->table;
	struct reserve reserve = { .table = table,
				   .frames = c->op->frames,
				   .frame_size = table_bytes(e, table, 0) };

	if (!reserve_fill(&reserve, c->level - level))
		return place_fail(e, c, 0, PAGING_NO_MEMORY);
	while (c->level != level) {
		phys_addr phys;

		/* It has the frames. An empty table counts for one entry above. */
		if (!split_hole(e, table, c, &reserve, d, &phys))
			return place_fail(e, c, 0, PAGING_NO_MEMORY);
		place_touch(c, c->level, d == 0 ? UINT64_MAX : 0);
		place_enter(e, table, c, phys);
	}
	return PAGING_OK;
}

/* Puts the leaf, or the group, where nothing is. */
static ALWAYS_INLINE enum paging_status place_leaves(const struct encoder *e, struct page_cursor *c,
						     uint64_t attributes, phys_addr phys,
						     uint64_t count)
{
	struct page_table *table = c->table;
	unsigned int level = c->level;
	uint64_t *entry = cursor_entry(table, e, c);
	uint64_t noted;
	uint64_t room = build_room(e, table, entry, count, level, &noted);

	if (room != count) {
		uint64_t at = c->input + (room << level_shift(e, level));
		uint64_t d = entry_load(&entry[room]);
		/* Of a group: what is in the way of one of its leaves. */
		uint64_t span =
			e->is_leaf(d, level) ? leaf_span(e, table, c, d) : level_size(e, level);

		return op_fail(c->op, PAGING_ALREADY_MAPPED,
			       input_extend(e, table, addr_align_down(at, span)), span);
	}
	fill_leaves(e, entry, count, attributes, count == 1 ? 0 : e->contiguous, phys, level, true);
	memory_clean(table, entry, count * sizeof(*entry));
	place_touch(c, level, noted - count);
	place_pass(table, c, count << level_shift(e, level));
	return PAGING_OK;
}

/* The level whose leaves, or groups of *count leaves, have that size; levels if none has. */
static ALWAYS_INLINE unsigned int leaf_size_level(const struct encoder *e,
						  const struct page_table *table, uint64_t size,
						  uint64_t *count)
{
	unsigned int level;

	*count = 1;
	if (size == level_size(e, 0))
		return 0;
	if ((table->leaf_sizes & size) == 0 || (size & (size - 1)) != 0)
		return table->levels;
	for (level = 0; level < table->levels; level++) {
		if (size == level_size(e, level))
			break;
		if (has_groups(e, level) && size == group_size(e, level)) {
			*count = group_entries(e, level);
			break;
		}
	}
	return level;
}

/*
 * Out of the tables below `level`, where a leaf is to be. If one of them has become empty and goes,
 * that is a table that gives way to a leaf: break-before-make, and what the gather has is flushed
 * in between.
 */
static inline enum paging_status place_clear(const struct encoder *e, struct page_cursor *c,
					     unsigned int level)
{
	struct page_table *table = c->table;
	uint64_t tables = table->tables;

	while (c->level < level)
		place_leave(e, table, c);
	if (table->tables == tables || !replace_breaks(e, c->op))
		return PAGING_OK;
	if (gather_cannot_break(c->op->gather))
		return place_fail(e, c, level_size(e, level), PAGING_NEEDS_FLUSH);
	tlb_gather_finish(c->op->gather);
	return PAGING_OK;
}

static ALWAYS_INLINE enum paging_status place_map(const struct encoder *e, struct page_cursor *c,
						  phys_addr phys, uint64_t size,
						  struct page_flags flags)
{
	struct page_table *table = c->table;
	uint64_t attributes, count, d;
	unsigned int level = leaf_size_level(e, table, size, &count);
	enum paging_status status;

	if (c->ended)
		return PAGING_INPUT_RANGE;
	if (level == table->levels)
		return place_fail(e, c, 0, PAGING_BAD_SIZE);
	if (!addr_is_aligned(c->input | phys, size))
		return place_fail(e, c, 0, PAGING_UNALIGNED);
	if (!output_valid(table, phys, phys + (size - 1)))
		return place_fail(e, c, 0, PAGING_OUTPUT_RANGE);
	if (!encode_recent(e, table, flags, &attributes))
		return place_fail(e, c, 0, PAGING_BAD_FLAGS);
	place_rise(e, table, c);
	if (UNLIKELY(c->level < level)) {
		status = place_clear(e, c, level);
		if (status != PAGING_OK)
			return status;
	}
	while (UNLIKELY(c->level != level)) {
		d = entry_load(cursor_entry(table, e, c));
		if (!e->is_present(table, d, c->level)) {
			status = place_grow(e, c, level, d);
			if (status != PAGING_OK)
				return status;
		} else if (e->is_leaf(d, c->level)) {
			return place_fail(e, c, leaf_span(e, table, c, d), PAGING_ALREADY_MAPPED);
		} else {
			place_enter(e, table, c, table_address(e, table, d));
		}
	}
	return place_leaves(e, c, attributes, phys, count);
}

/* Whether removing `entries` would empty a table whose frame has nowhere to go. */
static inline bool place_gather_full(const struct encoder *e, const struct page_cursor *c,
				     uint64_t entries)
{
	const struct tlb_gather *gather = c->op->gather;

	if (!gather || gather_can_flush(gather) || c->level == top_level(c->table) ||
	    gather_room(gather) >= c->table->levels - 1u)
		return false;
	return live_entries(e, c->table, c, c->gone[c->level]) == entries;
}

/* To the leaf that the cursor is in, and that is to be changed. */
static ALWAYS_INLINE enum paging_status place_find(const struct encoder *e, struct page_cursor *c,
						   uint64_t *leaf)
{
	struct page_table *table = c->table;

	*leaf = place_reach(e, table, c);
	if (!e->is_present(table, *leaf, c->level))
		return place_fail(e, c, level_size(e, c->level), PAGING_NOT_MAPPED);
	if (group_is_broken(e, table, c, *leaf))
		return place_fail(e, c, leaf_span(e, table, c, *leaf), PAGING_BROKEN_GROUP);
	return PAGING_OK;
}

static ALWAYS_INLINE enum paging_status place_unmap(const struct encoder *e, struct page_cursor *c)
{
	uint64_t left = annotation_entry(c->op->annotation);
	enum paging_status status;
	uint64_t leaf, span;

	if (c->ended)
		return PAGING_INPUT_RANGE;
	if (!annotation_valid(c->op->annotation))
		return place_fail(e, c, 0, PAGING_BAD_FLAGS);
	if (op_tells(c->op) && !c->op->visitor)
		return place_fail(e, c, 0, PAGING_BAD_ARGUMENT);
	status = place_find(e, c, &leaf);
	if (status != PAGING_OK)
		return status;
	span = leaf_span(e, c->table, c, leaf);
	if (left == 0 && place_gather_full(e, c, leaf_entries(e, c->table, c, leaf)))
		return place_fail(e, c, span, PAGING_GATHER_FULL);
	leaf = leaf_remove(e, c->table, c, leaf, left, c->op->gather);
	if (left != 0)
		held_add(c->table, HELD_ANNOTATIONS);
	else
		place_touch(c, c->level, leaf_entries(e, c->table, c, leaf));
	if (op_tells(c->op))
		tell_leaf(e, c->table, c, leaf, c->op);
	place_pass(c->table, c, span);
	return PAGING_OK;
}

static ALWAYS_INLINE enum paging_status
place_protect(const struct encoder *e, struct page_cursor *c, struct page_flags flags)
{
	struct change change = { .kind = CHANGE_PROTECT };
	struct tlb_gather *gather = c->op->gather;
	enum paging_status status;
	uint64_t leaf, span;

	if (c->ended)
		return PAGING_INPUT_RANGE;
	flags.idle = 0;
	flags.dirty = 0;
	if (!encode_held(e, c->table, flags, &change.attributes))
		return place_fail(e, c, 0, PAGING_BAD_FLAGS);
	status = place_find(e, c, &leaf);
	if (status != PAGING_OK)
		return status;
	span = leaf_span(e, c->table, c, leaf);
	if (change_breaks(e, c->table, c, &change, leaf, gather) && gather_cannot_break(gather))
		return place_fail(e, c, span, PAGING_NEEDS_FLUSH);
	leaf_change(e, c->table, c, &change, leaf, gather);
	place_pass(c->table, c, span);
	return PAGING_OK;
}

#endif
