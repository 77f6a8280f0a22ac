/* SPDX-License-Identifier: MIT */
/*
 * CR3, EPTP, nCR3, and what they need of the CPU. Values by hand: SDM vol. 3A 4.1.4, 4.5.2, vol. 3C
 * 24.6.11, A.3.3, A.10, vol. 2A CPUID; APM vol. 2 15.25, vol. 3 E.4.
 */
#include <string.h>

#include <criterion/criterion.h>

#include <twofold/x86_64.h>
#include <twofold/x86_64_registers.h>

#include "fixed_root.h"
#include "require.h"

#define ROOT UINT64_C(0x123456000)

/* A server of 2019: 46-bit physical addresses, 1G leaves, PKU, VMX with EPT; PGE, NXE, PCIDE on. */
static const struct x86_64_cpu skylake = {
	.cpuid_1_ecx = 0x7ffefbff,
	.cpuid_1_edx = 0xbfebfbff,
	.cpuid_7_ecx = 0x00000008,
	.cpuid_80000001_ecx = 0x00000121,
	.cpuid_80000001_edx = 0x2c100800,
	.cpuid_80000008_eax = 0x0000302e,
	.vmx_procbased_ctls2 = UINT64_C(0x055d7eff00000000),
	.vmx_ept_vpid_cap = UINT64_C(0x00000f0106334141),
	.cr4 = 0x003626e0 & ~UINT64_C(0x400000),
	.efer = 0xd01,
	.pat = UINT64_C(0x0407050600070106),
};

/* One of AMD's with LA57: 48-bit physical addresses, SVM with nested paging, 32768 ASIDs. */
static const struct x86_64_cpu genoa = {
	.cpuid_1_edx = 0x178bfbff,
	.cpuid_7_ecx = 0x00010008,
	.cpuid_80000001_ecx = 0x00000004,
	.cpuid_80000001_edx = 0x2c100800,
	.cpuid_80000008_eax = 0x00003930,
	.cpuid_8000000a_ebx = 0x8000,
	.cpuid_8000000a_edx = 0x00000001,
	.cr4 = 0x000000a0,
	.efer = 0x1d01,
	.pat = UINT64_C(0x0007040600070406),
};

static void expect_refusal(enum register_status status, enum register_status wanted,
			   const struct register_refusal *refusal, const char *name,
			   const char *field, uint64_t needs, uint64_t has)
{
	REQUIRE(status == wanted, "%s instead of %s", register_status_text(status),
		register_status_text(wanted));
	REQUIRE(strcmp(refusal->name, name) == 0 && strcmp(refusal->field, field) == 0,
		"%s.%s instead of %s.%s", refusal->name, refusal->field, name, field);
	REQUIRE(refusal->wanted == needs && refusal->has == has, "wanted 0x%lx, has 0x%lx",
		refusal->wanted, refusal->has);
}

static struct page_table_config stage1_config(const struct x86_64_cpu *cpu)
{
	struct page_table_config config = { .input_bits = 0 };

	REQUIRE(x86_64_stage1_config(cpu, &config, NULL) == REGISTER_OK, "refused");
	return config;
}

Test(registers_x86, config_of_a_cpu)
{
	struct page_table_config config = stage1_config(&skylake);
	struct x86_64_cpu cpu = skylake;

	cr_assert_eq(config.format, &x86_64_stage1);
	cr_assert_eq(config.input_bits, 48);
	cr_assert_eq(config.output_bits, 46);
	cr_assert_eq(config.leaf_sizes, 0x40201000);
	cr_assert_eq(config.features, X86_64_NX | X86_64_GLOBAL);
	cr_assert_eq(config.memory_attributes, UINT64_C(0x0407050600070106));
	cpu.cr4 |= UINT64_C(1) << 22;
	cr_assert_eq(stage1_config(&cpu).features, X86_64_NX | X86_64_GLOBAL | X86_64_PKU);
	cpu.cpuid_7_ecx = UINT32_C(1) << 31 | UINT32_C(1) << 16;
	cpu.cr4 = UINT64_C(1) << 24 | UINT64_C(1) << 12;
	cpu.efer = 0x500;
	config = stage1_config(&cpu);
	cr_assert_eq(config.features, X86_64_PKU);
	cr_assert_eq(config.input_bits, 57);
}

