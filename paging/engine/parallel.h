/* SPDX-License-Identifier: MIT */
/*
 * Mapping by many threads at once, in a table made with page_table_config.parallel. Meanwhile
 * entries only ever go from not present to present, and no table goes away: a thread may stay in a
 * table that it has reached.
 *
 * An entry is won by one compare-and-exchange from the value that was seen in it. Where tables are
 * missing, a chain of them is built in private, with leaves in the lowest, and linked by one such
 * store; whoever loses keeps the frames for its next attempt and goes down the winner's tables. So
 * no empty table is ever linked. Counts are raised after the entries are there: they are right when
 * all calls have returned, and only then does an operation look at them.
 */
#ifndef PAGING_ENGINE_PARALLEL_H
#define PAGING_ENGINE_PARALLEL_H

#include "map.h"
#include "plain.h"
#include "recent.h"

struct parallel {
	struct page_cursor c;
	struct reserve reserve;
	uint64_t added[PAGE_TABLE_MAX_LEVELS]; /* entries that this thread filled in the cursor's
						  tables */
};

static inline void parallel_leave(const struct encoder *e, struct page_table *table,
				  struct parallel *p)
{
	uint64_t added = p->added[p->c.level];
	uint64_t *slot = p->c.slots[p->c.level];

	if (e->counted && added != 0) {
		uint64_t d = entry_load(slot);

		while (!entry_replace(table, slot, &d, e->with_count(d, e->count(d) + added)))
			;
	}
	cursor_ascend(table, &p->c);
}

/* Puts `value` where `seen` was. False: another thread was faster. */
static ALWAYS_INLINE bool parallel_win(const struct encoder *e, const struct page_table *table,
				       struct parallel *p, uint64_t seen, uint64_t value)
{
	uint64_t expected = seen;

	if (!entry_replace(table, cursor_entry(table, e, &p->c), &expected, value))
		return false;
	/* An annotated entry is counted already. */
	p->added[p->c.level] += seen == 0;
	return true;
}

/* The level of the largest leaf for where the cursor is, below the entry that it stands on. */
static inline unsigned int parallel_leaf_level(const struct encoder *e, const struct mapping *m,
					       const struct page_cursor *c)
{
	unsigned int level = c->level - 1;

	/* The entry is no page. */
	ASSUME(level < PAGE_TABLE_MAX_LEVELS);
	while (level != 0 && ((m->leaf_levels >> level & 1) == 0 ||
			      !addr_is_aligned(c->input, level_size(e, level)) ||
			      c->input + (level_size(e, level) - 1) > c->last))
		level--;
	return level;
}

/* The entry for a new table with `used` entries in use; if the rest is annotated, all are. */
static ALWAYS_INLINE uint64_t parallel_entry(const struct encoder *e,
					     const struct page_table *table, phys_addr phys,
					     unsigned int level, uint64_t used, uint64_t rest)
{
	uint64_t count = rest == 0 ? used : level_entries(e, table, level);

	return paging_sabotage(PAGING_SABOTAGE_TABLE, level + 1,
			       build_counted(e, table_entry(e, table, phys), count));
}

/*
 * Fills the tables of `frames` from level `lowest` up to below the cursor's: leaves of the range in
 * the lowest, `rest` in all entries that nothing is put in. Returns the entry that links to the
 * highest, and in *leaves how many there are.
 */
static inline uint64_t parallel_build(const struct encoder *e, const struct page_table *table,
				      const struct mapping *m, const struct page_cursor *c,
				      const phys_addr *frames, unsigned int lowest, uint64_t rest,
				      uint64_t *leaves)
{
	uint64_t used = (c->last - c->input + 1) >> level_shift(e, lowest);
	uint64_t link = 0;

	for (unsigned int level = lowest; level < c->level; level++) {
		uint64_t entries = level_entries(e, table, level);
		uint64_t first = level_index(e, table, level, c->input);
		uint64_t *t =
			memory_open(&table->access, frames[level], table_bytes(e, table, level));

		if (level != lowest)
			used = 1;
		else if (used > entries - first)
			used = entries - first;
		entries_fill(t, 0, first, rest);
		if (level == lowest)
			fill_leaves(e, t + first, used, m->attributes, 0, c->input + m->delta,
				    level, false);
		else
			t[first] = link;
		entries_fill(t, first + used, entries, rest);
		memory_clean(table, t, entries * sizeof(*t));
		memory_close(&table->access, frames[level], t);
		link = parallel_entry(e, table, frames[level], level, used, rest);
		if (level == lowest)
			*leaves = used;
	}
	return link;
}

/* Links new tables where `seen` was. *bytes: of the range that were mapped so, 0 if another thread
 * was faster. False: no frame. */
static inline bool parallel_link(const struct encoder *e, struct page_table *table,
				 const struct mapping *m, struct parallel *p, uint64_t seen,
				 uint64_t *bytes)
{
	unsigned int lowest = parallel_leaf_level(e, m, &p->c);
	unsigned int level = lowest;
	phys_addr frames[PAGE_TABLE_MAX_LEVELS];
	uint64_t leaves = 0;
	uint64_t link;
	bool all;

	analyzer_fills(frames);
	*bytes = 0;
	while (level < p->c.level && reserve_take(&p->reserve, &frames[level]))
		level++;
	all = level == p->c.level;
	if (all) {
		link = parallel_build(e, table, m, &p->c, frames, lowest, seen, &leaves);
		if (parallel_win(e, table, p, seen, link)) {
			__atomic_fetch_add(&table->tables, level - lowest, __ATOMIC_RELAXED);
			*bytes = leaves << level_shift(e, lowest);
			return true;
		}
	}
	while (level-- != lowest)
		reserve_push(&p->reserve, frames[level]);
	return all;
}

