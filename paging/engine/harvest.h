/* SPDX-License-Identifier: MIT */
/* Reading and clearing what hardware marks: accessed and dirty. */
#ifndef PAGING_ENGINE_HARVEST_H
#define PAGING_ENGINE_HARVEST_H

#include "arguments.h"
#include "contiguous.h"
#include "gather.h"
#include "query.h"

struct harvest {
	struct page_table_op *op;
	bool accessed;
	bool dirty;
	page_visitor visitor;
	void *context;
};

/* Clears the marks in one descriptor; returns what it was. */
static inline uint64_t harvest_entry(const struct encoder *e, const struct page_table *table,
				     const struct harvest *h, uint64_t *entry, unsigned int level)
{
	uint64_t old = entry_load(entry);
	uint64_t new;

	do {
		uint64_t attributes = e->cleaned(table, leaf_attributes(e, table, old, level),
						 h->accessed, h->dirty);

		new = e->leaf(attributes, leaf_address(e, table, old, level), level) |
		      (old & e->contiguous);
	} while (new != old && !entry_replace(table, entry, &old, new));
	return old;
}

/* Clears the marks in the leaf the cursor stands on, and shows it if it had one. */
static inline bool harvest_leaf(const struct encoder *e, const struct page_table *table,
				const struct harvest *h, const struct page_cursor *c,
				struct inherited above)
{
	unsigned int level = c->level;
	uint64_t *entry = cursor_entry(table, e, c);
	uint64_t old = entry_load(entry);
	uint64_t count = 1;
	struct page_visit visit;
	uint64_t attributes;

	if (in_group(e, old)) {
		entry = group_first(table, e, c);
		count = hinted_entries(e, table, level);
	}
	for (uint64_t i = 0; i < count; i++)
		old = e->merge(table, old, harvest_entry(e, table, h, &entry[i], level));
	attributes = leaf_attributes(e, table, old, level);
	if (e->cleaned(table, attributes, h->accessed, h->dirty) == attributes)
		return true;
	visit_former(e, table, c, old, above, &visit);
	gather_range(h->op->gather,
		     &(struct tlb_range){ .start = visit.mapping.virt,
					  .last = visit.mapping.virt + (visit.mapping.size - 1),
					  .leaf_size = level_size(e, level),
					  .global = is_global(e, old) });
	return !h->visitor || h->visitor(h->context, &visit);
}

static inline enum paging_status harvest_run(const struct encoder *e,
					     const struct page_table *table,
					     const struct harvest *h, struct page_cursor *c)
{
	struct inherited above[PAGE_TABLE_MAX_LEVELS];

	above[c->level] = inherited_none();
	for (;;) {
		uint64_t d;
		bool more;

		walk_skip(e, table, c, false);
		d = entry_load(cursor_entry(table, e, c));
		if (e->is_present(table, d, c->level) && !e->is_leaf(d, c->level)) {
			struct inherited below = inherited_add(above[c->level], d);

			cursor_descend(table, e, c, table_address(e, table, d));
			above[c->level] = below;
			continue;
		}
		if (e->is_present(table, d, c->level)) {
			if (group_is_broken(e, table, c, d))
				return PAGING_BROKEN_GROUP;
			more = harvest_leaf(e, table, h, c, above[c->level]);
			if (in_group(e, d))
				c->input |= hinted_size(e, table, c->level) - 1;
			if (!more)
				return PAGING_STOPPED;
		}
		if (!cursor_next(table, e, c))
			return PAGING_OK;
	}
}

/* Names the group that is not whole; the input address that the harvest has come to. */
static inline uint64_t harvest_broken(const struct encoder *e, const struct page_table *table,
				      const struct page_cursor *c, struct page_table_op *op)
{
	uint64_t span = hinted_size(e, table, c->level);

	op->conflict = input_extend(e, table, addr_align_down(c->input, span));
	op->conflict_size = span;
	return c->input;
}

static ALWAYS_INLINE enum paging_status
harvest_range(const struct encoder *e, struct page_table *table, virt_addr virt, uint64_t size,
	      unsigned int marks, page_visitor visitor, void *context, struct page_table_op *op)
{
	enum paging_status status = check_range(e, table, virt, size, op, 0);
	uint64_t input = virt & input_mask(table);
	struct harvest h = { .op = op,
			     .accessed = (marks & PAGE_MARK_ACCESSED) != 0,
			     .dirty = (marks & PAGE_MARK_DIRTY) != 0,
			     .visitor = visitor,
			     .context = context };
	struct page_cursor c;

	if (status != PAGING_OK)
		return status;
	if (marks == 0 || (marks & ~(unsigned int)(PAGE_MARK_ACCESSED | PAGE_MARK_DIRTY)) != 0)
		return PAGING_BAD_ARGUMENT;
	if ((op->mode & PAGING_PLAN) != 0)
		return PAGING_OK;
	cursor_open(table, e, &c, input, input + (size - 1));
	status = harvest_run(e, table, &h, &c);
	op->done = size;
	if (status == PAGING_STOPPED) /* the leaf that was shown is done */
		op->done = cursor_entry_last(e, &c) - input + 1;
	if (status == PAGING_BROKEN_GROUP)
		op->done = harvest_broken(e, table, &c, op) - input;
	if (op->done > size)
		op->done = size;
	cursor_close(table, &c);
	return status;
}

#endif
