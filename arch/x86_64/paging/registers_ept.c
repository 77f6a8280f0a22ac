/* SPDX-License-Identifier: MIT */
/* EPTP: SDM vol. 3C 24.6.11; what EPT needs of the CPU: IA32_VMX_EPT_VPID_CAP, appendix A.10. */
#include "array_size.h"
#include "registers.h"
#include "twofold/x86_64.h"

#define CAP_EXECUTE_ONLY   (UINT64_C(1) << 0)
#define CAP_4_LEVELS       (UINT64_C(1) << 6)
#define CAP_5_LEVELS       (UINT64_C(1) << 7)
#define CAP_UNCACHEABLE    (UINT64_C(1) << 8)
#define CAP_WRITE_BACK     (UINT64_C(1) << 14)
#define CAP_2M             (UINT64_C(1) << 16)
#define CAP_1G             (UINT64_C(1) << 17)
#define CAP_ACCESSED_DIRTY (UINT64_C(1) << 21)

/* Secondary controls that may be 1, in the upper half (A.3.3). */
#define CTLS2_EPT        (UINT64_C(1) << (32 + 1))
#define CTLS2_EPT_VE     (UINT64_C(1) << (32 + 18))
#define CTLS2_MODE_BASED (UINT64_C(1) << (32 + 22))

#define EPTP_WRITE_BACK     UINT64_C(6)
#define EPTP_LENGTH_SHIFT   3
#define EPTP_ACCESSED_DIRTY (UINT64_C(1) << 6)

static const char cap_name[] = "IA32_VMX_EPT_VPID_CAP";

/* That the CPU has EPT, and walks of this length. */
static enum register_status ept_levels(const struct x86_64_cpu *cpu, uint8_t input_bits,
				       struct register_refusal *refusal)
{
	if ((cpu->vmx_procbased_ctls2 & CTLS2_EPT) == 0)
		return refuse(refusal, REGISTER_MISSING, "IA32_VMX_PROCBASED_CTLS2", "enable EPT",
			      1, 0);
	if (input_bits == 48) {
		if ((cpu->vmx_ept_vpid_cap & CAP_4_LEVELS) == 0)
			return refuse(refusal, REGISTER_MISSING, cap_name,
				      "bit 6, page-walk length of 4", 1, 0);
	} else if (input_bits == 57) {
		if ((cpu->vmx_ept_vpid_cap & CAP_5_LEVELS) == 0)
			return refuse(refusal, REGISTER_MISSING, cap_name,
				      "bit 7, page-walk length of 5", 1, 0);
	} else {
		return refuse(refusal, REGISTER_ARGUMENT, "page_table_config", "input_bits",
			      input_bits, 57);
	}
	return REGISTER_OK;
}

enum register_status x86_64_ept_config(const struct x86_64_cpu *cpu,
				       struct page_table_config *config,
				       struct register_refusal *refusal)
{
	uint64_t cap = cpu->vmx_ept_vpid_cap;
	uint8_t input_bits = config->input_bits;
	enum register_status status;

	if (input_bits == 0)
		input_bits = (cap & CAP_5_LEVELS) != 0 ? 57 : 48;
	status = ept_levels(cpu, input_bits, refusal);
	if (status != REGISTER_OK)
		return status;
	config->format = &x86_64_ept;
	config->input_bits = input_bits;
	config->output_bits = maxphyaddr(cpu);
	config->leaf_sizes = PAGE_SIZE_4K;
	if ((cap & CAP_2M) != 0)
		config->leaf_sizes |= PAGE_SIZE_2M;
	if ((cap & CAP_2M) != 0 && (cap & CAP_1G) != 0)
		config->leaf_sizes |= PAGE_SIZE_1G;
	config->features = (cap & CAP_EXECUTE_ONLY) != 0 ? EPT_EXECUTE_ONLY : 0;
	config->features |= (cap & CAP_ACCESSED_DIRTY) != 0 ? EPT_ACCESSED_DIRTY : 0;
	config->features |= (cpu->vmx_procbased_ctls2 & CTLS2_EPT_VE) != 0 ? EPT_SUPPRESS_VE : 0;
	config->features |= (cpu->vmx_procbased_ctls2 & CTLS2_MODE_BASED) != 0 ? EPT_MODE_BASED : 0;
	config->memory_attributes = 0;
	return REGISTER_OK;
}

enum register_status x86_64_ept_check(const struct x86_64_cpu *cpu, const struct page_table *table,
				      struct register_refusal *refusal)
{
	static const struct feature_name names[] = {
		{ EPT_EXECUTE_ONLY, cap_name, "bit 0, execute-only" },
		{ EPT_ACCESSED_DIRTY, cap_name, "bit 21, accessed and dirty flags" },
		{ EPT_SUPPRESS_VE, "IA32_VMX_PROCBASED_CTLS2", "EPT-violation #VE" },
		{ EPT_MODE_BASED, "IA32_VMX_PROCBASED_CTLS2", "mode-based execute control" },
	};
	struct page_table_config most; /* to zero it takes a call of memset */
	enum register_status status;
	uint64_t missing;

	if (table->format->kind != X86_KIND_EPT)
		return refuse(refusal, REGISTER_WRONG_TABLE, "EPTP", "x86_64_ept", 0, 0);
	most.input_bits = table->input_bits;
	status = x86_64_ept_config(cpu, &most, refusal);
	if (status != REGISTER_OK)
		return status;
	missing = table->leaf_sizes & ~most.leaf_sizes;
	if ((missing & PAGE_SIZE_2M) != 0)
		return refuse(refusal, REGISTER_MISSING, cap_name, "bit 16, 2-MByte page", 1, 0);
	if (missing != 0)
		return refuse(refusal, REGISTER_MISSING, cap_name, "bit 17, 1-GByte page", 1, 0);
	return x86_64_compare(cpu, table, &most, names, ARRAY_SIZE(names), refusal);
}

enum register_status x86_64_eptp(const struct x86_64_cpu *cpu, const struct page_table *table,
				 uint64_t *eptp, struct register_refusal *refusal)
{
	enum register_status status = x86_64_ept_check(cpu, table, refusal);
	uint64_t type = EPTP_WRITE_BACK;

	if (status != REGISTER_OK)
		return status;
	if ((cpu->vmx_ept_vpid_cap & CAP_WRITE_BACK) == 0) {
		if ((cpu->vmx_ept_vpid_cap & CAP_UNCACHEABLE) == 0)
			return refuse(refusal, REGISTER_MISSING, cap_name,
				      "bit 14, write-back EPT structures", 1, 0);
		type = 0;
	}
	*eptp = table->root | type | (table->levels - UINT64_C(1)) << EPTP_LENGTH_SHIFT;
	if ((table->features & EPT_ACCESSED_DIRTY) != 0)
		*eptp |= EPTP_ACCESSED_DIRTY;
	return REGISTER_OK;
}
