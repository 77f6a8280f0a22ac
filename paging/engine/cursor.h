/* SPDX-License-Identifier: MIT */
/*
 * A place in a table: an input address, a level, and the tables from the root down to there. Range
 * operations move one over their range and so never walk again from the root. The struct is in
 * twofold/page_table.h, since callers have cursors too (place.h).
 */
#ifndef PAGING_ENGINE_CURSOR_H
#define PAGING_ENGINE_CURSOR_H

#include "memory.h"

static ALWAYS_INLINE void cursor_open(const struct page_table *table, const struct encoder *e,
				      struct page_cursor *c, uint64_t input, uint64_t last)
{
	unsigned int top = top_level(table);

	analyzer_fills(c);
	c->input = input;
	c->last = last;
	c->level = top;
	c->phys[top] = table->root;
	c->tables[top] = memory_open(&table->access, table->root, table_bytes(e, table, top));
}

static ALWAYS_INLINE uint64_t *cursor_entry(const struct page_table *table, const struct encoder *e,
					    const struct page_cursor *c)
{
	return c->tables[c->level] + level_index(e, table, c->level, c->input);
}

/* First and last input address of the entry. */
static ALWAYS_INLINE uint64_t cursor_entry_start(const struct encoder *e,
						 const struct page_cursor *c)
{
	return addr_align_down(c->input, level_size(e, c->level));
}

static ALWAYS_INLINE uint64_t cursor_entry_last(const struct encoder *e,
						const struct page_cursor *c)
{
	return c->input | (level_size(e, c->level) - 1);
}

/* Whether all of the entry lies in what is left of the range. */
static ALWAYS_INLINE bool cursor_covers(const struct encoder *e, const struct page_cursor *c)
{
	return addr_is_aligned(c->input, level_size(e, c->level)) &&
	       cursor_entry_last(e, c) <= c->last;
}

/* Into the table at `phys`, which the entry points to, or soon will. */
static ALWAYS_INLINE void cursor_descend(const struct page_table *table, const struct encoder *e,
					 struct page_cursor *c, phys_addr phys)
{
	ASSUME(c->level > 0 && c->level < PAGE_TABLE_MAX_LEVELS);
	c->slots[c->level - 1] = cursor_entry(table, e, c);
	c->level--;
	c->phys[c->level] = phys;
	c->tables[c->level] = memory_open(&table->access, phys, table_bytes(e, table, c->level));
}

static ALWAYS_INLINE void cursor_ascend(const struct page_table *table, struct page_cursor *c)
{
	memory_close(&table->access, c->phys[c->level], c->tables[c->level]);
	c->level++;
}

/* Past the entry. False at the end of the range: the cursor then stays on the entry. */
static ALWAYS_INLINE bool cursor_step(const struct encoder *e, struct page_cursor *c)
{
	uint64_t last = cursor_entry_last(e, c);

	if (last >= c->last)
		return false;
	c->input = last + 1;
	return true;
}

/* After a step: whether it left the table, so that the cursor has to ascend. */
static ALWAYS_INLINE bool cursor_left(const struct page_table *table, const struct encoder *e,
				      const struct page_cursor *c)
{
	return c->level != top_level(table) &&
	       addr_is_aligned(c->input, level_size(e, c->level + 1));
}

/* Past the entry, and out of the tables that it was the last of. False as cursor_step. */
static ALWAYS_INLINE bool cursor_next(const struct page_table *table, const struct encoder *e,
				      struct page_cursor *c)
{
	if (!cursor_step(e, c))
		return false;
	while (cursor_left(table, e, c))
		cursor_ascend(table, c);
	return true;
}

/* Gives back all the table memory it holds. */
static inline void cursor_close(const struct page_table *table, struct page_cursor *c)
{
	while (c->level != top_level(table))
		cursor_ascend(table, c);
	memory_close(&table->access, c->phys[c->level], c->tables[c->level]);
}

#endif
