/* SPDX-License-Identifier: MIT */
/* What a gather takes in TLBI and barriers: Arm ARM DDI 0487, D8.14, C5.5. */
#include "registers.h"
#include "twofold/aarch64_tlb.h"

#define VA_MASK     UINT64_C(0x00000fffffffffff) /* VA[55:12] in 43:0 */
#define BASE_MASK   UINT64_C(0x0000001fffffffff) /* of the ranges, 36:0 */
#define LEVEL_SHIFT 44
#define TG_SHIFT    46
#define ASID_SHIFT  48

/* The fields of a range. */
#define RANGE_LEVEL_SHIFT 37
#define RANGE_NUM_SHIFT   39
#define RANGE_SCALE_SHIFT 44
#define RANGE_SCALES      4
#define RANGE_NUMS        32
/* The most pages: NUM 31, SCALE 3. */
#define RANGE_PAGES_MAX   ((uint64_t)RANGE_NUMS << (5 * (RANGE_SCALES - 1) + 1))

/* A plan in the making, or (emit NULL) its length. */
struct plan {
	const struct aarch64_tlb *tlb;
	aarch64_tlb_emit emit;
	void *context;
	uint64_t limit; /* beyond it the length is of no interest */
	uint64_t count; /* TLBIs by address */
	unsigned int granule_shift;
	uint32_t kind;
};

static void emit_one(const struct plan *plan, enum aarch64_tlb_operation operation, bool range,
		     uint64_t operand)
{
	struct aarch64_tlb_instruction instruction = { .operation = operation,
						       .broadcast = !plan->tlb->local,
						       .range = range,
						       .operand = operand };

	plan->emit(plan->context, &instruction);
}

/* Of a table of stage 1. */
static bool is_el2(const struct plan *plan)
{
	return (plan->tlb->table->features & AARCH64_EL2) != 0;
}

/* The TLBI by address, and the ASID in its operand. */
static enum aarch64_tlb_operation by_address(const struct plan *plan, bool tables, uint64_t *asid)
{
	*asid = 0;
	if ((plan->kind & ARM_KIND_STAGE2) != 0)
		return tables ? AARCH64_TLBI_IPAS2E1 : AARCH64_TLBI_IPAS2LE1;
	if (is_el2(plan))
		return tables ? AARCH64_TLBI_VAE2 : AARCH64_TLBI_VALE2;
	if (plan->tlb->all_asids)
		return tables ? AARCH64_TLBI_VAAE1 : AARCH64_TLBI_VAALE1;
	*asid = (uint64_t)plan->tlb->asid << ASID_SHIFT;
	return tables ? AARCH64_TLBI_VAE1 : AARCH64_TLBI_VALE1;
}

/* Of an entry whose leaves are of that size or, for a group, of a part of it. */
static unsigned int entry_level(const struct plan *plan, uint64_t leaf_size)
{
	unsigned int level = 0;

	while (leaf_size >> (plan->granule_shift + (plan->granule_shift - 3) * (level + 1)) != 0)
		level++;
	return level;
}

/* TG as TTL and the ranges have it: 4K is 1, 16K 2, 64K 3. */
static uint64_t granule_number(const struct plan *plan)
{
	return (plan->granule_shift - 10) / 2;
}

/* SCALE and NUM of the largest range at `address` that `pages` hold, as its operand has them; how
 * many pages that is, or 0 where one TLBI by address is the way. */
static uint64_t range_fields(const struct plan *plan, uint64_t address, uint64_t pages,
			     uint64_t *fields)
{
	/* With LPA2 a range begins at a multiple of 64K whatever the granule is. */
	if (kind_lpa2(plan->kind) && !addr_is_aligned(address, PAGE_SIZE_64K))
		return 0;
	for (unsigned int scale = RANGE_SCALES; scale-- != 0;) {
		unsigned int shift = 5 * scale + 1;
		uint64_t units = pages >> shift;

		if (units == 0)
			continue;
		if (units > RANGE_NUMS)
			units = RANGE_NUMS;
		*fields = (uint64_t)scale << RANGE_SCALE_SHIFT | (units - 1) << RANGE_NUM_SHIFT;
		return units << shift;
	}
	return 0;
}

static uint64_t range_operand(const struct plan *plan, uint64_t address, unsigned int arm_level)
{
	unsigned int shift = kind_lpa2(plan->kind) ? 16 : plan->granule_shift;
	uint64_t operand = (address >> shift & BASE_MASK) | granule_number(plan) << TG_SHIFT;

	if (plan->tlb->ttl)
		operand |= (uint64_t)arm_level << RANGE_LEVEL_SHIFT;
	return operand;
}

