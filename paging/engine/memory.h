/* SPDX-License-Identifier: MIT */
/* Table memory: how it is reached, and how descriptors in it are read and written. */
#ifndef PAGING_ENGINE_MEMORY_H
#define PAGING_ENGINE_MEMORY_H

#include "encoder.h"

static ALWAYS_INLINE void *memory_open(const struct table_access *access, phys_addr phys,
				       uint64_t size)
{
	if (UNLIKELY(access->map != NULL))
		return access->map(access->context, phys, size);
	return (void *)(uintptr_t)(phys + access->offset);
}

static ALWAYS_INLINE void memory_close(const struct table_access *access, phys_addr phys,
				       void *pointer)
{
	if (UNLIKELY(access->unmap != NULL))
		access->unmap(access->context, phys, pointer);
}

/*
 * The walker may read an entry, and set accessed and dirty bits in it, at any time. Loads of table
 * entries acquire, so that the table behind one is seen as its release store left it.
 */
static ALWAYS_INLINE uint64_t entry_load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

/* Whatever is written where a walker may look is cleaned, if the walker does not look into the
 * caches (twofold/page_table.h, struct table_access). */
static ALWAYS_INLINE void memory_clean(const struct page_table *table, const void *pointer,
				       uint64_t size)
{
	if (UNLIKELY(table->access.clean != NULL))
		table->access.clean(table->access.context, pointer, size);
}

/* One of a run of stores to a linked table, which ends with one memory_clean. */
static ALWAYS_INLINE void entry_write(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

/* The same for an entry that links to a table: whoever follows it sees the table as it was when it
 * was linked. */
static ALWAYS_INLINE void entry_publish(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* An entry that was empty gets a leaf. */
static ALWAYS_INLINE void entry_store(const struct page_table *table, uint64_t *entry,
				      uint64_t value)
{
	entry_write(entry, value);
	memory_clean(table, entry, sizeof(*entry));
}

/* Links a table, which has been cleaned: all that was written to it is visible before the link is.
 * A link with another count is a link all the same. */
static ALWAYS_INLINE void entry_link(const struct page_table *table, uint64_t *entry,
				     uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
	memory_clean(table, entry, sizeof(*entry));
}

static ALWAYS_INLINE uint64_t entry_exchange(const struct page_table *table, uint64_t *entry,
					     uint64_t value)
{
	uint64_t old = __atomic_exchange_n(entry, value, __ATOMIC_ACQ_REL);

	memory_clean(table, entry, sizeof(*entry));
	return old;
}

/* One of a run, as entry_write. */
static ALWAYS_INLINE bool entry_swap(uint64_t *entry, uint64_t *expected, uint64_t value)
{
	return __atomic_compare_exchange_n(entry, expected, value, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

static ALWAYS_INLINE bool entry_replace(const struct page_table *table, uint64_t *entry,
					uint64_t *expected, uint64_t value)
{
	if (!entry_swap(entry, expected, value))
		return false;
	memory_clean(table, entry, sizeof(*entry));
	return true;
}

/* A whole table that nothing links to yet: as many entries as a cache line has, twice, at a time.
 */
static ALWAYS_INLINE void entries_clear(uint64_t *entries, uint64_t count)
{
	for (const uint64_t *end = entries + count; entries != end; entries += 16) {
		entries[0] = 0;
		entries[1] = 0;
		entries[2] = 0;
		entries[3] = 0;
		entries[4] = 0;
		entries[5] = 0;
		entries[6] = 0;
		entries[7] = 0;
		entries[8] = 0;
		entries[9] = 0;
		entries[10] = 0;
		entries[11] = 0;
		entries[12] = 0;
		entries[13] = 0;
		entries[14] = 0;
		entries[15] = 0;
	}
}

/* Entries [first, end) of a table that nothing links to yet. */
static ALWAYS_INLINE void entries_fill(uint64_t *entries, uint64_t first, uint64_t end,
				       uint64_t value)
{
	uint64_t i = first;

	for (; i + 8 <= end; i += 8) {
		entries[i] = value;
		entries[i + 1] = value;
		entries[i + 2] = value;
		entries[i + 3] = value;
		entries[i + 4] = value;
		entries[i + 5] = value;
		entries[i + 6] = value;
		entries[i + 7] = value;
	}
	for (; i < end; i++)
		entries[i] = value;
}

#endif
