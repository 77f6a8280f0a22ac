/* SPDX-License-Identifier: MIT */
/* Reading a table: what one address translates to, and a walk over a range. Neither writes. */
#ifndef PAGING_ENGINE_QUERY_H
#define PAGING_ENGINE_QUERY_H

#include "annotation.h"
#include "arguments.h"
#include "contiguous.h"
#include "cursor.h"
#include "plain.h"
#include "sabotage.h"

static ALWAYS_INLINE struct inherited inherited_none(void)
{
	return (struct inherited){ .all = UINT64_MAX, .any = 0 };
}

static ALWAYS_INLINE struct inherited inherited_add(struct inherited above, uint64_t descriptor)
{
	return (struct inherited){ .all = above.all & descriptor, .any = above.any | descriptor };
}

/* What the tables above the one that the cursor is in add. */
static inline struct inherited inherited_above(const struct page_table *table,
					       const struct page_cursor *c)
{
	struct inherited above = inherited_none();

	for (unsigned int level = c->level; level != top_level(table); level++)
		above = inherited_add(above, entry_load(c->slots[level]));
	return above;
}

/* A leaf where the cursor stands, by its descriptor with all that its group says. */
static inline void describe_whole(const struct encoder *e, const struct page_table *table,
				  const struct page_cursor *c, uint64_t descriptor,
				  struct inherited above, struct page_mapping *mapping)
{
	unsigned int level = c->level;

	mapping->annotation = 0;
	mapping->size = leaf_span(e, table, c, descriptor);
	mapping->virt = input_extend(e, table, addr_align_down(c->input, mapping->size));
	mapping->phys = addr_align_down(leaf_address(e, table, descriptor, level), mapping->size);
	mapping->flags =
		decode_flags(e, table, leaf_attributes(e, table, descriptor, level), above);
}

/* The leaf that the cursor stands on. */
static inline void describe_leaf(const struct encoder *e, const struct page_table *table,
				 const struct page_cursor *c, uint64_t descriptor,
				 struct inherited above, struct page_mapping *mapping)
{
	descriptor = paging_sabotage(PAGING_SABOTAGE_DECODE, c->level, descriptor);
	describe_whole(e, table, c, group_merge(table, e, c, descriptor), above, mapping);
}

/* Fills in the visit of a leaf that is not any more what it was, `old` with all that its group
 * said. */
static inline void visit_former(const struct encoder *e, const struct page_table *table,
				const struct page_cursor *c, uint64_t old, struct inherited above,
				struct page_visit *visit)
{
	visit->kind = PAGE_VISIT_LEAF;
	visit->level = c->level;
	visit->descriptor = old;
	describe_whole(e, table, c, old, above, &visit->mapping);
}

/* The hole that the cursor's entry, which is not present, is. */
static inline void describe_hole(const struct encoder *e, const struct page_table *table,
				 const struct page_cursor *c, uint64_t descriptor,
				 struct page_mapping *mapping)
{
	*mapping = (struct page_mapping){ .virt = input_extend(e, table, cursor_entry_start(e, c)),
					  .size = level_size(e, c->level),
					  .annotation = annotation_of(descriptor) };
}

/* Any table, reached in any way. */
static SELDOM enum paging_status query_general(const struct encoder *e,
					       const struct page_table *table, virt_addr virt,
					       struct page_mapping *mapping)
{
	struct inherited above = inherited_none();
	enum paging_status status = PAGING_OK;
	struct page_cursor c;
	uint64_t d;

	if (!input_valid(e, table, virt))
		return PAGING_INPUT_RANGE;
	cursor_open(table, e, &c, virt & input_mask(table), 0);
	for (;;) {
		d = entry_load(cursor_entry(table, e, &c));
		if (!e->is_present(table, d, c.level) || e->is_leaf(d, c.level))
			break;
		above = inherited_add(above, d);
		cursor_descend(table, e, &c, table_address(e, table, d));
	}
	if (e->is_present(table, d, c.level)) {
		describe_leaf(e, table, &c, d, above, mapping);
	} else {
		describe_hole(e, table, &c, d, mapping);
		status = PAGING_NOT_MAPPED;
	}
	cursor_close(table, &c);
	return status;
}

/* A walk without a cursor, of tables at an offset: where it has come to. */
struct query_walk {
	struct page_table view;
	uint64_t offset;
	const uint64_t *entries;
	uint64_t d;
	struct inherited above;
	unsigned int level;
};

