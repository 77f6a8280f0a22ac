/* SPDX-License-Identifier: MIT */
/* Taking write permission from runs of leaves and from whole lowest tables, as parts of an edit
 * (edit.h). It is what dirty logging does all the time. */
#ifndef PAGING_ENGINE_EDIT_PROTECT_H
#define PAGING_ENGINE_EDIT_PROTECT_H

#include "edit_runs.h"

/* A leaf that is in no group. */
static ALWAYS_INLINE bool is_single_leaf(const struct encoder *e, const struct page_table *table,
					 uint64_t d, unsigned int level)
{
	return e->is_present(table, d, level) && e->is_leaf(d, level) && !in_group(e, d);
}

static ALWAYS_INLINE void entry_write_protect(const struct encoder *e,
					      const struct page_table *table, uint64_t *entry,
					      unsigned int level)
{
	uint64_t d = e->without_write(table, entry_load(entry));

	entry_write(entry, paging_sabotage(PAGING_SABOTAGE_LEAF, level, d));
}

/* One that has no mark; nobody else looks. */
static ALWAYS_INLINE void leaf_write_protect(const struct encoder *e, uint64_t *entry)
{
	*entry = write_cleared(e, *entry);
}

/* Leaves that are looked at and changed at once: some, and a block of those. */
#define RUN_SOME  ((ptrdiff_t)16)
#define RUN_BLOCK (4 * RUN_SOME)

/* What any of some leaves has. */
static ALWAYS_INLINE uint64_t some_have(const uint64_t *at)
{
	uint64_t any = at[0];

	any |= at[1];
	any |= at[2];
	any |= at[3];
	any |= at[4];
	any |= at[5];
	any |= at[6];
	any |= at[7];
	any |= at[8];
	any |= at[9];
	any |= at[10];
	any |= at[11];
	any |= at[12];
	any |= at[13];
	any |= at[14];
	any |= at[15];
	return any;
}

/* Takes write permission from some leaves without marks. */
static ALWAYS_INLINE void some_write_protect(const struct encoder *e, uint64_t *at)
{
	leaf_write_protect(e, &at[0]);
	leaf_write_protect(e, &at[1]);
	leaf_write_protect(e, &at[2]);
	leaf_write_protect(e, &at[3]);
	leaf_write_protect(e, &at[4]);
	leaf_write_protect(e, &at[5]);
	leaf_write_protect(e, &at[6]);
	leaf_write_protect(e, &at[7]);
	leaf_write_protect(e, &at[8]);
	leaf_write_protect(e, &at[9]);
	leaf_write_protect(e, &at[10]);
	leaf_write_protect(e, &at[11]);
	leaf_write_protect(e, &at[12]);
	leaf_write_protect(e, &at[13]);
	leaf_write_protect(e, &at[14]);
	leaf_write_protect(e, &at[15]);
}

static ALWAYS_INLINE uint64_t block_has(const uint64_t *at)
{
	return some_have(at) | some_have(at + RUN_SOME) | some_have(at + 2 * RUN_SOME) |
	       some_have(at + 3 * RUN_SOME);
}

/* Leaves that have been looked at are changed in place all the same, rather than kept and written
 * back. */
static ALWAYS_INLINE void some_forget(void)
{
	__asm__ volatile("" : : : "memory");
}

static ALWAYS_INLINE void block_write_protect(const struct encoder *e, uint64_t *at)
{
	some_write_protect(e, at);
	some_write_protect(e, at + RUN_SOME);
	some_write_protect(e, at + 2 * RUN_SOME);
	some_write_protect(e, at + 3 * RUN_SOME);
}

/* The same of a block in which a leaf has a mark. */
static __attribute__((noinline)) void
block_write_protect_marked(const struct encoder *e, const struct page_table *table, uint64_t *at)
{
	for (uint64_t *end = at + RUN_BLOCK; at != end;) {
		uint64_t *some = at + RUN_SOME;

		if (!PAGING_SABOTAGED && (some_have(at) & e->write_marks) == 0) {
			some_forget();
			some_write_protect(e, at);
			at = some;
		}
		for (; at != some; at++)
			entry_write_protect(e, table, at, 0);
	}
}

