/* SPDX-License-Identifier: MIT */
/* The public operations: each goes to the table's format. */
#include "engine/engine.h"

enum paging_status page_table_init(struct page_table *table, const struct page_table_config *config,
				   struct frame_allocator *frames)
{
	if (!config->format)
		return PAGING_BAD_FORMAT;
	return config->format->init(table, config, frames);
}

enum paging_status page_table_adopt(struct page_table *table,
				    const struct page_table_config *config, phys_addr root)
{
	if (!config->format)
		return PAGING_BAD_FORMAT;
	return config->format->adopt(table, config, root);
}

void page_table_rebase(struct page_table *table, const struct page_table_format *format,
		       const struct table_access *access)
{
	bool parallel = table->operations != table->format;

	table->format = format;
	operations_set(table, parallel ? format->parallel : format);
	table->access = *access;
	recent_forget_all(table);
	table_note_walk(table);
}

void page_table_destroy(struct page_table *table, struct frame_allocator *frames)
{
	table->operations->destroy(table, frames);
}

enum paging_status page_table_map_to(struct page_table *table, virt_addr virt, phys_addr phys,
				     struct page_flags flags, struct frame_allocator *frames)
{
	return table->map_to(table, virt, phys, flags, frames);
}

enum paging_status page_table_map(struct page_table *table, virt_addr virt, phys_addr phys,
				  uint64_t size, struct page_flags flags, struct page_table_op *op)
{
	return table->operations->map(table, virt, phys, size, flags, op);
}

enum paging_status page_table_unmap(struct page_table *table, virt_addr virt, uint64_t size,
				    struct page_table_op *op)
{
	return table->unmap(table, virt, size, op);
}

enum paging_status page_table_protect(struct page_table *table, virt_addr virt, uint64_t size,
				      struct page_flags flags, struct page_table_op *op)
{
	return table->operations->protect(table, virt, size, flags, op);
}

enum paging_status page_table_write_protect(struct page_table *table, virt_addr virt, uint64_t size,
					    struct page_table_op *op)
{
	return table->write_protect(table, virt, size, op);
}

enum paging_status page_table_split(struct page_table *table, virt_addr virt, uint64_t size,
				    uint64_t leaf_size, struct page_table_op *op)
{
	return table->operations->split(table, virt, size, leaf_size, op);
}

enum paging_status page_table_collapse(struct page_table *table, virt_addr virt, uint64_t size,
				       struct page_table_op *op)
{
	return table->operations->collapse(table, virt, size, op);
}

enum paging_status page_table_harvest(struct page_table *table, virt_addr virt, uint64_t size,
				      unsigned int marks, page_visitor visitor, void *context,
				      struct page_table_op *op)
{
	return table->operations->harvest(table, virt, size, marks, visitor, context, op);
}

enum paging_status page_table_set_software(struct page_table *table, virt_addr virt, uint64_t size,
					   uint16_t software, struct page_table_op *op)
{
	return table->operations->set_software(table, virt, size, software, op);
}

enum paging_status page_table_annotate(struct page_table *table, virt_addr virt, uint64_t size,
				       uint64_t annotation, struct page_table_op *op)
{
	return table->operations->annotate(table, virt, size, annotation, op);
}

enum paging_status page_table_query(const struct page_table *table, virt_addr virt,
				    struct page_mapping *mapping)
{
	return table->operations->query(table, virt, mapping);
}

enum paging_status page_table_translate(const struct page_table *table, virt_addr virt,
					phys_addr *phys)
{
	return table->translate(table, virt, phys);
}

enum paging_status page_table_walk(const struct page_table *table, virt_addr virt, uint64_t size,
				   unsigned int kinds, page_visitor visitor, void *context)
{
	return table->operations->walk(table, virt, size, kinds, visitor, context);
}

unsigned int page_table_ranges(const struct page_table *table, struct input_range ranges[2])
{
	return table->operations->ranges(table, ranges);
}
