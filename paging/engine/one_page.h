/* SPDX-License-Identifier: MIT */
/*
 * Unmapping, protecting and marking one page, as simple as it can be (recent.h): what may fail, or
 * needs more than one store, is left to edit.h.
 */
#ifndef PAGING_ENGINE_ONE_PAGE_H
#define PAGING_ENGINE_ONE_PAGE_H

#include "change.h"
#include "cursor.h"
#include "plain.h"
#include "recent.h"

/* Notes the lowest table for `virt`, if there is one, by the walk of plain_root. */
static ALWAYS_INLINE void recent_find_plain(const struct encoder *e, struct page_table *table,
					    virt_addr virt)
{
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;
	uint64_t *slot;
	uint64_t d;

	if (!plain_slot(e, table, virt, &slot))
		return;
	d = entry_load(slot);
	if (e->is_plain_table(d))
		recent_note(e, table, virt,
			    plain_entry(e, table, d, virt, 0) - (virt >> level_shift(e, 0) & mask),
			    slot);
}

/* Where a table is at hand, some flags have been encoded (recent_map). */
static inline bool recent_have_flags(const struct encoder *e, struct page_table *table)
{
	const struct page_flags usual = { .read = 1, .write = 1, .execute = 1 };
	uint64_t attributes;

	return table->recent_attributes != 0 || encode_recent(e, table, usual, &attributes);
}

/* Finds the lowest table for `virt`, if there is one and it was not at hand. */
static SELDOM bool recent_find(const struct encoder *e, struct page_table *table, virt_addr virt)
{
	struct page_cursor c;
	uint64_t index;

	if (recent_is(e, table, virt, &index) || table->access.map || table->access.clean ||
	    !input_valid(e, table, virt) || !recent_have_flags(e, table))
		return false;
	if (table->plain_limit != 0) {
		recent_find_plain(e, table, virt);
		return recent_is(e, table, virt, &index);
	}
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
	return recent_is(e, table, virt, &index);
}

/* What makes no difference to one page. */
#define ONE_PAGE_MODES (PAGING_RESUMABLE | PAGING_SPLIT | PAGING_SKIP_HOLES)

/* The range is one page, but that the address may be no multiple of its size, and can be done in
 * the plain way once its table is at hand. There is no `annotation`. */
static ALWAYS_INLINE bool is_one_page(const struct encoder *e, uint64_t size,
				      const struct page_table_op *op, uint64_t annotation)
{
	uint64_t more = op->mode & ~(uint32_t)ONE_PAGE_MODES;

	return ((size ^ level_size(e, 0)) | more | annotation) == 0;
}

static ALWAYS_INLINE void one_page_done(const struct encoder *e, struct page_table_op *op)
{
	op->done = level_size(e, 0);
	op->tables = 0;
}

/*
 * Unmaps it, unless its table would be empty then. `seldom`: with what is not worth looking for
 * each time, a table that no walker uses and a count that is not a plain number. *status: what the
 * operation is to return if it is done.
 */
static ALWAYS_INLINE bool one_page_unmap(const struct encoder *e, struct page_table *table,
					 virt_addr virt, uint64_t size, struct page_table_op *op,
					 bool seldom, enum paging_status *status)
{
	uint64_t *slot, *entry;
	uint64_t index, old, link;

	if (!e->counted || UNLIKELY(!is_one_page(e, size, op, op->annotation)) ||
	    (seldom ? !op->gather && !op->frames : UNLIKELY(!op->gather)) ||
	    UNLIKELY(!recent_is(e, table, virt, &index)))
		return false;
	slot = table->recent_slot;
	link = entry_load(slot);
	if (seldom) {
		if (e->count(link) <= 1)
			return false;
		link = e->count_down(link);
	} else if (UNLIKELY(!e->count_down_plain(&link))) {
		return false;
	}
	entry = &table->recent_entries[index];
	if (UNLIKELY(!e->is_plain_leaf(entry_load(entry))))
		return false;
	old = __atomic_exchange_n(entry, paging_sabotage(PAGING_SABOTAGE_CLEAR, 0, 0),
				  __ATOMIC_ACQ_REL);
	entry_publish(slot, link);
	one_page_done(e, op);
	*status = PAGING_OK;
	/* Loaded again, rather than kept meanwhile. */
	if (!seldom || op->gather)
		*status = gather_page(op->gather, virt, level_size(e, 0), e->global(old));
	return true;
}

