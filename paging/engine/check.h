/* SPDX-License-Identifier: MIT */
/*
 * The checker: a walk that believes nothing it reads. What is wrong with a single descriptor is a
 * mask of rules, the encoder's (`broken`) and those below that hold for every format.
 */
#ifndef PAGING_ENGINE_CHECK_H
#define PAGING_ENGINE_CHECK_H

#include "annotation.h"
#include "arguments.h"
#include "contiguous.h"
#include "query.h"
#include "twofold/check.h"

static ALWAYS_INLINE enum page_rule_class check_class(enum page_rule rule)
{
	if (rule >= PAGE_RULE_STRAY)
		return PAGE_RULES_LIBRARY;
	return rule >= PAGE_RULE_TABLE_LOOP ? PAGE_RULES_TREE : PAGE_RULES_MMU;
}

/* Counts and reports, if the caller asked for such rules. False: stop. */
static inline bool check_report(struct page_check *check, struct page_violation *violation,
				enum page_rule rule)
{
	if (check->rules != 0 && (check->rules & (unsigned int)check_class(rule)) == 0)
		return true;
	check->broken++;
	violation->rule = rule;
	return !check->report || check->report(check->context, violation);
}

static inline bool check_report_all(struct page_check *check, struct page_violation *violation,
				    uint64_t rules)
{
	for (unsigned int rule = 0; rules >> rule != 0; rule++) {
		if ((rules >> rule & 1) != 0 &&
		    !check_report(check, violation, (enum page_rule)rule))
			return false;
	}
	return true;
}

/* A violation of the entry that the cursor stands on. Member by member: a compound literal of this
 * size may take a call of memset. */
static inline void check_here(const struct encoder *e, const struct page_table *table,
			      const struct page_cursor *c, uint64_t descriptor,
			      struct page_violation *violation)
{
	violation->rule = PAGE_RULES;
	violation->virt = input_extend(e, table, cursor_entry_start(e, c));
	violation->size = level_size(e, c->level);
	violation->level = c->level;
	violation->entry =
		c->phys[c->level] + level_index(e, table, c->level, c->input) * sizeof(uint64_t);
	violation->descriptor = descriptor;
	violation->found = 0;
}

static inline uint64_t check_leaf(const struct encoder *e, const struct page_table *table,
				  uint64_t d, unsigned int level)
{
	uint64_t size = level_size(e, level);
	phys_addr phys = leaf_address(e, table, d, level);
	struct page_flags flags =
		decode_flags(e, table, leaf_attributes(e, table, d, level), inherited_none());
	uint64_t rules = 0;

	if ((table->leaf_sizes & size) == 0)
		rules |= RULE(PAGE_RULE_LEAF_SIZE);
	if (!addr_is_aligned(phys, size))
		rules |= RULE(PAGE_RULE_LEAF_UNALIGNED);
	if (phys >> table->output_bits != 0)
		rules |= RULE(PAGE_RULE_LEAF_OUTPUT);
	if (!flags.read && !flags.write && !flags.execute && !flags.execute_privileged &&
	    !flags.execute_user)
		rules |= RULE(PAGE_RULE_NO_ACCESS);
	if (flags.type == MEMORY_TYPES)
		rules |= RULE(PAGE_RULE_UNNAMED_TYPE);
	return rules;
}

/* A table of `level` at `phys` would share bytes with one that the cursor is in. */
static inline bool check_loops(const struct encoder *e, const struct page_table *table,
			       const struct page_cursor *c, phys_addr phys)
{
	uint64_t size = level_size(e, 0); /* a table that is not the root is a granule */

	for (unsigned int level = c->level; level <= top_level(table); level++) {
		if (phys - c->phys[level] < table_bytes(e, table, level) ||
		    c->phys[level] - phys < size)
			return true;
	}
	return false;
}

