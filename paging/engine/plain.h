/* SPDX-License-Identifier: MIT */
/*
 * The walk of a table of four levels with a whole root and memory at an offset, as most are: the
 * index at each level is of constant place and width, and nothing is opened or closed. It begins at
 * plain_root, for input addresses below plain_limit (encoder.h, table_note_walk).
 */
#ifndef PAGING_ENGINE_PLAIN_H
#define PAGING_ENGINE_PLAIN_H

#include "memory.h"

/* The entry for `virt` of the table of `level` that `d` leads to. */
static ALWAYS_INLINE uint64_t *plain_entry(const struct encoder *e, const struct page_table *table,
					   uint64_t d, virt_addr virt, unsigned int level)
{
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;
	uint64_t entries = table_address(e, table, d) + table->access.offset;

	/* Or the offset is added after the index, in an instruction of its own. */
	__asm__("" : "+r"(entries));
	return (uint64_t *)(uintptr_t)entries + (virt >> level_shift(e, level) & mask);
}

/* To the entry of level 2 for `virt`, if it gets there. */
static ALWAYS_INLINE bool plain_above(const struct encoder *e, const struct page_table *table,
				      virt_addr virt, uint64_t **above)
{
	uint64_t mask = (UINT64_C(1) << e->index_bits) - 1;
	uint64_t d;

	if (UNLIKELY(virt + table->input_bias >= table->plain_limit))
		return false;
	d = entry_load(&table->plain_root[virt >> level_shift(e, 3) & mask]);
	if (UNLIKELY(!e->is_plain_table(d)))
		return false;
	*above = plain_entry(e, table, d, virt, 2);
	return true;
}

/* To the entry that links to the lowest table, likewise. */
static ALWAYS_INLINE bool plain_slot(const struct encoder *e, const struct page_table *table,
				     virt_addr virt, uint64_t **slot)
{
	uint64_t *above;
	uint64_t d;

	if (!plain_above(e, table, virt, &above))
		return false;
	d = entry_load(above);
	if (UNLIKELY(!e->is_plain_table(d)))
		return false;
	*slot = plain_entry(e, table, d, virt, 1);
	return true;
}

#endif
