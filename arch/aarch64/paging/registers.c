/* SPDX-License-Identifier: MIT */
/* What an AArch64 CPU has, by its ID registers (Arm ARM DDI 0487, D19.2), and what
 * the registers of both stages share. */
#include "array_size.h"
#include "registers.h"

#include "root_frame.h"

static const uint8_t pa_bits[] = { 32, 36, 40, 42, 44, 48, 52 };

#define PA_SIZES ARRAY_SIZE(pa_bits)

/* Larger values of PARange are for descriptors of 128 bits. */
unsigned int arm_pa_bits(const struct aarch64_cpu *cpu)
{
	unsigned int range = id_field(cpu->id_aa64mmfr0, 0);

	return pa_bits[range < PA_SIZES ? range : PA_SIZES - 1];
}

/* No table has more than the last of them. */
uint64_t arm_pa_size(unsigned int output_bits)
{
	uint64_t size = 0;

	while (pa_bits[size] < output_bits)
		size++;
	return size;
}

/* A field of ID_AA64MMFR0_EL1 about one granule at one stage. */
struct granule_field {
	const char *name;
	unsigned int shift;
	unsigned int least; /* the value from which on there is the granule; the next has LPA2 */
};

/* The value that says no though it is not less. Where it does not, it is reserved. */
#define NO_GRANULE 0xf

/* By stage and granule: 4K, 16K, 64K. Values of 0 at stage 2 refer to stage 1. */
static const struct granule_field granule_fields[2][3] = {
	{ { "TGran4", 28, 0 }, { "TGran16", 20, 1 }, { "TGran64", 24, 0 } },
	{ { "TGran4_2", 40, 2 }, { "TGran16_2", 32, 2 }, { "TGran64_2", 36, 2 } },
};

static enum register_status check_granule(const struct aarch64_cpu *cpu, uint32_t kind,
					  struct register_refusal *refusal)
{
	unsigned int granule = (kind_granule(kind) - 12) / 2;
	unsigned int stage = (kind & ARM_KIND_STAGE2) != 0 ? 1 : 0;
	const struct granule_field *field = &granule_fields[stage][granule];
	unsigned int value = id_field(cpu->id_aa64mmfr0, field->shift);
	unsigned int wanted;

	if (stage == 1 && value == 0) {
		field = &granule_fields[0][granule];
		value = id_field(cpu->id_aa64mmfr0, field->shift);
	}
	wanted = field->least + (kind_lpa2(kind) ? 1 : 0);
	if (value < wanted || value == NO_GRANULE)
		return refuse(refusal, REGISTER_MISSING, "ID_AA64MMFR0_EL1", field->name, wanted,
			      value);
	return REGISTER_OK;
}

/* How many input bits there can be, and which field is to blame if that is not enough. */
static enum register_status check_width(const struct aarch64_cpu *cpu, uint32_t kind,
					unsigned int bits, struct register_refusal *refusal)
{
	unsigned int widest = arm_widest(kind_granule(kind), kind_lpa2(kind));
	unsigned int extra = (kind & ARM_KIND_STAGE2) != 0 ? ARM_CONCATENATION : 0;
	unsigned int least = arm_least(kind_granule(kind), extra);

	if (bits < least)
		return refuse(refusal, REGISTER_ARGUMENT, "page_table_config", "input_bits", bits,
			      least);
	if (bits > widest)
		return refuse(refusal, REGISTER_ARGUMENT, "page_table_config", "input_bits", bits,
			      widest);
	if ((kind & ARM_KIND_STAGE2) != 0 && bits > arm_pa_bits(cpu))
		return refuse(refusal, REGISTER_TOO_SMALL, "ID_AA64MMFR0_EL1", "PARange", bits,
			      arm_pa_bits(cpu));
	/* With LPA2 the other granules have 52 bits without FEAT_LVA. */
	if ((kind & ARM_KIND_STAGE1) != 0 && bits > 48 && !kind_lpa2(kind) &&
	    id_field(cpu->id_aa64mmfr2, 16) == 0)
		return refuse(refusal, REGISTER_TOO_SMALL, "ID_AA64MMFR2_EL1", "VARange", bits, 48);
	return REGISTER_OK;
}

