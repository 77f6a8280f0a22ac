/* SPDX-License-Identifier: MIT */
/*
 * CR3, EPTP and nCR3: their values, what the CPU must have for them, and the largest configuration
 * that a CPU allows. Everything is computed from what the caller read; what it did not read stays
 * zero, which means that the CPU does not have it.
 *
 *	struct x86_64_cpu cpu = { .cpuid_1_edx = ..., .cr4 = ..., .efer = ... };
 *
 *	x86_64_enable(&cpu);                          // and write cpu.cr4 and cpu.efer
 *	x86_64_stage1_config(&cpu, &config, NULL);    // fill in config.access
 *	page_table_init(&table, &config, frames);
 *	x86_64_cr3(&cpu, &table, 0, 0, &cr3, NULL);
 *
 * A configuration's `access` and `parallel` are the caller's, and so is memory encryption: it takes
 * the bits that CPUID 8000001FH:EBX 11:6 counts from config.output_bits and says config.modifier.
 * CR3 and N_CR3 then have the modifier if tables have. A table's modifier is the C-bit of CPUID
 * 8000001FH:EBX 5:0, or any bit below MAXPHYADDR (a TDX guest's shared bit, a key of MKTME):
 * another is reserved, and REGISTER_MISSING. With the C-bit MAXPHYADDR is less by the bits of EBX
 * 11:6.
 *
 * `refusal` may be NULL everywhere; it is written when the answer is not REGISTER_OK, and no other
 * result is then.
 */
#ifndef TWOFOLD_X86_64_REGISTERS_H
#define TWOFOLD_X86_64_REGISTERS_H

#include "twofold/page_table.h"
#include "twofold/register_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* CPUID by leaf and register, MSRs by name. */
struct x86_64_cpu {
	uint32_t cpuid_1_ecx;
	uint32_t cpuid_1_edx;
	uint32_t cpuid_7_ecx; /* subleaf 0 */
	uint32_t cpuid_80000001_ecx;
	uint32_t cpuid_80000001_edx;
	uint32_t cpuid_80000008_eax;
	uint32_t cpuid_8000000a_ebx; /* SVM */
	uint32_t cpuid_8000000a_edx;
	uint32_t cpuid_8000001f_eax; /* memory encryption */
	uint32_t cpuid_8000001f_ebx;
	uint64_t vmx_procbased_ctls2; /* IA32_VMX_PROCBASED_CTLS2, MSR 0x48b */
	uint64_t vmx_ept_vpid_cap;    /* IA32_VMX_EPT_VPID_CAP, MSR 0x48c */
	/* As they will be when the table is walked. */
	uint64_t cr4;
	uint64_t efer;
	uint64_t pat; /* IA32_PAT, MSR 0x277; of no account where CPUID has no PAT */
};

/* Sets in cpu->cr4 and cpu->efer what lets tables say more and costs nothing, as far as CPUID has
 * it: CR4.PGE and EFER.NXE. The caller writes both. */
void x86_64_enable(struct x86_64_cpu *cpu);

/*
 * Stage 1 (SDM vol. 3A 4.1.4, 4.5; APM vol. 2 5.3). The configuration that has all of the CPU as
 * its registers are set: 57 input bits with CR4.LA57, else 48; MAXPHYADDR; leaves of 1G; NX with
 * EFER.NXE, GLOBAL with CR4.PGE, PKU with CR4.PKE or PKS; the PAT. A
 * register bit that CPUID excludes is REGISTER_MISSING.
 */
enum register_status x86_64_stage1_config(const struct x86_64_cpu *cpu,
					  struct page_table_config *config,
					  struct register_refusal *refusal);

/*
 * Whether the CPU walks the table as the library wrote it: REGISTER_WRONG_TABLE; REGISTER_MISMATCH
 * of CR4.LA57 (the number of levels) or of IA32_PAT; REGISTER_TOO_SMALL of MAXPHYADDR;
 * REGISTER_MISSING for each feature and leaf size. And what x86_64_stage1_config refuses.
 */
enum register_status x86_64_stage1_check(const struct x86_64_cpu *cpu,
					 const struct page_table *table,
					 struct register_refusal *refusal);

/*
 * CR3 for the table (SDM vol. 3A 4.5.2, tables 4-12 and 4-13). `pcid` is 0 to 4095; other than 0 it
 * needs CR4.PCIDE. `keep` sets bit 63, so that loading the value keeps what the TLB has of this
 * PCID; it needs CR4.PCIDE too, and bit 63 reads as 0. Tables are walked as memory of PAT entry 0,
 * which is write-back in both PATs of twofold/x86_64.h. Errors as x86_64_stage1_check, and
 * REGISTER_ARGUMENT.
 */
enum register_status x86_64_cr3(const struct x86_64_cpu *cpu, const struct page_table *table,
				unsigned int pcid, bool keep, uint64_t *cr3,
				struct register_refusal *refusal);

/*
 * EPT (SDM vol. 3C 28.3, A.10). config->input_bits is what the caller wants, 48 or 57, or 0 for the
 * most the CPU has; the rest is filled in: MAXPHYADDR, 2M and 1G leaves, execute-only, accessed and
 * dirty, and suppress-#VE and mode-based execute where the control may be set. Take away what is
 * not used. REGISTER_MISSING of EPT or of walks that long; REGISTER_ARGUMENT for another width.
 */
enum register_status x86_64_ept_config(const struct x86_64_cpu *cpu,
				       struct page_table_config *config,
				       struct register_refusal *refusal);

/* Whether the CPU walks the table as the library wrote it: REGISTER_WRONG_TABLE;
 * REGISTER_TOO_SMALL of MAXPHYADDR; REGISTER_MISSING for the number of levels, each leaf size and
 * each feature. */
enum register_status x86_64_ept_check(const struct x86_64_cpu *cpu, const struct page_table *table,
				      struct register_refusal *refusal);

/*
 * EPTP (SDM vol. 3C 24.6.11, table 24-9): memory type write-back if the CPU has it, else
 * uncacheable; the page-walk length; bit 6 with EPT_ACCESSED_DIRTY. Bit 7, supervisor shadow
 * stacks, stays 0. Errors as x86_64_ept_check.
 */
enum register_status x86_64_eptp(const struct x86_64_cpu *cpu, const struct page_table *table,
				 uint64_t *eptp, struct register_refusal *refusal);

/*
 * AMD nested paging (APM vol. 2 15.25). The nested walk follows the host's CR4.LA57 and EFER.NXE
 * as they are at VMRUN, and combines memory types with the host's PAT. REGISTER_MISSING of SVM, of
 * nested paging, and for a register bit that CPUID excludes.
 */
enum register_status x86_64_npt_config(const struct x86_64_cpu *cpu,
				       struct page_table_config *config,
				       struct register_refusal *refusal);

/* The same of the host's registers. Errors as x86_64_stage1_check. */
enum register_status x86_64_npt_check(const struct x86_64_cpu *cpu, const struct page_table *table,
				      struct register_refusal *refusal);

/*
 * The VMCB's N_CR3 (offset 0xb0) for a guest with this address space identifier, 1 up to one less
 * than CPUID 8000000A EBX. Errors as x86_64_npt_check, and REGISTER_ARGUMENT.
 */
enum register_status x86_64_ncr3(const struct x86_64_cpu *cpu, const struct page_table *table,
				 uint32_t asid, uint64_t *ncr3, struct register_refusal *refusal);

#ifdef __cplusplus
}
#endif

#endif