/* What an early 64-bit CPU does not say: no leaf 80000008, no 1G, no PAT. */
Test(registers_x86, config_of_an_old_cpu)
{
	struct x86_64_cpu cpu = { .cpuid_1_edx = 1 << 6,
				  .cpuid_80000001_edx = 1 << 29,
				  .pat = UINT64_C(0x0101010101010101) };
	struct page_table_config config = stage1_config(&cpu);

	cr_assert_eq(config.input_bits, 48);
	cr_assert_eq(config.output_bits, 36);
	cr_assert_eq(config.leaf_sizes, 0x201000);
	cr_assert_eq(config.features, 0);
	cr_assert_eq(config.memory_attributes, UINT64_C(0x0007040600070406));
	cpu.cpuid_80000008_eax = 57;
	cr_assert_eq(stage1_config(&cpu).output_bits, 52, "a descriptor has no more");
}

Test(registers_x86, enable_what_cpuid_has)
{
	struct x86_64_cpu cpu = { .cr4 = 0x20, .efer = 0x500 };

	x86_64_enable(&cpu);
	cr_assert(cpu.cr4 == 0x20 && cpu.efer == 0x500);
	cpu.cpuid_1_edx = UINT32_C(1) << 13;
	x86_64_enable(&cpu);
	cr_assert(cpu.cr4 == 0xa0 && cpu.efer == 0x500);
	cpu.cpuid_80000001_edx = UINT32_C(1) << 20;
	x86_64_enable(&cpu);
	cr_assert(cpu.cr4 == 0xa0 && cpu.efer == 0xd00);
}

