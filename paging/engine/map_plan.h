/* SPDX-License-Identifier: MIT */
/* Planning a mapping: is anything in the way, how many tables will it take and free. */
#ifndef PAGING_ENGINE_MAP_PLAN_H
#define PAGING_ENGINE_MAP_PLAN_H

#include "gather.h"
#include "mapping.h"
#include "split.h"
#include "subtree.h"
#include "tell.h"

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
		if (!cursor_next(table, e, &c))
			break;
	}
	cursor_close(table, &c);
	return status;
}

#endif