/* What is wrong with the descriptor `d`, which is not 0, or with where it leads. */
static inline uint64_t check_entry(const struct encoder *e, const struct page_table *table,
				   const struct page_cursor *c, uint64_t d)
{
	uint64_t rules = e->broken(table, d, c->level);

	if (!e->is_present(table, d, c->level)) {
		/* What has a wrong type is not meant to be absent. */
		if (rules == 0 && annotation_entry(annotation_of(d)) != d)
			rules = RULE(PAGE_RULE_STRAY);
		return rules;
	}
	if (e->is_leaf(d, c->level)) {
		rules |= check_leaf(e, table, d, c->level);
		/* What follows from another is no news. Where no leaves are, nothing is known
		 * about the low bits of their addresses. */
		if ((rules & RULE(PAGE_RULE_LEAF_SIZE)) != 0)
			rules &= ~RULE(PAGE_RULE_LEAF_UNALIGNED);
		if ((rules & RULE(PAGE_RULE_MEMORY_TYPE)) != 0)
			rules &= ~RULE(PAGE_RULE_UNNAMED_TYPE);
		return rules;
	}
	if (e->modifiers && ((d ^ table_entry(e, table, 0)) & table->modifier) != 0)
		rules |= RULE(PAGE_RULE_MODIFIER);
	if (table_address(e, table, d) >> table->output_bits != 0)
		return rules | RULE(PAGE_RULE_TABLE_OUTPUT);
	if (check_loops(e, table, c, table_address(e, table, d)))
		return rules | RULE(PAGE_RULE_TABLE_LOOP);
	return rules;
}

/* Groups */

static ALWAYS_INLINE bool check_has_hint(const struct encoder *e, const struct page_table *table,
					 uint64_t d, unsigned int level)
{
	return e->is_present(table, d, level) && e->is_leaf(d, level) && in_group(e, d);
}

/* How `d` differs from `first`, another member `distance` bytes below (modulo 2^64) it. */
static inline uint64_t check_member(const struct encoder *e, const struct page_table *table,
				    uint64_t first, uint64_t d, uint64_t distance,
				    unsigned int level)
{
	if (!group_fits(e, table, first, d, distance, level))
		return RULE(PAGE_RULE_GROUP_MIXED);
	if (group_differs(e, table, leaf_attributes(e, table, first, level),
			  leaf_attributes(e, table, d, level)) != 0)
		return RULE(PAGE_RULE_GROUP_SOFTWARE);
	return 0;
}

/* The group of entries [first, first + count) of the cursor's table. */
static inline bool check_group(const struct encoder *e, const struct page_table *table,
			       const struct page_cursor *c, uint64_t first, uint64_t count,
			       struct page_check *check)
{
	unsigned int level = c->level;
	const uint64_t *entries = c->tables[level] + first;
	uint64_t size = level_size(e, level);
	struct page_violation v;
	uint64_t hinted = 0, rules = 0, odd, d = 0;

	while (hinted < count) {
		d = entry_load(&entries[hinted]);
		if (check_has_hint(e, table, d, level))
			break;
		hinted++;
	}
	if (hinted == count)
		return true;
	odd = hinted;
	for (uint64_t i = 0; i < count && (rules & RULE(PAGE_RULE_GROUP_MIXED)) == 0; i++) {
		uint64_t rule = check_member(e, table, d, entry_load(&entries[i]),
					     (i - hinted) * size, level);

		if (rule != 0 && (rules == 0 || rule == RULE(PAGE_RULE_GROUP_MIXED))) {
			odd = i;
			rules = rule;
		}
	}
	if (!addr_is_aligned(leaf_address(e, table, d, level) - hinted * size, count * size))
		rules |= RULE(PAGE_RULE_GROUP_UNALIGNED);
	check_here(e, table, c, entry_load(&entries[odd]), &v);
	v.size = count * size;
	v.virt = addr_align_down(v.virt, v.size);
	v.entry = c->phys[level] + (first + odd) * sizeof(uint64_t);
	return check_report_all(check, &v, rules);
}

/* Once for each group: at its first entry that the check, which began at `start`, comes to. */
static inline bool check_groups(const struct encoder *e, const struct page_table *table,
				const struct page_cursor *c, uint64_t start,
				struct page_check *check)
{
	uint64_t index = level_index(e, table, c->level, c->input);
	uint64_t count = hinted_entries(e, table, c->level);

	if (e->contiguous == 0)
		return true;
	if (!addr_is_aligned(index, count) && cursor_entry_start(e, c) > start)
		return true;
	index = addr_align_down(index, count);
	return check_group(e, table, c, index, count, check);
}

/* Over entries that hold nothing, as walk_skip. Where there are groups, to the first entry of one
 * that holds something: by it they are looked at. */
