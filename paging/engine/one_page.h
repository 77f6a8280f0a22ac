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

/* What is asked of the page can be done in the plain way once its table is at hand. */
static ALWAYS_INLINE bool is_plain_op(const struct page_table_op *op)
{
	return !UNLIKELY((op->mode & ~(uint32_t)ONE_PAGE_MODES) != 0);
}

/* The entry of the page at `virt`, which may be no page's, if its table is at hand. */
static ALWAYS_INLINE bool one_page_entry(const struct encoder *e, const struct page_table *table,
					 virt_addr virt, const struct page_table_op *op,
					 uint64_t **entry)
{
	uint64_t index;

	if (!is_plain_op(op) || UNLIKELY(!recent_is(e, table, virt, &index)))
		return false;
	*entry = &table->recent_entries[index];
	return true;
}

static ALWAYS_INLINE void one_page_done(const struct encoder *e, struct page_table_op *op)
{
	op->done = level_size(e, 0);
	op->tables = 0;
}

/* Clears the entry of a page, if its table keeps others. What hardware marked in it is not told. */
static ALWAYS_INLINE bool one_page_clear(const struct encoder *e, const struct page_table *table,
					 uint64_t *entry, struct page_table_op *op)
{
	uint64_t *slot = table->recent_slot;
	uint64_t link = entry_load(slot);

	if (UNLIKELY(!e->count_down_left(&link)))
		return false;
	entry_write(entry, paging_sabotage(PAGING_SABOTAGE_CLEAR, 0, 0));
	entry_publish(slot, link);
	one_page_done(e, op);
	return true;
}

/* Unmaps a page that continues the range before, unless its table would be empty then. */
static ALWAYS_INLINE bool one_page_unmap_next(const struct encoder *e,
					      const struct page_table *table, virt_addr virt,
					      struct page_table_op *op)
{
	struct tlb_gather *gather = op->gather;
	uint64_t *entry;
	uint64_t d;

	if (!e->counted || UNLIKELY(!gather) || UNLIKELY(op->annotation != 0) ||
	    !one_page_entry(e, table, virt, op, &entry))
		return false;
	d = entry_load(entry);
	if (UNLIKELY(in_group(e, d)) ||
	    UNLIKELY(!gather_continues(gather, gather_page_of(e, virt, d & gather_page_bits(e)))) ||
	    !one_page_clear(e, table, entry, op))
		return false;
	gather_continue(e, gather);
	return true;
}

/* Any page, likewise. */
static ALWAYS_INLINE bool one_page_unmap(const struct encoder *e, const struct page_table *table,
					 virt_addr virt, struct page_table_op *op)
{
	struct tlb_gather *gather = op->gather;
	uint64_t *entry;
	uint64_t old;

	if (!e->counted || (!gather && !op->frames) || op->annotation != 0 ||
	    !one_page_entry(e, table, virt, op, &entry))
		return false;
	old = entry_load(entry);
	if (!e->is_plain_leaf(old) || !one_page_clear(e, table, entry, op))
		return false;
	if (gather)
		gather_page(e, gather, virt, old);
	return true;
}

/*
 * Unmaps a page that is the last one of its table, and the table with it, unless the one above
 * would be empty then too. Of a table of four levels, with room in the gather.
 */
