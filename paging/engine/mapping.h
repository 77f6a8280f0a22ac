/* SPDX-License-Identifier: MIT */
/* A mapping under way: what goes where, in leaves of which sizes, and what it finds in its way. */
#ifndef PAGING_ENGINE_MAPPING_H
#define PAGING_ENGINE_MAPPING_H

#include "contiguous.h"
#include "cursor.h"

/* A mapping under way. */
struct mapping {
	uint64_t input; /* of the range's start */
	uint64_t last;
	uint64_t delta; /* output address minus input, modulo 2^64 */
	uint64_t attributes;
	uint64_t note; /* annotations are put there, not leaves: the entry that says so; else 0 */
	bool replace;  /* leaves in the way are replaced */
	/* Bit n: leaves (groups) of level n may be used, as far as alignment between input and
	 * output goes. */
	uint32_t leaf_levels;
	uint32_t group_levels;
};

static inline void mapping_levels(const struct encoder *e, const struct page_table *table,
				  struct mapping *m, uint64_t allowed)
{
	m->leaf_levels = 0;
	m->group_levels = 0;
	for (unsigned int level = 0; level < table->levels; level++) {
		uint64_t size = level_size(e, level);

		if ((allowed & size) != 0 && addr_is_aligned(m->delta, size))
			m->leaf_levels |= UINT32_C(1) << level;
		if (has_groups(e, level) && (allowed & group_size(e, level)) != 0 &&
		    addr_is_aligned(m->delta, group_size(e, level)))
			m->group_levels |= UINT32_C(1) << level;
	}
}

static ALWAYS_INLINE bool mapping_fits(const struct encoder *e, const struct mapping *m,
				       const struct page_cursor *c)
{
	ASSUME(c->level < PAGE_TABLE_MAX_LEVELS);
	return (m->leaf_levels >> c->level & 1) != 0 && cursor_covers(e, c);
}

/*
 * Tables that mapping [first, last], which lies under one empty entry of `level` and does not fill
 * it with a leaf, will take. A table whose entries are of level n stands for a span of
 * level_size(n + 1); it is needed unless a leaf of level n + 1 or more covers that span.
 */
static inline uint64_t tables_below(const struct encoder *e, const struct mapping *m,
				    unsigned int level, uint64_t first, uint64_t last)
{
	uint64_t needed = 0;

	for (unsigned int n = 0; n < level; n++) {
		unsigned int span = level_shift(e, n + 1);
		uint32_t larger = m->leaf_levels >> (n + 1);

		needed += (last >> span) - (first >> span) + 1;
		if (larger != 0) {
			unsigned int leaf = n + 1 + (unsigned int)__builtin_ctz(larger);
			uint64_t start = addr_align_up(first, level_size(e, leaf));
			uint64_t end = addr_align_down(last + 1, level_size(e, leaf));

			if (end > start)
				needed -= (end - start) >> span;
		}
	}
	return needed;
}

/* `leaf`, or a table that a leaf was to take the place of, is in the way. */
static inline enum paging_status map_conflict(const struct encoder *e,
					      const struct page_table *table,
					      const struct page_cursor *c, uint64_t leaf,
					      enum paging_status status, struct page_table_op *op)
{
	uint64_t span = level_size(e, c->level);

	if (e->is_leaf(leaf, c->level))
		span = leaf_span(e, table, c, leaf);
	return op_fail(op, status, input_extend(e, table, addr_align_down(c->input, span)), span);
}

#endif
