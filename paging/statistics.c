/* SPDX-License-Identifier: MIT */
/* Counting what is in a table. */
#include "twofold/statistics.h"

#include "engine/encoder.h"
#include "root_frame.h"

static bool count_visit(void *context, const struct page_visit *visit)
{
	struct page_statistics *statistics = context;

	switch (visit->kind) {
	case PAGE_VISIT_LEAF:
		statistics->leaves[__builtin_ctzll(visit->mapping.size)]++;
		statistics->mapped += visit->mapping.size;
		break;
	case PAGE_VISIT_TABLE: /* seen by the entry above it */
		ASSUME(visit->level > 0 && visit->level < PAGE_TABLE_MAX_LEVELS);
		statistics->levels[visit->level - 1]++;
		statistics->tables++;
		break;
	case PAGE_VISIT_ANNOTATION:
		statistics->annotated++;
		break;
	default:
		break;
	}
	return true;
}

void page_table_statistics(const struct page_table *table, struct page_statistics *statistics)
{
	const unsigned int kinds = PAGE_VISIT_LEAF | PAGE_VISIT_TABLE | PAGE_VISIT_ANNOTATION;
	/* The granule is the smallest leaf, and each table but the root is one granule. */
	uint64_t granule = table->leaf_sizes & -table->leaf_sizes;
	struct input_range ranges[2];
	unsigned int count = page_table_ranges(table, ranges);

	/* Member by member: an initializer of this size takes a call of memset. */
	for (unsigned int shift = 0; shift < 64; shift++)
		statistics->leaves[shift] = 0;
	for (unsigned int level = 0; level < PAGE_TABLE_MAX_LEVELS; level++)
		statistics->levels[level] = 0;
	statistics->mapped = 0;
	statistics->annotated = 0;
	statistics->level_count = table->levels;
	statistics->levels[table->levels - 1u] = 1;
	statistics->tables = 1;
	for (unsigned int i = 0; i < count; i++)
		(void)page_table_walk(table, ranges[i].first, ranges[i].last - ranges[i].first + 1,
				      kinds, count_visit, statistics);
	statistics->table_bytes = (statistics->tables - 1) * granule +
				  root_frame_bytes(table, (unsigned int)__builtin_ctzll(granule));
}
