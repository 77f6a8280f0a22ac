/* SPDX-License-Identifier: MIT */
/*
 * Unmapping, protecting and marking one page, as simple as it can be (recent.h): what may fail, or
 * needs more than one store, is left to edit.h.
 */
#ifndef PAGING_ENGINE_ONE_PAGE_H
#define PAGING_ENGINE_ONE_PAGE_H

#include "change.h"
#include "cursor.h"
#include "recent.h"

/* Finds the lowest table for `virt`, if there is one. */
static SELDOM void recent_find(const struct encoder *e, struct page_table *table, virt_addr virt)
{
	struct page_cursor c;

	if (table->access.map || table->access.clean || !input_valid(e, table, virt))
		return;
	cursor_open(table, e, &c, virt & input_mask(table), virt & input_mask(table));
	while (c.level != 0) {
		uint64_t d = entry_load(cursor_entry(table, e, &c));

		if (!e->is_present(table, d, c.level) || e->is_leaf(d, c.level))
			break;
		cursor_descend(table, e, &c, table_address(e, table, d));
	}
	if (c.level == 0)
		recent_note(e, table, &c, virt);
	cursor_close(table, &c);
}

/* The range is one page, of a table at hand, in the plain way of doing it. */
static ALWAYS_INLINE bool one_page(const struct encoder *e, struct page_table *table,
				   virt_addr virt, uint64_t size, const struct page_table_op *op)
{
	if (size != level_size(e, 0) || !addr_is_aligned(virt, level_size(e, 0)) ||
	    (op->mode & (PAGING_PLAN | PAGING_ENLARGE)) != 0)
		return false;
	if (UNLIKELY(!recent_is(e, table, virt))) {
		recent_find(e, table, virt);
		return recent_is(e, table, virt);
	}
	return true;
}

static ALWAYS_INLINE void one_page_done(const struct encoder *e, struct page_table_op *op)
{
	op->done = level_size(e, 0);
	op->tables = 0;
	op->enlarged_size = 0;
}

static ALWAYS_INLINE void one_page_gather(const struct encoder *e, struct tlb_gather *gather,
					  virt_addr virt, uint64_t old)
{
	gather_range(gather, &(struct tlb_range){ .start = virt,
						  .last = virt + (level_size(e, 0) - 1),
						  .leaf_size = level_size(e, 0),
						  .global = e->is_global(old) });
}

/* Unmaps it, unless its table would be empty then. */
static ALWAYS_INLINE bool one_page_unmap(const struct encoder *e, struct page_table *table,
					 virt_addr virt, uint64_t size, struct page_table_op *op)
{
	uint64_t *entry;
	uint64_t old, link;

	if (!e->counted || op->annotation != 0 || (!op->gather && !op->frames) ||
	    !one_page(e, table, virt, size, op))
		return false;
	entry = recent_entry(e, table, virt);
	old = entry_load(entry);
	link = entry_load(table->recent_slot);
	if (!e->is_present(table, old, 0) || in_group(e, old) || e->count(link) <= 1)
		return false;
	old = entry_exchange(table, entry, paging_sabotage(PAGING_SABOTAGE_CLEAR, 0, 0));
	entry_publish(table->recent_slot, e->count_down(link));
	one_page_gather(e, op->gather, virt, old);
	one_page_done(e, op);
	return true;
}

/* Changes its attributes, unless it takes break-before-make. */
static ALWAYS_INLINE bool one_page_change(const struct encoder *e, struct page_table *table,
					  const struct change *change, virt_addr virt,
					  uint64_t size, struct page_table_op *op)
{
	uint64_t *entry;
	uint64_t old, new;

	if (!one_page(e, table, virt, size, op))
		return false;
	entry = recent_entry(e, table, virt);
	old = entry_load(entry);
	if (!e->is_present(table, old, 0) || in_group(e, old))
		return false;
	do {
		new = paging_sabotage(PAGING_SABOTAGE_LEAF, 0,
				      leaf_changed(e, table, change, old, 0));
		if (op->gather && ((new ^ old) & e->break_bits) != 0)
			return false;
	} while (new != old && !entry_replace(table, entry, &old, new));
	if (new != old && change->kind != CHANGE_SOFTWARE)
		one_page_gather(e, op->gather, virt, old);
	one_page_done(e, op);
	return true;
}

#endif