/* Whether the walk goes on below its entry. */
static ALWAYS_INLINE bool query_goes_on(const struct encoder *e, const struct query_walk *w)
{
	return e->is_present(&w->view, w->d, w->level) && !e->is_leaf(w->d, w->level);
}

/* Reads the entry of `level`, a constant, which is not the root's. False: the walk ends there. */
static ALWAYS_INLINE bool query_step(const struct encoder *e, struct query_walk *w, uint64_t input,
				     unsigned int level)
{
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;

	w->above = inherited_add(w->above, w->d);
	w->entries = (const uint64_t *)(uintptr_t)(table_address(e, &w->view, w->d) + w->offset);
	w->d = entry_load(&w->entries[input >> level_shift(e, level) & mask]);
	w->level = level;
	return query_goes_on(e, w);
}

/* From the root, of level `top`, down. */
static ALWAYS_INLINE void query_descend_from(const struct encoder *e,
					     const struct page_table *table, struct query_walk *w,
					     uint64_t input, unsigned int top)
{
	table_view(&w->view, table);
	w->offset = table->access.offset;
	w->level = top;
	w->above = inherited_none();
	w->entries = (const uint64_t *)(uintptr_t)(table->root + w->offset);
	w->d = entry_load(&w->entries[input >> level_shift(e, w->level)]);
	if (!query_goes_on(e, w))
		return;
	switch (top) {
	case 5:
		if (!query_step(e, w, input, 4))
			return;
		__attribute__((fallthrough));
	case 4:
		if (!query_step(e, w, input, 3))
			return;
		__attribute__((fallthrough));
	case 3:
		if (!query_step(e, w, input, 2))
			return;
		__attribute__((fallthrough));
	case 2:
		if (!query_step(e, w, input, 1))
			return;
		__attribute__((fallthrough));
	default:
		query_step(e, w, input, 0);
	}
}

/* Four levels are what most tables have. */
static ALWAYS_INLINE void query_descend(const struct encoder *e, const struct page_table *table,
					struct query_walk *w, uint64_t input)
{
	unsigned int top = top_level(table);

	if (top == 3)
		query_descend_from(e, table, w, input, 3);
	else
		query_descend_from(e, table, w, input, top);
}

static ALWAYS_INLINE enum paging_status query_page(const struct encoder *e,
						   const struct page_table *table, virt_addr virt,
						   struct page_mapping *mapping)
{
	struct query_walk w;
	uint64_t attributes;

	if (UNLIKELY(table->access.map != NULL))
		return query_general(e, table, virt, mapping);
	if (!input_valid(e, table, virt))
		return PAGING_INPUT_RANGE;
	query_descend(e, table, &w, virt & input_mask(table));
	/* Of a group others have a say; a hole is rarely asked for. */
	if (UNLIKELY(!e->is_present(&w.view, w.d, w.level)) || UNLIKELY(in_group(e, w.d)))
		return query_general(e, table, virt, mapping);
	w.d = paging_sabotage(PAGING_SABOTAGE_DECODE, w.level, w.d);
	attributes = leaf_attributes(e, &w.view, w.d, w.level);
	mapping->size = level_size(e, w.level);
	mapping->virt = addr_align_down(virt, mapping->size);
	mapping->phys = leaf_address(e, &w.view, w.d, w.level);
	mapping->flags = decode_flags(e, &w.view, attributes, w.above);
	mapping->annotation = 0;
	return PAGING_OK;
}

/* Each descriptor of a group has its own address: for that a group is like other leaves. */
static ALWAYS_INLINE phys_addr translate_leaf(const struct encoder *e,
					      const struct page_table *table, virt_addr virt,
					      uint64_t d, unsigned int level)
{
	d = paging_sabotage(PAGING_SABOTAGE_DECODE, level, d);
	return leaf_address(e, table, d, level) | (virt & (level_size(e, level) - 1));
}

/* Any table, reached in any way. */
static __attribute__((noinline)) enum paging_status
translate_general(const struct encoder *e, const struct page_table *table, virt_addr virt,
		  phys_addr *phys)
{
	struct query_walk w;

	if (!input_valid(e, table, virt))
		return PAGING_INPUT_RANGE;
	if (UNLIKELY(table->access.map != NULL)) {
		struct page_mapping mapping;
		enum paging_status status = query_general(e, table, virt, &mapping);

		if (status == PAGING_OK)
			*phys = mapping.phys + (virt - mapping.virt);
		return status;
	}
	query_descend(e, table, &w, virt & input_mask(table));
	if (!e->is_present(&w.view, w.d, w.level))
		return PAGING_NOT_MAPPED;
	*phys = translate_leaf(e, table, virt, w.d, w.level);
	return PAGING_OK;
}

