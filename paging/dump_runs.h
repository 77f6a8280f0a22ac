/* SPDX-License-Identifier: MIT */
/* What every dump shows: leaves that are neighbours at both ends, of one size and equal flags, are
 * one run. */
#ifndef PAGING_DUMP_RUNS_H
#define PAGING_DUMP_RUNS_H

#include "twofold/page_table.h"

/* Given the first leaf of a run and the bytes of all of it. */
typedef void (*run_visitor)(void *context, const struct page_mapping *first, uint64_t total);

struct runs {
	run_visitor show;
	void *context;
	struct page_mapping first; /* size 0: none yet */
	uint64_t total;
};

static inline void runs_end(struct runs *runs)
{
	if (runs->first.size != 0)
		runs->show(runs->context, &runs->first, runs->total);
}

static inline bool runs_visit(void *context, const struct page_visit *visit)
{
	struct runs *runs = context;
	const struct page_mapping *m = &visit->mapping;

	if (runs->first.size == m->size && runs->first.virt + runs->total == m->virt &&
	    runs->first.phys + runs->total == m->phys &&
	    page_flags_equal(runs->first.flags, m->flags)) {
		runs->total += m->size;
		return true;
	}
	runs_end(runs);
	runs->first = *m;
	runs->total = m->size;
	return true;
}

static inline enum paging_status runs_show(const struct page_table *table, run_visitor show,
					   void *context)
{
	struct input_range ranges[2];
	unsigned int count = page_table_ranges(table, ranges);
	enum paging_status status = PAGING_OK;
	struct runs runs;

	runs.show = show;
	runs.context = context;
	runs.first.size = 0;
	for (unsigned int i = 0; i < count && status == PAGING_OK; i++)
		status = page_table_walk(table, ranges[i].first,
					 ranges[i].last - ranges[i].first + 1, PAGE_VISIT_LEAF,
					 runs_visit, &runs);
	runs_end(&runs);
	return status;
}

#endif
