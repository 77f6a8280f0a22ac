/* SPDX-License-Identifier: MIT */
/* What a gather takes in SFENCE.VMA, HFENCE.VVMA and HFENCE.GVMA: privileged specification, 12.2.1,
 * the hypervisor extension, Svinval. */
#include "twofold/riscv_tlb.h"

#include "sv.h"

struct plan {
	const struct riscv_tlb *tlb;
	riscv_tlb_emit emit;
	void *context;
	enum riscv_tlb_operation operation;
	unsigned int address_shift; /* of rs1 */
};

static void emit_one(const struct plan *plan, enum riscv_tlb_operation operation)
{
	const struct riscv_tlb_instruction instruction = { .operation = operation };

	plan->emit(plan->context, &instruction);
}

/* One for the table's ID, or for all IDs; `address` NULL: for all addresses. */
static void emit_fence(const struct plan *plan, const virt_addr *address, bool global)
{
	struct riscv_tlb_instruction instruction = { .operation = plan->operation };

	if (address) {
		instruction.by_address = true;
		instruction.address = *address >> plan->address_shift;
	}
	if (!global && !plan->tlb->all_ids) {
		instruction.by_id = true;
		instruction.id = plan->tlb->id;
	}
	plan->emit(plan->context, &instruction);
}

static void emit_range(const struct plan *plan, const struct tlb_range *range)
{
	for (virt_addr address = range->start;; address += range->leaf_size) {
		emit_fence(plan, &address, range->global);
		if (range->last - address < range->leaf_size)
			return;
	}
}

/* Single addresses that the ranges take; more than any limit if a table is among them. */
static uint64_t count_addresses(const struct tlb_gather *gather)
{
	uint64_t count = 0;

	for (size_t i = 0; i < gather->range_count; i++) {
		const struct tlb_range *range = &gather->ranges[i];

		if (range->tables)
			return UINT64_MAX;
		count += (range->last - range->start) / range->leaf_size + 1;
	}
	return count;
}

static void plan_everything(const struct plan *plan, const struct tlb_gather *gather)
{
	bool global = gather->everything && gather->everything_global;

	for (size_t i = 0; i < gather->range_count; i++)
		global |= gather->ranges[i].global;
	emit_fence(plan, NULL, global);
}

/* The fence for such a table; false if it is none. */
static bool choose_fence(struct plan *plan)
{
	uint32_t kind = plan->tlb->table->format->kind;

	plan->operation = plan->tlb->guest ? RISCV_HFENCE_VVMA : RISCV_SFENCE_VMA;
	plan->address_shift = 0;
	if (kind == RISCV_KIND_STAGE1)
		return true;
	plan->operation = RISCV_HFENCE_GVMA;
	plan->address_shift = 2;
	return kind == RISCV_KIND_G_STAGE && !plan->tlb->guest;
}

enum register_status riscv_tlb_plan(const struct riscv_tlb *tlb, const struct tlb_gather *gather,
				    riscv_tlb_emit emit, void *context)
{
	uint64_t limit = tlb->threshold != 0 ? tlb->threshold : RISCV_TLB_THRESHOLD;
	struct plan plan = { .tlb = tlb, .emit = emit, .context = context };
	uint64_t count;
	bool svinval;

	if (!choose_fence(&plan))
		return REGISTER_WRONG_TABLE;
	if (!tlb_gather_needed(gather))
		return REGISTER_OK;
	count = gather->everything ? UINT64_MAX : count_addresses(gather);
	if (count > limit) {
		plan_everything(&plan, gather);
		return REGISTER_OK;
	}
	svinval = tlb->svinval && count > 1;
	if (svinval) {
		emit_one(&plan, RISCV_SFENCE_W_INVAL);
		plan.operation += RISCV_SINVAL_VMA - RISCV_SFENCE_VMA;
	}
	for (size_t i = 0; i < gather->range_count; i++)
		emit_range(&plan, &gather->ranges[i]);
	if (svinval)
		emit_one(&plan, RISCV_SFENCE_INVAL_IR);
	return REGISTER_OK;
}
