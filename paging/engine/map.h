/* SPDX-License-Identifier: MIT */
/*
 * Mapping. map_to is the walk of one page and a store. A range is planned first (is anything in the
 * way, how many tables will it take), then the frames are taken, then it is built, which cannot
 * fail any more. New tables are written before anything links to them.
 */
#ifndef PAGING_ENGINE_MAP_H
#define PAGING_ENGINE_MAP_H

#include "arguments.h"
#include "cursor.h"
#include "reserve.h"
#include "sabotage.h"

/* A mapping under way. */
struct mapping {
	uint64_t input; /* of the range's start */
	uint64_t last;
	uint64_t delta; /* output address minus input, modulo 2^64 */
	uint64_t attributes;
	uint32_t leaf_levels; /* bit n: leaves of level n may be used, as far as alignment goes */
};

static ALWAYS_INLINE void mapping_levels(const struct encoder *e, const struct page_table *table,
					 struct mapping *m, uint64_t allowed)
{
	m->leaf_levels = 0;
	for (unsigned int level = 0; level < table->levels; level++) {
		uint64_t size = level_size(e, level);

		if ((allowed & size) != 0 && addr_is_aligned(m->delta, size))
			m->leaf_levels |= UINT32_C(1) << level;
	}
}

static ALWAYS_INLINE bool mapping_fits(const struct encoder *e, const struct mapping *m,
				       const struct cursor *c)
{
	ASSUME(c->level < PAGE_TABLE_MAX_LEVELS);
	return (m->leaf_levels >> c->level & 1) != 0 && cursor_covers(e, c);
}

/*
 * Tables that mapping [first, last], which lies under one empty entry of `level` and does not fill
 * it with a leaf, will take. A table whose entries are of level n stands for a span of
 * level_size(n + 1); it is needed unless a leaf of level n + 1 or more covers that span.
 */
