/* SPDX-License-Identifier: MIT */
/* How much there is in a table: leaves by size, tables by level. */
#ifndef TWOFOLD_STATISTICS_H
#define TWOFOLD_STATISTICS_H

#include "page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

struct page_statistics {
	uint64_t leaves[64];  /* by log2 of their size; a contiguous group is one leaf */
	uint64_t mapped;      /* bytes that the leaves span, all together (modulo 2^64) */
	uint64_t annotated;   /* entries with an annotation */
	uint64_t tables;      /* all of them, the root among them */
	uint64_t table_bytes; /* that they take */
	unsigned int level_count;
	uint64_t
		levels[PAGE_TABLE_MAX_LEVELS]; /* tables by level; 0 has the granule-sized leaves */
};

/*
 * Counts all of the table, one walk. It writes nothing but *statistics, and may be called wherever
 * page_table_walk may.
 */
void page_table_statistics(const struct page_table *table, struct page_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
