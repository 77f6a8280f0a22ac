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

/* Finds the lowest table for `virt`, if there is one and it was not at hand. */
static SELDOM bool recent_find(const struct encoder *e, struct page_table *table, virt_addr virt)
{
	struct page_cursor c;

	if (recent_is(e, table, virt) || table->access.map || table->access.clean ||
	    !input_valid(e, table, virt))
		return false;
	cursor_open(table, e, &c, virt & input_mask(table), virt & input_mask(table));
	while (c.level != 0) {
		uint64_t d = entry_load(cursor_entry(table, e, &c));

		if (!e->is_present(table, d, c.level) || e->is_leaf(d, c.level))
			break;
		cursor_descend(table, e, &c, table_address(e, table, d));
	}
	if (c.level == 0)
		recent_note(e, table, virt, c.tables[0], c.slots[0]);
	cursor_close(table, &c);
	return recent_is(e, table, virt);
}

/* The range is one page that can be done in the plain way, once its table is at hand. */
static ALWAYS_INLINE bool is_one_page(const struct encoder *e, virt_addr virt, uint64_t size,
				      const struct page_table_op *op)
{
	uint64_t off = (size ^ level_size(e, 0)) | (virt & (level_size(e, 0) - 1)) |
		       (op->mode & (PAGING_PLAN | PAGING_ENLARGE));

	return off == 0;
}

static ALWAYS_INLINE void one_page_done(const struct encoder *e, struct page_table_op *op)
{
	op->done = level_size(e, 0);
	op->tables = 0;
	op->enlarged_size = 0;
}

/* Unmaps it, unless its table would be empty then. */
static ALWAYS_INLINE bool one_page_unmap(const struct encoder *e, struct page_table *table,
					 virt_addr virt, uint64_t size, struct page_table_op *op)
{
	uint64_t *entry;
	uint64_t old, link;

	if (!e->counted || op->annotation != 0 || (!op->gather && !op->frames) ||
	    !is_one_page(e, virt, size, op) || UNLIKELY(!recent_is(e, table, virt)))
		return false;
	entry = recent_entry(e, table, virt);
	old = entry_load(entry);
	link = entry_load(table->recent_slot);
	if (!e->is_present(table, old, 0) || in_group(e, old) || e->count(link) <= 1)
		return false;
	old = __atomic_exchange_n(entry, paging_sabotage(PAGING_SABOTAGE_CLEAR, 0, 0),
				  __ATOMIC_ACQ_REL);
	entry_publish(table->recent_slot, e->count_down(link));
	one_page_done(e, op);
	gather_page(op->gather, virt, level_size(e, 0), e->is_global(old));
	return true;
}

/* Changes its attributes, unless it takes break-before-make. */
static ALWAYS_INLINE bool one_page_change(const struct encoder *e, struct page_table *table,
					  const struct change *change, virt_addr virt,
					  uint64_t size, struct page_table_op *op)
{
	uint64_t *entry;
	uint64_t old, new;

	if (!is_one_page(e, virt, size, op) || UNLIKELY(!recent_is(e, table, virt)))
		return false;
	entry = recent_entry(e, table, virt);
	old = entry_load(entry);
	if (!e->is_present(table, old, 0) || in_group(e, old))
		return false;
	do {
		new = paging_sabotage(PAGING_SABOTAGE_LEAF, 0,
				      leaf_changed(e, table, change, old, 0));
		if (change->kind == CHANGE_PROTECT && op->gather &&
		    ((new ^ old) & e->break_bits) != 0)
			return false;
	} while (new != old && UNLIKELY(!entry_swap(entry, &old, new)));
	one_page_done(e, op);
	if (new != old && change->kind != CHANGE_SOFTWARE)
		gather_page(op->gather, virt, level_size(e, 0), e->is_global(old));
	return true;
}

#endif
