/* SPDX-License-Identifier: MIT */
/*
 * Collapsing: a table full of leaves that one larger leaf can stand for becomes that leaf. Hardware
 * may go on marking the old leaves until it is flushed, so what they say is read once more after.
 */
#ifndef PAGING_ENGINE_COLLAPSE_H
#define PAGING_ENGINE_COLLAPSE_H

#include "arguments.h"
#include "contiguous.h"
#include "recent.h"
#include "sabotage.h"
#include "split.h"
#include "subtree.h"

/* An attribute word without accessed and dirty. */
static ALWAYS_INLINE uint64_t attributes_unmarked(const struct encoder *e,
						  const struct page_table *table,
						  uint64_t attributes)
{
	return e->cleaned(table, attributes, true, true);
}

/* Entries [first, first + count) are leaves that say the same, of addresses in a row from an
 * aligned one; hints in them do not matter. */
static inline bool leaves_alike(const struct encoder *e, const struct page_table *table,
				const uint64_t *first, uint64_t count, unsigned int level)
{
	uint64_t d = entry_load(first);
	uint64_t attributes;
	phys_addr phys;

	if (!e->is_present(table, d, level) || !e->is_leaf(d, level))
		return false;
	attributes = attributes_unmarked(e, table, leaf_attributes(e, table, d, level));
	phys = leaf_address(e, table, d, level);
	if (!addr_is_aligned(phys, count << level_shift(e, level)))
		return false;
	for (uint64_t i = 1; i < count; i++) {
		d = entry_load(&first[i]);
		if (!e->is_present(table, d, level) || !e->is_leaf(d, level) ||
		    attributes_unmarked(e, table, leaf_attributes(e, table, d, level)) !=
			    attributes ||
		    leaf_address(e, table, d, level) != phys + (i << level_shift(e, level)))
			return false;
	}
	return true;
}

/* `leaf`, with the marks of all leaves of a table of `level`. */
static inline uint64_t leaves_merged(const struct encoder *e, const struct page_table *table,
				     uint64_t attributes, const uint64_t *leaves,
				     unsigned int level)
{
	for (uint64_t i = 0; i < level_entries(e, table, level); i++)
		attributes = e->merge(table, attributes,
				      leaf_attributes(e, table, entry_load(&leaves[i]), level));
	return attributes;
}

/* The leaf of `level` that stands for a table of leaves. */
static ALWAYS_INLINE uint64_t joined_leaf(const struct encoder *e, uint64_t attributes,
					  phys_addr phys, unsigned int level)
{
	return paging_sabotage(PAGING_SABOTAGE_JOINED, level, e->leaf(attributes, phys, level));
}

/* The table that the cursor is about to leave becomes a leaf of the level above. */
static inline void collapse_table(const struct encoder *e, struct page_table *table,
				  const struct page_cursor *c, struct page_table_op *op)
{
	unsigned int level = c->level;
	uint64_t *slot = c->slots[level];
	const uint64_t *leaves = c->tables[level];
	uint64_t start = addr_align_down(c->input, level_size(e, level + 1));
	uint64_t first = entry_load(&leaves[0]);
	phys_addr phys = leaf_address(e, table, first, level);
	uint64_t attributes = leaf_attributes(e, table, first, level);
	uint64_t leaf;

	attributes = leaves_merged(e, table, attributes, leaves, level);
	if (must_break(e, table, op->gather))
		entry_exchange(table, slot, 0);
	else
		entry_link(table, slot, joined_leaf(e, attributes, phys, level + 1));
	if (!op->gather)
		return;
	gather_tables(e, table, op->gather, start, start + level_size(e, level + 1) - 1, level,
		      true, is_global(e, first));
	tlb_gather_finish(op->gather);
	attributes = leaves_merged(e, table, attributes, leaves, level);
	if (must_break(e, table, op->gather)) {
		entry_link(table, slot, joined_leaf(e, attributes, phys, level + 1));
		return;
	}
	leaf = entry_load(slot);
	while (!entry_replace(
		table, slot, &leaf,
		joined_leaf(e,
			    e->merge(table, leaf_attributes(e, table, leaf, level + 1), attributes),
			    phys, level + 1)))
		;
}

