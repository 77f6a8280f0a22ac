/* SPDX-License-Identifier: MIT */
/* The public operations of batches: each goes to the table's format. */
#include "engine/engine.h"

enum paging_status page_table_translate_batch(const struct page_table *table,
					      struct page_pair *pages, size_t count, size_t *done)
{
	return table->operations->translate_batch(table, pages, count, done);
}

enum paging_status page_table_map_batch(struct page_table *table, const struct page_pair *pages,
					size_t count, struct page_flags flags,
					struct frame_allocator *frames, size_t *done)
{
	return table->operations->map_batch(table, pages, count, flags, frames, done);
}
