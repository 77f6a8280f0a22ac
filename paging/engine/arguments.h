/* SPDX-License-Identifier: MIT */
/* Checks of what callers pass: the same for every operation, in the order page_table.h promises. */
#ifndef PAGING_ENGINE_ARGUMENTS_H
#define PAGING_ENGINE_ARGUMENTS_H

#include "encoder.h"

static ALWAYS_INLINE enum paging_status op_fail(struct page_table_op *op, enum paging_status status,
						virt_addr where, uint64_t size)
{
	op->conflict = where;
	op->conflict_size = size;
	return status;
}

/*
 * Works out what every operation asks. Input addresses of a table become [0, input_limit) by adding
 * input_bias: what is sign-extended by half of what there is, an upper half by all of it.
 */
static ALWAYS_INLINE void arguments_prepare(const struct encoder *e, struct page_table *table)
{
	uint64_t bias = 0;

	if (e->input == INPUT_SIGN_EXTENDED)
		bias = UINT64_C(1) << (table->input_bits - 1u);
	else if (e->input == INPUT_ONE_HALF && table->upper)
		bias = UINT64_C(1) << table->input_bits;
	table->input_bias = bias;
	table->input_limit = UINT64_C(1) << table->input_bits;
	table->output_bad = ~((UINT64_C(1) << table->output_bits) - 1) | (level_size(e, 0) - 1);
}

static ALWAYS_INLINE bool input_valid(const struct encoder *e, const struct page_table *table,
				      virt_addr virt)
{
	if (e->input == INPUT_ZERO_EXTENDED)
		return virt < table->input_limit;
	return virt + table->input_bias < table->input_limit;
}

/* [virt, last], which does not wrap, lies in one half of the input addresses. If not, *bad is the
 * first address of it that does not. */
static inline enum paging_status check_input(const struct encoder *e,
					     const struct page_table *table, virt_addr virt,
					     virt_addr last, virt_addr *bad)
{
	bool halved = e->input == INPUT_SIGN_EXTENDED;
	uint64_t half = halved ? input_mask(table) >> 1 : input_mask(table);

	*bad = virt;
	if (!input_valid(e, table, virt))
		return PAGING_INPUT_RANGE;
	/* Within a half, addresses differ in the bits of the half only. */
	*bad = (virt | half) + 1;
	return ((virt ^ last) & ~half) == 0 ? PAGING_OK : PAGING_INPUT_RANGE;
}

static ALWAYS_INLINE bool output_valid(const struct page_table *table, phys_addr phys,
				       phys_addr last)
{
	return last >= phys && last >> table->output_bits == 0;
}

/* Modes that are no matter where they do not apply: what they allow is never done there. */
#define MODES_ANYWHERE (PAGING_RESUMABLE | PAGING_SPLIT | PAGING_SKIP_HOLES | PAGING_PLAN)

/* The others make another operation of it, and each has its own. */
static inline bool modes_valid(const struct page_table_op *op, uint32_t own)
{
	const uint32_t both = PAGING_SPLIT | PAGING_ENLARGE;

	if ((op->mode & PAGING_TELL) != 0 && !op->visitor)
		return false;
	return (op->mode & ~(MODES_ANYWHERE | own)) == 0 && (op->mode & both) != both;
}

/* A range of whole granules. `own`: the modes beyond MODES_ANYWHERE that the operation has. */
static inline enum paging_status check_range(const struct encoder *e,
					     const struct page_table *table, virt_addr virt,
					     uint64_t size, struct page_table_op *op, uint32_t own)
{
	uint64_t granule = level_size(e, 0);
	virt_addr bad;

	op->done = 0;
	op->tables = 0;
	op->enlarged = virt;
	op->enlarged_size = 0;
	op->conflict = virt;
	op->conflict_size = 0;
	if (!addr_is_aligned(virt | size, granule))
		return PAGING_UNALIGNED;
	if (size == 0 || virt + (size - 1) < virt)
		return PAGING_BAD_SIZE;
	if (check_input(e, table, virt, virt + (size - 1), &bad) != PAGING_OK)
		return op_fail(op, PAGING_INPUT_RANGE, bad, 0);
	if (UNLIKELY((op->mode & ~(uint32_t)MODES_ANYWHERE) != 0) && !modes_valid(op, own))
		return PAGING_BAD_ARGUMENT;
	return PAGING_OK;
}

#endif
