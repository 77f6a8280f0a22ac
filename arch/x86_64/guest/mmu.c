/* SPDX-License-Identifier: MIT */
/* What this CPU's MMU has, and how it is switched on. */
#include "cpu.h"
#include "guest/arch.h"
#include "layout.h"
#include "msr.h"
#include "twofold/x86_64.h"

#define CPUID_1_EDX_PGE          (UINT32_C(1) << 13)
#define CPUID_1_EDX_PAT          (UINT32_C(1) << 16)
#define CPUID_80000001_EDX_NX    (UINT32_C(1) << 20)
#define CPUID_80000001_EDX_1G    (UINT32_C(1) << 26)
#define OUTPUT_BITS_WITHOUT_LEAF 36

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

static uint8_t output_bits(void)
{
	uint32_t bits = cpuid_if_present(UINT32_C(0x80000008)).eax & 0xff;

	return bits == 0 ? OUTPUT_BITS_WITHOUT_LEAF : (uint8_t)bits;
}

void arch_mmu_start(struct arch_mmu *mmu)
{
	uint32_t extended = cpuid_if_present(UINT32_C(0x80000001)).edx;

	mmu->config = (struct page_table_config){
		.format = &x86_64_stage1,
		.input_bits = 48,
		.output_bits = output_bits(),
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M,
		.memory_attributes = start_pat(),
	};
	if ((extended & CPUID_80000001_EDX_1G) != 0)
		mmu->config.leaf_sizes |= PAGE_SIZE_1G;
	mmu->no_execute = (extended & CPUID_80000001_EDX_NX) != 0;
	if (mmu->no_execute) {
		write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_NXE);
		mmu->config.features |= X86_64_NX;
	}
	mmu->global = (cpuid(1).edx & CPUID_1_EDX_PGE) != 0;
	if (mmu->global) {
		write_cr4(read_cr4() | CR4_PGE);
		mmu->config.features |= X86_64_GLOBAL;
	}
	write_cr0(read_cr0() | CR0_WP);
}

phys_addr arch_load_root(phys_addr root)
{
	phys_addr before = read_cr3();

	write_cr3(root);
	return before;
}
