/* SPDX-License-Identifier: MIT */
/*
 * One page at a time. A table remembers the lowest table that it last did a page in and what the
 * last flags were encoded as, so that the next page costs no walk and no encoding. Here is all of
 * an operation on one page that is as simple as can be; whatever is not (a table is missing or will
 * be empty, something is in the way, break-before-make) is left to the general operation, which
 * also finds every error. Who gives a table up forgets it (recent_forget).
 */
#ifndef PAGING_ENGINE_RECENT_H
#define PAGING_ENGINE_RECENT_H

#include "contiguous.h"
#include "flags_word.h"
#include "held.h"
#include "memory.h"
#include "sabotage.h"

static ALWAYS_INLINE void recent_forget(struct page_table *table)
{
	table->recent_reach = 0;
}

/* The flags too: table memory is reached in another way, and may have to be cleaned. */
static inline void recent_forget_all(struct page_table *table)
{
	recent_forget(table);
	table->recent_attributes = 0;
	table->recent_claimed = false;
}

/* As encode_flags; the same flags as last time are not encoded again. No leaf's attributes are 0.
 * Where table memory is cleaned nothing is kept, so that pages always go the general way. */
static ALWAYS_INLINE bool encode_recent(const struct encoder *e, struct page_table *table,
					struct page_flags flags, uint64_t *attributes)
{
	if (word_of_flags(flags) == word_of_flags(table->recent_flags) &&
	    table->recent_attributes != 0) {
		*attributes = table->recent_attributes;
		return true;
	}
	if (!encode_held(e, table, flags, attributes))
		return false;
	if (!table->access.clean) {
		table->recent_flags = flags;
		table->recent_attributes = *attributes;
		table->recent_page = e->leaf(*attributes, 0, 0);
	}
	return true;
}

/* Encodes, and keeps it if nothing is kept yet. */
static SELDOM bool encode_first(const struct encoder *e, struct page_table *table,
				struct page_flags flags, uint64_t *attributes)
{
	if (!encode_held(e, table, flags, attributes))
		return false;
	if (__atomic_load_n(&table->recent_attributes, __ATOMIC_RELAXED) == 0 &&
	    !__atomic_exchange_n(&table->recent_claimed, true, __ATOMIC_RELAXED)) {
		table->recent_flags = flags;
		__atomic_store_n(&table->recent_attributes, *attributes, __ATOMIC_RELEASE);
	}
	return true;
}

/* As encode_recent, beside others who do the same: what was kept first stays, so that nobody
 * writes what the others read. */
static ALWAYS_INLINE bool encode_shared(const struct encoder *e, struct page_table *table,
					struct page_flags flags, uint64_t *attributes)
{
	*attributes = __atomic_load_n(&table->recent_attributes, __ATOMIC_ACQUIRE);
	if (*attributes != 0 && word_of_flags(flags) == word_of_flags(table->recent_flags))
		return true;
	return encode_first(e, table, flags, attributes);
}

/* The descriptor of the page at `phys`, which can be one, with the flags of last time. */
static ALWAYS_INLINE uint64_t recent_leaf(const struct encoder *e, const struct page_table *table,
					  phys_addr phys)
{
	uint64_t leaf = table->recent_page | phys;

	if (e->table_bits == 0)
		leaf = e->leaf(table->recent_attributes, phys, 0);
	return paging_sabotage(PAGING_SABOTAGE_LEAF, 0, leaf);
}

/* The lowest table for `virt`, an address of a page, is at hand: *index is its entry there. What is
 * no multiple of the granule gets an index beyond every table. */
static ALWAYS_INLINE bool recent_is(const struct encoder *e, const struct page_table *table,
				    virt_addr virt, uint64_t *index)
{
	uint64_t off = virt - table->recent;

	*index = off >> e->granule_shift | off << (64 - e->granule_shift);
	return *index < table->recent_reach;
}

/*
 * `entries` is the lowest table for `virt`, `slot` links to it. Table memory that has to be opened
 * and closed, or cleaned, is not remembered. The page that ends at 2^64 is never done here: a range
 * of a gather that ends there has no address to go on at.
 */
static ALWAYS_INLINE void recent_note(const struct encoder *e, struct page_table *table,
				      virt_addr virt, uint64_t *entries, uint64_t *slot)
{
	virt_addr first = addr_align_down(virt, level_size(e, 1));

	if (table->access.map || table->access.clean)
		return;
	table->recent = first;
	table->recent_reach = UINT64_C(1) << e->index_bits;
	if (e->input != INPUT_ZERO_EXTENDED && first + level_size(e, 1) == 0)
		table->recent_reach--;
	table->recent_entries = entries;
	table->recent_slot = slot;
}

/* Maps the page if nothing at all is to be said against it. */
static ALWAYS_INLINE bool recent_map(const struct encoder *e, struct page_table *table,
				     virt_addr virt, phys_addr phys, struct page_flags flags)
{
	uint64_t *entries, *slot;
	uint64_t index;

	/* Where there is a table, flags have been encoded. */
	if (!recent_is(e, table, virt, &index) || UNLIKELY((phys & table->output_bad) != 0) ||
	    UNLIKELY(word_of_flags(flags) != word_of_flags(table->recent_flags)))
		return false;
	entries = table->recent_entries;
	if (UNLIKELY(entry_load(&entries[index]) != 0))
		return false;
	slot = table->recent_slot;
	entry_write(&entries[index], recent_leaf(e, table, phys));
	if (e->counted)
		entry_publish(slot, e->count_up(entry_load(slot)));
	return true;
}

#endif
