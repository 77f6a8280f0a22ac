/* SPDX-License-Identifier: MIT */
/* All the tables at and below one, as a whole: counted, or given up after nothing links to them. */
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
