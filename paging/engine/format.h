/* SPDX-License-Identifier: MIT */
/* A format as callers have it: each operation, compiled for the format's encoder (engine.h). */
#ifndef PAGING_ENGINE_FORMAT_H
#define PAGING_ENGINE_FORMAT_H

#include "twofold/page_batch.h"
#include "twofold/page_cursor.h"
#include "twofold/page_table.h"

struct page_check;

struct page_table_format {
	const char *name;
	const struct page_table_format *parallel; /* of the public object: the other one */
	uint32_t kind; /* tells register helpers and TLB back ends the format; 0: it has none */
	enum paging_status (*init)(struct page_table *table, const struct page_table_config *config,
				   struct frame_allocator *frames);
	enum paging_status (*adopt)(struct page_table *table,
				    const struct page_table_config *config, phys_addr root);
	void (*destroy)(struct page_table *table, struct frame_allocator *frames);
	enum paging_status (*map_to)(struct page_table *table, virt_addr virt, phys_addr phys,
				     struct page_flags flags, struct frame_allocator *frames);
	enum paging_status (*map)(struct page_table *table, virt_addr virt, phys_addr phys,
				  uint64_t size, struct page_flags flags, struct page_table_op *op);
	enum paging_status (*unmap)(struct page_table *table, virt_addr virt, uint64_t size,
				    struct page_table_op *op);
	enum paging_status (*protect)(struct page_table *table, virt_addr virt, uint64_t size,
				      struct page_flags flags, struct page_table_op *op);
	enum paging_status (*write_protect)(struct page_table *table, virt_addr virt, uint64_t size,
					    struct page_table_op *op);
	enum paging_status (*split)(struct page_table *table, virt_addr virt, uint64_t size,
				    uint64_t leaf_size, struct page_table_op *op);
	enum paging_status (*collapse)(struct page_table *table, virt_addr virt, uint64_t size,
				       struct page_table_op *op);
	enum paging_status (*harvest)(struct page_table *table, virt_addr virt, uint64_t size,
				      unsigned int marks, page_visitor visitor, void *context,
				      struct page_table_op *op);
	enum paging_status (*set_software)(struct page_table *table, virt_addr virt, uint64_t size,
					   uint16_t software, struct page_table_op *op);
	enum paging_status (*annotate)(struct page_table *table, virt_addr virt, uint64_t size,
				       uint64_t annotation, struct page_table_op *op);
	enum paging_status (*query)(const struct page_table *table, virt_addr virt,
				    struct page_mapping *mapping);
	enum paging_status (*translate)(const struct page_table *table, virt_addr virt,
					phys_addr *phys);
	enum paging_status (*translate_batch)(const struct page_table *table,
					      struct page_pair *pages, size_t count, size_t *done);
	enum paging_status (*map_batch)(struct page_table *table, const struct page_pair *pages,
					size_t count, struct page_flags flags,
					struct frame_allocator *frames, size_t *done);
	enum paging_status (*walk)(const struct page_table *table, virt_addr virt, uint64_t size,
				   unsigned int kinds, page_visitor visitor, void *context);
	enum paging_status (*check)(const struct page_table *table, virt_addr virt, uint64_t size,
				    struct page_check *check);
	unsigned int (*ranges)(const struct page_table *table, struct input_range ranges[2]);
	enum paging_status (*cursor_open)(struct page_cursor *cursor, struct page_table *table,
					  virt_addr virt, struct page_table_op *op);
	enum paging_status (*cursor_seek)(struct page_cursor *cursor, virt_addr virt);
	enum paging_status (*cursor_query)(struct page_cursor *cursor,
					   struct page_mapping *mapping);
	enum paging_status (*cursor_next)(struct page_cursor *cursor);
	enum paging_status (*cursor_map)(struct page_cursor *cursor, phys_addr phys, uint64_t size,
					 struct page_flags flags);
	enum paging_status (*cursor_unmap)(struct page_cursor *cursor);
	enum paging_status (*cursor_protect)(struct page_cursor *cursor, struct page_flags flags);
	void (*cursor_close)(struct page_cursor *cursor);
};

/* From now on the table's operations are these. */
static inline void operations_set(struct page_table *table,
				  const struct page_table_format *operations)
{
	table->operations = operations;
	table->map_to = operations->map_to;
	table->unmap = operations->unmap;
	table->write_protect = operations->write_protect;
	table->translate = operations->translate;
}

#endif
