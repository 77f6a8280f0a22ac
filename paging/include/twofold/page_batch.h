/* SPDX-License-Identifier: MIT */
/*
 * Many single pages in one call, anywhere in the address space. What one page costs then is mostly
 * waiting for table entries to come from memory; here the walks of several pages wait together.
 */
#ifndef TWOFOLD_PAGE_BATCH_H
#define TWOFOLD_PAGE_BATCH_H

#include <stddef.h>

#include "page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One page of a batch. */
struct page_pair {
	virt_addr virt;
	phys_addr phys;
};

/*
 * page_table_translate for each of `count` addresses: pages[i].phys is filled in. Ends before the
 * first that has no translation; *done: how many have. PAGING_OK; PAGING_INPUT_RANGE,
 * PAGING_NOT_MAPPED, about pages[*done].
 */
enum paging_status page_table_translate_batch(const struct page_table *table,
					      struct page_pair *pages, size_t count, size_t *done);

/*
 * page_table_map_to for each of `count` pages, in order and all with the same flags. Ends before
 * the first that cannot be mapped; *done: how many are. What was mapped stays. PAGING_OK, and
 * errors as page_table_map_to, about pages[*done].
 */
enum paging_status page_table_map_batch(struct page_table *table, const struct page_pair *pages,
					size_t count, struct page_flags flags,
					struct frame_allocator *frames, size_t *done);

#ifdef __cplusplus
}
#endif

#endif