static ALWAYS_INLINE uint64_t tables_below(const struct encoder *e, const struct mapping *m,
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

/* Finds what is in the way, or counts the tables that building will take. */
static ALWAYS_INLINE enum paging_status map_plan(const struct encoder *e, struct page_table *table,
						 const struct mapping *m, uint64_t *needed,
						 struct page_table_op *op)
{
	enum paging_status status = PAGING_OK;
	struct cursor c;

	*needed = 0;
	cursor_open(table, e, &c, m->input, m->last);
	for (;;) {
		uint64_t d = entry_load(cursor_entry(table, e, &c));

		if (e->is_present(table, d)) {
			if (!e->is_leaf(d, c.level)) {
				cursor_descend(table, e, &c, e->table_address(d));
				continue;
			}
			status = op_fail(op, PAGING_ALREADY_MAPPED,
					 input_extend(e, table, cursor_entry_start(e, &c)),
					 level_size(e, c.level));
			break;
		}
		if (!mapping_fits(e, m, &c)) {
			uint64_t last = cursor_entry_last(e, &c);

			*needed += tables_below(e, m, c.level, c.input,
						last < m->last ? last : m->last);
		}
		if (!cursor_step(e, &c))
			break;
		while (cursor_left(table, e, &c))
			cursor_ascend(table, &c);
	}
	cursor_close(table, &c);
	return status;
}

/* Building: the cursor, and for each level what leaving its table will do to the entry above. */
struct builder {
	struct cursor c;
	struct reserve *reserve;
	uint64_t added[PAGE_TABLE_MAX_LEVELS]; /* entries that went live */
	uint64_t link[PAGE_TABLE_MAX_LEVELS];  /* of a new table: the entry to link it by, else 0 */
};

/* Leaves the table the cursor is in: links it if it is new, and counts what was added to it. */
static ALWAYS_INLINE void build_leave(const struct encoder *e, struct page_table *table,
				      struct builder *b)
{
	unsigned int level = b->c.level;
	uint64_t *slot = b->c.slots[level];
	phys_addr phys = b->c.phys[level];
	uint64_t added = b->added[level];

	cursor_ascend(table, &b->c);
	if (b->link[level] != 0 && added == 0) {
		/* A resumable operation stopped before it put anything in. */
		reserve_free(b->reserve, phys);
		table->tables--;
	} else if (b->link[level] != 0) {
		entry_link(slot, paging_sabotage(PAGING_SABOTAGE_TABLE, level + 1,
						 e->with_count(b->link[level], added)));
		b->added[level + 1]++;
	} else if (e->counted && added != 0) {
		uint64_t d = entry_load(slot);

		entry_store(slot, e->with_count(d, e->count(d) + added));
	}
}

/* Into a new table below the entry; only the part that stays empty is cleared. */
static ALWAYS_INLINE bool build_descend_new(const struct encoder *e, struct page_table *table,
					    struct builder *b)
{
	struct cursor *c = &b->c;
	uint64_t entry_last = cursor_entry_last(e, c);
	uint64_t last = entry_last < c->last ? entry_last : c->last;
	phys_addr phys;

	if (!reserve_take(b->reserve, &phys))
		return false;
	table->tables++;
	cursor_descend(table, e, c, phys);
	entries_clear(c->tables[c->level], 0, level_index(e, table, c->level, c->input));
	entries_clear(c->tables[c->level], level_index(e, table, c->level, last) + 1,
		      level_entries(e, table, c->level));
	b->link[c->level] = e->table(table, phys);
	b->added[c->level] = 0;
	return true;
}

/* A run of leaves from the cursor on, within its table and the range. Stops at an entry in use. */
static ALWAYS_INLINE uint64_t build_leaves(const struct encoder *e, const struct page_table *table,
					   const struct mapping *m, struct builder *b)
{
	struct cursor *c = &b->c;
	unsigned int level = c->level;
	uint64_t size = level_size(e, level);
	uint64_t *entry = cursor_entry(table, e, c);
	uint64_t room = level_entries(e, table, level) - level_index(e, table, level, c->input);
	uint64_t wanted = (c->last - c->input + 1) >> level_shift(e, level);
	uint64_t count = wanted < room ? wanted : room;
	phys_addr phys = c->input + m->delta;
	uint64_t i;

	if (b->link[level] != 0) {
		for (i = 0; i < count; i++)
			entry[i] = paging_sabotage(PAGING_SABOTAGE_LEAF, level,
						   e->leaf(m->attributes, phys + i * size, level));
	} else {
		for (i = 0; i < count && !e->is_present(table, entry_load(&entry[i])); i++)
			entry_store(&entry[i], paging_sabotage(PAGING_SABOTAGE_LEAF, level,
							       e->leaf(m->attributes,
								       phys + i * size, level)));
	}
	b->added[level] += i;
	return i;
}

/* What a new table on the way was to hold and now will not. */
static ALWAYS_INLINE void build_abandon(const struct encoder *e, const struct page_table *table,
					struct builder *b)
{
	struct cursor *c = &b->c;

	for (unsigned int level = c->level; level < top_level(table); level++) {
		uint64_t index = level_index(e, table, level, c->input);

		if (b->link[level] != 0)
			entries_clear(c->tables[level], index, level_entries(e, table, level));
	}
}

/* Builds until the range is done, or a frame is missing, or a leaf is in the way. */
static ALWAYS_INLINE enum paging_status build_run(const struct encoder *e, struct page_table *table,
						  const struct mapping *m, struct builder *b,
						  struct page_table_op *op)
{
	struct cursor *c = &b->c;

	for (;;) {
		uint64_t run = 0;
		uint64_t d = 0;

		if (mapping_fits(e, m, c))
			run = build_leaves(e, table, m, b);
		if (run != 0) {
			c->input += (run - 1) << level_shift(e, c->level);
			if (!cursor_step(e, c))
				return PAGING_OK;
			while (cursor_left(table, e, c))
				build_leave(e, table, b);
			continue;
		}
		if (b->link[c->level] == 0)
			d = entry_load(cursor_entry(table, e, c));
		if (!e->is_present(table, d)) {
			if (!build_descend_new(e, table, b))
				return op_fail(op, PAGING_NO_MEMORY,
					       input_extend(e, table, c->input), 0);
		} else if (e->is_leaf(d, c->level)) {
			return op_fail(op, PAGING_ALREADY_MAPPED,
				       input_extend(e, table, cursor_entry_start(e, c)),
				       level_size(e, c->level));
		} else {
			cursor_descend(table, e, c, e->table_address(d));
			b->link[c->level] = 0;
			b->added[c->level] = 0;
		}
	}
}

static ALWAYS_INLINE enum paging_status map_build(const struct encoder *e, struct page_table *table,
						  const struct mapping *m, struct reserve *reserve,
						  struct page_table_op *op)
{
	/* Set in part: zeroing the cursor and all would take a call of memset. */
	struct builder b;
	enum paging_status status;

	analyzer_fills(&b);
	b.reserve = reserve;
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

/* Arguments are checked and m is filled in but for its levels. */
static ALWAYS_INLINE enum paging_status map_mapping(const struct encoder *e,
						    struct page_table *table, struct mapping *m,
						    struct page_table_op *op)
{
	uint64_t allowed = table->leaf_sizes;
	struct reserve reserve = { .table = table,
				   .frames = op->frames,
				   .frame_size = table_bytes(e, table, 0) };
	enum paging_status status;
	uint64_t needed;

	/* The granule is always allowed: anything can be mapped with it. */
	if (op->leaf_sizes != 0)
		allowed &= op->leaf_sizes | level_size(e, 0);
	mapping_levels(e, table, m, allowed);
	if ((op->mode & PAGING_RESUMABLE) == 0) {
		status = map_plan(e, table, m, &needed, op);
		if (status != PAGING_OK)
			return status;
		if (!reserve_fill(&reserve, needed))
			return PAGING_NO_MEMORY;
	}
	return map_build(e, table, m, &reserve, op);
}

static ALWAYS_INLINE enum paging_status map_range(const struct encoder *e, struct page_table *table,
						  virt_addr virt, phys_addr phys, uint64_t size,
						  struct page_flags flags, struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op);
	struct mapping m;

	if (!addr_is_aligned(phys, level_size(e, 0)))
		return PAGING_UNALIGNED;
	if (status != PAGING_OK)
		return status;
	if (!output_valid(table, phys, phys + (size - 1)))
		return PAGING_OUTPUT_RANGE;
	if (!e->encode(table, flags, &m.attributes))
		return PAGING_BAD_FLAGS;
	m.input = virt & input_mask(table);
	m.last = m.input + (size - 1);
	m.delta = phys - m.input;
	return map_mapping(e, table, &m, op);
}

static ALWAYS_INLINE enum paging_status map_page(const struct encoder *e, struct page_table *table,
						 virt_addr virt, phys_addr phys,
						 struct page_flags flags,
						 struct frame_allocator *frames)
{
	struct mapping m;
	struct cursor c;
	uint64_t *entry;
	uint64_t d;

	if (!addr_is_aligned(virt | phys, level_size(e, 0)))
		return PAGING_UNALIGNED;
	if (!input_valid(e, table, virt))
		return PAGING_INPUT_RANGE;
	if (phys >> table->output_bits != 0)
		return PAGING_OUTPUT_RANGE;
	if (!e->encode(table, flags, &m.attributes))
		return PAGING_BAD_FLAGS;
	m.input = virt & input_mask(table);
	m.last = m.input + (level_size(e, 0) - 1);
	m.delta = phys - m.input;
	cursor_open(table, e, &c, m.input, m.last);
	for (;;) {
		entry = cursor_entry(table, e, &c);
		d = entry_load(entry);
		if (c.level == 0 || !e->is_present(table, d) || e->is_leaf(d, c.level))
			break;
		cursor_descend(table, e, &c, e->table_address(d));
	}
	if (e->is_present(table, d)) {
		cursor_close(table, &c);
		return PAGING_ALREADY_MAPPED;
	}
	if (c.level != 0) {
		/* Tables are missing: rare, and the same as a range of one page. */
		struct page_table_op op = { .frames = frames };

		cursor_close(table, &c);
		return page_table_map(table, virt, phys, level_size(e, 0), flags, &op);
	}
	entry_store(entry,
		    paging_sabotage(PAGING_SABOTAGE_LEAF, 0, e->leaf(m.attributes, phys, 0)));
	if (e->counted && table->levels > 1) {
		uint64_t *slot = c.slots[0];

		d = entry_load(slot);
		entry_store(slot, e->with_count(d, e->count(d) + 1));
	}
	cursor_close(table, &c);
	return PAGING_OK;
}

#endif
