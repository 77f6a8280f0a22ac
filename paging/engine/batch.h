/* SPDX-License-Identifier: MIT */
/*
 * Batches: the walks of a few pages go down side by side, a level at a time, and each asks for its
 * next entry before any waits for one.
 */
#ifndef PAGING_ENGINE_BATCH_H
#define PAGING_ENGINE_BATCH_H

#include "plain.h"
#include "query.h"
#include "recent.h"
#include "twofold/page_batch.h"

/* Walks side by side: as many as there are misses a core keeps under way. */
#define BATCH_WALKS 16

struct batch {
	const uint64_t *entry[BATCH_WALKS]; /* where each walk is; NULL: it has ended */
	uint64_t d[BATCH_WALKS];            /* the last entry that it read */
	uint8_t level[BATCH_WALKS];
};

static ALWAYS_INLINE const uint64_t *batch_entry(const struct encoder *e,
						 const struct page_table *table, phys_addr phys,
						 uint64_t input, unsigned int level)
{
	const uint64_t *entries = (const uint64_t *)(uintptr_t)(phys + table->access.offset);

	return &entries[level_index(e, table, level, input)];
}

/* The walks of `count` addresses, as far as there are tables. Those of addresses that the table has
 * not are as well not begun. */
static ALWAYS_INLINE void batch_walk(const struct encoder *e, const struct page_table *table,
				     const struct page_pair *pages, size_t count, struct batch *b)
{
	unsigned int top = top_level(table);

	for (size_t i = 0; i < count; i++) {
		b->d[i] = 0;
		b->level[i] = (uint8_t)top;
		b->entry[i] = NULL;
		if (input_valid(e, table, pages[i].virt))
			b->entry[i] = batch_entry(e, table, table->root,
						  pages[i].virt & input_mask(table), top);
	}
	for (unsigned int level = top;; level--) {
		for (size_t i = 0; i < count; i++) {
			uint64_t d;

			if (!b->entry[i])
				continue;
			d = entry_load(b->entry[i]);
			b->d[i] = d;
			b->level[i] = (uint8_t)level;
			b->entry[i] = NULL;
			if (level == 0 || !e->is_present(table, d, level) || e->is_leaf(d, level))
				continue;
			b->entry[i] = batch_entry(e, table, table_address(e, table, d),
						  pages[i].virt & input_mask(table), level - 1);
			__builtin_prefetch(b->entry[i]);
		}
		if (level == 0)
			return;
	}
}

/* The same for a table of four levels (plain_root), each walk by itself: that many short ones go on
 * side by side in any case. */
struct plain_batch {
	uint64_t
		*entry[BATCH_WALKS]; /* of the lowest table; NULL: there is none, or no such walk */
	uint64_t *slot[BATCH_WALKS]; /* links to that table */
};

static ALWAYS_INLINE void plain_batch_walk(const struct encoder *e, const struct page_table *table,
					   const struct page_pair *pages, size_t count, bool write,
					   struct plain_batch *b)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t *slot;
		uint64_t d;

		b->entry[i] = NULL;
		if (!plain_slot(e, table, pages[i].virt, &slot))
			continue;
		b->slot[i] = slot;
		d = entry_load(slot);
		if (UNLIKELY(!e->is_plain_table(d)))
			continue;
		b->entry[i] = plain_entry(e, table, d, pages[i].virt, 0);
		if (write)
			__builtin_prefetch(b->entry[i], 1);
		else
			__builtin_prefetch(b->entry[i]);
	}
}

/* As translate_some, of such a table; it ends at what is not a page as well. */
static ALWAYS_INLINE size_t translate_plain(const struct encoder *e, const struct page_table *table,
					    struct page_pair *pages, size_t count)
{
	struct plain_batch b;

	analyzer_fills(&b);
	plain_batch_walk(e, table, pages, count, false, &b);
	for (size_t i = 0; i < count; i++) {
		uint64_t d;

		if (UNLIKELY(!b.entry[i]))
			return i;
		d = paging_sabotage(PAGING_SABOTAGE_DECODE, 0, entry_load(b.entry[i]));
		if (UNLIKELY(!e->is_present(table, d, 0)))
			return i;
		pages[i].phys =
			leaf_address(e, table, d, 0) | (pages[i].virt & (level_size(e, 0) - 1));
	}
	return count;
}

