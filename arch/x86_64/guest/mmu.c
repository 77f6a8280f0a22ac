/* SPDX-License-Identifier: MIT */
/* What this CPU's MMU has, and how it is switched on. */
#include "cpu.h"
#include "guest/arch.h"
#include "layout.h"
#include "msr.h"
#include "twofold/x86_64.h"
#include "twofold/x86_64_registers.h"

#define CPUID_1_EDX_PAT (UINT32_C(1) << 16)

/* What the CPU said, and its registers as they are from arch_mmu_start on. */
static struct x86_64_cpu cpu;

const struct arch_layout arch_layout = {
	.direct_base = DIRECT_BASE,
	.device_base = DEVICE_BASE,
	.test_base = TEST_BASE,
	.kernel_offset = KERNEL_OFFSET,
	.boot_reach = BOOT_DIRECT_SIZE,
};

/* The local APIC. It is mapped whether or not it is there: a mapping touches nothing. */
const struct arch_device arch_devices[] = { { "local APIC", 0xfee00000, PAGE_SIZE_4K } };
const size_t arch_device_count = sizeof(arch_devices) / sizeof(arch_devices[0]);

/* Sets the PAT that has every memory type, if it can be set, and returns what the CPU then has. */
static uint64_t start_pat(void)
{
	uint64_t pat;

	if ((cpuid(1).edx & CPUID_1_EDX_PAT) == 0)
		return X86_64_PAT_RESET;
	if (!msr_read(MSR_PAT, &pat))
		return X86_64_PAT_RESET;
	if (msr_write(MSR_PAT, X86_64_PAT) && msr_read(MSR_PAT, &pat))
		return pat;
	return pat;
}

static void read_cpu(void)
{
	struct cpuid basic = cpuid(1), extended = cpuid_if_present(UINT32_C(0x80000001));

	cpu.cpuid_1_ecx = basic.ecx;
	cpu.cpuid_1_edx = basic.edx;
	cpu.cpuid_7_ecx = cpuid_if_present(7).ecx;
	cpu.cpuid_80000001_ecx = extended.ecx;
	cpu.cpuid_80000001_edx = extended.edx;
	cpu.cpuid_80000008_eax = cpuid_if_present(UINT32_C(0x80000008)).eax;
	cpu.cr4 = read_cr4();
	cpu.efer = read_msr(MSR_EFER);
	cpu.pat = start_pat();
}

void arch_mmu_start(struct arch_mmu *mmu)
{
	struct register_refusal refusal;
	enum register_status status;
	uint64_t efer;

	read_cpu();
	efer = cpu.efer;
	x86_64_enable(&cpu);
	if (cpu.efer != efer)
		write_msr(MSR_EFER, cpu.efer);
	write_cr4(cpu.cr4);
	write_cr0(read_cr0() | CR0_WP);
	status = x86_64_stage1_config(&cpu, &mmu->config, &refusal);
	if (status != REGISTER_OK)
		panic("no tables for this CPU: %s.%s is %s", refusal.name, refusal.field,
		      register_status_text(status));
	mmu->no_execute = (mmu->config.features & X86_64_NX) != 0;
	mmu->global = (mmu->config.features & X86_64_GLOBAL) != 0;
}

phys_addr arch_load_table(const struct page_table *table)
{
	struct register_refusal refusal;
	enum register_status status;
	uint64_t cr3;

	status = x86_64_cr3(&cpu, table, 0, false, &cr3, &refusal);
	if (status != REGISTER_OK)
		panic("the table is not for this CPU: %s.%s is %s, wanted 0x%lx, has 0x%lx",
		      refusal.name, refusal.field, register_status_text(status), refusal.wanted,
		      refusal.has);
	return arch_load_root(cr3);
}

phys_addr arch_load_root(phys_addr root)
{
	phys_addr before = read_cr3();

	write_cr3(root);
	return before;
}
