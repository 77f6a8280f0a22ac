/* SPDX-License-Identifier: MIT */
/*
 * Mapping ranges; one page is map_page.h's. A range is planned first (is anything in the way, how
 * many tables will it take), then the frames are taken, then it is built, which cannot fail any
 * more. New tables are written before anything links to them.
 */
#ifndef PAGING_ENGINE_MAP_H
#define PAGING_ENGINE_MAP_H

#include "arguments.h"
#include "contiguous.h"
#include "cursor.h"
#include "held.h"
#include "reserve.h"
#include "sabotage.h"
#include "split.h"
#include "subtree.h"
#include "tell.h"

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

/* What a mapping will take. */
struct map_plan {
	uint64_t tables; /* to make */
	uint64_t freed;  /* tables that it replaces */
	bool breaks;     /* something takes a flush before it goes on */
};

/* Whether putting a leaf over what maps to another output address, a leaf or a table of leaves,
 * takes break-before-make: of any FEAT_BBM level (DDI 0487, D8.16.1). */
static ALWAYS_INLINE bool replace_breaks(const struct encoder *e, const struct page_table_op *op)
{
	return op->gather && e->break_bits != 0;
}

/* Whether it takes a flush: so does what is told of a table, which hardware can mark until then. */
static ALWAYS_INLINE bool replace_flushes(const struct encoder *e, const struct page_table_op *op,
					  bool leaf)
{
	return replace_breaks(e, op) || (!leaf && op->gather && op_tells(op));
}

/* Plans for an entry in use. True: the plan goes on inside it. */
static inline bool plan_entry(const struct encoder *e, const struct page_table *table,
			      const struct mapping *m, const struct page_cursor *c, uint64_t d,
			      struct map_plan *plan, const struct page_table_op *op)
{
	uint64_t last = cursor_entry_last(e, c);
	bool fits = mapping_fits(e, m, c);

	if (!e->is_leaf(d, c->level)) {
		if (!fits)
			return true;
		plan->breaks |= replace_flushes(e, op, false);
		plan->freed += subtree_count(e, table, table_address(e, table, d), c->level - 1);
		return false;
	}
	/* Of what a leaf is split into, some leaves are replaced in turn. */
	plan->breaks |= (op->gather && in_group(e, d)) || replace_breaks(e, op);
	if (!fits) {
		plan->breaks |= must_break(e, table, op->gather);
		plan->tables +=
			tables_below(e, m, c->level, c->input, last < m->last ? last : m->last);
	}
	return false;
}

/* The same, and notes what will be in the way of a gather that cannot flush: the first entry that
 * takes a flush, or else the first that it has no room for. */
static inline bool plan_over(const struct encoder *e, const struct page_table *table,
			     const struct mapping *m, const struct page_cursor *c, uint64_t d,
			     struct map_plan *plan, struct page_table_op *op)
{
	const struct map_plan before = *plan;
	bool inside = plan_entry(e, table, m, c, d, plan, op);

	if (plan->breaks && !before.breaks)
		map_conflict(e, table, c, d, PAGING_NEEDS_FLUSH, op);
	else if (op->gather && !plan->breaks && before.freed <= gather_room(op->gather) &&
		 plan->freed > gather_room(op->gather))
		op_fail(op, PAGING_GATHER_FULL, input_extend(e, table, c->input),
			level_size(e, c->level));
	return inside;
}

/* Finds what is in the way, or what building will take. */
static inline enum paging_status map_plan(const struct encoder *e, struct page_table *table,
					  const struct mapping *m, struct map_plan *plan,
					  struct page_table_op *op)
{
	bool replace = m->replace;
	enum paging_status status = PAGING_OK;
	struct page_cursor c;

