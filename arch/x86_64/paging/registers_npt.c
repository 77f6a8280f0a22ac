/* SPDX-License-Identifier: MIT */
/* N_CR3: APM vol. 2 15.25.3, 15.25.4. */
#include "array_size.h"
#include "registers.h"
#include "twofold/x86_64.h"

enum register_status x86_64_npt_config(const struct x86_64_cpu *cpu,
				       struct page_table_config *config,
				       struct register_refusal *refusal)
{
	enum register_status status;

	if ((cpu->cpuid_80000001_ecx & CPUID_80000001_ECX_SVM) == 0)
		return refuse(refusal, REGISTER_MISSING, "CPUID.80000001H:ECX", "SVM", 1, 0);
	if ((cpu->cpuid_8000000a_edx & CPUID_8000000A_EDX_NP) == 0)
		return refuse(refusal, REGISTER_MISSING, "CPUID.8000000AH:EDX", "NP", 1, 0);
	status = x86_64_common_config(cpu, config, refusal);
	if (status != REGISTER_OK)
		return status;
	config->format = &x86_64_npt;
	config->features = (cpu->efer & EFER_NXE) != 0 ? NPT_NX : 0;
	return REGISTER_OK;
}

enum register_status x86_64_npt_check(const struct x86_64_cpu *cpu, const struct page_table *table,
				      struct register_refusal *refusal)
{
	static const struct feature_name names[] = { { NPT_NX, "EFER", "NXE" } };
	struct page_table_config most;
	enum register_status status;

	if (table->format->kind != X86_KIND_NPT)
		return refuse(refusal, REGISTER_WRONG_TABLE, "N_CR3", "x86_64_npt", 0, 0);
	status = x86_64_npt_config(cpu, &most, refusal);
	if (status == REGISTER_OK)
		status = x86_64_compare_mode(table, &most, refusal);
	if (status != REGISTER_OK)
		return status;
	if ((table->leaf_sizes & ~most.leaf_sizes) != 0)
		return refuse(refusal, REGISTER_MISSING, "CPUID.80000001H:EDX", "Page1GB", 1, 0);
	return x86_64_compare(cpu, table, &most, names, ARRAY_SIZE(names), refusal);
}

enum register_status x86_64_ncr3(const struct x86_64_cpu *cpu, const struct page_table *table,
				 uint32_t asid, uint64_t *ncr3, struct register_refusal *refusal)
{
	enum register_status status = x86_64_npt_check(cpu, table, refusal);
	uint32_t asids = cpu->cpuid_8000000a_ebx;

	if (status != REGISTER_OK)
		return status;
	/* ASID 0 is the host's. */
	if (asid == 0 || asid >= asids)
		return refuse(refusal, REGISTER_ARGUMENT, "VMCB", "ASID", asid,
			      asids == 0 ? 0 : asids - 1u);
	*ncr3 = root_with_modifier(table);
	return REGISTER_OK;
}
