/* SPDX-License-Identifier: MIT */
/* TTBR0, TTBR1, TCR and MAIR: Arm ARM DDI 0487, D19.2. */
#include "registers.h"

#define ASID_SHIFT 48

/* TCR_EL1 */
#define UPPER_SHIFT 16 /* from T0SZ, EPD0, IRGN0, ORGN0, SH0 to T1SZ, ... */
#define TG0_SHIFT   14
#define TG1_SHIFT   30
#define IPS_SHIFT   32
#define EPD         (UINT64_C(1) << 7)
#define AS          (UINT64_C(1) << 36)
#define HA          (UINT64_C(1) << 39)
#define HD          (UINT64_C(1) << 40)
#define DS          (UINT64_C(1) << 59)

/* TCR_EL2 */
#define EL2_PS_SHIFT 16
#define EL2_HA       (UINT64_C(1) << 21)
#define EL2_HD       (UINT64_C(1) << 22)
#define EL2_DS       (UINT64_C(1) << 32)
#define EL2_RES1     (UINT64_C(1) << 31 | UINT64_C(1) << 23)

/* What both registers are called depends on the regime. */
struct names {
	const char *ttbr0, *ttbr1, *tcr, *mair;
};

static const struct names el1_names = { "TTBR0_EL1", "TTBR1_EL1", "TCR_EL1", "MAIR_EL1" };
static const struct names el2_names = { "TTBR0_EL2", "TTBR1_EL2", "TCR_EL2", "MAIR_EL2" };

static bool is_el2(const struct page_table *lower)
{
	return lower != NULL && (lower->features & AARCH64_EL2) != 0;
}

static enum register_status check_half(const struct aarch64_cpu *cpu,
				       const struct page_table *table, bool upper, const char *name,
				       struct register_refusal *refusal)
{
	if (table == NULL)
		return REGISTER_OK;
	if ((table->format->kind & ARM_KIND_STAGE1) == 0)
		return refuse(refusal, REGISTER_WRONG_TABLE, name, "aarch64_stage1_*", 0, 0);
	if (table->upper != upper)
		return refuse(refusal, REGISTER_MISMATCH, name, "AARCH64_UPPER", upper,
			      table->upper);
	return aarch64_check(cpu, table, refusal);
}

/* What one TCR and one MAIR say for both halves. */
static enum register_status check_halves(const struct page_table *lower,
					 const struct page_table *upper, const struct names *names,
					 struct register_refusal *refusal)
{
	bool lower_lpa2, upper_lpa2;

	if (lower == NULL && upper == NULL)
		return refuse(refusal, REGISTER_ARGUMENT, names->tcr, "EPD0 and EPD1", 2, 1);
	if (lower == NULL || upper == NULL)
		return REGISTER_OK;
	if (is_el2(lower))
		return refuse(refusal, REGISTER_MISMATCH, names->ttbr1, "AARCH64_EL2", 0, 1);
	lower_lpa2 = kind_lpa2(lower->format->kind);
	upper_lpa2 = kind_lpa2(upper->format->kind);
	if (lower_lpa2 != upper_lpa2)
		return refuse(refusal, REGISTER_MISMATCH, names->tcr, "DS", lower_lpa2, upper_lpa2);
	if (lower->memory_attributes != upper->memory_attributes)
		return refuse(refusal, REGISTER_MISMATCH, names->mair, "Attr0 to Attr7",
			      lower->memory_attributes, upper->memory_attributes);
	return REGISTER_OK;
}

static enum register_status check_asid(const struct aarch64_cpu *cpu,
				       const struct page_table *lower, uint16_t asid,
				       const struct names *names, struct register_refusal *refusal)
{
	uint64_t last = id_field(cpu->id_aa64mmfr0, 4) == BITS_16 ? 0xffff : 0xff;

	if (is_el2(lower))
		last = 0;
	if (asid > last)
		return refuse(refusal, REGISTER_ARGUMENT, names->ttbr0, "ASID", asid, last);
	return REGISTER_OK;
}

/* TnSZ, EPDn, IRGNn, ORGNn and SHn as T0SZ and the others. A half without a table is described as
 * the other half, so that nothing in it is a value that the CPU lacks. */
