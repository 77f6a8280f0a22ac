/* SPDX-License-Identifier: MIT */
/* VTTBR_EL2 and VTCR_EL2: Arm ARM DDI 0487, D19.2. */
#include "registers.h"

#define VMID_SHIFT 48

#define SL0_SHIFT 6
#define TG0_SHIFT 14
#define PS_SHIFT  16
#define VS        (UINT64_C(1) << 19)
#define HA        (UINT64_C(1) << 21)
#define HD        (UINT64_C(1) << 22)
#define RES1      (UINT64_C(1) << 31)
#define DS        (UINT64_C(1) << 32)

#define HCR_VM  (UINT64_C(1) << 0)
#define HCR_FWB (UINT64_C(1) << 46)

/* SL0 of the 4K granule counts from level 2, of the others from level 3, and up to level 0. Level
 * -1 is SL2 with SL0 0. A table of n levels starts at level 4 - n. */
static uint64_t start_level(const struct page_table *table)
{
	if (kind_granule(table->format->kind) != 12)
		return (table->levels - UINT64_C(1)) << SL0_SHIFT;
	return (table->levels - UINT64_C(2)) << SL0_SHIFT;
}

static uint64_t control(const struct aarch64_cpu *cpu, const struct page_table *table,
			const struct aarch64_walk *walk)
{
	uint64_t vtcr = RES1 | (64u - table->input_bits) | start_level(table) |
			arm_walk_attributes(walk) | arm_granule(table) << TG0_SHIFT |
			arm_pa_size(table->output_bits) << PS_SHIFT;

	if (id_field(cpu->id_aa64mmfr1, 4) == BITS_16)
		vtcr |= VS;
	if ((table->features & AARCH64_HARDWARE_DIRTY) != 0)
		vtcr |= HA | HD;
	if (walk->accessed)
		vtcr |= HA;
	return vtcr | (kind_lpa2(table->format->kind) ? DS : 0);
}

enum register_status aarch64_stage2_registers(const struct aarch64_cpu *cpu,
					      const struct page_table *table, uint16_t vmid,
					      const struct aarch64_walk *walk,
					      struct aarch64_stage2_registers *registers,
					      struct register_refusal *refusal)
{
	uint64_t last = id_field(cpu->id_aa64mmfr1, 4) == BITS_16 ? 0xffff : 0xff;
	enum register_status status;
	uint64_t vttbr;

	if ((table->format->kind & ARM_KIND_STAGE2) == 0)
		return refuse(refusal, REGISTER_WRONG_TABLE, "VTTBR_EL2", "aarch64_stage2_*", 0, 0);
	status = aarch64_check(cpu, table, refusal);
	if (status != REGISTER_OK)
		return status;
	if (vmid > last)
		return refuse(refusal, REGISTER_ARGUMENT, "VTTBR_EL2", "VMID", vmid, last);
	status = arm_check_walk(cpu, walk, refusal);
	if (status == REGISTER_OK)
		status = arm_root(table, walk, "VTTBR_EL2", &vttbr, refusal);
	if (status != REGISTER_OK)
		return status;
	registers->vttbr = vttbr | (uint64_t)vmid << VMID_SHIFT;
	registers->vtcr = control(cpu, table, walk);
	registers->hcr = HCR_VM | ((table->features & AARCH64_FWB) != 0 ? HCR_FWB : 0);
	return REGISTER_OK;
}