/* The walk has come to an entry above level 0 that is no plain table. */
static ALWAYS_INLINE enum paging_status translate_above(const struct encoder *e,
							const struct page_table *table,
							virt_addr virt, uint64_t d,
							unsigned int level, phys_addr *phys)
{
	if (!e->is_present(table, d, level))
		return PAGING_NOT_MAPPED;
	if (UNLIKELY(!e->is_leaf(d, level)))
		return translate_general(e, table, virt, phys);
	*phys = translate_leaf(e, table, virt, d, level);
	return PAGING_OK;
}

static ALWAYS_INLINE enum paging_status translate_page(const struct encoder *e,
						       const struct page_table *table,
						       virt_addr virt, phys_addr *phys)
{
	/* Of halves the lower one comes first in the root, and is the second of what is biased. */
	uint64_t swap = e->input == INPUT_SIGN_EXTENDED ? UINT64_C(1) << (e->index_bits - 1) : 0;
	uint64_t biased = virt;
	uint64_t d;

	if (e->input != INPUT_ZERO_EXTENDED)
		biased += table->input_bias;
	if (UNLIKELY(biased >= table->plain_limit))
		return translate_general(e, table, virt, phys);
	d = entry_load(&table->plain_root[biased >> level_shift(e, 3) ^ swap]);
	if (UNLIKELY(!e->is_plain_table(d)))
		return translate_above(e, table, virt, d, 3, phys);
	d = entry_load(plain_entry(e, table, d, virt, 2));
	if (UNLIKELY(!e->is_plain_table(d)))
		return translate_above(e, table, virt, d, 2, phys);
	d = entry_load(plain_entry(e, table, d, virt, 1));
	if (UNLIKELY(!e->is_plain_table(d)))
		return translate_above(e, table, virt, d, 1, phys);
	d = entry_load(plain_entry(e, table, d, virt, 0));
	if (UNLIKELY(!e->is_present(table, d, 0)))
		return PAGING_NOT_MAPPED;
	*phys = translate_leaf(e, table, virt, d, 0);
	return PAGING_OK;
}

/* Shows the entry to the visitor if it is of a kind it wants. */
static inline bool walk_show(const struct encoder *e, const struct page_table *table,
			     const struct page_cursor *c, uint64_t d, struct inherited above,
			     unsigned int kinds, page_visitor visitor, void *context)
{
	uint64_t start = cursor_entry_start(e, c);
	enum page_visit_kind kind = PAGE_VISIT_TABLE;
	struct page_visit visit;

	if (!e->is_present(table, d, c->level))
		kind = annotation_of(d) != 0 ? PAGE_VISIT_ANNOTATION : PAGE_VISIT_HOLE;
	else if (e->is_leaf(d, c->level))
		kind = PAGE_VISIT_LEAF;
	if ((kinds & (unsigned int)kind) == 0)
		return true;
	visit.kind = kind;
	visit.descriptor = d;
	visit.level = c->level;
	visit.mapping.phys = 0;
	visit.mapping.annotation = kind == PAGE_VISIT_ANNOTATION ? annotation_of(d) : 0;
	visit.mapping.flags = (struct page_flags){ 0 };
	visit.mapping.virt = input_extend(e, table, start);
	visit.mapping.size = level_size(e, c->level);
	if (kind == PAGE_VISIT_TABLE)
		visit.mapping.phys = table_address(e, table, d);
	if (kind == PAGE_VISIT_LEAF)
		describe_leaf(e, table, c, d, above, &visit.mapping);
	return visitor(context, &visit);
}

/* How many entries follow the cursor's in its table that the range touches. */
static inline uint64_t walk_left(const struct encoder *e, const struct page_table *table,
				 const struct page_cursor *c)
{
	uint64_t size = level_size(e, c->level);
	uint64_t range = (addr_align_down(c->last, size) - addr_align_down(c->input, size)) >>
			 level_shift(e, c->level);
	uint64_t entries =
		level_entries(e, table, c->level) - 1 - level_index(e, table, c->level, c->input);

	return range < entries ? range : entries;
}

