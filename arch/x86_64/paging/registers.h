/* SPDX-License-Identifier: MIT */
/* What CR3, EPTP and nCR3 have in common: CPUID's fields, and comparing a table with the CPU. */
#ifndef X86_64_PAGING_REGISTERS_H
#define X86_64_PAGING_REGISTERS_H

#include "engine/engine.h"
#include "engine/refuse.h"
#include "geometry.h"
#include "twofold/x86_64_registers.h"

#define CPUID_1_ECX_PCID       (UINT32_C(1) << 17)
#define CPUID_1_EDX_PAE        (UINT32_C(1) << 6)
#define CPUID_1_EDX_PGE        (UINT32_C(1) << 13)
#define CPUID_1_EDX_PAT        (UINT32_C(1) << 16)
#define CPUID_7_ECX_PKU        (UINT32_C(1) << 3)
#define CPUID_7_ECX_LA57       (UINT32_C(1) << 16)
#define CPUID_7_ECX_PKS        (UINT32_C(1) << 31)
#define CPUID_80000001_ECX_SVM (UINT32_C(1) << 2)
#define CPUID_80000001_EDX_NX  (UINT32_C(1) << 20)
#define CPUID_80000001_EDX_1G  (UINT32_C(1) << 26)
#define CPUID_80000001_EDX_LM  (UINT32_C(1) << 29)
#define CPUID_8000000A_EDX_NP  (UINT32_C(1) << 0)
#define CPUID_8000001F_EAX_SME (UINT32_C(1) << 0)
#define CPUID_8000001F_EAX_SEV (UINT32_C(1) << 1)

#define CR4_PGE   (UINT64_C(1) << 7)
#define CR4_LA57  (UINT64_C(1) << 12)
#define CR4_PCIDE (UINT64_C(1) << 17)
#define CR4_PKE   (UINT64_C(1) << 22)
#define CR4_PKS   (UINT64_C(1) << 24)
#define EFER_NXE  (UINT64_C(1) << 11)

/* CPUID 80000008 EAX 7:0; without that leaf, 36 where there is PAE (SDM vol. 3A 4.1.4). */
static inline uint8_t maxphyaddr(const struct x86_64_cpu *cpu)
{
	uint32_t bits = cpu->cpuid_80000008_eax & 0xff;

	if (bits == 0)
		return 36;
	return bits < 52 ? (uint8_t)bits : 52;
}

/* The root is a table like the others: with memory encryption (APM vol. 2 15.34.4) it has the C-bit
 * if they have. */
static inline uint64_t root_with_modifier(const struct page_table *table)
{
	return table->root | (table->modified_tables ? table->modifier : 0);
}

/* A bit that a register must not have without the CPUID bit. */
struct enabled_bit {
	uint64_t set; /* the register's bit, or 0 */
	uint32_t cpuid;
	const char *name;
	const char *field;
};

static inline enum register_status enabled_bit_check(struct enabled_bit bit,
						     struct register_refusal *refusal)
{
	if (bit.set != 0 && bit.cpuid == 0)
		return refuse(refusal, REGISTER_MISSING, bit.name, bit.field, 1, 0);
	return REGISTER_OK;
}

/* A feature of a table, by where the CPU says that it has it. */
struct feature_name {
	uint32_t feature;
	const char *name;
	const char *field;
};

/* Width, modifier and features of the table against the most that the CPU has. */
enum register_status x86_64_compare(const struct x86_64_cpu *cpu, const struct page_table *table,
				    const struct page_table_config *most,
				    const struct feature_name *names, unsigned int count,
				    struct register_refusal *refusal);

/* What NPT shares with stage 1, features and format apart: long mode, CR4.LA57, EFER.NXE, the PAT,
 * leaf sizes and address widths. */
enum register_status x86_64_common_config(const struct x86_64_cpu *cpu,
					  struct page_table_config *config,
					  struct register_refusal *refusal);

/* Levels and PAT of a table against the CPU's. */
enum register_status x86_64_compare_mode(const struct page_table *table,
					 const struct page_table_config *most,
					 struct register_refusal *refusal);

#endif