/* Register bits that CPUID excludes. */
Test(registers_x86, config_refusals)
{
	static const struct {
		uint32_t cpuid_1, cpuid_7, cpuid_80000001;
		uint64_t cr4, efer;
		const char *name, *field;
	} cases[] = {
		{ 0, 0, UINT32_C(1) << 29, 0, 0, "CPUID.01H:EDX", "PAE" },
		{ 1 << 6, 0, 0, 0, 0, "CPUID.80000001H:EDX", "LM" },
		{ 1 << 6, 0, UINT32_C(1) << 29, 1 << 7, 0, "CPUID.01H:EDX", "PGE" },
		{ 1 << 6, 0, UINT32_C(1) << 29, 1 << 12, 0, "CPUID.07H:ECX", "LA57" },
		{ 1 << 6, 0, UINT32_C(1) << 29, 1 << 17, 0, "CPUID.01H:ECX", "PCID" },
		{ 1 << 6, 0, UINT32_C(1) << 29, 1 << 22, 0, "CPUID.07H:ECX", "PKU" },
		{ 1 << 6, 0, UINT32_C(1) << 29, 1 << 24, 0, "CPUID.07H:ECX", "PKS" },
		{ 1 << 6, 0, UINT32_C(1) << 29, 0, 1 << 11, "CPUID.80000001H:EDX", "NX" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct x86_64_cpu cpu = { .cpuid_1_edx = cases[i].cpuid_1,
					  .cpuid_7_ecx = cases[i].cpuid_7,
					  .cpuid_80000001_edx = cases[i].cpuid_80000001,
					  .cr4 = cases[i].cr4,
					  .efer = cases[i].efer };
		struct register_refusal refusal;
		struct page_table_config config = { .input_bits = 0 };

		expect_refusal(x86_64_stage1_config(&cpu, &config, &refusal), REGISTER_MISSING,
			       &refusal, cases[i].name, cases[i].field, 1, 0);
		cr_assert_eq(x86_64_stage1_config(&cpu, &config, NULL), REGISTER_MISSING);
	}
}

Test(registers_x86, cr3)
{
	struct page_table_config config = stage1_config(&skylake);
	struct register_refusal refusal;
	struct x86_64_cpu cpu = skylake;
	struct page_table table;
	uint64_t cr3 = 1;

	fixed_root_open(&table, &config, ROOT);
	cr_assert_eq(x86_64_cr3(&cpu, &table, 0, false, &cr3, &refusal), REGISTER_OK);
	cr_assert_eq(cr3, UINT64_C(0x123456000));
	cr_assert_eq(x86_64_cr3(&cpu, &table, 0xfff, false, &cr3, &refusal), REGISTER_OK);
	cr_assert_eq(cr3, UINT64_C(0x123456fff));
	cr_assert_eq(x86_64_cr3(&cpu, &table, 0x5, true, &cr3, &refusal), REGISTER_OK);
	cr_assert_eq(cr3, UINT64_C(0x8000000123456005));
	expect_refusal(x86_64_cr3(&cpu, &table, 0x1000, false, &cr3, &refusal), REGISTER_ARGUMENT,
		       &refusal, "CR3", "PCID", 0x1000, 0xfff);
	cpu.cr4 &= ~(UINT64_C(1) << 17);
	expect_refusal(x86_64_cr3(&cpu, &table, 1, false, &cr3, &refusal), REGISTER_MISSING,
		       &refusal, "CR4", "PCIDE", 1, 0);
	expect_refusal(x86_64_cr3(&cpu, &table, 0, true, &cr3, &refusal), REGISTER_MISSING,
		       &refusal, "CR4", "PCIDE", 1, 0);
	cr_assert_eq(cr3, UINT64_C(0x8000000123456005), "a refusal wrote the result");
	cr_assert_eq(x86_64_cr3(&cpu, &table, 0, false, &cr3, &refusal), REGISTER_OK);
	cr_assert_eq(cr3, UINT64_C(0x123456000));
}

/* A table that uses all of one CPU, on CPUs that lack one thing each. */
Test(registers_x86, cr3_refusals)
{
	static const struct {
		uint32_t cpuid_7, cpuid_80000001, phys;
		uint64_t cr4, efer, pat;
		enum register_status status;
		const char *name, *field;
		uint64_t wanted, has;
	} cases[] = {
		{ 0x10008, 1 << 29 | 1 << 20, 40, 0x80, 0x800, 0x0706050400010406, REGISTER_MISSING,
		  "CPUID.80000001H:EDX", "Page1GB", 1, 0 },
		{ 0x10008, 1 << 29 | 1 << 20 | 1 << 26, 39, 0x80, 0x800, 0x0706050400010406,
		  REGISTER_TOO_SMALL, "CPUID.80000008H:EAX", "MAXPHYADDR", 40, 39 },
		{ 0x10008, 1 << 29 | 1 << 20 | 1 << 26, 40, 0x80, 0, 0x0706050400010406,
		  REGISTER_MISSING, "EFER", "NXE", 1, 0 },
		{ 0x10008, 1 << 29 | 1 << 20 | 1 << 26, 40, 0, 0x800, 0x0706050400010406,
		  REGISTER_MISSING, "CR4", "PGE", 1, 0 },
		{ 0x10008, 1 << 29 | 1 << 20 | 1 << 26, 40, 0x80, 0x800, 0x0706050400010406,
		  REGISTER_MISSING, "CR4", "PKE", 1, 0 },
		{ 0x10008, 1 << 29 | 1 << 20 | 1 << 26, 40, 0x400080, 0x800, 0x0706050400010407,
		  REGISTER_MISMATCH, "IA32_PAT", "PA0 to PA7", 0x0706050400010406,
		  0x0706050400010407 },
		{ 0x10008, 1 << 29 | 1 << 20 | 1 << 26, 40, 0x401080, 0x800, 0x0706050400010406,
		  REGISTER_MISMATCH, "CR4", "LA57", 0, 1 },
		{ 0x10008, 1 << 29 | 1 << 20 | 1 << 26, 40, 0x400080, 0x800, 0x0706050400010406,
		  REGISTER_OK, "", "", 0, 0 },
	};
	struct page_table_config config = {
		.format = &x86_64_stage1,
		.input_bits = 48,
		.output_bits = 40,
		.leaf_sizes = 0x40201000,
		.features = X86_64_NX | X86_64_GLOBAL | X86_64_PKU,
		.memory_attributes = 0x0706050400010406,
	};
	struct register_refusal refusal;
	struct page_table table;

	fixed_root_open(&table, &config, ROOT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct x86_64_cpu cpu = { .cpuid_1_edx = 0xbfebfbff,
					  .cpuid_7_ecx = cases[i].cpuid_7,
					  .cpuid_80000001_edx = cases[i].cpuid_80000001,
					  .cpuid_80000008_eax = cases[i].phys,
					  .cr4 = cases[i].cr4,
					  .efer = cases[i].efer,
					  .pat = cases[i].pat };
		uint64_t cr3;

		refusal = (struct register_refusal){ "", "", 0, 0 };
		expect_refusal(x86_64_cr3(&cpu, &table, 0, false, &cr3, &refusal), cases[i].status,
			       &refusal, cases[i].name, cases[i].field, cases[i].wanted,
			       cases[i].has);
	}
	config.input_bits = 57;
	fixed_root_open(&table, &config, ROOT);
	expect_refusal(x86_64_stage1_check(&skylake, &table, &refusal), REGISTER_MISMATCH, &refusal,
		       "CR4", "LA57", 1, 0);
}

/* Linux's EPTP is root | 0x5e with accessed and dirty flags and 4 levels, root | 0x1e without. */
Test(registers_x86, eptp)
{
	struct page_table_config config = { .input_bits = 0 };
	struct x86_64_cpu cpu = skylake;
	struct page_table table;
	uint64_t eptp = 0;

	cr_assert_eq(x86_64_ept_config(&cpu, &config, NULL), REGISTER_OK);
	cr_assert_eq(config.format, &x86_64_ept);
	cr_assert_eq(config.input_bits, 48);
	cr_assert_eq(config.output_bits, 46);
	cr_assert_eq(config.leaf_sizes, 0x40201000);
	cr_assert_eq(config.features,
		     EPT_EXECUTE_ONLY | EPT_ACCESSED_DIRTY | EPT_SUPPRESS_VE | EPT_MODE_BASED);
	cr_assert_eq(config.memory_attributes, 0);
	fixed_root_open(&table, &config, ROOT);
	cr_assert_eq(x86_64_eptp(&cpu, &table, &eptp, NULL), REGISTER_OK);
	cr_assert_eq(eptp, UINT64_C(0x12345605e));
	config.features = 0;
	fixed_root_open(&table, &config, ROOT);
	cr_assert_eq(x86_64_eptp(&cpu, &table, &eptp, NULL), REGISTER_OK);
	cr_assert_eq(eptp, UINT64_C(0x12345601e));
	cpu.vmx_ept_vpid_cap &= ~(UINT64_C(1) << 14); /* uncacheable is left */
	cr_assert_eq(x86_64_eptp(&cpu, &table, &eptp, NULL), REGISTER_OK);
	cr_assert_eq(eptp, UINT64_C(0x123456018));
	cpu.vmx_ept_vpid_cap |= UINT64_C(1) << 14 | UINT64_C(1) << 7;
	config.input_bits = 0;
	cr_assert_eq(x86_64_ept_config(&cpu, &config, NULL), REGISTER_OK);
	cr_assert_eq(config.input_bits, 57);
	fixed_root_open(&table, &config, ROOT);
	cr_assert_eq(x86_64_eptp(&cpu, &table, &eptp, NULL), REGISTER_OK);
	cr_assert_eq(eptp, UINT64_C(0x123456066));
	config.input_bits = 48;
	cr_assert_eq(x86_64_ept_config(&cpu, &config, NULL), REGISTER_OK);
	cr_assert_eq(config.input_bits, 48);
}

/* Without 2M there is no 1G in the configuration: a leaf is split one level at a time. */
Test(registers_x86, ept_config_without)
{
	struct x86_64_cpu cpu = skylake;
	struct page_table_config config = { .input_bits = 48 };

	cpu.vmx_ept_vpid_cap = 1 << 6 | 1 << 14 | 1 << 17;
	cpu.vmx_procbased_ctls2 = UINT64_C(1) << 33;
	cr_assert_eq(x86_64_ept_config(&cpu, &config, NULL), REGISTER_OK);
	cr_assert_eq(config.leaf_sizes, 0x1000);
	cr_assert_eq(config.features, 0);
	cpu.vmx_ept_vpid_cap |= 1 << 16;
	cr_assert_eq(x86_64_ept_config(&cpu, &config, NULL), REGISTER_OK);
	cr_assert_eq(config.leaf_sizes, 0x40201000);
}

Test(registers_x86, eptp_refusals)
{
	static const char cap[] = "IA32_VMX_EPT_VPID_CAP";
	static const char ctls2[] = "IA32_VMX_PROCBASED_CTLS2";
	static const struct {
		const char *name, *field;
		uint64_t cap_lacks, ctls2_lacks;
	} cases[] = {
		{ cap, "bit 0, execute-only", UINT64_C(1) << 0, 0 },
		{ cap, "bit 6, page-walk length of 4", UINT64_C(1) << 6, 0 },
		{ cap, "bit 14, write-back EPT structures", UINT64_C(1) << 14 | UINT64_C(1) << 8,
		  0 },
		{ cap, "bit 16, 2-MByte page", UINT64_C(1) << 16, 0 },
		{ cap, "bit 17, 1-GByte page", UINT64_C(1) << 17, 0 },
		{ cap, "bit 21, accessed and dirty flags", UINT64_C(1) << 21, 0 },
		{ ctls2, "enable EPT", 0, UINT64_C(1) << 33 },
		{ ctls2, "EPT-violation #VE", 0, UINT64_C(1) << 50 },
		{ ctls2, "mode-based execute control", 0, UINT64_C(1) << 54 },
	};
	struct page_table_config config = { .input_bits = 48 };
	struct register_refusal refusal;
	struct page_table table;
	struct x86_64_cpu cpu;
	uint64_t eptp;

	cr_assert_eq(x86_64_ept_config(&skylake, &config, NULL), REGISTER_OK);
	fixed_root_open(&table, &config, ROOT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cpu = skylake;
		cpu.vmx_ept_vpid_cap &= ~cases[i].cap_lacks;
		cpu.vmx_procbased_ctls2 &= ~cases[i].ctls2_lacks;
		expect_refusal(x86_64_eptp(&cpu, &table, &eptp, &refusal), REGISTER_MISSING,
			       &refusal, cases[i].name, cases[i].field, 1, 0);
	}
	cpu = skylake;
	cpu.cpuid_80000008_eax = 39;
	expect_refusal(x86_64_eptp(&cpu, &table, &eptp, &refusal), REGISTER_TOO_SMALL, &refusal,
		       "CPUID.80000008H:EAX", "MAXPHYADDR", 46, 39);
	config.input_bits = 57;
	fixed_root_open(&table, &config, ROOT);
	expect_refusal(x86_64_eptp(&skylake, &table, &eptp, &refusal), REGISTER_MISSING, &refusal,
		       cap, "bit 7, page-walk length of 5", 1, 0);
	expect_refusal(x86_64_ept_config(&skylake, &config, &refusal), REGISTER_MISSING, &refusal,
		       cap, "bit 7, page-walk length of 5", 1, 0);
	config.input_bits = 40;
	expect_refusal(x86_64_ept_config(&skylake, &config, &refusal), REGISTER_ARGUMENT, &refusal,
		       "page_table_config", "input_bits", 40, 57);
}

Test(registers_x86, ncr3)
{
	struct page_table_config config = { .input_bits = 0 };
	struct register_refusal refusal;
	struct x86_64_cpu cpu = genoa;
	struct page_table table;
	uint64_t ncr3 = 0;

	cr_assert_eq(x86_64_npt_config(&cpu, &config, NULL), REGISTER_OK);
	cr_assert_eq(config.format, &x86_64_npt);
	cr_assert_eq(config.input_bits, 48);
	cr_assert_eq(config.output_bits, 48);
	cr_assert_eq(config.leaf_sizes, 0x40201000);
	cr_assert_eq(config.features, NPT_NX);
	cr_assert_eq(config.memory_attributes, UINT64_C(0x0007040600070406));
	fixed_root_open(&table, &config, ROOT);
	cr_assert_eq(x86_64_ncr3(&cpu, &table, 1, &ncr3, NULL), REGISTER_OK);
	cr_assert_eq(ncr3, ROOT);
	cr_assert_eq(x86_64_ncr3(&cpu, &table, 0x7fff, &ncr3, NULL), REGISTER_OK);
	expect_refusal(x86_64_ncr3(&cpu, &table, 0, &ncr3, &refusal), REGISTER_ARGUMENT, &refusal,
		       "VMCB", "ASID", 0, 0x7fff);
	expect_refusal(x86_64_ncr3(&cpu, &table, 0x8000, &ncr3, &refusal), REGISTER_ARGUMENT,
		       &refusal, "VMCB", "ASID", 0x8000, 0x7fff);
	cpu.cpuid_8000000a_ebx = 0;
	expect_refusal(x86_64_ncr3(&cpu, &table, 1, &ncr3, &refusal), REGISTER_ARGUMENT, &refusal,
		       "VMCB", "ASID", 1, 0);
	cpu = genoa;
	cpu.efer = 0x1500;
	expect_refusal(x86_64_ncr3(&cpu, &table, 1, &ncr3, &refusal), REGISTER_MISSING, &refusal,
		       "EFER", "NXE", 1, 0);
	cpu = genoa;
	cpu.cr4 |= UINT64_C(1) << 12;
	expect_refusal(x86_64_ncr3(&cpu, &table, 1, &ncr3, &refusal), REGISTER_MISMATCH, &refusal,
		       "CR4", "LA57", 0, 1);
	cr_assert_eq(x86_64_npt_config(&cpu, &config, NULL), REGISTER_OK);
	cr_assert_eq(config.input_bits, 57);
	cpu = genoa;
	cpu.cpuid_80000001_edx &= ~(UINT32_C(1) << 26);
	expect_refusal(x86_64_ncr3(&cpu, &table, 1, &ncr3, &refusal), REGISTER_MISSING, &refusal,
		       "CPUID.80000001H:EDX", "Page1GB", 1, 0);
	cpu = genoa;
	cpu.pat = X86_64_PAT;
	expect_refusal(x86_64_ncr3(&cpu, &table, 1, &ncr3, &refusal), REGISTER_MISMATCH, &refusal,
		       "IA32_PAT", "PA0 to PA7", UINT64_C(0x0007040600070406), X86_64_PAT);
	cpu = genoa;
	cpu.cpuid_80000001_ecx = 0;
	expect_refusal(x86_64_ncr3(&cpu, &table, 1, &ncr3, &refusal), REGISTER_MISSING, &refusal,
		       "CPUID.80000001H:ECX", "SVM", 1, 0);
	cpu = genoa;
	cpu.cpuid_8000000a_edx = 0;
	expect_refusal(x86_64_ncr3(&cpu, &table, 1, &ncr3, &refusal), REGISTER_MISSING, &refusal,
		       "CPUID.8000000AH:EDX", "NP", 1, 0);
}

/* A table of parallel mappers is of the same format. */
Test(registers_x86, parallel_tables)
{
	struct page_table_config config = stage1_config(&skylake);
	struct page_table table;
	uint64_t cr3 = 0;

	config.parallel = true;
	fixed_root_open(&table, &config, ROOT);
	cr_assert_eq(x86_64_cr3(&skylake, &table, 0, false, &cr3, NULL), REGISTER_OK);
	cr_assert_eq(cr3, ROOT);
}

/* The C-bit, where tables are encrypted. */
Test(registers_x86, memory_encryption)
{
	struct page_table_config config = stage1_config(&genoa);
	struct x86_64_cpu hidden = genoa;
	struct page_table table;
	uint64_t value = 0;

	fixed_root_open(&table, &config, ROOT);
	hidden.cpuid_8000001f_ebx = 0x173; /* there is no such bit, whatever it says */
	cr_assert_eq(x86_64_cr3(&hidden, &table, 0, false, &value, NULL), REGISTER_OK);
	config.output_bits = 43;
	config.modifier = UINT64_C(1) << 47;
	fixed_root_open(&table, &config, ROOT);
	cr_assert_eq(x86_64_cr3(&genoa, &table, 0, false, &value, NULL), REGISTER_OK);
	cr_assert_eq(value, UINT64_C(0x123456000));
	config.modified_tables = true;
	fixed_root_open(&table, &config, ROOT);
	cr_assert_eq(x86_64_cr3(&genoa, &table, 0, false, &value, NULL), REGISTER_OK);
	cr_assert_eq(value, UINT64_C(0x800123456000));
	cr_assert_eq(x86_64_npt_config(&genoa, &config, NULL), REGISTER_OK);
	config.output_bits = 43;
	fixed_root_open(&table, &config, ROOT);
	cr_assert_eq(x86_64_ncr3(&genoa, &table, 1, &value, NULL), REGISTER_OK);
	cr_assert_eq(value, UINT64_C(0x800123456000));
}

/* A modifier that the CPU has not is a reserved bit, and addresses are fewer with the C-bit. */
Test(registers_x86, modifiers)
{
	static const struct {
		unsigned int bit, output;
		uint32_t eax, ebx;
		enum register_status status;
		uint64_t wanted, has;
	} cases[] = {
		/* Of MAXPHYADDR 48 all bits below can be one: TDX, MKTME. */
		{ 47, 43, 0, 0, REGISTER_OK, 0, 0 },
		{ 47, 47, 0, 0, REGISTER_OK, 0, 0 },
		{ 48, 43, 0, 0, REGISTER_MISSING, UINT64_C(1) << 48, 0 },
		{ 51, 43, 0, 0x173, REGISTER_MISSING, UINT64_C(1) << 51, 0 }, /* no SME, no SEV */
		{ 51, 43, 0xc, 0x173, REGISTER_MISSING, UINT64_C(1) << 51, 0 },
		/* C-bit 51, 5 bits fewer. */
		{ 51, 43, 1, 0x173, REGISTER_OK, 0, 0 },
		{ 51, 43, 2, 0x173, REGISTER_OK, 0, 0 },
		{ 51, 44, 2, 0x173, REGISTER_TOO_SMALL, 44, 43 },
		{ 51, 48, 3, 0xffff0033, REGISTER_OK, 0, 0 },
		{ 51, 43, 1, 63 << 6 | 51, REGISTER_TOO_SMALL, 43, 0 },
		{ 50, 43, 3, 0x173, REGISTER_MISSING, UINT64_C(1) << 50, UINT64_C(1) << 51 },
		{ 47, 43, 3, 0x16f, REGISTER_OK, 0, 0 },
		{ 47, 44, 3, 0x16f, REGISTER_TOO_SMALL, 44, 43 },
		{ 46, 44, 3, 0x16f, REGISTER_OK, 0, 0 },
	};
	struct page_table_config stage1 = stage1_config(&genoa), npt = { .input_bits = 0 };

	cr_assert_eq(x86_64_npt_config(&genoa, &npt, NULL), REGISTER_OK);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_table_config config = i % 2 == 0 ? stage1 : npt;
		struct register_refusal refusal = { "", "", 0, 0 };
		struct x86_64_cpu cpu = genoa;
		enum register_status status = cases[i / 2].status;
		struct page_table table;
		uint64_t value;

		require_story_begin("line %zu, %s", i / 2, i % 2 == 0 ? "CR3" : "N_CR3");
		config.modifier = UINT64_C(1) << cases[i / 2].bit;
		config.output_bits = (uint8_t)cases[i / 2].output;
		cpu.cpuid_8000001f_eax = cases[i / 2].eax;
		cpu.cpuid_8000001f_ebx = cases[i / 2].ebx;
		fixed_root_open(&table, &config, ROOT);
		expect_refusal(i % 2 == 0 ? x86_64_cr3(&cpu, &table, 0, false, &value, &refusal)
					  : x86_64_ncr3(&cpu, &table, 1, &value, &refusal),
			       status, &refusal, status == REGISTER_OK ? "" : "CPUID.8000001FH:EBX",
			       status == REGISTER_OK        ? ""
			       : status == REGISTER_MISSING ? "C-bit"
							    : "physical address bits",
			       cases[i / 2].wanted, cases[i / 2].has);
	}
}