/* Leaves: a TLBI for each entry, or a few for runs of them. */
static void plan_leaves(struct plan *plan, const struct tlb_range *range)
{
	unsigned int level = entry_level(plan, range->leaf_size), arm_level = 3 - level;
	uint64_t left = ((range->last - range->start) >> plan->granule_shift) + 1;
	uint64_t entry = UINT64_C(1) << ((plan->granule_shift - 3) * level); /* in pages */
	uint64_t address = range->start, asid, ttl = 0;
	enum aarch64_tlb_operation operation = by_address(plan, false, &asid);

	if (plan->tlb->ttl)
		ttl = granule_number(plan) << TG_SHIFT | (uint64_t)arm_level << LEVEL_SHIFT;
	while (left != 0 && plan->count <= plan->limit) {
		uint64_t pages = 0, operand = 0;

		if (plan->tlb->range && left > entry && entry <= RANGE_PAGES_MAX)
			pages = range_fields(plan, address, left, &operand);
		if (pages != 0)
			operand |= range_operand(plan, address, arm_level) | asid;
		else
			operand = (address >> 12 & VA_MASK) | ttl | asid;
		if (plan->emit != NULL)
			emit_one(plan, operation, pages != 0, operand);
		plan->count++;
		if (pages == 0)
			pages = entry;
		left -= pages;
		address += pages << plan->granule_shift;
	}
}

/* Tables: one address in the span of each, without a level. */
static void plan_tables(struct plan *plan, const struct tlb_range *range)
{
	uint64_t address = range->start, asid;
	enum aarch64_tlb_operation operation = by_address(plan, true, &asid);

	while (plan->count <= plan->limit) {
		if (plan->emit != NULL)
			emit_one(plan, operation, false, (address >> 12 & VA_MASK) | asid);
		plan->count++;
		if (range->last - address < range->leaf_size)
			return;
		address += range->leaf_size;
	}
}

static void plan_ranges(struct plan *plan, const struct tlb_gather *gather)
{
	for (size_t i = 0; i < gather->range_count; i++) {
		if (gather->ranges[i].tables)
			plan_tables(plan, &gather->ranges[i]);
		else
			plan_leaves(plan, &gather->ranges[i]);
	}
}

static void plan_everything(const struct plan *plan, const struct tlb_gather *gather)
{
	bool global = gather->everything_global || plan->tlb->all_asids;

	for (size_t i = 0; i < gather->range_count; i++)
		global |= gather->ranges[i].global;
	if ((plan->kind & ARM_KIND_STAGE2) != 0)
		emit_one(plan, AARCH64_TLBI_VMALLS12E1, false, 0);
	else if (is_el2(plan))
		emit_one(plan, AARCH64_TLBI_ALLE2, false, 0);
	else if (global)
		emit_one(plan, AARCH64_TLBI_VMALLE1, false, 0);
	else
		emit_one(plan, AARCH64_TLBI_ASIDE1, false, (uint64_t)plan->tlb->asid << ASID_SHIFT);
}

enum register_status aarch64_tlb_plan(const struct aarch64_tlb *tlb,
				      const struct tlb_gather *gather, aarch64_tlb_emit emit,
				      void *context)
{
	uint32_t kind = tlb->table->format->kind;
	struct plan plan = { .tlb = tlb,
			     .limit = tlb->threshold != 0 ? tlb->threshold : AARCH64_TLB_THRESHOLD,
			     .granule_shift = kind_granule(kind),
			     .kind = kind };
	bool everything = gather->everything;

	if (!kind_is_arm(kind))
		return REGISTER_WRONG_TABLE;
	if (!tlb_gather_needed(gather))
		return REGISTER_OK;
	if (!everything) {
		plan_ranges(&plan, gather);
		everything = plan.count > plan.limit;
		plan.count = 0;
	}
	plan.emit = emit;
	plan.context = context;
	emit_one(&plan, AARCH64_DSB_STORES, false, 0);
	if (everything)
		plan_everything(&plan, gather);
	else
		plan_ranges(&plan, gather);
	emit_one(&plan, AARCH64_DSB, false, 0);
	if (!everything && (kind & ARM_KIND_STAGE2) != 0) {
		emit_one(&plan, AARCH64_TLBI_VMALLE1, false, 0);
		emit_one(&plan, AARCH64_DSB, false, 0);
	}
	emit_one(&plan, AARCH64_ISB, false, 0);
	return REGISTER_OK;
}

enum register_status aarch64_tlb_after_map(const struct aarch64_tlb *tlb, aarch64_tlb_emit emit,
					   void *context)
{
	struct plan plan = { .tlb = tlb, .emit = emit, .context = context };

	if (!kind_is_arm(tlb->table->format->kind))
		return REGISTER_WRONG_TABLE;
	emit_one(&plan, AARCH64_DSB_STORES, false, 0);
	emit_one(&plan, AARCH64_ISB, false, 0);
	return REGISTER_OK;
}