static uint8_t most_output(const struct aarch64_cpu *cpu, uint32_t kind)
{
	unsigned int bits = arm_widest(kind_granule(kind), kind_lpa2(kind));

	return (uint8_t)(bits < arm_pa_bits(cpu) ? bits : arm_pa_bits(cpu));
}

static uint8_t most_input(const struct aarch64_cpu *cpu, uint32_t kind)
{
	unsigned int bits = arm_widest(kind_granule(kind), kind_lpa2(kind));

	if ((kind & ARM_KIND_STAGE2) != 0)
		return most_output(cpu, kind);
	return check_width(cpu, kind, bits, NULL) == REGISTER_OK ? (uint8_t)bits : 48;
}

/* Pages, blocks, and the groups of both that the input address has room for. */
static uint64_t most_leaf_sizes(uint32_t kind, const struct page_table_config *config)
{
	unsigned int shift = kind_granule(kind);
	unsigned int extra = (kind & ARM_KIND_STAGE2) != 0 ? ARM_CONCATENATION : 0;
	unsigned int levels = arm_levels(shift, extra, config->input_bits);
	unsigned int leaf_levels = arm_leaf_levels(shift, kind_lpa2(kind), config->output_bits);
	uint64_t sizes = 0;

	for (unsigned int level = 0; level < levels && level < leaf_levels; level++) {
		unsigned int leaf = shift + (shift - 3) * level;
		unsigned int group = leaf + (level == 0 ? ARM_PAGE_GROUP_SHIFT(shift)
							: ARM_BLOCK_GROUP_SHIFT(shift));

		sizes |= UINT64_C(1) << leaf;
		if (level < 2 && group <= config->input_bits)
			sizes |= UINT64_C(1) << group;
	}
	return sizes;
}

struct feature {
	uint32_t feature;
	uint32_t kinds; /* stages that have it */
	const char *name;
	const char *field;
	uint8_t shift;
	uint8_t least;
};

static const struct feature features[] = {
	{ AARCH64_HARDWARE_DIRTY, ARM_KIND_STAGE1 | ARM_KIND_STAGE2, "ID_AA64MMFR1_EL1", "HAFDBS",
	  0, HAFDBS_DIRTY },
	{ AARCH64_BTI, ARM_KIND_STAGE1, "ID_AA64PFR1_EL1", "BT", 0, 1 },
	{ AARCH64_BBM2, ARM_KIND_STAGE1 | ARM_KIND_STAGE2, "ID_AA64MMFR2_EL1", "BBM", 52, 2 },
	{ AARCH64_XNX, ARM_KIND_STAGE2, "ID_AA64MMFR1_EL1", "XNX", 28, 1 },
	{ AARCH64_FWB, ARM_KIND_STAGE2, "ID_AA64MMFR2_EL1", "FWB", 40, 1 },
};

#define FEATURES ARRAY_SIZE(features)

static unsigned int feature_value(const struct aarch64_cpu *cpu, const struct feature *feature)
{
	uint64_t id;

	switch (feature->feature) {
	case AARCH64_BTI:
		id = cpu->id_aa64pfr1;
		break;
	case AARCH64_BBM2:
	case AARCH64_FWB:
		id = cpu->id_aa64mmfr2;
		break;
	default:
		id = cpu->id_aa64mmfr1;
		break;
	}
	return id_field(id, feature->shift);
}

enum register_status aarch64_config(const struct aarch64_cpu *cpu, struct page_table_config *config,
				    struct register_refusal *refusal)
{
	uint32_t kind = config->format->kind;
	uint8_t input_bits = config->input_bits;
	enum register_status status;
	uint32_t allowed, said, wanted;

