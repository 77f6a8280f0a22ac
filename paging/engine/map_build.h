/* SPDX-License-Identifier: MIT */
/*
 * Building a mapping. New tables are written before anything links to them; what is in use gives
 * way if it is to be replaced.
 */
#ifndef PAGING_ENGINE_MAP_BUILD_H
#define PAGING_ENGINE_MAP_BUILD_H

#include "map_fill.h"
#include "map_plan.h"
#include "reserve.h"

/* Building: the cursor, and for each level what leaving its table will do to the entry above. */
struct builder {
	struct page_cursor c;
	struct reserve *reserve;
	bool dry; /* a frame was wanted, and there was none: it is not asked for again */
	uint64_t added[PAGE_TABLE_MAX_LEVELS]; /* entries that went live */
	uint64_t link[PAGE_TABLE_MAX_LEVELS];  /* of a new table: the entry to link it by, else 0 */
	/* Of a new table: what each entry is before anything is built there: empty, or annotated as
	 * the entry that the table takes the place of. */
	uint64_t fill[PAGE_TABLE_MAX_LEVELS];
};

static ALWAYS_INLINE uint64_t build_counted(const struct encoder *e, uint64_t link, uint64_t count)
{
	return e->counted ? e->with_count(link, count) : link;
}

/* Leaves the table the cursor is in: links it if it is new, and counts what was added to it. */
static inline void build_leave(const struct encoder *e, struct page_table *table, struct builder *b)
{
	unsigned int level = b->c.level;
	uint64_t *slot = b->c.slots[level];
	phys_addr phys = b->c.phys[level];
	uint64_t added = b->added[level];

	if (b->link[level] != 0)
		memory_clean(table, b->c.tables[level], table_bytes(e, table, level));
	cursor_ascend(table, &b->c);
	if (b->link[level] != 0 && added == 0) {
		/* A resumable operation stopped before it put anything in. */
		reserve_free(b->reserve, phys);
		table->tables--;
	} else if (b->link[level] != 0) {
		/* In a new table what was there before is not written, and not counted. */
		if (b->link[level + 1] != 0 || entry_load(slot) == 0)
			b->added[level + 1]++;
		entry_link(table, slot,
			   paging_sabotage(PAGING_SABOTAGE_TABLE, level + 1,
					   build_counted(e, b->link[level], added)));
	} else if (e->counted && added != 0) {
		uint64_t d = entry_load(slot);

		entry_link(table, slot, e->with_count(d, e->count(d) + added));
	}
}

/* The entry after the last that the range touches in the cursor's table of that level, or in the
 * one that it would be. */
static ALWAYS_INLINE uint64_t build_tail(const struct encoder *e, const struct page_table *table,
					 const struct page_cursor *c, unsigned int level)
{
	uint64_t last = c->input | (level_size(e, level + 1) - 1);

	return level_index(e, table, level, last < c->last ? last : c->last) + 1;
}

/* Into a new table below the entry, which is `d`; only the part that the range does not touch is
 * written. */
static inline bool build_descend_new(const struct encoder *e, struct page_table *table,
				     struct builder *b, uint64_t d)
{
	struct page_cursor *c = &b->c;
	uint64_t first, tail, entries;
	phys_addr phys;

	if (!reserve_take(b->reserve, &phys))
		return false;
	table->tables++;
	cursor_descend(table, e, c, phys);
	first = level_index(e, table, c->level, c->input);
	tail = build_tail(e, table, c, c->level);
	entries = level_entries(e, table, c->level);
	entries_fill(c->tables[c->level], 0, first, d);
	entries_fill(c->tables[c->level], tail, entries, d);
	b->link[c->level] = table_entry(e, table, phys);
	b->fill[c->level] = d;
	b->added[c->level] = d != 0 ? first + (entries - tail) : 0;
	return true;
}

/* How many entries from `entry` on are not present, up to `limit`; *noted of them are annotated. */
static ALWAYS_INLINE uint64_t build_room(const struct encoder *e, const struct page_table *table,
					 const uint64_t *entry, uint64_t limit, unsigned int level,
					 uint64_t *noted)
{
	uint64_t room;

	*noted = 0;
	for (room = 0; room < limit; room++) {
		uint64_t d = entry_load(&entry[room]);

		if (e->is_present(table, d, level))
			break;
		*noted += d != 0;
	}
	return room;
}

