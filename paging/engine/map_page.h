/* SPDX-License-Identifier: MIT */
/* map_to: the walk of one page and a store. What is in its way, or missing, is left to ever more
 * general functions; the last of them maps a range of one page. */
#ifndef PAGING_ENGINE_MAP_PAGE_H
#define PAGING_ENGINE_MAP_PAGE_H

#include "map.h"
#include "plain.h"
#include "recent.h"

/* Walks, and maps tables that are missing. */
static inline enum paging_status map_page_walk(const struct encoder *e, struct page_table *table,
					       virt_addr virt, phys_addr phys,
					       struct page_flags flags, uint64_t attributes,
					       struct frame_allocator *frames)
{
	struct page_cursor c;
	struct page_table_op op;
	uint64_t d;

	cursor_open(table, e, &c, virt & input_mask(table), virt & input_mask(table));
	for (;;) {
		d = entry_load(cursor_entry(table, e, &c));
		if (c.level == 0 || !e->is_present(table, d, c.level) || e->is_leaf(d, c.level))
			break;
		cursor_descend(table, e, &c, table_address(e, table, d));
	}
	if (c.level == 0 && !e->is_present(table, d, 0)) {
		uint64_t *slot = c.slots[0];

		entry_store(table, cursor_entry(table, e, &c),
			    paging_sabotage(PAGING_SABOTAGE_LEAF, 0, e->leaf(attributes, phys, 0)));
		if (e->counted && d == 0)
			entry_link(table, slot, e->count_up(entry_load(slot)));
		recent_note(e, table, virt, c.tables[0], c.slots[0]);
		cursor_close(table, &c);
		return PAGING_OK;
	}
	cursor_close(table, &c);
	if (e->is_present(table, d, c.level))
		return PAGING_ALREADY_MAPPED;
	/* Tables are missing: rare, and the same as a range of one page. */
	op.frames = frames;
	op.gather = NULL;
	op.mode = 0;
	op.leaf_sizes = 0;
	op.budget = 0;
	op.annotation = 0;
	return page_table_map(table, virt, phys, level_size(e, 0), flags, &op);
}

/* All that map_to may come upon. */
static SELDOM enum paging_status map_page_general(const struct encoder *e, struct page_table *table,
						  virt_addr virt, phys_addr phys,
						  struct page_flags flags,
						  struct frame_allocator *frames)
{
	uint64_t attributes;

	if (!addr_is_aligned(virt | phys, level_size(e, 0)))
		return PAGING_UNALIGNED;
	if (!input_valid(e, table, virt))
		return PAGING_INPUT_RANGE;
	if (phys >> table->output_bits != 0)
		return PAGING_OUTPUT_RANGE;
	if (!encode_recent(e, table, flags, &attributes))
		return PAGING_BAD_FLAGS;
	return map_page_walk(e, table, virt, phys, flags, attributes, frames);
}

/*
 * Makes the tables that are missing below an empty entry of `level`, each with the one entry that
 * leads to the page, and links them last. *entry is the entry; the lowest table is then the recent
 * one. Without memory for all of them nothing has changed.
 */
static inline enum paging_status map_page_grow(const struct encoder *e, struct page_table *table,
					       virt_addr virt, uint64_t leaf, unsigned int level,
					       uint64_t *entry, struct frame_allocator *frames)
{
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;
	struct reserve reserve = { .table = table,
				   .frames = frames,
				   .frame_size = table_bytes(e, table, 0) };
	uint64_t *below = NULL;
	uint64_t *slot = entry;
	uint64_t *lowest = NULL;
	uint64_t link = leaf;
	phys_addr phys;

	if (!reserve_fill(&reserve, level))
		return PAGING_NO_MEMORY;
	for (unsigned int n = 0; n < level; n++) {
		if (!reserve_take(&reserve, &phys))
			return PAGING_NO_MEMORY; /* it has the frames */
		below = (uint64_t *)(uintptr_t)(phys + table->access.offset);
		entries_clear(below, mask + 1);
		below += virt >> level_shift(e, n) & mask;
		*below = link;
		if (n == 0)
			lowest = below - (virt >> level_shift(e, 0) & mask);
		else if (n == 1)
			slot = below;
		link = paging_sabotage(PAGING_SABOTAGE_TABLE, n + 1,
				       build_counted(e, table_entry(e, table, phys), 1));
	}
	table->tables += level;
	entry_publish(entry, link);
	recent_note(e, table, virt, lowest, slot);
	return PAGING_OK;
}

/* Away from the page before, of a table whose memory is at an offset: a walk, and a store. */
static __attribute__((noinline)) enum paging_status
map_page_far(const struct encoder *e, struct page_table *table, virt_addr virt, phys_addr phys,
	     struct page_flags flags, struct frame_allocator *frames)
{
	uint64_t off = (virt & (level_size(e, 0) - 1)) | (phys & table->output_bad);
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;
	enum paging_status status = PAGING_OK;
	unsigned int level = top_level(table);
	uint64_t *entries, *entry;
	uint64_t *slot = NULL;
	uint64_t attributes, leaf, d;

