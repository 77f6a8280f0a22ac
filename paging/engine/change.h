/* SPDX-License-Identifier: MIT */
/*
 * What an operation does to one leaf, which a cursor stands on, and to a table that it leaves
 * empty. edit.h does it to all the leaves of a range, place.h to one at a time.
 */
#ifndef PAGING_ENGINE_CHANGE_H
#define PAGING_ENGINE_CHANGE_H

#include "contiguous.h"
#include "cursor.h"
#include "gather.h"
#include "recent.h"
#include "sabotage.h"
#include "split.h"

enum change_kind {
	CHANGE_UNMAP,
	CHANGE_PROTECT, /* to `attributes` */
	CHANGE_WRITE_PROTECT,
	CHANGE_SOFTWARE,   /* to the software bits in `attributes` */
	CHANGE_SPLIT,      /* what is too large, and nothing else */
	CHANGE_UNANNOTATE, /* the one that is about holes and leaves leaves alone */
};

struct change {
	enum change_kind kind;
	uint64_t attributes;
	uint64_t left; /* what unmap leaves in an entry: nothing, or an annotation */
};

/* Entries in use (mapped or annotated) in the table the cursor is in. `removed` of the count are
 * not any more. */
static inline uint64_t live_entries(const struct encoder *e, const struct page_table *table,
				    const struct page_cursor *c, uint64_t removed)
{
	uint64_t live = 0;

	if (e->counted)
		return e->count(entry_load(c->slots[c->level])) - removed;
	for (uint64_t i = 0; i < level_entries(e, table, c->level); i++)
		live += entry_load(&c->tables[c->level][i]) != 0;
	return live;
}

/* Descriptors that a leaf consists of. */
static ALWAYS_INLINE uint64_t leaf_entries(const struct encoder *e, const struct page_table *table,
					   const struct page_cursor *c, uint64_t leaf)
{
	return in_group(e, leaf) ? hinted_entries(e, table, c->level) : 1;
}

/* What an operation that changes attributes makes of one descriptor. */
static ALWAYS_INLINE uint64_t leaf_changed(const struct encoder *e, const struct page_table *table,
					   const struct change *change, uint64_t old,
					   unsigned int level)
{
	uint64_t attributes;

	if (change->kind == CHANGE_WRITE_PROTECT)
		return e->without_write(table, old);
	attributes = leaf_attributes(e, table, old, level);
	if (change->kind == CHANGE_PROTECT)
		attributes = e->keep(table, change->attributes, attributes);
	else
		attributes = (attributes & ~e->software(e->software_bits)) | change->attributes;
	return e->leaf(attributes, leaf_address(e, table, old, level), level) |
	       (old & e->contiguous);
}

/* Whether any leaf of the cursor's group will be another. */
static inline bool group_changes(const struct encoder *e, const struct page_table *table,
				 const struct page_cursor *c, const struct change *change)
{
	const uint64_t *entries = group_first(table, e, c);
	uint64_t count = hinted_entries(e, table, c->level);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t d = entry_load(&entries[i]);

		if (leaf_changed(e, table, change, d, c->level) != d)
			return true;
	}
	return false;
}

/* Whether changing the leaf as a whole takes break-before-make. */
static ALWAYS_INLINE bool change_breaks(const struct encoder *e, const struct page_table *table,
					const struct page_cursor *c, const struct change *change,
					uint64_t old, const struct tlb_gather *gather)
{
	if ((change->kind != CHANGE_PROTECT && change->kind != CHANGE_WRITE_PROTECT) || !gather)
		return false;
	if (in_group(e, old))
		return group_changes(e, table, c, change);
	return e->break_bits != 0 && change->kind == CHANGE_PROTECT &&
	       ((leaf_changed(e, table, change, old, c->level) ^ old) & e->break_bits) != 0;
}

/* Unmaps the leaf, or its group; `left` takes the place of each descriptor. Returns what the leaf
 * was then, with the marks of all its group. */
static inline uint64_t leaf_remove(const struct encoder *e, const struct page_table *table,
				   const struct page_cursor *c, uint64_t old, uint64_t left,
				   struct tlb_gather *gather)
{
	unsigned int level = c->level;
	uint64_t *entry = in_group(e, old) ? group_first(table, e, c) : cursor_entry(table, e, c);
	uint64_t entries = leaf_entries(e, table, c, old);
	uint64_t span = leaf_span(e, table, c, old);
	uint64_t start = addr_align_down(c->input, span);