/* Gives the hint to each group of the table that lies in [first, last] and can be whole, also where
 * some of its leaves have it. */
static inline void collapse_groups(const struct encoder *e, const struct page_table *table,
				   struct page_cursor *c, uint64_t first, uint64_t last,
				   struct tlb_gather *gather)
{
	unsigned int level = c->level;
	uint64_t span = group_size(e, level);
	uint64_t start =
		addr_align_down(c->input, level_size(e, level) * level_entries(e, table, level));
	uint64_t input = c->input;

	for (uint64_t i = 0; i < level_entries(e, table, level); i += group_entries(e, level)) {
		const uint64_t *entries = c->tables[level] + i;
		uint64_t d = entry_load(entries);

		c->input = start + (i << level_shift(e, level));
		if (c->input < first || c->input + (span - 1) > last ||
		    (in_group(e, d) && !group_is_broken(e, table, c, d)) ||
		    !leaves_alike(e, table, entries, group_entries(e, level), level))
			continue;
		group_rewrite(e, table, c, leaf_attributes(e, table, d, level), 0, true, gather);
	}
	c->input = input;
}

static ALWAYS_INLINE bool collapse_allows(const struct page_table *table,
					  const struct page_table_op *op, uint64_t size)
{
	uint64_t allowed = table->leaf_sizes;

	if (op->leaf_sizes != 0)
		allowed &= op->leaf_sizes;
	return (allowed & size) != 0;
}

/* Leaves the cursor's table, after it has been made as small as can be. */
static inline void collapse_leave(const struct encoder *e, struct page_table *table,
				  struct page_cursor *c, uint64_t first, struct page_table_op *op)
{
	unsigned int level = c->level;
	uint64_t span = level_size(e, level + 1);
	uint64_t start = addr_align_down(c->input, span);
	struct frame frame = { .start = c->phys[level], .size = table_bytes(e, table, level) };
	bool whole = start >= first && start + (span - 1) <= c->last;
	bool joined =
		whole && collapse_allows(table, op, span) &&
		leaves_alike(e, table, c->tables[level], level_entries(e, table, level), level);

	if (joined)
		collapse_table(e, table, c, op);
	else if (has_groups(e, level) && collapse_allows(table, op, group_size(e, level)))
		collapse_groups(e, table, c, first, c->last, op->gather);
	cursor_ascend(table, c);
	if (!joined)
		return;
	recent_forget(table);
	table->tables--;
	if (op->gather)
		gather_frame(op->gather, frame);
	else
		op->frames->free(op->frames, FRAME_TABLE, frame);
}

static ALWAYS_INLINE enum paging_status collapse_range(const struct encoder *e,
						       struct page_table *table, virt_addr virt,
						       uint64_t size, struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op, 0);
	uint64_t input = virt & input_mask(table);
	struct page_cursor c;

	if (status != PAGING_OK)
		return status;
	if (!op->gather && !op->frames)
		return PAGING_BAD_ARGUMENT;
	if (gather_cannot_break(op->gather))
		return PAGING_NEEDS_FLUSH;
	if (op->gather && op->gather->frame_capacity == 0)
		return PAGING_GATHER_FULL;
	if ((op->mode & PAGING_PLAN) != 0)
		return PAGING_OK;
	cursor_open(table, e, &c, input, input + (size - 1));
	for (;;) {
		uint64_t d = entry_load(cursor_entry(table, e, &c));

		if (e->is_present(table, d, c.level) && !e->is_leaf(d, c.level)) {
			cursor_descend(table, e, &c, table_address(e, table, d));
			continue;
		}
		if (!cursor_step(e, &c))
			break;
		while (cursor_left(table, e, &c)) {
			c.input--;
			collapse_leave(e, table, &c, input, op);
			c.input++;
		}
	}
	while (c.level != top_level(table))
		collapse_leave(e, table, &c, input, op);
	if (has_groups(e, c.level) && collapse_allows(table, op, group_size(e, c.level)))
		collapse_groups(e, table, &c, input, c.last, op->gather);
	cursor_close(table, &c);
	op->done = size;
	return PAGING_OK;
}

#endif
