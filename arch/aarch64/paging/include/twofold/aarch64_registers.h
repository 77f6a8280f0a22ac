/* SPDX-License-Identifier: MIT */
/*
 * TTBR, TCR and MAIR, VTTBR and VTCR: their values, what the CPU must have for them, and the
 * largest configuration that a CPU allows. Everything is computed from ID registers that the
 * caller read.
 *
 *	struct page_table_config config = { .format = &aarch64_stage2_4k, .input_bits = 40 };
 *
 *	aarch64_config(&cpu, &config, NULL);    // fill in config.access
 *	page_table_init(&table, &config, frames);
 *	aarch64_stage2_registers(&cpu, &table, vmid, &walk, &registers, NULL);
 *
 * `refusal` may be NULL everywhere; it is written when the answer is not REGISTER_OK, and no other
 * result is then. It counts widths (PARange) in bits. Sections are of the Arm ARM, DDI 0487.
 */
#ifndef TWOFOLD_AARCH64_REGISTERS_H
#define TWOFOLD_AARCH64_REGISTERS_H

#include "twofold/page_table.h"
#include "twofold/register_status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct aarch64_cpu {
	uint64_t id_aa64isar0;
	uint64_t id_aa64mmfr0;
	uint64_t id_aa64mmfr1;
	uint64_t id_aa64mmfr2;
	uint64_t id_aa64pfr1;
};

/*
 * The configuration that has all of the CPU. The caller says config->format, AARCH64_EL2,
 * AARCH64_UPPER and AARCH64_BBM2 in config->features, and config->input_bits, or 0 there for the
 * most; all else but `access`, `parallel` and the modifier is filled in: PARange; pages, blocks and
 * contiguous groups; hardware dirty state, BTI, XNX, FWB. Take away what is not used. AARCH64_BBM2
 * stays where the CPU has it: only for who handles what comes of it, see there.
 * REGISTER_WRONG_TABLE; REGISTER_MISSING of the granule, or of LPA2 with it; REGISTER_TOO_SMALL of
 * VARange, at stage 2 of PARange; REGISTER_ARGUMENT where no CPU has that many input bits with the
 * format, and of features that exclude each other, or belong to the other stage.
 */
enum register_status aarch64_config(const struct aarch64_cpu *cpu, struct page_table_config *config,
				    struct register_refusal *refusal);

/* Whether the CPU has what the table uses. Errors as aarch64_config, and REGISTER_TOO_SMALL of
 * PARange, REGISTER_MISSING for each feature. */
enum register_status aarch64_check(const struct aarch64_cpu *cpu, const struct page_table *table,
				   struct register_refusal *refusal);

/* How tables are walked. All zero: as write-back, inner shareable memory. */
struct aarch64_walk {
	bool noncacheable; /* the walker does not look into caches: non-cacheable, outer shareable.
			      With LPA2 it is the shareability of all memory, too */
	bool accessed;     /* TCR.HA: hardware sets the access flag. With a table that has
			      AARCH64_HARDWARE_DIRTY it is set in any case, with TCR.HD */
	bool common;       /* CnP: other CPUs of the shareability domain use the same tables */
};

struct aarch64_stage1_registers {
	uint64_t ttbr0;
	uint64_t ttbr1; /* 0 at EL2 */
	uint64_t tcr;
	uint64_t mair;
};

/*
 * Stage 1 (D8.2, D19.2 TCR_EL1 and TCR_EL2). `lower` and `upper` are the tables of the
 * two halves of EL1&0, with AARCH64_UPPER in the second; one of them may be NULL, and its half is
 * never walked (EPD). If `lower` has AARCH64_EL2 the registers are those of EL2 without
 * HCR_EL2.E2H, `upper` is NULL and `asid` 0. With E2H the values for EL1&0 are those of EL2&0.
 *
 * TTBR0 has the ASID (TCR_EL1.A1 is 0), which is 8 bits wide unless the CPU has 16. Address tags
 * are not ignored (TBI is 0), hierarchical permissions are not disabled (HPD is 0). A root lies
 * at a multiple of its size and of 64 bytes; with 52-bit output addresses bits 51:48 of its address
 * are bits 5:2 of TTBR.
 *
 * Errors as aarch64_check; REGISTER_MISMATCH if the two tables say different MAIR or TCR.DS
 * (LPA2), or one is not of its half; REGISTER_ARGUMENT; REGISTER_MISSING of HAFDBS or CnP;
 * REGISTER_UNALIGNED.
 */
enum register_status aarch64_stage1_registers(const struct aarch64_cpu *cpu,
					      const struct page_table *lower,
					      const struct page_table *upper, uint16_t asid,
					      const struct aarch64_walk *walk,
					      struct aarch64_stage1_registers *registers,
					      struct register_refusal *refusal);

struct aarch64_stage2_registers {
	uint64_t vttbr;
	uint64_t vtcr;
	uint64_t hcr; /* the bits of HCR_EL2 that the table takes: VM, and FWB with AARCH64_FWB */
};

/*
 * Stage 2 (D8.2, D19.2 VTCR_EL2). SL0 says the level that the table's root is of, and with T0SZ how
 * many tables are concatenated in it. The library concatenates wherever that saves a level, which
 * includes the cases where the architecture demands it (4K with PARange below 44 bits, 16K below
 * 42, 64K below 44). So no table starts at level -1, and SL2 is 0. VS is 1 where the CPU has 16-bit
 * VMIDs. Errors as aarch64_check; REGISTER_ARGUMENT, REGISTER_MISSING and REGISTER_UNALIGNED as for
 * stage 1.
 */
enum register_status aarch64_stage2_registers(const struct aarch64_cpu *cpu,
					      const struct page_table *table, uint16_t vmid,
					      const struct aarch64_walk *walk,
					      struct aarch64_stage2_registers *registers,
					      struct register_refusal *refusal);

#ifdef __cplusplus
}
#endif

#endif
