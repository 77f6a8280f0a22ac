/* SPDX-License-Identifier: MIT */
/*
 * Mapping ranges; one page is map_page.h's. A range is planned first (is anything in the way, how
 * many tables will it take), then the frames are taken, then it is built, which cannot fail any
 * more. New tables are written before anything links to them.
 */
#ifndef PAGING_ENGINE_MAP_H
#define PAGING_ENGINE_MAP_H

#include "arguments.h"
#include "held.h"
#include "map_build.h"
#include "map_plan.h"
#include "reserve.h"

/* Checks the arguments, in the order that page_table.h says, and fills in the mapping. */
static inline enum paging_status map_prepare(const struct encoder *e, struct page_table *table,
					     virt_addr virt, phys_addr phys, uint64_t size,
					     struct page_flags flags, struct mapping *m,
					     struct page_table_op *op)
{
	enum paging_status status =
		check_range(e, table, virt, size, op, PAGING_REPLACE | PAGING_TELL);
	uint64_t allowed = table->leaf_sizes;

	if (!addr_is_aligned(phys, level_size(e, 0)))
		return op_fail(op, PAGING_UNALIGNED, virt, 0);
	if (status != PAGING_OK)
		return status;
	if (!output_valid(table, phys, phys + (size - 1)))
		return PAGING_OUTPUT_RANGE;
	if (!encode_held(e, table, flags, &m->attributes))
		return PAGING_BAD_FLAGS;
	m->replace = (op->mode & PAGING_REPLACE) != 0;
	if (m->replace && !op->gather && !op->frames)
		return PAGING_BAD_ARGUMENT;
	m->input = virt & input_mask(table);
	m->last = m->input + (size - 1);
	m->delta = phys - m->input;
	m->note = 0;
	/* The granule is always allowed: anything can be mapped with it. */
	if (op->leaf_sizes != 0)
		allowed &= op->leaf_sizes | level_size(e, 0);
	mapping_levels(e, table, m, allowed);
	return PAGING_OK;
}

/* Plans, unless it is resumable, and builds. */
static inline enum paging_status map_mapping(const struct encoder *e, struct page_table *table,
					     const struct mapping *m, struct page_table_op *op)
{
	const struct tlb_gather *gather = op->gather;
	struct reserve reserve = { .table = table,
				   .frames = op->frames,
				   .frame_size = table_bytes(e, table, 0) };
	struct map_plan plan;
	enum paging_status status;

	if ((op->mode & (PAGING_RESUMABLE | PAGING_PLAN)) != PAGING_RESUMABLE) {
		status = map_plan(e, table, m, &plan, op);
		if (status != PAGING_OK)
			return status;
		if (plan.breaks && gather_cannot_break(gather))
			return PAGING_NEEDS_FLUSH;
		if (gather && !gather_can_flush(gather) && plan.freed > gather_room(gather))
			return PAGING_GATHER_FULL;
		op->tables = plan.tables;
		if ((op->mode & PAGING_PLAN) != 0)
			return PAGING_OK;
		/* The plan can have noted what takes a flush. */
		if (!reserve_fill(&reserve, plan.tables))
			return op_fail(op, PAGING_NO_MEMORY, input_extend(e, table, m->input), 0);
	}
	return map_build(e, table, m, &reserve, op);
}

static ALWAYS_INLINE enum paging_status map_range(const struct encoder *e, struct page_table *table,
						  virt_addr virt, phys_addr phys, uint64_t size,
						  struct page_flags flags, struct page_table_op *op)
{
	struct mapping m;
	enum paging_status status = map_prepare(e, table, virt, phys, size, flags, &m, op);

	return status == PAGING_OK ? map_mapping(e, table, &m, op) : status;
}

/* Annotations are built like leaves that may have any size and go nowhere. They replace none. */
static inline enum paging_status annotate_mapping(const struct encoder *e, struct page_table *table,
						  uint64_t input, uint64_t size, uint64_t note,
						  struct page_table_op *op)
{
	struct mapping m = { .input = input, .last = input + (size - 1), .note = note };

	m.leaf_levels = (UINT32_C(1) << table->levels) - 1;
	held_add(table, HELD_ANNOTATIONS);
	return map_mapping(e, table, &m, op);
}

#endif
