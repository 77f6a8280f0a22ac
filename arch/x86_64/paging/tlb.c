/* SPDX-License-Identifier: MIT */
/* Stage 1: what a gather takes in INVLPG, INVPCID and loads of CR3 and CR4. */
#include "engine/engine.h"
#include "geometry.h"
#include "tlb.h"

uint64_t x86_64_tlb_count(const struct tlb_gather *gather)
{
	uint64_t count = 0;

	for (size_t i = 0; i < gather->range_count; i++) {
		const struct tlb_range *range = &gather->ranges[i];

		count += (range->last - range->start) / range->leaf_size + 1;
	}
	return count;
}

bool x86_64_tlb_any_global(const struct tlb_gather *gather)
{
	bool global = gather->everything && gather->everything_global;

	for (size_t i = 0; i < gather->range_count; i++)
		global |= gather->ranges[i].global;
	return global;
}

static void emit_plain(enum x86_64_tlb_operation operation, x86_64_tlb_emit emit, void *context)
{
	struct x86_64_tlb_instruction instruction = { .operation = operation };

	emit(context, &instruction);
}

static void emit_invpcid(enum x86_64_invpcid type, uint16_t pcid, x86_64_tlb_emit emit,
			 void *context)
{
	struct x86_64_tlb_instruction instruction = { .operation = X86_64_INVPCID,
						      .type = type,
						      .id = pcid };

	emit(context, &instruction);
}

/* All of the current address space. CR3 leaves global translations. */
static void plan_all_current(const struct x86_64_tlb *tlb, bool global, x86_64_tlb_emit emit,
			     void *context)
{
	if (!global)
		emit_plain(X86_64_RELOAD_CR3, emit, context);
	else if (tlb->invpcid)
		emit_invpcid(INVPCID_ALL, 0, emit, context);
	else
		emit_plain(X86_64_TOGGLE_PGE, emit, context);
}

/* All of every PCID. */
static void plan_all_pcids(const struct x86_64_tlb *tlb, bool global, x86_64_tlb_emit emit,
			   void *context)
{
	if (!tlb->invpcid)
		emit_plain(X86_64_TOGGLE_PGE, emit, context);
	else
		emit_invpcid(global ? INVPCID_ALL : INVPCID_NOT_GLOBAL, 0, emit, context);
}

static void emit_range(const struct x86_64_tlb_instruction *model, const struct tlb_range *range,
		       x86_64_tlb_emit emit, void *context)
{
	struct x86_64_tlb_instruction instruction = *model;

	for (uint64_t address = range->start;; address += range->leaf_size) {
		instruction.address = address;
		emit(context, &instruction);
		if (range->last - address < range->leaf_size)
			return;
	}
}

void x86_64_tlb_emit_ranges(const struct x86_64_tlb_instruction *model,
			    const struct tlb_gather *gather, bool only_global, x86_64_tlb_emit emit,
			    void *context)
{
	for (size_t i = 0; i < gather->range_count; i++) {
		const struct tlb_range *range = &gather->ranges[i];

		if (!only_global || range->global)
			emit_range(model, range, emit, context);
	}
}

/* Another PCID, by INVPCID. Of tables, type 0 promises nothing for the caches; type 1 does. */
static void plan_other(const struct x86_64_tlb *tlb, const struct tlb_gather *gather, bool all,
		       x86_64_tlb_emit emit, void *context)
{
	struct x86_64_tlb_instruction by_address = { .operation = X86_64_INVPCID,
						     .type = INVPCID_ADDRESS,
						     .id = tlb->pcid };

	for (size_t i = 0; i < gather->range_count; i++)
		all |= gather->ranges[i].tables;
	if (all)
		emit_invpcid(INVPCID_SINGLE, tlb->pcid, emit, context);
	else
		x86_64_tlb_emit_ranges(&by_address, gather, false, emit, context);
}

enum register_status x86_64_tlb_plan(const struct x86_64_tlb *tlb, const struct tlb_gather *gather,
				     x86_64_tlb_emit emit, void *context)
{
	const struct x86_64_tlb_instruction invlpg = { .operation = X86_64_INVLPG };
	uint64_t limit = tlb->threshold != 0 ? tlb->threshold : X86_64_TLB_THRESHOLD;
	bool all = gather->everything || x86_64_tlb_count(gather) > limit;
	bool global = x86_64_tlb_any_global(gather);
	bool shared = tlb->space == X86_64_TLB_SHARED;
	bool current = tlb->space == X86_64_TLB_CURRENT || (shared && !tlb->pcid_enabled);
	/* INVLPG would leave the other PCIDs' translations that are not global. */
	bool pcids =
		!current && (shared || (tlb->pcid_enabled && (!tlb->invpcid || (all && global))));

	if (tlb->table->format->kind != X86_KIND_STAGE1)
		return REGISTER_WRONG_TABLE;
	if (!tlb_gather_needed(gather))
		return REGISTER_OK;
	if (current && !all) {
		x86_64_tlb_emit_ranges(&invlpg, gather, false, emit, context);
	} else if (pcids) {
		plan_all_pcids(tlb, global, emit, context);
	} else if (current || (all && global)) {
		plan_all_current(tlb, global, emit, context);
	} else {
		if (tlb->pcid_enabled)
			plan_other(tlb, gather, all, emit, context);
		/* Global translations of an address go by INVLPG, whatever space is current. */
		x86_64_tlb_emit_ranges(&invlpg, gather, true, emit, context);
	}
	return REGISTER_OK;
}