/* Takes write permission from a run that no walker uses. */
static ALWAYS_INLINE uint64_t run_protect_offline(const struct encoder *e,
						  const struct page_table *table, uint64_t *entry,
						  uint64_t limit, unsigned int level)
{
	struct page_table view;
	uint64_t n;

	table_view(&view, table);
	for (n = 0; n < limit && is_single_leaf(e, &view, entry_load(&entry[n]), level); n++)
		entry_write_protect(e, &view, &entry[n], level);
	return n;
}

/* The same of a lowest table all entries of which are leaves. `plain`: none has a mark. */
static ALWAYS_INLINE void table_protect_offline(const struct encoder *e,
						const struct page_table *table, uint64_t *entries,
						bool plain)
{
	const uint64_t *end = entries + (UINT64_C(1) << e->index_bits);
	uint64_t *at = entries;

	if (!PAGING_SABOTAGED && plain) {
		for (; at != end; at += RUN_BLOCK)
			block_write_protect(e, at);
	}
	for (; at != end; at += RUN_BLOCK) {
		if (PAGING_SABOTAGED || UNLIKELY((block_has(at) & e->write_marks) != 0)) {
			block_write_protect_marked(e, table, at);
			continue;
		}
		some_forget();
		block_write_protect(e, at);
	}
}

/* Exchanges the leaf at `entry` and goes on to what the next one is expected to be. */
static ALWAYS_INLINE bool run_protect_step(uint64_t *entry, uint64_t *old, uint64_t *new,
					   uint64_t step)
{
	if (UNLIKELY(!entry_swap(entry, old, *new)))
		return false;
	*old += step;
	*new += step;
	return true;
}

/*
 * Most often the leaves of a run differ by where they lead to, in steps, and by nothing else: each
 * is exchanged without a look at it. Returns the first that is not so, or one of the last few;
 * `old` and `new` are the first leaf's.
 */
static ALWAYS_INLINE uint64_t *run_protect_steps(const struct encoder *e, uint64_t *first,
						 const uint64_t *end, uint64_t old, uint64_t new)
{
	const uint64_t step = e->leaf(0, level_size(e, 0), 0) - e->leaf(0, 0, 0);
	uint64_t first_new = new;

	for (uint64_t *at = first; end - at >= 8; at += 8) {
		if (!run_protect_step(&at[0], &old, &new, step) ||
		    !run_protect_step(&at[1], &old, &new, step) ||
		    !run_protect_step(&at[2], &old, &new, step) ||
		    !run_protect_step(&at[3], &old, &new, step) ||
		    !run_protect_step(&at[4], &old, &new, step) ||
		    !run_protect_step(&at[5], &old, &new, step) ||
		    !run_protect_step(&at[6], &old, &new, step) ||
		    !run_protect_step(&at[7], &old, &new, step))
			break;
	}
	return first + (new - first_new) / step;
}

/* Leaves from `leaf` on lead to so many pages without coming to the end of what a descriptor can
 * say, which would carry into its attributes. */
static ALWAYS_INLINE bool run_steps(const struct encoder *e, const struct page_table *table,
				    uint64_t leaf, uint64_t pages)
{
	phys_addr last = leaf_address(e, table, leaf, 0) + (pages << level_shift(e, 0));

	return !PAGING_SABOTAGED && last >> table->output_bits == 0;
}

/* The same of one that a walker uses: hardware may mark the leaves meanwhile. None is global. The
 * table spans from `input` on. */
