/* SPDX-License-Identifier: MIT */
/*
 * Contiguous groups (Arm): a run of equal leaves, aligned as a whole, may carry a hint that lets
 * the TLB hold all of it in one entry. Here a group is one leaf of the group's size. Hardware may
 * set accessed and dirty in any one of its descriptors for all of them, so what one says all say.
 */
#ifndef PAGING_ENGINE_CONTIGUOUS_H
#define PAGING_ENGINE_CONTIGUOUS_H

#include "cursor.h"

/* Entries of the largest group: 128 pages of 16K (DDI 0487 D8.7.1). */
#define GROUP_MOST 128

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

/* Entries that a hint in one of them speaks of: a group, of this library's or, at levels where it
 * makes none, of others; or all of a root that is smaller. */
static ALWAYS_INLINE uint64_t hinted_entries(const struct encoder *e,
					     const struct page_table *table, unsigned int level)
{
	unsigned int shift = e->contiguous_shift[level];
	uint64_t group = UINT64_C(1) << (shift != 0 ? shift : e->contiguous_above);
	uint64_t entries = level_entries(e, table, level);

	return entries < group ? entries : group;
}

static ALWAYS_INLINE uint64_t hinted_size(const struct encoder *e, const struct page_table *table,
					  unsigned int level)
{
	return hinted_entries(e, table, level) << level_shift(e, level);
}

/* What the leaf `d` that the cursor stands on spans: itself, or its group. */
static ALWAYS_INLINE uint64_t leaf_span(const struct encoder *e, const struct page_table *table,
					const struct page_cursor *c, uint64_t d)
{
	return in_group(e, d) ? hinted_size(e, table, c->level) : level_size(e, c->level);
}

/* The first descriptor of the cursor's group. */
static ALWAYS_INLINE uint64_t *group_first(const struct page_table *table, const struct encoder *e,
					   const struct page_cursor *c)
{
	uint64_t index = level_index(e, table, c->level, c->input);

	return c->tables[c->level] + addr_align_down(index, hinted_entries(e, table, c->level));
}

/* Whether `other` is of the group that `d` is in: a writer may be at work between them. */
static ALWAYS_INLINE bool group_has(const struct encoder *e, const struct page_table *table,
				    uint64_t d, uint64_t other, unsigned int level)
{
	uint64_t size = hinted_size(e, table, level);

	return in_group(e, other) &&
	       ((e->cleaned(table, leaf_attributes(e, table, other, level), true, true) ^
		 e->cleaned(table, leaf_attributes(e, table, d, level), true, true)) &
		~e->ignored) == 0 &&
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
	for (uint64_t i = 0; i < hinted_entries(e, table, c->level); i++) {
		uint64_t other = entry_load(&entries[i]);

		if (group_has(e, table, d, other, c->level))
			merged = e->merge(table, merged, other);
	}
	return merged;
}

/* What differs between the leaves of a group, by their attribute words: accessed and dirty do not
 * count, since any one of them has those for all. */
static ALWAYS_INLINE uint64_t group_differs(const struct encoder *e, const struct page_table *table,
					    uint64_t a, uint64_t b)
{
	return e->merge(table, a, b) ^ e->merge(table, b, a);
}

/* Whether leaf `other` is what the group of `d` has `distance` bytes (modulo 2^64) above it. What
 * the MMU ignores may differ. */
static ALWAYS_INLINE bool group_fits(const struct encoder *e, const struct page_table *table,
				     uint64_t d, uint64_t other, uint64_t distance,
				     unsigned int level)
{
	return e->is_present(table, other, level) && e->is_leaf(other, level) &&
	       in_group(e, other) &&
	       leaf_address(e, table, other, level) ==
		       leaf_address(e, table, d, level) + distance &&
	       (group_differs(e, table, leaf_attributes(e, table, d, level),
			      leaf_attributes(e, table, other, level)) &
		~e->ignored) == 0;
}

/* All entries of the group that the cursor's leaf has the hint of, and where they go. */
static SELDOM bool group_complete(const struct encoder *e, const struct page_table *table,
				  const struct page_cursor *c)
{
	const uint64_t *entries = group_first(table, e, c);
	uint64_t d = entry_load(&entries[0]);

	if (!addr_is_aligned(leaf_address(e, table, d, c->level), hinted_size(e, table, c->level)))
		return false;
	for (uint64_t i = 0; i < hinted_entries(e, table, c->level); i++) {
		if (!group_fits(e, table, d, entry_load(&entries[i]), i << level_shift(e, c->level),
				c->level))
			return false;
	}
	return true;
}

/*
 * Whether the leaf that the cursor stands on has the hint, but is in no whole group: others have
 * left it behind. What changes a leaf would change its group, so none changes such a one.
 */
static ALWAYS_INLINE bool group_is_broken(const struct encoder *e, const struct page_table *table,
					  const struct page_cursor *c, uint64_t leaf)
{
	return in_group(e, leaf) && !group_complete(e, table, c);
}

/* The same for a pass that stops at the first such leaf, and looks at each one from input `first`
 * on: each group once. */
static ALWAYS_INLINE bool group_proves_broken(const struct encoder *e,
					      const struct page_table *table,
					      const struct page_cursor *c, uint64_t leaf,
					      uint64_t first)
{
	const uint64_t *entry = cursor_entry(table, e, c);
	uint64_t before;

	if (!in_group(e, leaf))
		return false;
	if (entry != group_first(table, e, c) && cursor_entry_start(e, c) > first) {
		before = entry_load(entry - 1);
		if (e->is_present(table, before, c->level) && e->is_leaf(before, c->level) &&
		    in_group(e, before))
			return false;
	}
	return !group_complete(e, table, c);
}

#endif
