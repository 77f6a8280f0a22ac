/* SPDX-License-Identifier: MIT */
/* What this CPU's MMU has, and how it is switched on. */
#include "cpu.h"
#include "debug_exit.h"
#include "guest/arch.h"
#include "guest/panic.h"
#include "guest/text.h"
#include "layout.h"
#include "mmu.h"
#include "msr.h"
#include "second_cpu.h"
#include "twofold/x86_64.h"
#include "twofold/x86_64_registers.h"

#define CPUID_1_EDX_PAT  (UINT32_C(1) << 16)
#define CPUID_7_ECX_LA57 (UINT32_C(1) << 16)

/* What the CPU said, and its registers as they are from arch_mmu_start on. */
static struct x86_64_cpu cpu;

struct arch_layout arch_layout = {
	.direct_base = DIRECT_BASE,
	.device_base = DEVICE_BASE,
	.test_base = TEST_BASE,
	.kernel_offset = KERNEL_OFFSET,
	.boot_reach = BOOT_DIRECT_SIZE,
};

const char arch_options_text[] = ", exit=device|bochs, int3=1 and la57=1";

bool breakpoint_wanted;
static bool five_levels;

void enter_five_levels(void);

/* int3=1: run the check that KVMs that interpret would end the run at. la57=1: tables of five
 * levels, the kernel's and those of its guests. */
bool arch_option(const char *key, const char *value)
{
	if (text_equal(key, "exit")) {
		if (!debug_exit_choose(value))
			panic("command line: exit=%s: expected device or bochs", value);
		return true;
	}
	if (text_equal(key, "la57")) {
		if (!text_equal(value, "1"))
			panic("command line: la57=%s: expected 1", value);
		five_levels = true;
		return true;
	}
	if (!text_equal(key, "int3") || !text_equal(value, "1"))
		return false;
	breakpoint_wanted = true;
	return true;
}

uint64_t arch_leaf_size(unsigned int rank)
{
	return PAGE_SIZE_4K << (9 * rank);
}

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

const struct x86_64_cpu *mmu_cpu(void)
{
	return &cpu;
}

/* Before anything is read that depends on it. */
static void start_five_levels(void)
{
	if ((cpuid_if_present(7).ecx & CPUID_7_ECX_LA57) == 0)
		panic("la57=1: this CPU has no tables of five levels (CPUID.07H:ECX.LA57)");
	if (second_cpu_exists())
		panic("la57=1: with one CPU only");
	enter_five_levels();
}

void arch_mmu_start(struct arch_mmu *mmu)
{
	struct register_refusal refusal;
	enum register_status status;
	uint64_t efer;

	if (five_levels)
		start_five_levels();
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
	mmu->tables = 1;
	mmu->doubtful_leaf = mmu->config.leaf_sizes & PAGE_SIZE_1G;
	mmu->hardware_accessed = mmu->hardware_dirty = true;
	mmu->global = (mmu->config.features & X86_64_GLOBAL) != 0;
}

void arch_load_tables(const struct page_table tables[])
{
	struct register_refusal refusal;
	enum register_status status;
	uint64_t cr3;

	status = x86_64_cr3(&cpu, &tables[0], 0, false, &cr3, &refusal);
	if (status != REGISTER_OK)
		panic("the table is not for this CPU: %s.%s is %s, wanted 0x%lx, has 0x%lx",
		      refusal.name, refusal.field, register_status_text(status), refusal.wanted,
		      refusal.has);
	write_cr3(cr3);
}

void arch_load_boot_tables(void)
{
	/* The addresses of these symbols: see mkboot.c. */
	extern const char boot_root_phys[], boot_root57_phys[];

	write_cr3((uint64_t)(uintptr_t)(five_levels ? boot_root57_phys : boot_root_phys));
}
