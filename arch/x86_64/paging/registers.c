/* SPDX-License-Identifier: MIT */
/* What the register helpers of all x86_64 formats share. */
#include "array_size.h"
#include "registers.h"

#include "twofold/x86_64.h"

void x86_64_enable(struct x86_64_cpu *cpu)
{
	if ((cpu->cpuid_1_edx & CPUID_1_EDX_PGE) != 0)
		cpu->cr4 |= CR4_PGE;
	if ((cpu->cpuid_80000001_edx & CPUID_80000001_EDX_NX) != 0)
		cpu->efer |= EFER_NXE;
}

enum register_status x86_64_common_config(const struct x86_64_cpu *cpu,
					  struct page_table_config *config,
					  struct register_refusal *refusal)
{
	const struct enabled_bit bits[] = {
		{ 1, cpu->cpuid_80000001_edx & CPUID_80000001_EDX_LM, "CPUID.80000001H:EDX", "LM" },
		{ cpu->cr4 & CR4_LA57, cpu->cpuid_7_ecx & CPUID_7_ECX_LA57, "CPUID.07H:ECX",
		  "LA57" },
		{ cpu->efer & EFER_NXE, cpu->cpuid_80000001_edx & CPUID_80000001_EDX_NX,
		  "CPUID.80000001H:EDX", "NX" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
		enum register_status status = enabled_bit_check(bits[i], refusal);

		if (status != REGISTER_OK)
			return status;
	}
	config->input_bits = (cpu->cr4 & CR4_LA57) != 0 ? 57 : 48;
	config->output_bits = maxphyaddr(cpu);
	config->leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M;
	if ((cpu->cpuid_80000001_edx & CPUID_80000001_EDX_1G) != 0)
		config->leaf_sizes |= PAGE_SIZE_1G;
	config->memory_attributes =
		(cpu->cpuid_1_edx & CPUID_1_EDX_PAT) != 0 ? cpu->pat : X86_64_PAT_RESET;
	return REGISTER_OK;
}

enum register_status x86_64_compare_mode(const struct page_table *table,
					 const struct page_table_config *most,
					 struct register_refusal *refusal)
{
	if (table->input_bits != most->input_bits)
		return refuse(refusal, REGISTER_MISMATCH, "CR4", "LA57", table->input_bits == 57,
			      most->input_bits == 57);
	if (table->memory_attributes != most->memory_attributes)
		return refuse(refusal, REGISTER_MISMATCH, "IA32_PAT", "PA0 to PA7",
			      table->memory_attributes, most->memory_attributes);
	return REGISTER_OK;
}

/* The bit that CPUID says encrypts memory (APM vol. 3 E.4.17); 0: none. */
static uint64_t c_bit(const struct x86_64_cpu *cpu)
{
	if ((cpu->cpuid_8000001f_eax & (CPUID_8000001F_EAX_SME | CPUID_8000001F_EAX_SEV)) == 0)
		return 0;
	return UINT64_C(1) << (cpu->cpuid_8000001f_ebx & 0x3f);
}

/* A bit at or above MAXPHYADDR is reserved, unless it is the C-bit, which costs some below. */
static enum register_status check_modifier(const struct x86_64_cpu *cpu,
					   const struct page_table *table,
					   struct register_refusal *refusal)
{
	uint32_t ebx = cpu->cpuid_8000001f_ebx;
	uint64_t width = maxphyaddr(cpu), lost = ebx >> 6 & 0x3f;

	if (table->modifier == 0)
		return REGISTER_OK;
	if (table->modifier != c_bit(cpu)) {
		if (table->modifier >> width == 0)
			return REGISTER_OK;
		return refuse(refusal, REGISTER_MISSING, "CPUID.8000001FH:EBX", "C-bit",
			      table->modifier, c_bit(cpu));
	}
	if (table->output_bits + lost > width)
		return refuse(refusal, REGISTER_TOO_SMALL, "CPUID.8000001FH:EBX",
			      "physical address bits", table->output_bits,
			      lost < width ? width - lost : 0);
	return REGISTER_OK;
}

enum register_status x86_64_compare(const struct x86_64_cpu *cpu, const struct page_table *table,
				    const struct page_table_config *most,
				    const struct feature_name *names, unsigned int count,
				    struct register_refusal *refusal)
{
	if (table->output_bits > most->output_bits)
		return refuse(refusal, REGISTER_TOO_SMALL, "CPUID.80000008H:EAX", "MAXPHYADDR",
			      table->output_bits, most->output_bits);
	for (unsigned int i = 0; i < count; i++) {
		if ((table->features & ~most->features & names[i].feature) != 0)
			return refuse(refusal, REGISTER_MISSING, names[i].name, names[i].field, 1,
				      0);
	}
	return check_modifier(cpu, table, refusal);
}
