/* SPDX-License-Identifier: MIT */
/*
 * The engine: every operation, written once over a format's encoder. A format's file ends with
 *
 *	PAGING_DEFINE_FORMAT(x86_64_stage1, "x86_64 stage 1", stage1_encoder);
 *
 * which compiles all of them for that encoder's constants and gathers them in the public format
 * object. Callers reach a table's operations through that object: one indirect call an operation,
 * none for an entry. A parallel table (parallel.h) has another object, which shares all it can. So
 * what a table is not costs it nothing.
 */
#ifndef PAGING_ENGINE_ENGINE_H
#define PAGING_ENGINE_ENGINE_H

#include "batch.h"
#include "check.h"
#include "collapse.h"
#include "edit.h"
#include "format.h"
#include "harvest.h"
#include "lifecycle.h"
#include "map.h"
#include "map_page.h"
#include "parallel.h"
#include "place.h"
#include "query.h"

/* All but map_to and map. */
#define PAGING_FORMAT_MEMBERS(format_, name_, kind_)                                          \
	.name = name_, .kind = (kind_), .init = format_##_init, .adopt = format_##_adopt,     \
	.destroy = format_##_destroy, .unmap = format_##_unmap, .protect = format_##_protect, \
	.write_protect = format_##_write_protect, .split = format_##_split,                   \
	.collapse = format_##_collapse, .harvest = format_##_harvest,                         \
	.set_software = format_##_set_software, .annotate = format_##_annotate,               \
	.query = format_##_query, .translate = format_##_translate,                           \
	.translate_batch = format_##_translate_batch, .map_batch = format_##_map_batch,       \
	.walk = format_##_walk, .check = format_##_check, .ranges = format_##_ranges,         \
	.cursor_open = format_##_cursor_open, .cursor_seek = format_##_cursor_seek,           \
	.cursor_query = format_##_cursor_query, .cursor_next = format_##_cursor_next,         \
	.cursor_map = format_##_cursor_map, .cursor_unmap = format_##_cursor_unmap,           \
	.cursor_protect = format_##_cursor_protect, .cursor_close = format_##_cursor_close

#define PAGING_DEFINE_FORMAT(format_, name_, encoder_) \
	PAGING_DEFINE_FORMAT_OF_KIND(format_, name_, encoder_, 0)

