/* SPDX-License-Identifier: MIT */
/* Making an empty table, reading one that is there, and taking a whole one down. */
#ifndef PAGING_ENGINE_LIFECYCLE_H
#define PAGING_ENGINE_LIFECYCLE_H

#include "arguments.h"
#include "contiguous.h"
#include "cursor.h"
#include "format.h"
#include "held.h"
#include "recent.h"
#include "root_frame.h"

/* Leaves of the granule, and of each larger size up to some size that a table of this many levels
 * can have, since a leaf that is split must find leaves one level down; and groups of those, no
 * larger than all there is, which are noted. */
static inline bool leaf_sizes_valid(const struct encoder *e, struct page_table *table)
{
	uint64_t sizes = table->leaf_sizes;
	unsigned int level;

	for (level = 0; level < table->levels && (sizes & level_size(e, level)) != 0; level++) {
		sizes &= ~level_size(e, level);
		if (has_groups(e, level) && (group_size(e, level) - 1) >> table->input_bits == 0) {
			if ((sizes & group_size(e, level)) != 0)
				held_add(table, HELD_GROUPS);
			sizes &= ~group_size(e, level);
		}
	}
	return level > 0 && sizes == 0;
}

/* One bit between the output address and the end of a descriptor's address field (bit 51). */
static inline bool modifier_valid(const struct encoder *e, const struct page_table_config *config)
{
	uint64_t bit = config->modifier;

	if (bit == 0)
		return !config->modified_tables;
	return e->modifiers && (bit & (bit - 1)) == 0 && bit >> config->output_bits != 0 &&
	       bit >> 52 == 0;
}

/* All of the table but its root. */
static inline enum paging_status table_configure(const struct encoder *e,
						 const struct page_table_format *format,
						 const struct page_table_format *operations,
						 struct page_table *table,
						 const struct page_table_config *config)
{
	enum paging_status status;

	/* Member by member: a compound literal of this size may take a call of memset. */
	table->format = format;
	operations_set(table, operations);
	table->root = 0;
	table->tables = 1;
	table->leaf_sizes = config->leaf_sizes;
	table->memory_attributes = config->memory_attributes;
	table->type_index = 0;
	table->index_types = 0;
	table->modifier = config->modifier;
	table->table_bits = e->table_bits & ~config->modifier;
	table->modified_tables = config->modified_tables;
	table->features = config->features;
	table->input_bits = config->input_bits;
	table->output_bits = config->output_bits;
	table->upper = false;
	table->levels = 0;
	table->held = 0;
	table->access = config->access;
	recent_forget(table);
	table->recent = 0;
	table->far = 0;
	table->recent_entries = NULL;
	table->recent_slot = NULL;
	table->recent_flags = (struct page_flags){ 0 };
	table->recent_attributes = 0;
	table->recent_page = 0;
	table->recent_claimed = false;
	status = e->configure(table, config);
	if (status != PAGING_OK)
		return status;
	arguments_prepare(e, table);
	table->whole_root = table->input_bits == level_shift(e, table->levels);
	table_note_walk(table);
	if (!leaf_sizes_valid(e, table))
		return PAGING_BAD_LEAF_SIZES;
	if (!modifier_valid(e, config))
		return PAGING_BAD_MODIFIER;
	if (!config->access.map && config->access.unmap)
		return PAGING_BAD_ACCESS;
	return PAGING_OK;
}

static inline enum paging_status
table_init(const struct encoder *e, const struct page_table_format *format,
	   const struct page_table_format *operations, struct page_table *table,
	   const struct page_table_config *config, struct frame_allocator *frames)
{
	enum paging_status status = table_configure(e, format, operations, table, config);
	struct frame frame;
	uint64_t bytes;
	uint64_t *root;

	if (status != PAGING_OK)
		return status;
	bytes = root_frame_bytes(table, level_shift(e, 0));
	if (!frames || !frames->allocate(frames, FRAME_ROOT, bytes, &frame))
		return PAGING_NO_MEMORY;
	if (frame.start >> table->output_bits != 0) {
		frames->free(frames, FRAME_ROOT, frame);
		return PAGING_OUTPUT_RANGE;
	}
	if (!addr_is_aligned(frame.start, bytes)) {
		frames->free(frames, FRAME_ROOT, frame);
		return PAGING_UNALIGNED;
	}
	table->root = frame.start;
	root = memory_open(&table->access, table->root, bytes);
	entries_fill(root, 0, bytes / sizeof(uint64_t), 0);
	memory_clean(table, root, bytes);
	memory_close(&table->access, table->root, root);
	table_note_walk(table);
	return PAGING_OK;
}

static inline enum paging_status table_adopt(const struct encoder *e,
					     const struct page_table_format *format,
					     const struct page_table_format *operations,
					     struct page_table *table,
					     const struct page_table_config *config, phys_addr root)
{
	enum paging_status status = table_configure(e, format, operations, table, config);

	if (status != PAGING_OK)
		return status;
	if (!addr_is_aligned(root, root_frame_bytes(table, level_shift(e, 0))))
		return PAGING_UNALIGNED;
	if (root >> table->output_bits != 0)
		return PAGING_OUTPUT_RANGE;
	table->root = root;
	table->tables = 0;
	table_note_walk(table);
	held_add(table, HELD_ANYTHING);
	return PAGING_OK;
}

static inline void table_destroy(const struct encoder *e, struct page_table *table,
				 struct frame_allocator *frames)
{
	struct frame frame = { .size = table_bytes(e, table, 0) };
	struct page_cursor c;

	cursor_open(table, e, &c, 0, input_mask(table));
	for (;;) {
		uint64_t d = entry_load(cursor_entry(table, e, &c));

		if (e->is_present(table, d, c.level) && !e->is_leaf(d, c.level)) {
			cursor_descend(table, e, &c, table_address(e, table, d));
			continue;
		}
		if (!cursor_step(e, &c))
			break;
		while (cursor_left(table, e, &c)) {
			frame.start = c.phys[c.level];
			cursor_ascend(table, &c);
			frames->free(frames, FRAME_TABLE, frame);
		}
	}
	while (c.level != top_level(table)) {
		frame.start = c.phys[c.level];
		cursor_ascend(table, &c);
		frames->free(frames, FRAME_TABLE, frame);
	}
	frame = (struct frame){ .start = table->root,
				.size = root_frame_bytes(table, level_shift(e, 0)) };
	cursor_close(table, &c);
	frames->free(frames, FRAME_ROOT, frame);
	table->tables = 0;
}

#endif
