/* SPDX-License-Identifier: MIT */
/* What the registers of both stages have in common. */
#ifndef AARCH64_PAGING_REGISTERS_H
#define AARCH64_PAGING_REGISTERS_H

#include "engine/engine.h"
#include "engine/refuse.h"
#include "geometry.h"
#include "twofold/aarch64.h"
#include "twofold/aarch64_registers.h"

#define HAFDBS_DIRTY 2
#define BITS_16      2 /* of ASIDBits and VMIDBits */

static inline unsigned int id_field(uint64_t id, unsigned int shift)
{
	return id >> shift & 0xf;
}

static inline bool kind_is_arm(uint32_t kind)
{
	return (kind & (ARM_KIND_STAGE1 | ARM_KIND_STAGE2)) != 0;
}

static inline unsigned int kind_granule(uint32_t kind)
{
	return kind & ARM_KIND_GRANULE;
}

static inline bool kind_lpa2(uint32_t kind)
{
	return (kind & ARM_KIND_LPA2) != 0;
}

/* Output address bits by the value of PARange, PS and IPS (D19.2 ID_AA64MMFR0_EL1). */
unsigned int arm_pa_bits(const struct aarch64_cpu *cpu);
uint64_t arm_pa_size(unsigned int output_bits);

/* IRGN, ORGN and SH, at bits 13:8. */
uint64_t arm_walk_attributes(const struct aarch64_walk *walk);

/* TG0's value, which is VTCR's too. */
uint64_t arm_granule(const struct page_table *table);

/* Whether the walk may be as asked for. */
enum register_status arm_check_walk(const struct aarch64_cpu *cpu, const struct aarch64_walk *walk,
				    struct register_refusal *refusal);

/* BADDR and CnP of the table's root, for the register of that name. */
enum register_status arm_root(const struct page_table *table, const struct aarch64_walk *walk,
			      const char *name, uint64_t *ttbr, struct register_refusal *refusal);

#endif