#define PAGING_DEFINE_FORMAT_OF_KIND(format_, name_, encoder_, kind_)                              \
	static const struct page_table_format format_##_parallel;                                  \
	static enum paging_status format_##_init(struct page_table *table,                         \
						 const struct page_table_config *config,           \
						 struct frame_allocator *frames)                   \
	{                                                                                          \
		return table_init(&encoder_, &format_,                                             \
				  config->parallel ? &format_##_parallel : &format_, table,        \
				  config, frames);                                                 \
	}                                                                                          \
	static enum paging_status format_##_adopt(                                                 \
		struct page_table *table, const struct page_table_config *config, phys_addr root)  \
	{                                                                                          \
		return table_adopt(&encoder_, &format_,                                            \
				   config->parallel ? &format_##_parallel : &format_, table,       \
				   config, root);                                                  \
	}                                                                                          \
	static void format_##_destroy(struct page_table *table, struct frame_allocator *frames)    \
	{                                                                                          \
		table_destroy(&encoder_, table, frames);                                           \
	}                                                                                          \
	static enum paging_status format_##_map_to(struct page_table *table, virt_addr virt,       \
						   phys_addr phys, struct page_flags flags,        \
						   struct frame_allocator *frames)                 \
	{                                                                                          \
		return map_page(&encoder_, table, virt, phys, flags, frames);                      \
	}                                                                                          \
	static enum paging_status format_##_map(struct page_table *table, virt_addr virt,          \
						phys_addr phys, uint64_t size,                     \
						struct page_flags flags, struct page_table_op *op) \
	{                                                                                          \
		return map_range(&encoder_, table, virt, phys, size, flags, op);                   \
	}                                                                                          \
	static enum paging_status format_##_unmap(struct page_table *table, virt_addr virt,        \
						  uint64_t size, struct page_table_op *op)         \
	{                                                                                          \
		return unmap_range(&encoder_, table, virt, size, op);                              \
	}                                                                                          \
	static enum paging_status format_##_protect(struct page_table *table, virt_addr virt,      \
						    uint64_t size, struct page_flags flags,        \
						    struct page_table_op *op)                      \
	{                                                                                          \
		return protect_range(&encoder_, table, virt, size, flags, op);                     \
	}                                                                                          \
	static enum paging_status format_##_write_protect(                                         \
		struct page_table *table, virt_addr virt, uint64_t size, struct page_table_op *op) \
	{                                                                                          \
		return write_protect_range(&encoder_, table, virt, size, op);                      \
	}                                                                                          \
	static enum paging_status format_##_split(struct page_table *table, virt_addr virt,        \
						  uint64_t size, uint64_t leaf_size,               \
						  struct page_table_op *op)                        \
	{                                                                                          \
		return split_range(&encoder_, table, virt, size, leaf_size, op);                   \
	}                                                                                          \
	static enum paging_status format_##_collapse(struct page_table *table, virt_addr virt,     \
						     uint64_t size, struct page_table_op *op)      \
	{                                                                                          \
		return collapse_range(&encoder_, table, virt, size, op);                           \
	}                                                                                          \
	static enum paging_status format_##_harvest(                                               \
		struct page_table *table, virt_addr virt, uint64_t size, unsigned int marks,       \
		page_visitor visitor, void *context, struct page_table_op *op)                     \
	{                                                                                          \
		return harvest_range(&encoder_, table, virt, size, marks, visitor, context, op);   \
	}                                                                                          \
	static enum paging_status format_##_set_software(struct page_table *table, virt_addr virt, \
							 uint64_t size, uint16_t software,         \
							 struct page_table_op *op)                 \
	{                                                                                          \
		return software_range(&encoder_, table, virt, size, software, op);                 \
	}                                                                                          \
	static enum paging_status format_##_annotate(struct page_table *table, virt_addr virt,     \
						     uint64_t size, uint64_t annotation,           \
						     struct page_table_op *op)                     \
	{                                                                                          \
		return annotate_range(&encoder_, table, virt, size, annotation, op);               \
	}                                                                                          \
	static enum paging_status format_##_query(const struct page_table *table, virt_addr virt,  \
						  struct page_mapping *mapping)                    \
	{                                                                                          \
		return query_page(&encoder_, table, virt, mapping);                                \
	}                                                                                          \
	static enum paging_status format_##_translate(const struct page_table *table,              \
						      virt_addr virt, phys_addr *phys)             \
	{                                                                                          \
		return translate_page(&encoder_, table, virt, phys);                               \
	}                                                                                          \
	static enum paging_status format_##_translate_batch(const struct page_table *table,        \
							    struct page_pair *pages, size_t count, \
							    size_t *done)                          \
	{                                                                                          \
		return translate_batch(&encoder_, table, pages, count, done);                      \
	}                                                                                          \
	static enum paging_status format_##_map_batch(                                             \
		struct page_table *table, const struct page_pair *pages, size_t count,             \
		struct page_flags flags, struct frame_allocator *frames, size_t *done)             \
	{                                                                                          \
		return map_batch(&encoder_, table, pages, count, flags, frames, done);             \
	}                                                                                          \
	static enum paging_status format_##_walk(const struct page_table *table, virt_addr virt,   \
						 uint64_t size, unsigned int kinds,                \
						 page_visitor visitor, void *context)              \
	{                                                                                          \
		return walk_range(&encoder_, table, virt, size, kinds, visitor, context);          \
	}                                                                                          \
	static enum paging_status format_##_check(const struct page_table *table, virt_addr virt,  \
						  uint64_t size, struct page_check *check)         \
	{                                                                                          \
		return check_range_entries(&encoder_, table, virt, size, check);                   \
	}                                                                                          \
	static unsigned int format_##_ranges(const struct page_table *table,                       \
					     struct input_range ranges[2])                         \
	{                                                                                          \
		return input_ranges(&encoder_, table, ranges);                                     \
	}                                                                                          \
	static enum paging_status format_##_cursor_open(struct page_cursor *cursor,                \
							struct page_table *table, virt_addr virt,  \
							struct page_table_op *op)                  \
	{                                                                                          \
		return place_open(&encoder_, table, virt, op, cursor);                             \
	}                                                                                          \
	static enum paging_status format_##_cursor_seek(struct page_cursor *cursor,                \
							virt_addr virt)                            \
	{                                                                                          \
		return place_seek(&encoder_, cursor, virt);                                        \
	}                                                                                          \
	static enum paging_status format_##_cursor_query(struct page_cursor *cursor,               \
							 struct page_mapping *mapping)             \
	{                                                                                          \
		return place_query(&encoder_, cursor, mapping);                                    \
	}                                                                                          \
	static enum paging_status format_##_cursor_next(struct page_cursor *cursor)                \
	{                                                                                          \
		return place_next(&encoder_, cursor);                                              \
	}                                                                                          \
	static enum paging_status format_##_cursor_map(struct page_cursor *cursor, phys_addr phys, \
						       uint64_t size, struct page_flags flags)     \
	{                                                                                          \
		return place_map(&encoder_, cursor, phys, size, flags);                            \
	}                                                                                          \
	static enum paging_status format_##_cursor_unmap(struct page_cursor *cursor)               \
	{                                                                                          \
		return place_unmap(&encoder_, cursor);                                             \
	}                                                                                          \
	static enum paging_status format_##_cursor_protect(struct page_cursor *cursor,             \
							   struct page_flags flags)                \
	{                                                                                          \
		return place_protect(&encoder_, cursor, flags);                                    \
	}                                                                                          \
	static void format_##_cursor_close(struct page_cursor *cursor)                             \
	{                                                                                          \
		place_close(&encoder_, cursor);                                                    \
	}                                                                                          \
	static enum paging_status format_##_parallel_map_to(                                       \
		struct page_table *table, virt_addr virt, phys_addr phys, struct page_flags flags, \
		struct frame_allocator *frames)                                                    \
	{                                                                                          \
		return parallel_map_page(&encoder_, table, virt, phys, flags, frames);             \
	}                                                                                          \
	static enum paging_status format_##_parallel_map(                                          \
		struct page_table *table, virt_addr virt, phys_addr phys, uint64_t size,           \
		struct page_flags flags, struct page_table_op *op)                                 \
	{                                                                                          \
		if (!parallel_allowed(op))                                                         \
			return format_##_map(table, virt, phys, size, flags, op);                  \
		return parallel_map_range(&encoder_, table, virt, phys, size, flags, op);          \
	}                                                                                          \
	static const struct page_table_format format_##_parallel = {                               \
		PAGING_FORMAT_MEMBERS(format_, name_, kind_),                                      \
		.map_to = format_##_parallel_map_to,                                               \
		.map = format_##_parallel_map,                                                     \
	};                                                                                         \
	const struct page_table_format format_ = {                                                 \
		PAGING_FORMAT_MEMBERS(format_, name_, kind_),                                      \
		.parallel = &format_##_parallel,                                                   \
		.map_to = format_##_map_to,                                                        \
		.map = format_##_map,                                                              \
	}

#endif