/* A run of leaves from the cursor on, within its table and the range. Stops at an entry in use. */
static ALWAYS_INLINE uint64_t build_leaves(const struct encoder *e, const struct page_table *table,
					   const struct mapping *m, struct builder *b)
{
	struct page_cursor *c = &b->c;
	unsigned int level = c->level;
	uint64_t *entry = cursor_entry(table, e, c);
	uint64_t room = level_entries(e, table, level) - level_index(e, table, level, c->input);
	uint64_t count = (c->last - c->input + 1) >> level_shift(e, level);
	bool linked = b->link[level] == 0;
	uint64_t noted = 0;

	if (count > room)
		count = room;
	if (linked)
		count = build_room(e, table, entry, count, level, &noted);
	if (m->note != 0)
		fill_notes(entry, count, m->note);
	else
		fill_run(e, entry, count, m, c->input, level, linked);
	if (linked && count != 0)
		memory_clean(table, entry, count * sizeof(*entry));
	b->added[level] += count - noted;
	return count;
}

/*
 * Lowest tables that the range fills, where there are none, from the cursor of level 1 on: each is
 * written and linked. Stops at an entry in use, or without a frame.
 */
static ALWAYS_INLINE uint64_t build_tables(const struct encoder *e, struct page_table *table,
					   const struct mapping *m, struct builder *b)
{
	const uint64_t pages = UINT64_C(1) << e->index_bits;
	struct page_cursor *c = &b->c;
	uint64_t *entry = cursor_entry(table, e, c);
	uint64_t room = level_entries(e, table, 1) - level_index(e, table, 1, c->input);
	uint64_t limit = (c->last - c->input + 1) >> level_shift(e, 1);
	bool linked = b->link[1] == 0;
	uint64_t n;

	if (m->note != 0 || !addr_is_aligned(c->input, level_size(e, 1)))
		return 0;
	if (limit > room)
		limit = room;
	for (n = 0; n < limit; n++) {
		uint64_t input = c->input + (n << level_shift(e, 1));
		uint64_t *entries;
		phys_addr phys;

		if (b->dry || (linked && entry_load(&entry[n]) != 0))
			break;
		b->dry = !reserve_take(b->reserve, &phys);
		if (b->dry)
			break;
		entries = memory_open(&table->access, phys, pages * sizeof(*entries));
		fill_run(e, entries, pages, m, input, 0, false);
		memory_clean(table, entries, pages * sizeof(*entries));
		memory_close(&table->access, phys, entries);
		entry_link(table, &entry[n],
			   paging_sabotage(PAGING_SABOTAGE_TABLE, 1,
					   build_counted(e, table_entry(e, table, phys), pages)));
	}
	table->tables += n;
	b->added[1] += n;
	return n;
}

/* What a new table on the way was to hold and now will not. */
static inline void build_abandon(const struct encoder *e, const struct page_table *table,
				 struct builder *b)
{
	struct page_cursor *c = &b->c;

	for (unsigned int level = c->level; level < top_level(table); level++) {
		uint64_t index = level_index(e, table, level, c->input);
		uint64_t tail = build_tail(e, table, c, level);

		if (b->link[level] == 0)
			continue;
		entries_fill(c->tables[level], index, tail, b->fill[level]);
		/* Above, the entry at `index` is the table below, which counts when it is left. */
		if (b->fill[level] != 0)
			b->added[level] += tail - index - (level != c->level);
	}
}

/* Puts a leaf in place of what the entry has, which can be a table. */
static inline void build_replace(const struct encoder *e, struct page_table *table,
				 const struct mapping *m, const struct page_cursor *c, uint64_t d,
				 struct page_table_op *op)
{
	bool leaf = e->is_leaf(d, c->level);
	bool breaks = replace_breaks(e, op);
	uint64_t *entry = cursor_entry(table, e, c);
	uint64_t new = paging_sabotage(PAGING_SABOTAGE_LEAF, c->level,
				       e->leaf(m->attributes, c->input + m->delta, c->level));

	d = entry_exchange(table, entry, breaks ? 0 : new);
	if (leaf)
		gather_range(op->gather,
			     &(struct tlb_range){
				     .start = input_extend(e, table, c->input),
				     .last = input_extend(e, table, cursor_entry_last(e, c)),
				     .leaf_size = level_size(e, c->level),
				     .global = is_global(e, d) });
	else
		subtree_gather(e, table, table_address(e, table, d), c->level - 1, c->input,
			       op->gather);
	if (replace_flushes(e, op, leaf))
		tlb_gather_finish(op->gather);
	if (breaks)
		entry_store(table, entry, new);
	if (op_tells(op) && leaf)
		tell_leaf(e, table, c, d, op);
	else if (op_tells(op))
		tell_tables(e, table, c, d, op);
	if (!leaf)
		subtree_release(e, table, table_address(e, table, d), c->level - 1, op->gather,
				op->frames);
}

