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
	table->recent = UINT64_MAX;
}

/* As encode_flags; the same flags as last time are not encoded again. No leaf's attributes are 0.
 */
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
	table->recent_flags = flags;
	table->recent_attributes = *attributes;
	return true;
}

/* The lowest table for `virt` is at hand. */
static ALWAYS_INLINE bool recent_is(const struct encoder *e, const struct page_table *table,
				    virt_addr virt)
{
	return virt >> level_shift(e, 1) == table->recent;
}

/* `entries` is the lowest table for `virt`, `slot` links to it. Table memory that has to be opened
 * and closed, or cleaned, is not remembered. */
static ALWAYS_INLINE void recent_note(const struct encoder *e, struct page_table *table,
				      virt_addr virt, uint64_t *entries, uint64_t *slot)
{
	if (top_level(table) == 0 || table->access.map || table->access.clean)
		return;
	table->recent = virt >> level_shift(e, 1);
	table->recent_entries = entries;
	table->recent_slot = slot;
}

static ALWAYS_INLINE uint64_t *recent_entry(const struct encoder *e, const struct page_table *table,
					    virt_addr virt)
{
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;

	return table->recent_entries + (virt >> e->granule_shift & mask);
}

/* Maps the page if nothing at all is to be said against it. */
static ALWAYS_INLINE bool recent_map(const struct encoder *e, struct page_table *table,
				     virt_addr virt, phys_addr phys, struct page_flags flags)
{
	uint64_t off = (virt & (level_size(e, 0) - 1)) | (phys & table->output_bad);
	uint64_t *entry, *slot;

	/* Where there is a table, flags have been encoded. */
	if (UNLIKELY(!recent_is(e, table, virt)) || UNLIKELY(off != 0) ||
	    UNLIKELY(word_of_flags(flags) != word_of_flags(table->recent_flags)))
		return false;
	entry = recent_entry(e, table, virt);
	if (UNLIKELY(entry_load(entry) != 0))
		return false;
	slot = table->recent_slot;
	entry_write(entry, paging_sabotage(PAGING_SABOTAGE_LEAF, 0,
					   e->leaf(table->recent_attributes, phys, 0)));
	if (e->counted)
		entry_publish(slot, e->count_up(entry_load(slot)));
	return true;
}

#endif