/* Over entries that are not present (with `notes`: nor annotated), as far as the table and the
 * range go: to the last of them. */
static inline void walk_skip(const struct encoder *e, const struct page_table *table,
			     struct page_cursor *c, bool notes)
{
	uint64_t size = level_size(e, c->level);
	uint64_t input = addr_align_down(c->input, size);
	const uint64_t *entry = cursor_entry(table, e, c);
	const uint64_t *end;

	for (end = entry + walk_left(e, table, c); entry != end; entry++) {
		uint64_t d = entry_load(entry);

		if (e->is_present(table, d, c->level) || (notes && d != 0))
			break;
		input += size;
	}
	if (input > c->input)
		c->input = input;
}

/* `d`, without a hint that is not true: a leaf is then one by itself. */
static inline uint64_t without_false_hint(const struct encoder *e, const struct page_table *table,
					  const struct page_cursor *c, uint64_t d)
{
	if (e->contiguous == 0 || !e->is_present(table, d, c->level) || !e->is_leaf(d, c->level) ||
	    !in_group(e, d) || group_complete(e, table, c))
		return d;
	return d & ~e->contiguous;
}

/* From the cursor to the end of its range, all of which is in or below the table that it is in:
 * `first` is what the tables above add. `doubts`: nothing may be shown twice, or not at all,
 * whatever hints there are. */
static inline enum paging_status walk_run(const struct encoder *e, const struct page_table *table,
					  struct page_cursor *c, struct inherited first,
					  bool doubts, unsigned int kinds, page_visitor visitor,
					  void *context)
{
	struct inherited above[PAGE_TABLE_MAX_LEVELS];

	above[c->level] = first;
	for (;;) {
		uint64_t d;

		if ((kinds & PAGE_VISIT_HOLE) == 0)
			walk_skip(e, table, c, (kinds & PAGE_VISIT_ANNOTATION) != 0);
		d = entry_load(cursor_entry(table, e, c));
		if (doubts)
			d = without_false_hint(e, table, c, d);
		if (!walk_show(e, table, c, d, above[c->level], kinds, visitor, context))
			return PAGING_STOPPED;
		if (e->is_present(table, d, c->level) && !e->is_leaf(d, c->level)) {
			struct inherited below = inherited_add(above[c->level], d);

			cursor_descend(table, e, c, table_address(e, table, d));
			above[c->level] = below;
			continue;
		}
		/* A group was shown whole. */
		if (e->is_present(table, d, c->level) && in_group(e, d))
			c->input |= hinted_size(e, table, c->level) - 1;
		if (!cursor_next(table, e, c))
			return PAGING_OK;
	}
}

/* One of the two halves, or the whole of what has none. */
static inline enum paging_status walk_inputs(const struct encoder *e,
					     const struct page_table *table, uint64_t input,
					     uint64_t last, unsigned int kinds,
					     page_visitor visitor, void *context)
{
	enum paging_status status;
	struct page_cursor c;

	cursor_open(table, e, &c, input, last);
	status = walk_run(e, table, &c, inherited_none(), false, kinds, visitor, context);
	cursor_close(table, &c);
	return status;
}

static ALWAYS_INLINE enum paging_status walk_range(const struct encoder *e,
						   const struct page_table *table, virt_addr virt,
						   uint64_t size, unsigned int kinds,
						   page_visitor visitor, void *context)
{
	uint64_t input = virt & input_mask(table);
	virt_addr bad;

	if (size == 0 || virt + (size - 1) < virt)
		return PAGING_BAD_SIZE;
	if (check_input(e, table, virt, virt + (size - 1), &bad) != PAGING_OK)
		return PAGING_INPUT_RANGE;
	return walk_inputs(e, table, input, input + (size - 1), kinds, visitor, context);
}

static ALWAYS_INLINE unsigned int
input_ranges(const struct encoder *e, const struct page_table *table, struct input_range ranges[2])
{
	uint64_t mask = input_mask(table);
	uint64_t half = e->input == INPUT_SIGN_EXTENDED ? mask >> 1 : mask;

	ranges[0].first = input_extend(e, table, 0);
	ranges[0].last = ranges[0].first + half;
	if (half == mask)
		return 1;
	ranges[1].first = ~half;
	ranges[1].last = UINT64_MAX;
	return 2;
}

#endif