static uint64_t half_control(const struct page_table *table, const struct page_table *other,
			     const struct aarch64_walk *walk)
{
	const struct page_table *described = table != NULL ? table : other;

	return (64u - described->input_bits) | (table != NULL ? 0 : EPD) |
	       arm_walk_attributes(walk);
}

/* TG1 numbers the granules 16K, 4K, 64K from 1. */
static uint64_t upper_granule(const struct page_table *table)
{
	static const uint8_t values[] = { 2, 3, 1 };

	return values[arm_granule(table)];
}

static bool has_dirty(const struct page_table *table)
{
	return table != NULL && (table->features & AARCH64_HARDWARE_DIRTY) != 0;
}

static uint64_t el1_control(const struct aarch64_cpu *cpu, const struct page_table *lower,
			    const struct page_table *upper, const struct aarch64_walk *walk)
{
	const struct page_table *any = lower != NULL ? lower : upper;
	unsigned int output_bits = any->output_bits;
	uint64_t tcr = half_control(lower, upper, walk);

	if (upper != NULL && upper->output_bits > output_bits)
		output_bits = upper->output_bits;
	tcr |= half_control(upper, lower, walk) << UPPER_SHIFT;
	tcr |= arm_granule(any) << TG0_SHIFT;
	tcr |= upper_granule(upper != NULL ? upper : lower) << TG1_SHIFT;
	tcr |= arm_pa_size(output_bits) << IPS_SHIFT;
	if (id_field(cpu->id_aa64mmfr0, 4) == BITS_16)
		tcr |= AS;
	if (has_dirty(lower) || has_dirty(upper))
		tcr |= HA | HD;
	if (walk->accessed)
		tcr |= HA;
	return tcr | (kind_lpa2(any->format->kind) ? DS : 0);
}

static uint64_t el2_control(const struct page_table *table, const struct aarch64_walk *walk)
{
	uint64_t tcr = EL2_RES1 | half_control(table, NULL, walk);

	tcr |= arm_granule(table) << TG0_SHIFT;
	tcr |= arm_pa_size(table->output_bits) << EL2_PS_SHIFT;
	if (has_dirty(table))
		tcr |= EL2_HA | EL2_HD;
	if (walk->accessed)
		tcr |= EL2_HA;
	return tcr | (kind_lpa2(table->format->kind) ? EL2_DS : 0);
}

static enum register_status stage1_roots(const struct page_table *lower,
					 const struct page_table *upper,
					 const struct aarch64_walk *walk, const struct names *names,
					 uint64_t ttbr[2], struct register_refusal *refusal)
{
	enum register_status status = REGISTER_OK;

	ttbr[0] = 0;
	ttbr[1] = 0;
	if (lower != NULL)
		status = arm_root(lower, walk, names->ttbr0, &ttbr[0], refusal);
	if (status == REGISTER_OK && upper != NULL)
		status = arm_root(upper, walk, names->ttbr1, &ttbr[1], refusal);
	return status;
}

enum register_status aarch64_stage1_registers(const struct aarch64_cpu *cpu,
					      const struct page_table *lower,
					      const struct page_table *upper, uint16_t asid,
					      const struct aarch64_walk *walk,
					      struct aarch64_stage1_registers *registers,
					      struct register_refusal *refusal)
{
	bool el2 = is_el2(lower);
	const struct names *names = el2 ? &el2_names : &el1_names;
	enum register_status status;
	uint64_t ttbr[2];

	status = check_half(cpu, lower, false, names->ttbr0, refusal);
	if (status == REGISTER_OK)
		status = check_half(cpu, upper, true, names->ttbr1, refusal);
	if (status == REGISTER_OK)
		status = check_halves(lower, upper, names, refusal);
	if (status == REGISTER_OK)
		status = check_asid(cpu, lower, asid, names, refusal);
	if (status == REGISTER_OK)
		status = arm_check_walk(cpu, walk, refusal);
	if (status == REGISTER_OK)
		status = stage1_roots(lower, upper, walk, names, ttbr, refusal);
	if (status != REGISTER_OK)
		return status;
	registers->ttbr0 = ttbr[0] | (uint64_t)asid << ASID_SHIFT;
	registers->ttbr1 = ttbr[1];
	registers->tcr = el2 ? el2_control(lower, walk) : el1_control(cpu, lower, upper, walk);
	registers->mair = (lower != NULL ? lower : upper)->memory_attributes;
	return REGISTER_OK;
}
