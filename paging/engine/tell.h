/* SPDX-License-Identifier: MIT */
/* Telling of the leaves that an operation removes (PAGING_TELL). */
#ifndef PAGING_ENGINE_TELL_H
#define PAGING_ENGINE_TELL_H

#include "query.h"

static ALWAYS_INLINE bool op_tells(const struct page_table_op *op)
{
	return UNLIKELY((op->mode & PAGING_TELL) != 0);
}

/* Tells of the leaf that the cursor stood on: it was `old`, with the marks of all its group. */
static SELDOM void tell_leaf(const struct encoder *e, const struct page_table *table,
			     const struct page_cursor *c, uint64_t old,
			     const struct page_table_op *op)
{
	struct page_visit visit;

	visit_former(e, table, c, old, inherited_above(table, c), &visit);
	(void)op->visitor(op->context, &visit);
}

/* What is gone cannot be stopped. */
static inline bool tell_visit(void *context, const struct page_visit *visit)
{
	const struct page_table_op *op = context;

	(void)op->visitor(op->context, visit);
	return true;
}

/* Tells of all the leaves in and below the table that the entry under the cursor led to, by `d`. No
 * walker reaches it any more. */
static SELDOM void tell_tables(const struct encoder *e, const struct page_table *table,
			       const struct page_cursor *c, uint64_t d, struct page_table_op *op)
{
	/* Set in part: only what is below is walked. */
	struct page_cursor below;

	analyzer_fills(&below);
	below.input = cursor_entry_start(e, c);
	below.last = cursor_entry_last(e, c);
	below.level = c->level - 1;
	below.phys[below.level] = table_address(e, table, d);
	below.tables[below.level] = memory_open(&table->access, below.phys[below.level],
						table_bytes(e, table, below.level));
	(void)walk_run(e, table, &below, inherited_add(inherited_above(table, c), d), true,
		       PAGE_VISIT_LEAF, tell_visit, op);
	while (below.level != c->level)
		cursor_ascend(table, &below);
}

#endif