Test(registers_x86, each_register_has_its_format)
{
	struct page_table_config stage1 = stage1_config(&genoa), ept = { .input_bits = 0 };
	struct register_refusal refusal;
	struct page_table table;
	uint64_t value;

	fixed_root_open(&table, &stage1, ROOT);
	expect_refusal(x86_64_eptp(&skylake, &table, &value, &refusal), REGISTER_WRONG_TABLE,
		       &refusal, "EPTP", "x86_64_ept", 0, 0);
	expect_refusal(x86_64_ncr3(&genoa, &table, 1, &value, &refusal), REGISTER_WRONG_TABLE,
		       &refusal, "N_CR3", "x86_64_npt", 0, 0);
	cr_assert_eq(x86_64_ept_config(&skylake, &ept, NULL), REGISTER_OK);
	fixed_root_open(&table, &ept, ROOT);
	expect_refusal(x86_64_cr3(&skylake, &table, 0, false, &value, &refusal),
		       REGISTER_WRONG_TABLE, &refusal, "CR3", "x86_64_stage1", 0, 0);
}

/* As for enum paging_status. */
Test(registers_x86, status_texts)
{
	cr_assert_str_eq(register_status_text(REGISTER_MISSING), "missing");
	cr_assert_not_null(register_status_text((enum register_status)1000));
	for (int i = REGISTER_OK; i <= REGISTER_UNALIGNED; i++) {
		const char *text = register_status_text((enum register_status)i);

		cr_assert(text[0] >= 'a' && text[0] <= 'z', "status %d: %s", i, text);
		cr_assert_str_neq(text, register_status_text((enum register_status)1000));
		for (int j = REGISTER_OK; j < i; j++)
			cr_assert_str_neq(text, register_status_text((enum register_status)j));
	}
}
