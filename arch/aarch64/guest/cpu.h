/* SPDX-License-Identifier: MIT */
/* The instructions that C has no words for, and the registers they are about. */
#ifndef ARCH_AARCH64_GUEST_CPU_H
#define ARCH_AARCH64_GUEST_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "twofold/aarch64_registers.h"

#define DEFINE_SYSTEM_REGISTER(name)                                           \
	static inline uint64_t read_##name(void)                               \
	{                                                                      \
		uint64_t value;                                                \
		__asm__ volatile("mrs %0, " #name : "=r"(value) : : "memory"); \
		return value;                                                  \
	}
#define DEFINE_WRITABLE_REGISTER(name)                                                  \
	DEFINE_SYSTEM_REGISTER(name)                                                    \
	static inline void write_##name(uint64_t value)                                 \
	{                                                                               \
		__asm__ volatile("msr " #name ", %0\n\tisb" : : "r"(value) : "memory"); \
	}

DEFINE_SYSTEM_REGISTER(id_aa64isar0_el1)
DEFINE_SYSTEM_REGISTER(id_aa64mmfr0_el1)
DEFINE_SYSTEM_REGISTER(id_aa64mmfr1_el1)
DEFINE_SYSTEM_REGISTER(id_aa64mmfr2_el1)
DEFINE_SYSTEM_REGISTER(id_aa64pfr1_el1)
DEFINE_SYSTEM_REGISTER(ctr_el0)
DEFINE_SYSTEM_REGISTER(mpidr_el1)
DEFINE_SYSTEM_REGISTER(cntfrq_el0)
DEFINE_SYSTEM_REGISTER(cntvct_el0)
DEFINE_SYSTEM_REGISTER(currentel) /* its level is where SPSR.M has it, too */
DEFINE_WRITABLE_REGISTER(par_el1)
DEFINE_SYSTEM_REGISTER(ttbr1_el1)

/* Of EL2 alone. */
DEFINE_SYSTEM_REGISTER(esr_el2)
DEFINE_SYSTEM_REGISTER(far_el2)
DEFINE_SYSTEM_REGISTER(hpfar_el2)
DEFINE_WRITABLE_REGISTER(hcr_el2)
DEFINE_WRITABLE_REGISTER(vttbr_el2)
DEFINE_WRITABLE_REGISTER(vtcr_el2)

#define CURRENT_EL2 (UINT64_C(2) << 2)
#define HCR_E2H     (UINT64_C(1) << 34)

/* Of the level that the CPU is at, EL1 or EL2: read_own_tcr() and so on. With HCR_EL2.E2H those of
 * EL2 have both names. */
#define DEFINE_OWN_REGISTER(name)                                             \
	DEFINE_WRITABLE_REGISTER(name##_el1)                                  \
	DEFINE_WRITABLE_REGISTER(name##_el2)                                  \
	static inline uint64_t read_own_##name(void)                          \
	{                                                                     \
		return read_currentel() == CURRENT_EL2 ? read_##name##_el2()  \
						       : read_##name##_el1(); \
	}                                                                     \
	static inline void write_own_##name(uint64_t value)                   \
	{                                                                     \
		if (read_currentel() == CURRENT_EL2)                          \
			write_##name##_el2(value);                            \
		else                                                          \
			write_##name##_el1(value);                            \
	}

DEFINE_OWN_REGISTER(sctlr)
DEFINE_OWN_REGISTER(tcr)
DEFINE_OWN_REGISTER(ttbr0)
DEFINE_OWN_REGISTER(mair)

/* EL2 without E2H has one TTBR and no upper half of the address space. */
static inline bool cpu_has_upper_half(void)
{
	return read_currentel() != CURRENT_EL2 || (read_hcr_el2() & HCR_E2H) != 0;
}

/* What the library asks of the identification registers. */
static inline void read_cpu(struct aarch64_cpu *cpu)
{
	cpu->id_aa64isar0 = read_id_aa64isar0_el1();
	cpu->id_aa64mmfr0 = read_id_aa64mmfr0_el1();
	cpu->id_aa64mmfr1 = read_id_aa64mmfr1_el1();
	cpu->id_aa64mmfr2 = read_id_aa64mmfr2_el1();
	cpu->id_aa64pfr1 = read_id_aa64pfr1_el1();
}

/* As entry.S has it: RES1, SPAN, no alignment checks; and what switches on MMU and caches. */
#define SCTLR_OFF UINT64_C(0x30d00800)
#define SCTLR_ON  (SCTLR_OFF | UINT64_C(1) << 0 | UINT64_C(1) << 2 | UINT64_C(1) << 12)
#define SCTLR_WXN (UINT64_C(1) << 19)

/* TCR_EL1 (Arm ARM DDI 0487, D19.2.139). */
#define TCR_T0SZ_SHIFT 0
#define TCR_T1SZ_SHIFT 16
#define TCR_TG0_SHIFT  14
#define TCR_TG1_SHIFT  30
#define TCR_HA         (UINT64_C(1) << 39)
#define TCR_HD         (UINT64_C(1) << 40)

/* PAR_EL1 (D19.2.107) after an address translation instruction. */
#define PAR_FAULT       (UINT64_C(1) << 0)
#define PAR_SHARE_SHIFT 7
#define PAR_ADDRESS     UINT64_C(0x000ffffffffff000)
#define PAR_TYPE_SHIFT  56

/* VTCR_EL2; TG0 is where TCR_EL1 has it. */
#define VTCR_SL0_SHIFT 6
#define VTCR_HA        (UINT64_C(1) << 21)
#define VTCR_HD        (UINT64_C(1) << 22)

/* Classes in ESR_EL1 (D19.2.37) and ESR_EL2. */
#define ESR_CLASS_SHIFT 26
enum exception_class {
	CLASS_WAIT = 0x01, /* WFI, WFE */
	CLASS_BRANCH_TARGET = 0x0d,
	CLASS_SVC = 0x15,
	CLASS_HVC = 0x16,
	CLASS_SMC = 0x17,
	CLASS_FETCH_LOWER = 0x20,
	CLASS_FETCH_SAME = 0x21,
	CLASS_DATA_LOWER = 0x24,
	CLASS_DATA_SAME = 0x25,
	CLASS_BRK = 0x3c,
};

/* In the syndrome of an abort: the status, whose low two bits are a level, and WnR. */
enum abort_syndrome {
	SYNDROME_ADDRESS_SIZE = 0x00,
	SYNDROME_TRANSLATION = 0x04,
	SYNDROME_ACCESS_FLAG = 0x08,
	SYNDROME_PERMISSION = 0x0c,
	SYNDROME_WRITE = 1 << 6,
};

/* And of an abort taken to EL2: the instruction (ESR_EL2, ISV, SAS, SRT). */
#define ESR_INSTRUCTION_VALID (UINT64_C(1) << 24)
#define ESR_SIZE_SHIFT        22 /* log2 of the bytes */
#define ESR_REGISTER_SHIFT    16

/* Affinity in MPIDR_EL1 (D19.2.101): who a CPU is. */
#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

/* Cleans and invalidates in the caches: what was written by way of them is in memory then, and what
 * was written past them is not hidden by them. */
static inline void clean_to_memory(const void *pointer, uint64_t size)
{
	uint64_t line = UINT64_C(4) << (read_ctr_el0() >> 16 & 0xf);
	uint64_t start = (uint64_t)(uintptr_t)pointer & ~(line - 1);

	__asm__ volatile("dsb sy" : : : "memory");
	for (uint64_t at = start; at < (uint64_t)(uintptr_t)pointer + size; at += line)
		__asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("yield" : : : "memory");
}

static inline void barrier_store_sync(void)
{
	__asm__ volatile("dsb ishst\n\tisb" : : : "memory");
}

#endif