/*
 * Unmaps a page that is the last one of its table, and the table with it, unless the one above
 * would be empty then too. Of a table of four levels, with room in the gather.
 */
static ALWAYS_INLINE bool one_page_unmap_last(const struct encoder *e, struct page_table *table,
					      virt_addr virt, uint64_t size,
					      struct page_table_op *op)
{
	struct tlb_gather *gather = op->gather;
	uint64_t *above, *entry;
	uint64_t index, old, link;

	if (!e->counted || !is_one_page(e, size, op, op->annotation) || !gather ||
	    table->plain_limit == 0 || gather_room(gather) < table->levels ||
	    !recent_is(e, table, virt, &index))
		return false;
	link = entry_load(table->recent_slot);
	entry = &table->recent_entries[index];
	if (e->count(link) != 1 || !e->is_plain_leaf(entry_load(entry)) ||
	    !plain_above(e, table, virt, &above) || e->count(entry_load(above)) <= 1)
		return false;
	old = __atomic_exchange_n(entry, paging_sabotage(PAGING_SABOTAGE_CLEAR, 0, 0),
				  __ATOMIC_ACQ_REL);
	gather_page(gather, virt, level_size(e, 0), e->global(old));
	unlink_table(e, table, table->recent_slot, table_address(e, table, link), 0,
		     (virt & input_mask(table)) - (index << level_shift(e, 0)), op);
	entry_publish(above, e->count_down(entry_load(above)));
	one_page_done(e, op);
	return true;
}

/*
 * Takes write permission from a leaf: *old is it as it was. False if it had none. Where hardware
 * sets no mark that write permission has a part in, a bit is all there is to change.
 */
static ALWAYS_INLINE bool one_page_protect(const struct encoder *e, uint64_t *entry, uint64_t *old)
{
	const uint64_t bit = e->write_clear | e->write_set;

	if (!PAGING_SABOTAGED && !e->write_marks_of_hardware && (*old & e->write_marks) == 0) {
		if (e->write_clear != 0)
			return (__atomic_fetch_and(entry, ~bit, __ATOMIC_ACQ_REL) & bit) != 0;
		return (__atomic_fetch_or(entry, bit, __ATOMIC_ACQ_REL) & bit) == 0;
	}
	for (;;) {
		uint64_t new = paging_sabotage(PAGING_SABOTAGE_LEAF, 0, write_protected(e, *old));

		if (UNLIKELY(new == *old))
			return false;
		if (entry_swap(entry, old, new))
			return true;
	}
}

/* Write-protects it, whatever is in its table. */
static ALWAYS_INLINE bool one_page_write_protect(const struct encoder *e, struct page_table *table,
						 virt_addr virt, uint64_t size,
						 struct page_table_op *op,
						 enum paging_status *status)
{
	uint64_t *entry;
	uint64_t index, old;

	if (UNLIKELY(!is_one_page(e, size, op, 0)) || UNLIKELY(!recent_is(e, table, virt, &index)))
		return false;
	entry = &table->recent_entries[index];
	old = entry_load(entry);
	if (UNLIKELY(!e->is_plain_leaf(old)))
		return false;
	*status = PAGING_OK;
	one_page_done(e, op);
	if (one_page_protect(e, entry, &old) && op->gather)
		*status = gather_page(op->gather, virt, level_size(e, 0), e->global(old));
	return true;
}

/* Changes its attributes, unless it takes break-before-make. */
static ALWAYS_INLINE bool one_page_change(const struct encoder *e, struct page_table *table,
					  const struct change *change, virt_addr virt,
					  uint64_t size, struct page_table_op *op,
					  enum paging_status *status)
{
	uint64_t *entry;
	uint64_t index, old, new;

	if (UNLIKELY(!is_one_page(e, size, op, 0)) || UNLIKELY(!recent_is(e, table, virt, &index)))
		return false;
	entry = &table->recent_entries[index];
	old = entry_load(entry);
	if (UNLIKELY(!e->is_plain_leaf(old)))
		return false;
	do {
		new = paging_sabotage(PAGING_SABOTAGE_LEAF, 0,
				      leaf_changed(e, table, change, old, 0));
		if (op->gather && ((new ^ old) & e->break_bits) != 0)
			return false;
	} while (new != old && UNLIKELY(!entry_swap(entry, &old, new)));
	*status = PAGING_OK;
	one_page_done(e, op);
	if (new != old && op->gather)
		*status = gather_page(op->gather, virt, level_size(e, 0), e->global(old));
	return true;
}

#endif