static ALWAYS_INLINE bool one_page_unmap_last(const struct encoder *e, struct page_table *table,
					      virt_addr virt, struct page_table_op *op)
{
	struct tlb_gather *gather = op->gather;
	uint64_t *above, *entry;
	uint64_t index, old, link;

	if (!e->counted || !is_plain_op(op) || op->annotation != 0 || !gather ||
	    table->plain_limit == 0 || gather_room(gather) < table->levels ||
	    !recent_is(e, table, virt, &index))
		return false;
	link = entry_load(table->recent_slot);
	entry = &table->recent_entries[index];
	old = entry_load(entry);
	if (e->count(link) != 1 || !e->is_plain_leaf(old) || !plain_above(e, table, virt, &above) ||
	    e->count(entry_load(above)) <= 1)
		return false;
	entry_write(entry, paging_sabotage(PAGING_SABOTAGE_CLEAR, 0, 0));
	gather_page(e, gather, virt, old);
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
static ALWAYS_INLINE bool one_page_protect(const struct encoder *e, const struct page_table *table,
					   uint64_t *entry, uint64_t *old)
{
	const uint64_t bit = e->write_clear | e->write_set;

	if (!PAGING_SABOTAGED && !e->write_marks_of_hardware && (*old & e->write_marks) == 0) {
		if (e->write_clear != 0)
			return (__atomic_fetch_and(entry, ~bit, __ATOMIC_ACQ_REL) & bit) != 0;
		return (__atomic_fetch_or(entry, bit, __ATOMIC_ACQ_REL) & bit) == 0;
	}
	for (;;) {
		uint64_t new =
			paging_sabotage(PAGING_SABOTAGE_LEAF, 0, write_protected(e, table, *old));

		if (UNLIKELY(new == *old))
			return false;
		if (entry_swap(entry, old, new))
			return true;
	}
}

/*
 * Takes write permission from a page that has it, has no mark and continues the range before: of
 * that, but for marks above a page's size, one comparison tells. False if it is not so, with *old
 * as it is. Without write permission the number has a bit more than a page's, never less: 0 is what
 * no range goes on with.
 */
static ALWAYS_INLINE bool one_page_protect_next(const struct encoder *e, uint64_t *entry,
						virt_addr virt, uint64_t *old,
						const struct tlb_gather *gather)
{
	const uint64_t marks = e->write_marks | e->contiguous;
	const uint64_t below = level_size(e, 0) - 1;
	const uint64_t bits = e->write_clear | e->write_set | (marks & below);

	if (PAGING_SABOTAGED || UNLIKELY((*old & marks & ~below) != 0) ||
	    UNLIKELY(!gather_continues(
		    gather,
		    gather_page_of(e, virt,
				   (*old & (gather_page_bits(e) | bits)) ^ e->write_clear))))
		return false;
	if (e->write_marks_of_hardware)
		return entry_swap(entry, old, write_cleared(e, *old));
	if (e->write_clear != 0)
		__atomic_fetch_and(entry, ~e->write_clear, __ATOMIC_ACQ_REL);
	else
		__atomic_fetch_or(entry, e->write_set, __ATOMIC_ACQ_REL);
	return true;
}

/* Write-protects it, whatever is in its table. */
static ALWAYS_INLINE bool one_page_write_protect(const struct encoder *e, struct page_table *table,
						 virt_addr virt, struct page_table_op *op)
{
	struct tlb_gather *gather = op->gather;
	uint64_t *entry;
	uint64_t old;

	if (!one_page_entry(e, table, virt, op, &entry))
		return false;
	old = entry_load(entry);
	if (!UNLIKELY(!gather) && one_page_protect_next(e, entry, virt, &old, gather)) {
		one_page_done(e, op);
		gather_continue(e, gather);
		return true;
	}
	if (!e->is_plain_leaf(old))
		return false;
	one_page_done(e, op);
	if (one_page_protect(e, table, entry, &old) && gather)
		gather_page(e, gather, virt, old);
	return true;
}

/* Changes its attributes, unless it takes break-before-make. */
static ALWAYS_INLINE bool one_page_change(const struct encoder *e, struct page_table *table,
					  const struct change *change, virt_addr virt,
					  struct page_table_op *op)
{
	uint64_t *entry;
	uint64_t old, new;

	if (!one_page_entry(e, table, virt, op, &entry))
		return false;
	old = entry_load(entry);
	if (UNLIKELY(!e->is_plain_leaf(old)))
		return false;
	do {
		new = paging_sabotage(PAGING_SABOTAGE_LEAF, 0,
				      leaf_changed(e, table, change, old, 0));
		if (op->gather && ((new ^ old) & e->break_bits) != 0)
			return false;
	} while (new != old && UNLIKELY(!entry_swap(entry, &old, new)));
	one_page_done(e, op);
	if (new != old && op->gather)
		gather_page(e, op->gather, virt, old);
	return true;
}

#endif
