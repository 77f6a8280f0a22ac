/* SPDX-License-Identifier: MIT */
/*
 * Splitting: a leaf becomes a table of leaves one level down that say the same. The attributes go
 * through leaf_attributes() and leaf(), so bits that move with the level (PAT, PS) move, and all
 * others, accessed, dirty and software bits among them, are kept.
 */
#ifndef PAGING_ENGINE_SPLIT_H
#define PAGING_ENGINE_SPLIT_H

#include "cursor.h"
#include "gather.h"
#include "reserve.h"
#include "sabotage.h"

/*
 * Tables it takes to split a leaf of `level` so that [first, last], part of it, ends on leaf
 * borders: one of level n for each border that is not aligned to level n + 1, and one for both if
 * they lie in the same span.
 */
static ALWAYS_INLINE uint64_t split_tables(const struct encoder *e, unsigned int level,
					   uint64_t first, uint64_t last)
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

/* Splits the leaf the cursor stands on; it then stands on the table. False: no frame. */
static ALWAYS_INLINE bool split_leaf(const struct encoder *e, struct page_table *table,
				     const struct cursor *c, struct reserve *reserve,
				     struct tlb_gather *gather)
{
	unsigned int level = c->level - 1;
	uint64_t entries = level_entries(e, table, level);
	uint64_t *entry = cursor_entry(table, e, c);
	uint64_t start = cursor_entry_start(e, c);
	uint64_t *leaves;
	uint64_t old;
	uint64_t link;
	phys_addr phys;

	if (!reserve_take(reserve, &phys))
		return false;
	leaves = memory_open(&table->access, phys, table_bytes(e, table, level));
	link = e->table(table, phys);
	if (e->counted)
		link = e->with_count(link, entries);
	link = paging_sabotage(PAGING_SABOTAGE_TABLE, c->level, link);
	old = entry_load(entry);
	/* Hardware may set the leaf's accessed and dirty bits meanwhile: then once more. */
	do {
		uint64_t attributes = e->leaf_attributes(old, c->level);
		phys_addr output = e->leaf_address(old, c->level);

		for (uint64_t i = 0; i < entries; i++)
			leaves[i] = paging_sabotage(
				PAGING_SABOTAGE_LEAF, level,
				e->leaf(attributes, output + i * level_size(e, level), level));
	} while (!entry_replace(entry, &old, link));
	memory_close(&table->access, phys, leaves);
	table->tables++;
	gather_range(gather,
		     &(struct tlb_range){ .start = input_extend(e, table, start),
					  .last = input_extend(e, table, cursor_entry_last(e, c)),
					  .leaf_size = level_size(e, c->level),
					  .global = e->is_global(old) });
	return true;
}

#endif
