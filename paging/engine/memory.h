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

/* An entry that was empty gets a leaf. */
static ALWAYS_INLINE void entry_store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

/* Links a table: all that was written to it is visible before the link is. A new count in the entry
 * must not make it less than a link. */
static ALWAYS_INLINE void entry_link(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static ALWAYS_INLINE uint64_t entry_exchange(uint64_t *entry, uint64_t value)
{
	return __atomic_exchange_n(entry, value, __ATOMIC_ACQ_REL);
}

static ALWAYS_INLINE bool entry_replace(uint64_t *entry, uint64_t *expected, uint64_t value)
{
	return __atomic_compare_exchange_n(entry, expected, value, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

/* Entries [first, end) of a table that nothing links to yet. */
static ALWAYS_INLINE void entries_clear(uint64_t *table, uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		table[i] = 0;
}

#endif