static ALWAYS_INLINE void table_protect_live(const struct encoder *e,
					     const struct page_table *table,
					     struct tlb_gather *gather, uint64_t *entries,
					     uint64_t input)
{
	uint64_t *end = entries + (UINT64_C(1) << e->index_bits);
	uint64_t *from = entries;   /* [from, at) are changed */
	uint64_t *singly = entries; /* up to here, since it was no good to go by steps */
	uint64_t *at = entries;

	while (at != end) {
		uint64_t old = entry_load(at);
		uint64_t new =
			paging_sabotage(PAGING_SABOTAGE_LEAF, 0, e->without_write(table, old));

		if (UNLIKELY(new == old)) {
			run_gather(e, table, gather, input, 0, (uint64_t)(from - entries),
				   (uint64_t)(at - entries), false);
			from = ++at;
			continue;
		}
		if (at >= singly && run_steps(e, table, old, (uint64_t)(end - at))) {
			at = run_protect_steps(e, at, end, old, new);
			singly = end - at > RUN_SOME ? at + RUN_SOME : end;
			continue;
		}
		while (UNLIKELY(!entry_swap(at, &old, new)))
			new = paging_sabotage(PAGING_SABOTAGE_LEAF, 0,
					      e->without_write(table, old));
		at++;
	}
	run_gather(e, table, gather, input, 0, (uint64_t)(from - entries),
		   UINT64_C(1) << e->index_bits, false);
}

/* Takes write permission from a run of whole lowest tables, full ones without global pages. */
static inline uint64_t run_protect_tables(const struct encoder *e, const struct page_table *table,
					  const struct edit *edit)
{
	const uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_tables_limit(e, table, edit);
	uint64_t bytes = table_bytes(e, table, 0);
	bool plain = write_is_plain(e, table);
	uint64_t n;

	if ((table->held & HELD_GLOBALS) != 0)
		return 0;
	for (n = 0; n < limit; n++) {
		uint64_t d = entry_load(&entry[n]);
		phys_addr phys = table_address(e, table, d);
		uint64_t *entries;

		if ((d & e->full_table_mask) != e->full_table)
			break;
		entries = memory_open(&table->access, phys, bytes);
		if (edit->op->gather)
			table_protect_live(e, table, edit->op->gather, entries,
					   edit->c.input + (n << level_shift(e, 1)));
		else
			table_protect_offline(e, table, entries, plain);
		memory_clean(table, entries, bytes);
		memory_close(&table->access, phys, entries);
	}
	return n;
}

/* Takes write permission from a run of any leaves that a walker uses; it ends where one is not as
 * global as the first. */
static ALWAYS_INLINE uint64_t run_protect_live(const struct encoder *e,
					       const struct page_table *table,
					       const struct edit *edit, uint64_t *entry,
					       uint64_t limit, unsigned int level)
{
	bool global = is_global(e, entry_load(entry));
	uint64_t *end = entry + limit;
	uint64_t *from = entry; /* [from, at) are changed */
	struct page_table view;
	uint64_t *at;

	table_view(&view, table);
	for (at = entry; at != end; at++) {
		uint64_t old = entry_load(at);
		uint64_t new;

		if (!is_single_leaf(e, &view, old, level) || is_global(e, old) != global)
			break;
		new = paging_sabotage(PAGING_SABOTAGE_LEAF, level, e->without_write(&view, old));
		if (UNLIKELY(new == old)) {
			edit_run_gather(e, table, edit, (uint64_t)(from - entry),
					(uint64_t)(at - entry), global);
			from = at + 1;
			continue;
		}
		while (UNLIKELY(!entry_swap(at, &old, new)))
			new = paging_sabotage(PAGING_SABOTAGE_LEAF, level,
					      e->without_write(&view, old));
	}
	if (from < at)
		edit_run_gather(e, table, edit, (uint64_t)(from - entry), (uint64_t)(at - entry),
				global);
	return (uint64_t)(at - entry);
}

/* Takes write permission from a run of leaves. */
static ALWAYS_INLINE uint64_t run_write_protect(const struct encoder *e,
						const struct page_table *table, struct edit *edit,
						unsigned int level)
{
	uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_run_limit(e, table, edit);
	uint64_t n;

	if (limit == 0)
		return 0;
	if (edit->op->gather)
		n = run_protect_live(e, table, edit, entry, limit, level);
	else
		n = run_protect_offline(e, table, entry, limit, level);
	if (n != 0)
		memory_clean(table, entry, n * sizeof(*entry));
	return n;
}

#endif
