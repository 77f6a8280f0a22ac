/* SPDX-License-Identifier: MIT */
/*
 * Contiguous groups (Arm): a run of equal leaves, aligned as a whole, may carry a hint that lets
 * the TLB hold all of it in one entry. Here a group is one leaf of the group's size. Hardware may
 * set accessed and dirty in any one of its descriptors for all of them, so what one says all say.
 */
#ifndef PAGING_ENGINE_CONTIGUOUS_H
#define PAGING_ENGINE_CONTIGUOUS_H

#include "cursor.h"

static ALWAYS_INLINE uint64_t group_entries(const struct encoder *e, unsigned int level)
{
	return UINT64_C(1) << e->contiguous_shift[level];
}

static ALWAYS_INLINE uint64_t group_size(const struct encoder *e, unsigned int level)
{
	return level_size(e, level) << e->contiguous_shift[level];
}

static ALWAYS_INLINE bool has_groups(const struct encoder *e, unsigned int level)
{
	return e->contiguous != 0 && e->contiguous_shift[level] != 0;
}

static ALWAYS_INLINE bool in_group(const struct encoder *e, uint64_t leaf)
{
	return (leaf & e->contiguous) != 0;
}

/* What the leaf `d` that the cursor stands on spans: itself, or its group. */
static ALWAYS_INLINE uint64_t leaf_span(const struct encoder *e, const struct page_cursor *c,
					uint64_t d)
{
	return in_group(e, d) ? group_size(e, c->level) : level_size(e, c->level);
}

/* The first descriptor of the cursor's group. */
static ALWAYS_INLINE uint64_t *group_first(const struct page_table *table, const struct encoder *e,
					   const struct page_cursor *c)
{
	uint64_t index = level_index(e, table, c->level, c->input);

	return c->tables[c->level] + addr_align_down(index, group_entries(e, c->level));
}

/* Whether `other` is of the group that `d` is in: a writer may be at work between them. */
static ALWAYS_INLINE bool group_has(const struct encoder *e, const struct page_table *table,
				    uint64_t d, uint64_t other, unsigned int level)
{
	uint64_t size = group_size(e, level);

	return in_group(e, other) &&
	       e->cleaned(leaf_attributes(e, table, other, level), true, true) ==
		       e->cleaned(leaf_attributes(e, table, d, level), true, true) &&
	       addr_align_down(leaf_address(e, table, other, level), size) ==
		       addr_align_down(leaf_address(e, table, d, level), size);
}

/* `d`, with what the others of its group say of accessed and dirty. */
static inline uint64_t group_merge(const struct page_table *table, const struct encoder *e,
				   const struct page_cursor *c, uint64_t d)
{
	const uint64_t *entries;
	uint64_t merged = d;

	if (!in_group(e, d))
		return d;
	entries = group_first(table, e, c);
	for (uint64_t i = 0; i < group_entries(e, c->level); i++) {
		uint64_t other = entry_load(&entries[i]);

		if (group_has(e, table, d, other, c->level))
			merged = e->merge(merged, other);
	}
	return merged;
}

#endif