/* Up to BATCH_WALKS of them, of tables at an offset; how many were translated before one was not.
 */
static ALWAYS_INLINE size_t translate_some(const struct encoder *e, const struct page_table *table,
					   struct page_pair *pages, size_t count)
{
	struct batch b;

	analyzer_fills(&b);
	batch_walk(e, table, pages, count, &b);
	for (size_t i = 0; i < count; i++) {
		unsigned int level = b.level[i];
		uint64_t d = paging_sabotage(PAGING_SABOTAGE_DECODE, level, b.d[i]);

		if (!e->is_present(table, d, level))
			return i;
		pages[i].phys = leaf_address(e, table, d, level) |
				(pages[i].virt & (level_size(e, level) - 1));
	}
	return count;
}

static ALWAYS_INLINE enum paging_status translate_batch(const struct encoder *e,
							const struct page_table *table,
							struct page_pair *pages, size_t count,
							size_t *done)
{
	bool hook = table->access.map != NULL;

	*done = 0;
	while (*done < count) {
		size_t left = count - *done;
		size_t some = left < BATCH_WALKS ? left : BATCH_WALKS;
		size_t translated = 0;

		if (table->plain_limit != 0)
			translated = translate_plain(e, table, pages + *done, some);
		else if (!hook)
			translated = translate_some(e, table, pages + *done, some);
		*done += translated;
		if (translated != some) {
			/* The one by itself says why, or goes through the hook. */
			enum paging_status status =
				translate_page(e, table, pages[*done].virt, &pages[*done].phys);

			if (status != PAGING_OK)
				return status;
			++*done;
		}
	}
	return PAGING_OK;
}

/* Maps pages of such a table, with the flags of last time, as long as nothing is in the way and
 * each lowest table is there; how many that were. */
static ALWAYS_INLINE size_t map_plain(const struct encoder *e, struct page_table *table,
				      const struct page_pair *pages, size_t count)
{
	struct plain_batch b;

	analyzer_fills(&b);
	plain_batch_walk(e, table, pages, count, true, &b);
	for (size_t i = 0; i < count; i++) {
		uint64_t off = (pages[i].virt & (level_size(e, 0) - 1)) |
			       (pages[i].phys & table->output_bad);
		uint64_t *entry = b.entry[i];

		if (UNLIKELY(!entry) || UNLIKELY(off != 0) || UNLIKELY(entry_load(entry) != 0))
			return i;
		entry_write(entry, recent_leaf(e, table, pages[i].phys));
		if (e->counted)
			entry_publish(b.slot[i], e->count_up(entry_load(b.slot[i])));
	}
	return count;
}

/* Any table: brings in what the pages will find, and maps them one by one. */
static SELDOM enum paging_status map_singly(const struct encoder *e, struct page_table *table,
					    const struct page_pair *pages, size_t count,
					    struct page_flags flags, struct frame_allocator *frames,
					    size_t *done)
{
	enum paging_status status = PAGING_OK;
	struct batch b;

	analyzer_fills(&b);
	if (!table->access.map)
		batch_walk(e, table, pages, count, &b);
	for (size_t i = 0; i < count && status == PAGING_OK; i++) {
		status = page_table_map_to(table, pages[i].virt, pages[i].phys, flags, frames);
		*done += status == PAGING_OK;
	}
	return status;
}

static ALWAYS_INLINE enum paging_status map_batch(const struct encoder *e, struct page_table *table,
						  const struct page_pair *pages, size_t count,
						  struct page_flags flags,
						  struct frame_allocator *frames, size_t *done)
{
	/* Parallel tables store in another way. */
	bool plain = table->plain_limit != 0 && !table->access.clean &&
		     table->operations == table->format;
	uint64_t attributes;

	for (*done = 0; *done < count;) {
		size_t left = count - *done;
		size_t some = left < BATCH_WALKS ? left : BATCH_WALKS;
		enum paging_status status;

		if (plain && encode_recent(e, table, flags, &attributes)) {
			size_t mapped = map_plain(e, table, pages + *done, some);

			*done += mapped;
			if (mapped == some)
				continue;
			some = 1; /* it takes a table, or there is something to say */
		}
		status = map_singly(e, table, pages + *done, some, flags, frames, done);
		if (status != PAGING_OK)
			return status;
	}
	return PAGING_OK;
}

#endif