	for (uint64_t i = 0; i < entries; i++) {
		uint64_t was = entry_exchange(table, &entry[i],
					      paging_sabotage(PAGING_SABOTAGE_CLEAR, level, left));

		old = i == 0 ? was : e->merge(table, old, was);
	}
	gather_range(gather,
		     &(struct tlb_range){ .start = input_extend(e, table, start),
					  .last = input_extend(e, table, start + (span - 1)),
					  .leaf_size = level_size(e, level),
					  .global = is_global(e, old) });
	return old;
}

/* Changes a leaf that is in no group. */
static inline void leaf_change_one(const struct encoder *e, const struct page_table *table,
				   const struct page_cursor *c, const struct change *change,
				   uint64_t old, struct tlb_gather *gather)
{
	uint64_t *entry = cursor_entry(table, e, c);
	unsigned int level = c->level;
	uint64_t start = cursor_entry_start(e, c);
	uint64_t last = cursor_entry_last(e, c);
	uint64_t new;

	if (change_breaks(e, table, c, change, old, gather)) {
		old = entry_exchange(table, entry, 0);
		break_range(e, table, gather, start, last, level_size(e, level), false,
			    is_global(e, old));
		new = leaf_changed(e, table, change, old, level);
		entry_store(table, entry, paging_sabotage(PAGING_SABOTAGE_LEAF, level, new));
		return;
	}
	do {
		new = paging_sabotage(PAGING_SABOTAGE_LEAF, level,
				      leaf_changed(e, table, change, old, level));
	} while (new != old && !entry_replace(table, entry, &old, new));
	if (new == old || change->kind == CHANGE_SOFTWARE)
		return;
	gather_range(gather, &(struct tlb_range){ .start = input_extend(e, table, start),
						  .last = input_extend(e, table, last),
						  .leaf_size = level_size(e, level),
						  .global = is_global(e, old) });
}

/* Software bits are nothing to the TLB: each descriptor of the group changes by itself. */
static inline void group_set_software(const struct encoder *e, const struct page_table *table,
				      const struct page_cursor *c, const struct change *change)
{
	uint64_t *entries = group_first(table, e, c);
	uint64_t count = hinted_entries(e, table, c->level);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t old = entry_load(&entries[i]);

		while (!entry_replace(table, &entries[i], &old,
				      leaf_changed(e, table, change, old, c->level)))
			;
	}
}

/* Changes the leaf, or its group. */
static inline void leaf_change(const struct encoder *e, const struct page_table *table,
			       const struct page_cursor *c, const struct change *change,
			       uint64_t old, struct tlb_gather *gather)
{
	uint64_t attributes = change->attributes;
	uint64_t keep = 0;

	if (!in_group(e, old)) {
		leaf_change_one(e, table, c, change, old, gather);
	} else if (change->kind == CHANGE_SOFTWARE) {
		group_set_software(e, table, c, change);
	} else if (group_changes(e, table, c, change)) {
		if (change->kind == CHANGE_WRITE_PROTECT) {
			attributes =
				e->without_write(table, leaf_attributes(e, table, old, c->level));
			keep = group_own_bits(e, table);
		}
		group_rewrite(e, table, c, attributes, keep, true, gather);
	}
}

/* Takes the table of `level` at `phys`, which is empty and spans from input `start` on, out of the
 * tree, by the entry that links to it. */
static inline void unlink_table(const struct encoder *e, struct page_table *table, uint64_t *slot,
				phys_addr phys, unsigned int level, uint64_t start,
				struct page_table_op *op)
{
	struct frame frame = { .start = phys, .size = table_bytes(e, table, level) };
	uint64_t span = level_size(e, level + 1);

	entry_link(table, slot, paging_sabotage(PAGING_SABOTAGE_CLEAR, level + 1, 0));
	table->tables--;
	recent_forget(table);
	if (!op->gather) {
		op->frames->free(op->frames, FRAME_TABLE, frame);
		return;
	}
	gather_range(op->gather,
		     &(struct tlb_range){ .start = input_extend(e, table, start),
					  .last = input_extend(e, table, start + (span - 1)),
					  .leaf_size = span,
					  .tables = true });
	gather_frame(op->gather, frame);
}

#endif
