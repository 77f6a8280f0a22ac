/* SPDX-License-Identifier: MIT */
/*
 * What a table may hold that most tables do not: noted when the first such entry is put in, and
 * never taken back. Of a table without annotations and without groups, the count in the entry that
 * links to it says all: as many as there are entries means that each one is a leaf. So a whole
 * lowest table can be planned for, or unmapped, without a look into it.
 */
#ifndef PAGING_ENGINE_HELD_H
#define PAGING_ENGINE_HELD_H

#include "encoder.h"

#define HELD_GLOBALS     (1u << 0)
#define HELD_ANNOTATIONS (1u << 1)
#define HELD_GROUPS      (1u << 2)
#define HELD_ANYTHING    (HELD_GLOBALS | HELD_ANNOTATIONS | HELD_GROUPS)

/* Mappers of a parallel table note it beside each other. */
static ALWAYS_INLINE void held_add(struct page_table *table, unsigned int what)
{
	if ((__atomic_load_n(&table->held, __ATOMIC_RELAXED) & what) != what)
		__atomic_fetch_or(&table->held, (uint8_t)what, __ATOMIC_RELAXED);
}

/* Encodes what will be put into the table. */
static ALWAYS_INLINE bool encode_held(const struct encoder *e, struct page_table *table,
				      struct page_flags flags, uint64_t *attributes)
{
	if (!encode_flags(e, table, flags, attributes))
		return false;
	if (is_global(e, *attributes))
		held_add(table, HELD_GLOBALS);
	return true;
}

/* Whether an entry of a lowest table that is in use is a leaf by itself. */
static ALWAYS_INLINE bool holds_pages_only(const struct encoder *e, const struct page_table *table)
{
	return e->counted && (table->held & (HELD_ANNOTATIONS | HELD_GROUPS)) == 0;
}

#endif