	if (UNLIKELY(table->access.map || table->access.clean) || off != 0 ||
	    !input_valid(e, table, virt) || !encode_recent(e, table, flags, &attributes))
		return map_page_general(e, table, virt, phys, flags, frames);
	entries = (uint64_t *)(uintptr_t)(table->root + table->access.offset);
	entry = entries + level_index(e, table, level, virt & input_mask(table));
	d = entry_load(entry);
	for (; level != 0 && e->is_plain_table(d); level--) {
		slot = entry;
		entries =
			(uint64_t *)(uintptr_t)(table_address(e, table, d) + table->access.offset);
		entry = entries + (virt >> level_shift(e, level - 1) & mask);
		d = entry_load(entry);
	}
	if (UNLIKELY(d != 0))
		return map_page_general(e, table, virt, phys, flags, frames);
	leaf = paging_sabotage(PAGING_SABOTAGE_LEAF, 0, e->leaf(attributes, phys, 0));
	if (level == 0) {
		entry_write(entry, leaf);
		recent_note(e, table, virt, entries, slot);
	} else {
		status = map_page_grow(e, table, virt, leaf, level, entry, frames);
	}
	if (e->counted && slot && status == PAGING_OK)
		entry_publish(slot, e->count_up(entry_load(slot)));
	return status;
}

/* The lowest table is missing: makes it, with the page in it. `slot` is the entry to link it by,
 * `above` the one that links to the table that is in. */
static __attribute__((noinline)) enum paging_status
map_page_lowest(const struct encoder *e, struct page_table *table, virt_addr virt, phys_addr phys,
		uint64_t *slot, uint64_t *above, struct frame_allocator *frames)
{
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;
	uint64_t leaf = recent_leaf(e, table, phys);
	struct reserve reserve = { .table = table,
				   .frames = frames,
				   .frame_size = table_bytes(e, table, 0) };
	uint64_t *entries;
	phys_addr frame;

	if (!reserve_allocate(&reserve, &frame))
		return PAGING_NO_MEMORY;
	entries = (uint64_t *)(uintptr_t)(frame + table->access.offset);
	entries_clear(entries, mask + 1);
	entries[virt >> level_shift(e, 0) & mask] = leaf;
	table->tables++;
	entry_publish(slot, paging_sabotage(PAGING_SABOTAGE_TABLE, 1,
					    build_counted(e, table_entry(e, table, frame), 1)));
	if (e->counted)
		entry_publish(above, e->count_up(entry_load(above)));
	recent_note(e, table, virt, entries, slot);
	return PAGING_OK;
}

/* The second page in a row in that table. Always PAGING_OK. */
static SELDOM enum paging_status map_page_stay(const struct encoder *e, struct page_table *table,
					       virt_addr virt, uint64_t *entry, uint64_t *slot)
{
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;

	recent_note(e, table, virt, entry - (virt >> level_shift(e, 0) & mask), slot);
	return PAGING_OK;
}

/*
 * Away from the page before, with its flags, of a table of four levels (plain_root): the shortest
 * walk there is, and a store. Whatever is in its way is left to map_page_far.
 */
static __attribute__((noinline)) enum paging_status
map_page_plain(const struct encoder *e, struct page_table *table, virt_addr virt, phys_addr phys,
	       struct page_flags flags, struct frame_allocator *frames)
{
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;
	uint64_t *entry, *above, *slot;
	uint64_t d, link;

	if (UNLIKELY((virt & (level_size(e, 0) - 1)) != 0) ||
	    UNLIKELY((phys & table->output_bad) != 0) ||
	    UNLIKELY(word_of_flags(flags) != word_of_flags(table->recent_flags)) ||
	    UNLIKELY(table->recent_attributes == 0) ||
	    UNLIKELY(virt + table->input_bias >= table->plain_limit))
		return map_page_far(e, table, virt, phys, flags, frames);
	d = entry_load(&table->plain_root[virt >> level_shift(e, 3) & mask]);
	if (UNLIKELY(!e->is_plain_table(d)))
		return map_page_far(e, table, virt, phys, flags, frames);
	above = plain_entry(e, table, d, virt, 2);
	d = entry_load(above);
	if (UNLIKELY(!e->is_plain_table(d)))
		return map_page_far(e, table, virt, phys, flags, frames);
	slot = plain_entry(e, table, d, virt, 1);
	link = entry_load(slot);
	if (!e->is_plain_table(link))
		return link == 0 ? map_page_lowest(e, table, virt, phys, slot, above, frames)
				 : map_page_far(e, table, virt, phys, flags, frames);
	entry = plain_entry(e, table, link, virt, 0);
	if (UNLIKELY(entry_load(entry) != 0))
		return map_page_general(e, table, virt, phys, flags, frames);
	entry_write(entry, recent_leaf(e, table, phys));
	if (e->counted)
		entry_publish(slot, e->count_up(link));
	/* Pages of no order would only write down one table after the other. */
	if (UNLIKELY(virt >> level_shift(e, 1) == table->far))
		return map_page_stay(e, table, virt, entry, slot);
	table->far = virt >> level_shift(e, 1);
	return PAGING_OK;
}

static ALWAYS_INLINE enum paging_status map_page(const struct encoder *e, struct page_table *table,
						 virt_addr virt, phys_addr phys,
						 struct page_flags flags,
						 struct frame_allocator *frames)
{
	if (recent_map(e, table, virt, phys, flags))
		return PAGING_OK;
	return map_page_plain(e, table, virt, phys, flags, frames);
}

#endif