	*plan = (struct map_plan){ .tables = 0 };
	cursor_open(table, e, &c, m->input, m->last);
	for (;;) {
		uint64_t d = entry_load(cursor_entry(table, e, &c));

		if (!e->is_present(table, d, c.level)) {
			uint64_t last = cursor_entry_last(e, &c);

			if (!mapping_fits(e, m, &c))
				plan->tables += tables_below(e, m, c.level, c.input,
							     last < m->last ? last : m->last);
		} else if (!replace && e->is_leaf(d, c.level)) {
			status = map_conflict(e, table, &c, d, PAGING_ALREADY_MAPPED, op);
			break;
		} else if (e->is_leaf(d, c.level) &&
			   group_proves_broken(e, table, &c, d, m->input)) {
			status = map_conflict(e, table, &c, d, PAGING_BROKEN_GROUP, op);
			break;
		} else if (!replace || plan_over(e, table, m, &c, d, plan, op)) {
			cursor_descend(table, e, &c, table_address(e, table, d));
			continue;
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

/* Leaves side by side, in a build that may use vector registers: as many of them as are done. */
#if defined(__SSE2__) || defined(__ARM_NEON)
typedef uint64_t __attribute__((vector_size(32), aligned(8), may_alias)) leaf_vector;

static ALWAYS_INLINE uint64_t fill_wide(uint64_t *entry, uint64_t count, uint64_t leaf,
					uint64_t step)
{
	leaf_vector some = { leaf, leaf + step, leaf + 2 * step, leaf + 3 * step };
	uint64_t n = 0;

	for (; count - n >= 4; n += 4, some += 4 * step)
		*(leaf_vector *)&entry[n] = some;
	return n;
}
#else
static ALWAYS_INLINE uint64_t fill_wide(uint64_t *entry, uint64_t count, uint64_t leaf,
					uint64_t step)
{
	(void)entry, (void)count, (void)leaf, (void)step;
	return 0;
}
#endif

/* A store, an addition: and the compiler is not to work out further ones ahead. */
static ALWAYS_INLINE uint64_t fill_one(uint64_t *entry, uint64_t leaf, uint64_t step)
{
	entry_write(entry, leaf);
	leaf += step;
	__asm__("" : "+r"(leaf));
	return leaf;
}

static ALWAYS_INLINE uint64_t fill_eight(uint64_t *entry, uint64_t leaf, uint64_t step)
{
	leaf = fill_one(&entry[0], leaf, step);
	leaf = fill_one(&entry[1], leaf, step);
	leaf = fill_one(&entry[2], leaf, step);
	leaf = fill_one(&entry[3], leaf, step);
	leaf = fill_one(&entry[4], leaf, step);
	leaf = fill_one(&entry[5], leaf, step);
	leaf = fill_one(&entry[6], leaf, step);
	return fill_one(&entry[7], leaf, step);
}

/* Writes `count` leaves, the first of them `leaf` and each next one larger by `step`. `linked`: a
 * walker may look, so that each is to be one store. */
static ALWAYS_INLINE void fill_steps(uint64_t *entry, uint64_t count, uint64_t leaf, uint64_t step,
				     bool linked)
{
	uint64_t *end = entry + count;
	uint64_t wide = linked ? 0 : fill_wide(entry, count, leaf, step);

	entry += wide;
	leaf += wide * step;
	for (uint64_t *whole = entry + ((count - wide) & ~UINT64_C(15)); entry != whole;
	     entry += 16) {
		leaf = fill_eight(entry, leaf, step);
		leaf = fill_eight(entry + 8, leaf, step);
	}
	for (; entry != end; entry++)
		leaf = fill_one(entry, leaf, step);
}

/* Writes `count` leaves for `phys` on; nothing was there. */
static inline void fill_leaves(const struct encoder *e, uint64_t *entry, uint64_t count,
			       uint64_t attributes, uint64_t group, phys_addr phys,
			       unsigned int level, bool linked)
{
	uint64_t size = level_size(e, level);
	uint64_t first, step, last;

	if (count == 0)
		return;
	/* Where a descriptor has its address in two pieces, the step is another one now and then.
	 */
	first = e->leaf(attributes, phys, level) | group;
	step = (e->leaf(attributes, phys + size, level) | group) - first;
	last = e->leaf(attributes, phys + (count - 1) * size, level) | group;
	if (!PAGING_SABOTAGED && last - first == (count - 1) * step) {
		fill_steps(entry, count, first, step, linked);
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint64_t leaf = e->leaf(attributes, phys + i * size, level) | group;

		entry_write(&entry[i], paging_sabotage(PAGING_SABOTAGE_LEAF, level, leaf));
	}
}

static inline void fill_notes(uint64_t *entry, uint64_t count, uint64_t note)
{
	for (uint64_t i = 0; i < count; i++)
		entry_write(&entry[i], note);
}

/* The run's whole groups get the contiguous hint. */
static inline void fill_run(const struct encoder *e, uint64_t *entry, uint64_t count,
			    const struct mapping *m, uint64_t input, unsigned int level,
			    bool linked)
{
	phys_addr phys = input + m->delta;
	uint64_t head = count;
	uint64_t body = 0;

	if (has_groups(e, level) && (m->group_levels >> level & 1) != 0) {
		unsigned int shift = level_shift(e, level);
		uint64_t skipped = addr_align_up(input, group_size(e, level)) - input;

		if (skipped >> shift < count) {
			head = skipped >> shift;
			body = addr_align_down(count - head, group_entries(e, level));
		}
	}
	fill_leaves(e, entry, head, m->attributes, 0, phys, level, linked);
	if (!has_groups(e, level))
		return;
	phys += head << level_shift(e, level);
	fill_leaves(e, entry + head, body, m->attributes, e->contiguous, phys, level, linked);
	phys += body << level_shift(e, level);
	fill_leaves(e, entry + head + body, count - head - body, m->attributes, 0, phys, level,
		    linked);
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

		if (b->dry || (linked ? entry_load(&entry[n]) : b->fill[1]) != 0)
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
		return op_fail(op, PAGING_NO_MEMORY, input_extend(e, table, c->input), 0);
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

/* Checks the arguments, in the order that page_table.h says, and fills in the mapping. */
static inline enum paging_status map_prepare(const struct encoder *e, struct page_table *table,
					     virt_addr virt, phys_addr phys, uint64_t size,
					     struct page_flags flags, struct mapping *m,
					     struct page_table_op *op)
{
	enum paging_status status =
		check_range(e, table, virt, size, op, PAGING_REPLACE | PAGING_TELL);
	uint64_t allowed = table->leaf_sizes;

	if (!addr_is_aligned(phys, level_size(e, 0)))
		return op_fail(op, PAGING_UNALIGNED, virt, 0);
	if (status != PAGING_OK)
		return status;
	if (!output_valid(table, phys, phys + (size - 1)))
		return PAGING_OUTPUT_RANGE;
	if (!encode_held(e, table, flags, &m->attributes))
		return PAGING_BAD_FLAGS;
	m->replace = (op->mode & PAGING_REPLACE) != 0;
	if (m->replace && !op->gather && !op->frames)
		return PAGING_BAD_ARGUMENT;
	m->input = virt & input_mask(table);
	m->last = m->input + (size - 1);
	m->delta = phys - m->input;
	m->note = 0;
	/* The granule is always allowed: anything can be mapped with it. */
	if (op->leaf_sizes != 0)
		allowed &= op->leaf_sizes | level_size(e, 0);
	mapping_levels(e, table, m, allowed);
	return PAGING_OK;
}

/* Plans, unless it is resumable, and builds. */
static inline enum paging_status map_mapping(const struct encoder *e, struct page_table *table,
					     const struct mapping *m, struct page_table_op *op)
{
	const struct tlb_gather *gather = op->gather;
	struct reserve reserve = { .table = table,
				   .frames = op->frames,
				   .frame_size = table_bytes(e, table, 0) };
	struct map_plan plan;
	enum paging_status status;

	if ((op->mode & (PAGING_RESUMABLE | PAGING_PLAN)) != PAGING_RESUMABLE) {
		status = map_plan(e, table, m, &plan, op);
		if (status != PAGING_OK)
			return status;
		if (plan.breaks && gather_cannot_break(gather))
			return PAGING_NEEDS_FLUSH;
		if (gather && !gather_can_flush(gather) && plan.freed > gather_room(gather))
			return PAGING_GATHER_FULL;
		op->tables = plan.tables;
		if ((op->mode & PAGING_PLAN) != 0)
			return PAGING_OK;
		if (!reserve_fill(&reserve, plan.tables))
			return PAGING_NO_MEMORY;
	}
	return map_build(e, table, m, &reserve, op);
}

static ALWAYS_INLINE enum paging_status map_range(const struct encoder *e, struct page_table *table,
						  virt_addr virt, phys_addr phys, uint64_t size,
						  struct page_flags flags, struct page_table_op *op)
{
	struct mapping m;
	enum paging_status status = map_prepare(e, table, virt, phys, size, flags, &m, op);

	return status == PAGING_OK ? map_mapping(e, table, &m, op) : status;
}

/* Annotations are built like leaves that may have any size and go nowhere. They replace none. */
static inline enum paging_status annotate_mapping(const struct encoder *e, struct page_table *table,
						  uint64_t input, uint64_t size, uint64_t note,
						  struct page_table_op *op)
{
	struct mapping m = { .input = input, .last = input + (size - 1), .note = note };

	m.leaf_levels = (UINT32_C(1) << table->levels) - 1;
	held_add(table, HELD_ANNOTATIONS);
	return map_mapping(e, table, &m, op);
}

#endif
