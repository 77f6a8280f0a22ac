/* SPDX-License-Identifier: MIT */
/*
 * Splitting: a leaf becomes a table of leaves one level down that say the same. The attributes go
 * through leaf_attributes() and leaf(), so bits that move with the level (PAT, PS) move, and all
 * others, accessed, dirty and software bits among them, are kept.
 */
#ifndef PAGING_ENGINE_SPLIT_H
#define PAGING_ENGINE_SPLIT_H

#include "contiguous.h"
#include "cursor.h"
#include "gather.h"
#include "reserve.h"
#include "sabotage.h"

/*
 * Tables it takes to split a leaf of `level` so that [first, last], part of it, ends on leaf
 * borders: one of level n for each border that is not aligned to level n + 1, and one for both if
 * they lie in the same span.
 */
static inline uint64_t split_tables(const struct encoder *e, unsigned int level, uint64_t first,
				    uint64_t last)
{
	uint64_t needed = 0;

	for (unsigned int n = 0; n < level; n++) {
		uint64_t span = level_size(e, n + 1);
		bool head = !addr_is_aligned(first, span);
		bool tail = !addr_is_aligned(last + 1, span);

		needed += head;
		if (tail && !(head && addr_align_down(first, span) == addr_align_down(last, span)))
			needed++;
	}
	return needed;
}

/*
 * Tables it takes to split what [first, last] touches of a leaf of `level` down to `leaf_size`: one
 * of level n for each span of level n + 1 that is larger than that. Groups take none.
 */
static inline uint64_t split_all_tables(const struct encoder *e, unsigned int level,
					uint64_t leaf_size, uint64_t first, uint64_t last)
{
	uint64_t needed = 0;

	for (unsigned int n = 0; n < level; n++) {
		unsigned int span = level_shift(e, n + 1);

		if (level_size(e, n + 1) > leaf_size)
			needed += (last >> span) - (first >> span) + 1;
	}
	return needed;
}

/* Whether a change that takes break-before-make must be made so here: is a walker about? */
static ALWAYS_INLINE bool must_break(const struct encoder *e, const struct page_table *table,
				     const struct tlb_gather *gather)
{
	return gather && e->break_before_make(table);
}

/* Breaks: [start, last], inputs, has just become invalid, and no translation of it may be left. */
static inline void break_range(const struct encoder *e, const struct page_table *table,
			       struct tlb_gather *gather, uint64_t start, uint64_t last,
			       uint64_t leaf_size, bool tables, bool global)
{
	gather_range(gather, &(struct tlb_range){ .start = input_extend(e, table, start),
						  .last = input_extend(e, table, last),
						  .leaf_size = leaf_size,
						  .tables = tables,
						  .global = global });
	tlb_gather_finish(gather);
}

/* A table of leaves that say what leaf `old` of `level` + 1 said. */
static inline void split_fill(const struct encoder *e, const struct page_table *table,
			      uint64_t *leaves, unsigned int level, uint64_t old)
{
	uint64_t entries = level_entries(e, table, level);
	uint64_t attributes = leaf_attributes(e, table, old, level + 1);
	phys_addr phys = leaf_address(e, table, old, level + 1);

	for (uint64_t i = 0; i < entries; i++)
		leaves[i] = paging_sabotage(
			PAGING_SABOTAGE_LEAF, level,
			e->leaf(attributes, phys + (i << level_shift(e, level)), level));
	memory_clean(table, leaves, entries * sizeof(*leaves));
}

/* Splits the leaf the cursor stands on, which is in no group; it then stands on the table. False:
 * no frame. */
static inline bool split_leaf(const struct encoder *e, struct page_table *table,
			      const struct page_cursor *c, struct reserve *reserve,
			      struct tlb_gather *gather)
{
	unsigned int level = c->level - 1;
	uint64_t entries = level_entries(e, table, level);
	uint64_t *entry = cursor_entry(table, e, c);
	uint64_t start = cursor_entry_start(e, c);
	uint64_t last = cursor_entry_last(e, c);
	uint64_t *leaves;
	uint64_t old;
	uint64_t link;
	phys_addr phys;

