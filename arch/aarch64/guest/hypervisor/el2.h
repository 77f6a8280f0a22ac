/* SPDX-License-Identifier: MIT */
/* Guests at EL1, on tables of stage 2. */
#ifndef ARCH_AARCH64_GUEST_EL2_H
#define ARCH_AARCH64_GUEST_EL2_H

#include "guest/inner.h"
#include "twofold/aarch64_registers.h"

extern const struct inner_backend inner_el2;

/* el2_enter.S has it in this order. */
struct el2_registers {
	uint64_t x[31];
	uint64_t sp; /* SP_EL0 */
	uint64_t pc, pstate;
	uint64_t host_sp; /* el2_enter's own */
	uint64_t fpcr, fpsr;
	uint64_t reserved;
	uint64_t q[64]; /* two words each */
};

/* What a CPU has at EL1 and keeps while another one runs: what EL2 names ..._EL12 with HCR_EL2.E2H,
 * else as EL1 does; and what has one name. */
#define EL2_NAMES_E2H "s3_5_"
#define EL2_NAMES_EL1 "s3_0_"
#define EL2_RENAMED_REGISTERS(X, names) \
	X(sctlr, names "c1_c0_0")       \
	X(cpacr, names "c1_c0_2")       \
	X(ttbr0, names "c2_c0_0")       \
	X(ttbr1, names "c2_c0_1")       \
	X(tcr, names "c2_c0_2")         \
	X(spsr, names "c4_c0_0")        \
	X(elr, names "c4_c0_1")         \
	X(afsr0, names "c5_c1_0")       \
	X(afsr1, names "c5_c1_1")       \
	X(esr, names "c5_c2_0")         \
	X(far, names "c6_c0_0")         \
	X(mair, names "c10_c2_0")       \
	X(amair, names "c10_c3_0")      \
	X(vbar, names "c12_c0_0")       \
	X(contextidr, names "c13_c0_1") \
	X(cntkctl, names "c14_c1_0")
#define EL2_OTHER_REGISTERS(X)          \
	X(sp_el1, "s3_4_c4_c1_0")       \
	X(par, "s3_0_c7_c4_0")          \
	X(csselr, "s3_2_c0_c0_0")       \
	X(tpidr_el0, "s3_3_c13_c0_2")   \
	X(tpidrro_el0, "s3_3_c13_c0_3") \
	X(tpidr_el1, "s3_0_c13_c0_4")

struct el2_system {
#define MEMBER(name, encoding) uint64_t name;
	EL2_RENAMED_REGISTERS(MEMBER, "")
	EL2_OTHER_REGISTERS(MEMBER)
#undef MEMBER
};

struct el2_vcpu {
	struct el2_registers registers;
	struct el2_system system;
};

struct el2_guest {
	struct aarch64_stage2_registers registers;
};

/* Levels that a guest's CPU may be at: SP_EL0, or at EL1 its own; interrupts masked. */
#define PSTATE_EL0  UINT64_C(0x3c0)
#define PSTATE_EL1T UINT64_C(0x3c4)
#define PSTATE_EL1H UINT64_C(0x3c5)

/* For the checks of what only this architecture has: the registers of a guest's CPU that is not
 * running, and those of its tables, to be changed. */
struct el2_vcpu *el2_take(struct inner_vcpu *vcpu);
struct aarch64_stage2_registers *el2_take_tables(struct inner_guest *guest);
/* AT S12E1R, as the guest: PAR_EL1. */
uint64_t el2_translate(struct inner_vcpu *vcpu, virt_addr address);

/* Runs the guest until it is left for EL2; by which of the vectors for lower levels: 0 to 3. */
uint64_t el2_enter(struct el2_registers *registers);

#endif