/* The mapping replaces, and the entry is in use: *done if it is dealt with, else it can now be gone
 * into, or be looked at again. */
static inline enum paging_status build_over(const struct encoder *e, struct page_table *table,
					    const struct mapping *m, struct builder *b, uint64_t d,
					    bool *done, struct page_table_op *op)
{
	struct tlb_gather *gather = op->gather;
	struct page_cursor *c = &b->c;
	bool leaf = e->is_leaf(d, c->level);
	bool grouped = leaf && in_group(e, d);
	bool fits = mapping_fits(e, m, c);
	bool breaks = fits ? replace_flushes(e, op, leaf) : must_break(e, table, gather);

	*done = fits && !grouped;
	if (grouped && group_is_broken(e, table, c, d))
		return map_conflict(e, table, c, d, PAGING_BROKEN_GROUP, op);
	if ((breaks || grouped) && gather_cannot_break(gather))
		return map_conflict(e, table, c, d, PAGING_NEEDS_FLUSH, op);
	if (!leaf && gather && !gather_can_flush(gather) &&
	    subtree_count(e, table, table_address(e, table, d), c->level - 1) > gather_room(gather))
		return op_fail(op, PAGING_GATHER_FULL, input_extend(e, table, c->input),
			       level_size(e, c->level));
	if (grouped)
		group_unfold(e, table, c, gather);
	else if (fits)
		build_replace(e, table, m, c, d, op);
	else if (!split_leaf(e, table, c, b->reserve, gather))
		return map_conflict(e, table, c, d, PAGING_NO_MEMORY, op);
	return PAGING_OK;
}

/* Builds until the range is done, or a frame is missing, or a leaf is in the way. */
static ALWAYS_INLINE enum paging_status build_run(const struct encoder *e, struct page_table *table,
						  const struct mapping *m, struct builder *b,
						  struct page_table_op *op)
{
	bool replace = m->replace;
	struct page_cursor *c = &b->c;
	enum paging_status status;

	for (;;) {
		bool done = false;
		uint64_t run = 0;
		uint64_t d = 0;

		if (mapping_fits(e, m, c))
			run = build_leaves(e, table, m, b);
		else if (c->level == 1)
			run = build_tables(e, table, m, b);
		if (run == 0)
			d = b->link[c->level] != 0 ? b->fill[c->level]
						   : entry_load(cursor_entry(table, e, c));
		if (run != 0) {
			c->input += (run - 1) << level_shift(e, c->level);
			done = true;
		} else if (!e->is_present(table, d, c->level)) {
			if (b->dry || !build_descend_new(e, table, b, d))
				return op_fail(op, PAGING_NO_MEMORY,
					       input_extend(e, table, c->input), 0);
		} else if (!replace && e->is_leaf(d, c->level)) {
			return map_conflict(e, table, c, d, PAGING_ALREADY_MAPPED, op);
		} else if (replace && (e->is_leaf(d, c->level) || mapping_fits(e, m, c))) {
			status = build_over(e, table, m, b, d, &done, op);
			if (status != PAGING_OK)
				return status;
		} else {
			cursor_descend(table, e, c, table_address(e, table, d));
			b->link[c->level] = 0;
			b->added[c->level] = 0;
		}
		if (!done)
			continue;
		if (!cursor_step(e, c))
			return PAGING_OK;
		while (cursor_left(table, e, c))
			build_leave(e, table, b);
	}
}

static inline enum paging_status map_build(const struct encoder *e, struct page_table *table,
					   const struct mapping *m, struct reserve *reserve,
					   struct page_table_op *op)
{
	/* Set in part: zeroing the cursor and all would take a call of memset. */
	struct builder b;
	enum paging_status status;

	analyzer_fills(&b);
	b.reserve = reserve;
	b.dry = false;
	b.added[top_level(table)] = 0;
	b.link[top_level(table)] = 0;
	cursor_open(table, e, &b.c, m->input, m->last);
	status = build_run(e, table, m, &b, op);
	if (status == PAGING_OK) {
		op->done = m->last - m->input + 1;
	} else {
		op->done = b.c.input - m->input;
		build_abandon(e, table, &b);
	}
	while (b.c.level != top_level(table))
		build_leave(e, table, &b);
	cursor_close(table, &b.c);
	return status;
}

#endif