static inline void check_skip(const struct encoder *e, const struct page_table *table,
			      struct page_cursor *c)
{
	const uint64_t *entries = cursor_entry(table, e, c);
	uint64_t left = walk_left(e, table, c), empty = 0;

	while (empty != left && entry_load(&entries[empty]) == 0)
		empty++;
	if (e->contiguous != 0) {
		uint64_t index = level_index(e, table, c->level, c->input);
		uint64_t first = addr_align_down(index + empty, hinted_entries(e, table, c->level));

		empty = first > index ? first - index : 0;
	}
	if (empty != 0)
		c->input = cursor_entry_start(e, c) + (empty << level_shift(e, c->level));
}

/* Tables */

/* The table that the cursor has just come to, by the entry that `v` is about. */
static inline bool check_table(const struct encoder *e, const struct page_table *table,
			       const struct page_cursor *c, struct page_violation *v,
			       struct page_check *check)
{
	uint64_t count = level_entries(e, table, c->level);

	v->found = 0;
	for (uint64_t i = 0; i < count; i++)
		v->found += entry_load(&c->tables[c->level][i]) != 0;
	if (e->counted && e->count(v->descriptor) != v->found &&
	    !check_report(check, v, PAGE_RULE_LIVE_COUNT))
		return false;
	if (v->found != 0)
		return true;
	return check_report(check, v, PAGE_RULE_TABLE_EMPTY);
}

/* Into the table that the entry leads to, if that is one to read: *entered. */
static inline enum paging_status check_descend(const struct encoder *e,
					       const struct page_table *table,
					       struct page_cursor *c, struct page_violation *v,
					       struct page_check *check, bool *entered)
{
	phys_addr next = table_address(e, table, v->descriptor);

	*entered = false;
	if (check->enter && !check->enter(check->context, next, level_size(e, 0)))
		return check_report(check, v, PAGE_RULE_TABLE_REFUSED) ? PAGING_OK : PAGING_STOPPED;
	if (check->limit != 0 && check->tables >= check->limit)
		return PAGING_BUDGET;
	check->tables++;
	*entered = true;
	cursor_descend(table, e, c, next);
	return check_table(e, table, c, v, check) ? PAGING_OK : PAGING_STOPPED;
}

/* The entry that the cursor stands on; *entered: and the cursor is now in the table below it. */
static inline enum paging_status check_step(const struct encoder *e, const struct page_table *table,
					    struct page_cursor *c, struct page_check *check,
					    bool *entered)
{
	const uint64_t unreadable = RULE(PAGE_RULE_TABLE_OUTPUT) | RULE(PAGE_RULE_TABLE_LOOP);
	uint64_t d = entry_load(cursor_entry(table, e, c));
	struct page_violation violation;
	uint64_t rules;

	*entered = false;
	if (d == 0)
		return PAGING_OK;
	check_here(e, table, c, d, &violation);
	rules = check_entry(e, table, c, d);
	if (!check_report_all(check, &violation, rules))
		return PAGING_STOPPED;
	if (!e->is_present(table, d, c->level))
		return PAGING_OK;
	if (e->is_leaf(d, c->level)) {
		check->leaves++;
		return PAGING_OK;
	}
	if ((rules & unreadable) != 0)
		return PAGING_OK;
	return check_descend(e, table, c, &violation, check, entered);
}

static ALWAYS_INLINE enum paging_status check_range_entries(const struct encoder *e,
							    const struct page_table *table,
							    virt_addr virt, uint64_t size,
							    struct page_check *check)
{
	uint64_t start = virt & input_mask(table);
	enum paging_status status = PAGING_OK;
	virt_addr bad;
	struct page_cursor c;

	if (size == 0 || virt + (size - 1) < virt)
		return PAGING_BAD_SIZE;
	if (check_input(e, table, virt, virt + (size - 1), &bad) != PAGING_OK)
		return PAGING_INPUT_RANGE;
	cursor_open(table, e, &c, start, start + (size - 1));
	for (;;) {
		bool entered;

		check_skip(e, table, &c);
		if (!check_groups(e, table, &c, start, check)) {
			status = PAGING_STOPPED;
			break;
		}
		status = check_step(e, table, &c, check, &entered);
		if (status != PAGING_OK)
			break;
		if (entered)
			continue;
		if (!cursor_next(table, e, &c))
			break;
	}
	cursor_close(table, &c);
	return status;
}

#endif
