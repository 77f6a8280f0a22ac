/* SPDX-License-Identifier: MIT */
/* CR3: SDM vol. 3A 4.5.2; what stage 1 needs of the CPU: 4.1.4. */
#include "array_size.h"
#include "registers.h"
#include "twofold/x86_64.h"

#define PCID_LAST UINT64_C(0xfff)
#define CR3_KEEP  (UINT64_C(1) << 63)

enum register_status x86_64_stage1_config(const struct x86_64_cpu *cpu,
					  struct page_table_config *config,
					  struct register_refusal *refusal)
{
	const struct enabled_bit bits[] = {
		{ 1, cpu->cpuid_1_edx & CPUID_1_EDX_PAE, "CPUID.01H:EDX", "PAE" },
		{ cpu->cr4 & CR4_PGE, cpu->cpuid_1_edx & CPUID_1_EDX_PGE, "CPUID.01H:EDX", "PGE" },
		{ cpu->cr4 & CR4_PCIDE, cpu->cpuid_1_ecx & CPUID_1_ECX_PCID, "CPUID.01H:ECX",
		  "PCID" },
		{ cpu->cr4 & CR4_PKE, cpu->cpuid_7_ecx & CPUID_7_ECX_PKU, "CPUID.07H:ECX", "PKU" },
		{ cpu->cr4 & CR4_PKS, cpu->cpuid_7_ecx & CPUID_7_ECX_PKS, "CPUID.07H:ECX", "PKS" },
	};
	enum register_status status;

	for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
		status = enabled_bit_check(bits[i], refusal);
		if (status != REGISTER_OK)
			return status;
	}
	status = x86_64_common_config(cpu, config, refusal);
	if (status != REGISTER_OK)
		return status;
	config->format = &x86_64_stage1;
	config->features = (cpu->efer & EFER_NXE) != 0 ? X86_64_NX : 0;
	config->features |= (cpu->cr4 & CR4_PGE) != 0 ? X86_64_GLOBAL : 0;
	config->features |= (cpu->cr4 & (CR4_PKE | CR4_PKS)) != 0 ? X86_64_PKU : 0;
	return REGISTER_OK;
}

enum register_status x86_64_stage1_check(const struct x86_64_cpu *cpu,
					 const struct page_table *table,
					 struct register_refusal *refusal)
{
	static const struct feature_name names[] = {
		{ X86_64_NX, "EFER", "NXE" },
		{ X86_64_GLOBAL, "CR4", "PGE" },
		{ X86_64_PKU, "CR4", "PKE" },
	};
	struct page_table_config most;
	enum register_status status;

	if (table->format->kind != X86_KIND_STAGE1)
		return refuse(refusal, REGISTER_WRONG_TABLE, "CR3", "x86_64_stage1", 0, 0);
	status = x86_64_stage1_config(cpu, &most, refusal);
	if (status == REGISTER_OK)
		status = x86_64_compare_mode(table, &most, refusal);
	if (status != REGISTER_OK)
		return status;
	if ((table->leaf_sizes & ~most.leaf_sizes) != 0)
		return refuse(refusal, REGISTER_MISSING, "CPUID.80000001H:EDX", "Page1GB", 1, 0);
	return x86_64_compare(cpu, table, &most, names, ARRAY_SIZE(names), refusal);
}

enum register_status x86_64_cr3(const struct x86_64_cpu *cpu, const struct page_table *table,
				unsigned int pcid, bool keep, uint64_t *cr3,
				struct register_refusal *refusal)
{
	enum register_status status = x86_64_stage1_check(cpu, table, refusal);

	if (status != REGISTER_OK)
		return status;
	if (pcid > PCID_LAST)
		return refuse(refusal, REGISTER_ARGUMENT, "CR3", "PCID", pcid, PCID_LAST);
	if ((pcid != 0 || keep) && (cpu->cr4 & CR4_PCIDE) == 0)
		return refuse(refusal, REGISTER_MISSING, "CR4", "PCIDE", 1, 0);
	*cr3 = root_with_modifier(table) | pcid | (keep ? CR3_KEEP : 0);
	return REGISTER_OK;
}
