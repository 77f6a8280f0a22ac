/* SPDX-License-Identifier: MIT */
/* All the tables at and below one, as a whole: counted, gathered and given up after nothing links
 * to them. */
#ifndef PAGING_ENGINE_SUBTREE_H
#define PAGING_ENGINE_SUBTREE_H

#include "gather.h"
#include "memory.h"
#include "recent.h"

/* A place in a subtree: like a cursor, but below a table that may hang off nothing. */
struct subtree {
	unsigned int level;
	unsigned int top;
	uint64_t *tables[PAGE_TABLE_MAX_LEVELS];
	uint64_t next[PAGE_TABLE_MAX_LEVELS]; /* the entry to look at next */
	phys_addr phys[PAGE_TABLE_MAX_LEVELS];
};

static inline void subtree_enter(const struct encoder *e, const struct page_table *table,
				 struct subtree *s, phys_addr phys, unsigned int level)
{
	s->level = level;
	s->phys[level] = phys;
	s->next[level] = 0;
	s->tables[level] = memory_open(&table->access, phys, table_bytes(e, table, level));
}

/*
 * Moves to the next table in post-order, and leaves it: its frame is in *phys. False after the one
 * that it started with.
 */
static inline bool subtree_next(const struct encoder *e, const struct page_table *table,
				struct subtree *s, phys_addr *phys)
{
	if (s->level > s->top)
		return false;
	/* A table of level 0 has leaves only. */
	while (s->level != 0 && s->next[s->level] < level_entries(e, table, s->level)) {
		uint64_t d = entry_load(&s->tables[s->level][s->next[s->level]++]);

		if (e->is_present(table, d, s->level) && !e->is_leaf(d, s->level))
			subtree_enter(e, table, s, table_address(e, table, d), s->level - 1);
	}
	*phys = s->phys[s->level];
	memory_close(&table->access, *phys, s->tables[s->level]);
	s->level++;
	return true;
}

static inline uint64_t subtree_count(const struct encoder *e, const struct page_table *table,
				     phys_addr phys, unsigned int level)
{
	struct subtree s;
	uint64_t count = 0;

	s.top = level;
	subtree_enter(e, table, &s, phys, level);
	while (subtree_next(e, table, &s, &phys))
		count++;
	return count;
}

/*
 * Tables of `level` that span [start, last], inputs, are not walked any more: what is to be
 * invalidated is each of their leaves, if they have any, and for a table one address is enough.
 */
static inline void gather_tables(const struct encoder *e, const struct page_table *table,
				 struct tlb_gather *gather, uint64_t start, uint64_t last,
				 unsigned int level, bool leaves, bool global)
{
	struct tlb_range range = {
		.start = input_extend(e, table, start),
		.last = input_extend(e, table, last),
		.leaf_size = level_size(e, level),
		.global = global,
	};

	if (leaves)
		gather_range(gather, &range);
	range.leaf_size = level_size(e, level + 1);
	range.tables = true;
	range.global = false;
	gather_range(gather, &range);
}

/* The same for one of them, by what is in it. */
static inline void gather_table(const struct encoder *e, const struct page_table *table,
				struct tlb_gather *gather, uint64_t start, phys_addr phys,
				unsigned int level)
{
	uint64_t bytes = table_bytes(e, table, level);
	uint64_t *entries = memory_open(&table->access, phys, bytes);
	bool leaves = false;
	bool global = false;

	for (uint64_t i = 0; i < bytes / sizeof(*entries); i++) {
		uint64_t d = entry_load(&entries[i]);

		if (!e->is_present(table, d, level) || !e->is_leaf(d, level))
			continue;
		leaves = true;
		global |= is_global(e, d);
	}
	memory_close(&table->access, phys, entries);
	gather_tables(e, table, gather, start, start + level_size(e, level + 1) - 1, level, leaves,
		      global);
}

/* And for one, from input `start` on, with all below it. NULL: no walker, no need. */
static inline void subtree_gather(const struct encoder *e, const struct page_table *table,
				  phys_addr phys, unsigned int level, uint64_t start,
				  struct tlb_gather *gather)
{
	struct subtree s;

	if (!gather)
		return;
	s.top = level;
	subtree_enter(e, table, &s, phys, level);
	while (subtree_next(e, table, &s, &phys)) {
		uint64_t input = start;

		for (unsigned int n = s.level; n <= s.top; n++)
			input += (s.next[n] - 1) << level_shift(e, n);
		gather_table(e, table, gather, input, phys, s.level - 1);
	}
}

/* Gives up the tables, which have been unlinked: to the gather, or without a walker to `frames`. */
static inline void subtree_release(const struct encoder *e, struct page_table *table,
				   phys_addr phys, unsigned int level, struct tlb_gather *gather,
				   struct frame_allocator *frames)
{
	struct subtree s;

	s.top = level;
	recent_forget(table);
	subtree_enter(e, table, &s, phys, level);
	while (subtree_next(e, table, &s, &phys)) {
		struct frame frame = { .start = phys, .size = table_bytes(e, table, s.level - 1) };

		table->tables--;
		if (gather)
			gather_frame(gather, frame);
		else
			frames->free(frames, FRAME_TABLE, frame);
	}
}

#endif
