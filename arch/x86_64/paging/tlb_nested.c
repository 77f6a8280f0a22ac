/* SPDX-License-Identifier: MIT */
/* INVEPT, INVVPID and the VMCB's TLB_CONTROL. */
#include "array_size.h"
#include "engine/engine.h"
#include "engine/refuse.h"
#include "geometry.h"
#include "tlb.h"

#define CAP_INVEPT                    (UINT64_C(1) << 20)
#define CAP_INVEPT_SINGLE             (UINT64_C(1) << 25)
#define CAP_INVEPT_ALL                (UINT64_C(1) << 26)
#define CAP_INVVPID                   (UINT64_C(1) << 32)
#define CAP_INVVPID_ADDRESS           (UINT64_C(1) << 40)
#define CAP_INVVPID_SINGLE            (UINT64_C(1) << 41)
#define CAP_INVVPID_ALL               (UINT64_C(1) << 42)
#define CAP_INVVPID_SINGLE_NOT_GLOBAL (UINT64_C(1) << 43)

static const char cap_name[] = "IA32_VMX_EPT_VPID_CAP";

enum register_status x86_64_ept_tlb_plan(const struct page_table *table, uint64_t ept_vpid_cap,
					 uint64_t eptp, const struct tlb_gather *gather,
					 x86_64_tlb_emit emit, void *context,
					 struct register_refusal *refusal)
{
	struct x86_64_tlb_instruction instruction = { .operation = X86_64_INVEPT };

	if (table->format->kind != X86_KIND_EPT)
		return refuse(refusal, REGISTER_WRONG_TABLE, "INVEPT", "x86_64_ept", 0, 0);
	if ((ept_vpid_cap & CAP_INVEPT) == 0)
		return refuse(refusal, REGISTER_MISSING, cap_name, "bit 20, INVEPT", 1, 0);
	if ((ept_vpid_cap & CAP_INVEPT_SINGLE) != 0) {
		instruction.type = INVEPT_SINGLE;
		instruction.id = eptp;
	} else if ((ept_vpid_cap & CAP_INVEPT_ALL) != 0) {
		instruction.type = INVEPT_ALL;
	} else {
		return refuse(refusal, REGISTER_MISSING, cap_name, "bit 26, all-context INVEPT", 1,
			      0);
	}
	if (tlb_gather_needed(gather))
		emit(context, &instruction);
	return REGISTER_OK;
}

/* The type that drops no more than need be; false if the CPU has none. */
static bool vpid_type(uint64_t cap, bool by_address, bool global, uint32_t *type)
{
	const struct {
		uint64_t cap;
		bool fits;
		uint32_t type;
	} types[] = {
		{ CAP_INVVPID_ADDRESS, by_address, INVVPID_ADDRESS },
		{ CAP_INVVPID_SINGLE_NOT_GLOBAL, !global, INVVPID_SINGLE_NOT_GLOBAL },
		{ CAP_INVVPID_SINGLE, true, INVVPID_SINGLE },
		{ CAP_INVVPID_ALL, true, INVVPID_ALL },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].fits && (cap & types[i].cap) != 0) {
			*type = types[i].type;
			return true;
		}
	}
	return false;
}

enum register_status x86_64_vpid_tlb_plan(const struct page_table *table, uint64_t ept_vpid_cap,
					  uint16_t vpid, uint32_t threshold,
					  const struct tlb_gather *gather, x86_64_tlb_emit emit,
					  void *context, struct register_refusal *refusal)
{
	struct x86_64_tlb_instruction instruction = { .operation = X86_64_INVVPID, .id = vpid };
	uint64_t limit = threshold != 0 ? threshold : X86_64_TLB_THRESHOLD;
	bool by_address = !gather->everything && x86_64_tlb_count(gather) <= limit;

	if (table->format->kind != X86_KIND_STAGE1)
		return refuse(refusal, REGISTER_WRONG_TABLE, "INVVPID", "x86_64_stage1", 0, 0);
	if (vpid == 0)
		return refuse(refusal, REGISTER_ARGUMENT, "INVVPID", "VPID", vpid, UINT16_MAX);
	if ((ept_vpid_cap & CAP_INVVPID) == 0)
		return refuse(refusal, REGISTER_MISSING, cap_name, "bit 32, INVVPID", 1, 0);
	/* Type 0 is about the given address; a table that went is not left to it. */
	for (size_t i = 0; i < gather->range_count; i++)
		by_address &= !gather->ranges[i].tables;
	if (!vpid_type(ept_vpid_cap, by_address, x86_64_tlb_any_global(gather), &instruction.type))
		return refuse(refusal, REGISTER_MISSING, cap_name, "bit 42, all-context INVVPID", 1,
			      0);
	if (!tlb_gather_needed(gather))
		return REGISTER_OK;
	if (instruction.type == INVVPID_ADDRESS)
		x86_64_tlb_emit_ranges(&instruction, gather, false, emit, context);
	else
		emit(context, &instruction);
	return REGISTER_OK;
}

enum register_status x86_64_npt_tlb_control(const struct page_table *table,
					    const struct tlb_gather *gather, bool flush_by_asid,
					    enum x86_64_tlb_control *control)
{
	if (table->format->kind != X86_KIND_NPT)
		return REGISTER_WRONG_TABLE;
	*control = TLB_CONTROL_NOTHING;
	if (tlb_gather_needed(gather))
		*control = flush_by_asid ? TLB_CONTROL_GUEST : TLB_CONTROL_ALL;
	return REGISTER_OK;
}