	if (!kind_is_arm(kind))
		return refuse(refusal, REGISTER_WRONG_TABLE, "page_table_config", "aarch64_*", 0,
			      0);
	said = config->features & (AARCH64_EL2 | AARCH64_UPPER);
	allowed = (said & AARCH64_EL2) != 0 ? AARCH64_EL2 : AARCH64_UPPER;
	if ((kind & ARM_KIND_STAGE1) == 0)
		allowed = 0;
	if ((said & ~allowed) != 0)
		return refuse(refusal, REGISTER_ARGUMENT, "page_table_config", "features", said,
			      said & allowed);
	if (input_bits == 0)
		input_bits = most_input(cpu, kind);
	status = check_granule(cpu, kind, refusal);
	if (status == REGISTER_OK)
		status = check_width(cpu, kind, input_bits, refusal);
	if (status != REGISTER_OK)
		return status;
	config->input_bits = input_bits;
	config->output_bits = most_output(cpu, kind);
	config->leaf_sizes = most_leaf_sizes(kind, config);
	/* Level 2 of FEAT_BBM asks something of the caller, who has to want it. */
	wanted = ~AARCH64_BBM2 | config->features;
	config->features = said;
	for (unsigned int i = 0; i < FEATURES; i++) {
		if ((kind & features[i].kinds) != 0 &&
		    feature_value(cpu, &features[i]) >= features[i].least)
			config->features |= features[i].feature & wanted;
	}
	config->memory_attributes = (kind & ARM_KIND_STAGE1) != 0 ? AARCH64_MAIR : 0;
	return REGISTER_OK;
}

enum register_status aarch64_check(const struct aarch64_cpu *cpu, const struct page_table *table,
				   struct register_refusal *refusal)
{
	uint32_t kind = table->format->kind;
	enum register_status status;

	if (!kind_is_arm(kind))
		return refuse(refusal, REGISTER_WRONG_TABLE, "page_table", "aarch64_*", 0, 0);
	status = check_granule(cpu, kind, refusal);
	if (status == REGISTER_OK)
		status = check_width(cpu, kind, table->input_bits, refusal);
	if (status != REGISTER_OK)
		return status;
	if (table->output_bits > arm_pa_bits(cpu))
		return refuse(refusal, REGISTER_TOO_SMALL, "ID_AA64MMFR0_EL1", "PARange",
			      table->output_bits, arm_pa_bits(cpu));
	for (unsigned int i = 0; i < FEATURES; i++) {
		unsigned int value = feature_value(cpu, &features[i]);

		if ((table->features & features[i].feature) != 0 && value < features[i].least)
			return refuse(refusal, REGISTER_MISSING, features[i].name,
				      features[i].field, features[i].least, value);
	}
	return REGISTER_OK;
}

uint64_t arm_walk_attributes(const struct aarch64_walk *walk)
{
	/* SH outer and 0; SH inner, ORGN and IRGN write-back with read and write allocation. */
	return walk->noncacheable ? UINT64_C(0x2000) : UINT64_C(0x3500);
}

uint64_t arm_granule(const struct page_table *table)
{
	switch (kind_granule(table->format->kind)) {
	case 12:
		return 0;
	case 14:
		return 2;
	default:
		return 1;
	}
}

enum register_status arm_check_walk(const struct aarch64_cpu *cpu, const struct aarch64_walk *walk,
				    struct register_refusal *refusal)
{
	if (walk->accessed && id_field(cpu->id_aa64mmfr1, 0) == 0)
		return refuse(refusal, REGISTER_MISSING, "ID_AA64MMFR1_EL1", "HAFDBS", 1, 0);
	if (walk->common && id_field(cpu->id_aa64mmfr2, 0) == 0)
		return refuse(refusal, REGISTER_MISSING, "ID_AA64MMFR2_EL1", "CnP", 1, 0);
	return REGISTER_OK;
}

enum register_status arm_root(const struct page_table *table, const struct aarch64_walk *walk,
			      const char *name, uint64_t *ttbr, struct register_refusal *refusal)
{
	uint64_t alignment = root_frame_bytes(table, kind_granule(table->format->kind));
	uint64_t low = table->root & UINT64_C(0x0000ffffffffffff);

	if (!addr_is_aligned(table->root, alignment))
		return refuse(refusal, REGISTER_UNALIGNED, name, "BADDR", alignment, table->root);
	*ttbr = low | (table->root >> 48 & 0xf) << 2 | (walk->common ? 1 : 0);
	return REGISTER_OK;
}