	if (!reserve_take(reserve, &phys))
		return false;
	leaves = memory_open(&table->access, phys, table_bytes(e, table, level));
	link = table_entry(e, table, phys);
	if (e->counted)
		link = e->with_count(link, entries);
	link = paging_sabotage(PAGING_SABOTAGE_TABLE, c->level, link);
	if (must_break(e, table, gather)) {
		old = entry_exchange(table, entry, 0);
		break_range(e, table, gather, start, last, level_size(e, c->level), false,
			    is_global(e, old));
		split_fill(e, table, leaves, level, old);
		entry_link(table, entry, link);
	} else {
		old = entry_load(entry);
		/* Hardware may set the leaf's accessed and dirty bits meanwhile: then again. */
		do {
			split_fill(e, table, leaves, level, old);
		} while (!entry_replace(table, entry, &old, link));
		gather_range(gather, &(struct tlb_range){ .start = input_extend(e, table, start),
							  .last = input_extend(e, table, last),
							  .leaf_size = level_size(e, c->level),
							  .global = is_global(e, old) });
	}
	memory_close(&table->access, phys, leaves);
	table->tables++;
	return true;
}

/* Puts a table where the cursor's entry is not present, but empty or annotated, `d`: each of the
 * table's entries says the same. */
static inline bool split_hole(const struct encoder *e, struct page_table *table,
			      const struct page_cursor *c, struct reserve *reserve, uint64_t d,
			      phys_addr *table_phys)
{
	unsigned int level = c->level - 1;
	uint64_t entries = level_entries(e, table, level);
	uint64_t *notes;
	uint64_t link;
	phys_addr phys;

	if (!reserve_take(reserve, &phys))
		return false;
	notes = memory_open(&table->access, phys, table_bytes(e, table, level));
	entries_fill(notes, 0, entries, d);
	memory_clean(table, notes, table_bytes(e, table, level));
	memory_close(&table->access, phys, notes);
	link = table_entry(e, table, phys);
	if (e->counted)
		link = e->with_count(link, d != 0 ? entries : 0);
	*table_phys = phys;
	entry_link(table, cursor_entry(table, e, c),
		   paging_sabotage(PAGING_SABOTAGE_TABLE, c->level, link));
	table->tables++;
	return true;
}

/* What the leaves of a group may differ in: bits that the MMU ignores, but for the marks. */
static ALWAYS_INLINE uint64_t group_own_bits(const struct encoder *e,
					     const struct page_table *table)
{
	return e->ignored & ~e->merge(table, 0, UINT64_MAX);
}

/*
 * Changes all the leaves of the cursor's group, which is whole, at once: `attributes` for all of
 * them, merged with what they have been (keep), with or without the hint. Each has the bits `keep`,
 * of group_own_bits(), as it had them.
 */
static inline void group_rewrite(const struct encoder *e, const struct page_table *table,
				 const struct page_cursor *c, uint64_t attributes, uint64_t keep,
				 bool hint, struct tlb_gather *gather)
{
	unsigned int level = c->level;
	uint64_t *entries = group_first(table, e, c);
	uint64_t count = hinted_entries(e, table, level);
	uint64_t span = hinted_size(e, table, level);
	uint64_t start = addr_align_down(c->input, span);
	uint64_t old = entry_load(&entries[0]);
	phys_addr phys = leaf_address(e, table, old, level);
	uint16_t kept[GROUP_MOST]; /* the bits from 48 up, where all those are */

	analyzer_fills(kept);
	/* Out of reach of hardware first, so that no accessed or dirty bit is lost. */
	for (uint64_t i = 0; i < count; i++) {
		uint64_t was = entry_exchange(table, &entries[i], 0);

		old = e->merge(table, old, was);
		kept[i] = (uint16_t)((was & keep) >> 48);
	}
	if (gather)
		break_range(e, table, gather, start, start + (span - 1), level_size(e, level),
			    false, is_global(e, old));
	attributes = e->keep(table, attributes, leaf_attributes(e, table, old, level));
	for (uint64_t i = 0; i < count; i++) {
		uint64_t leaf = e->leaf(attributes, phys + (i << level_shift(e, level)), level);

		leaf = (leaf & ~keep) | (uint64_t)kept[i] << 48;
		entry_store(table, &entries[i],
			    paging_sabotage(PAGING_SABOTAGE_LEAF, level,
					    leaf | (hint ? e->contiguous : 0)));
	}
}

/* Takes the hint off the cursor's group: its leaves stand alone after it. */
static inline void group_unfold(const struct encoder *e, const struct page_table *table,
				const struct page_cursor *c, struct tlb_gather *gather)
{
	uint64_t leaf = entry_load(cursor_entry(table, e, c));

	group_rewrite(e, table, c, leaf_attributes(e, table, leaf, c->level),
		      group_own_bits(e, table), false, gather);
}

#endif