/* Maps until the range is done, or a frame is missing, or a leaf is in the way. */
static ALWAYS_INLINE enum paging_status parallel_run(const struct encoder *e,
						     struct page_table *table,
						     const struct mapping *m, struct parallel *p,
						     struct page_table_op *op)
{
	struct page_cursor *c = &p->c;

	for (;;) {
		uint64_t d = entry_load(cursor_entry(table, e, c));
		uint64_t bytes = 0;

		if (e->is_present(table, d, c->level)) {
			if (e->is_leaf(d, c->level))
				return map_conflict(e, table, c, d, PAGING_ALREADY_MAPPED, op);
			cursor_descend(table, e, c, table_address(e, table, d));
			p->added[c->level] = 0;
			continue;
		}
		if (mapping_fits(e, m, c)) {
			uint64_t leaf = e->leaf(m->attributes, c->input + m->delta, c->level);

			leaf = paging_sabotage(PAGING_SABOTAGE_LEAF, c->level, leaf);
			if (parallel_win(e, table, p, d, leaf))
				bytes = level_size(e, c->level);
		} else if (!parallel_link(e, table, m, p, d, &bytes)) {
			return op_fail(op, PAGING_NO_MEMORY, input_extend(e, table, c->input), 0);
		}
		/* Lost: look at what is there now. */
		if (bytes == 0)
			continue;
		if (bytes > c->last - c->input)
			return PAGING_OK;
		c->input += bytes;
		while (cursor_left(table, e, c))
			parallel_leave(e, table, p);
	}
}

static inline enum paging_status
parallel_map_range(const struct encoder *e, struct page_table *table, virt_addr virt,
		   phys_addr phys, uint64_t size, struct page_flags flags, struct page_table_op *op)
{
	struct mapping m;
	struct parallel p;
	enum paging_status status = map_prepare(e, table, virt, phys, size, flags, &m, op);

	if (status != PAGING_OK)
		return status;
	analyzer_fills(&p);
	p.reserve = (struct reserve){ .table = table,
				      .frames = op->frames,
				      .frame_size = table_bytes(e, table, 0) };
	p.added[top_level(table)] = 0;
	cursor_open(table, e, &p.c, m.input, m.last);
	status = parallel_run(e, table, &m, &p, op);
	op->done = status == PAGING_OK ? size : p.c.input - m.input;
	while (p.c.level != top_level(table))
		parallel_leave(e, table, &p);
	cursor_close(table, &p.c);
	reserve_release(&p.reserve);
	return status;
}

/*
 * One page whose tables are all there, by the walk of plain_root: a locked operation to win its
 * entry, and one to count it. False, and nothing has changed: anything else is
 * parallel_map_range's.
 */
static ALWAYS_INLINE bool parallel_map_plain(const struct encoder *e, struct page_table *table,
					     virt_addr virt, phys_addr phys,
					     struct page_flags flags)
{
	uint64_t attributes, leaf, link;
	uint64_t *slot, *entry;
	uint64_t empty = 0;

	if (UNLIKELY((virt & (level_size(e, 0) - 1)) != 0) ||
	    UNLIKELY((phys & table->output_bad) != 0) || UNLIKELY(table->access.clean != NULL) ||
	    !plain_slot(e, table, virt, &slot))
		return false;
	link = entry_load(slot);
	if (UNLIKELY(!e->is_plain_table(link)) ||
	    UNLIKELY(!encode_shared(e, table, flags, &attributes)))
		return false;
	entry = plain_entry(e, table, link, virt, 0);
	leaf = paging_sabotage(PAGING_SABOTAGE_LEAF, 0, e->leaf(attributes, phys, 0));
	if (UNLIKELY(!entry_swap(entry, &empty, leaf)))
		return false;
	if (e->counted)
		while (UNLIKELY(!entry_swap(slot, &link, e->count_up(link))))
			;
	return true;
}

static ALWAYS_INLINE enum paging_status parallel_map_page(const struct encoder *e,
							  struct page_table *table, virt_addr virt,
							  phys_addr phys, struct page_flags flags,
							  struct frame_allocator *frames)
{
	struct page_table_op op;

	if (parallel_map_plain(e, table, virt, phys, flags))
		return PAGING_OK;
	op.frames = frames;
	op.gather = NULL;
	op.mode = PAGING_RESUMABLE;
	op.leaf_sizes = 0;
	op.budget = 0;
	op.annotation = 0;
	return parallel_map_range(e, table, virt, phys, level_size(e, 0), flags, &op);
}

/* Replacing, and all or nothing, take exclusive access: they go as in any other table. */
static ALWAYS_INLINE bool parallel_allowed(const struct page_table_op *op)
{
	return (op->mode & (PAGING_RESUMABLE | PAGING_REPLACE | PAGING_PLAN)) == PAGING_RESUMABLE;
}

#endif
