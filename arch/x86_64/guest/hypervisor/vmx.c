/* SPDX-License-Identifier: MIT */
/* Guests by VMX and EPT: what the CPU has, and guests and their CPUs as objects. SDM vol. 3C
 * chapters 23 to 28, appendix A. */
#include "vmx.h"

#include "../cpu.h"
#include "../mmu.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/text.h"
#include "twofold/x86_64.h"
#include "twofold/x86_64_fault.h"
#include "twofold/x86_64_tlb_execute.h"

#define CPUID_1_VMX            (UINT32_C(1) << 5) /* ECX */
#define MSR_FEATURE_CONTROL    UINT32_C(0x3a)
#define FEATURE_LOCKED         (UINT64_C(1) << 0)
#define FEATURE_VMX            (UINT64_C(1) << 2) /* outside SMX */
#define MSR_VMX_BASIC          UINT32_C(0x480)
#define BASIC_TRUE             (UINT64_C(1) << 55) /* the MSRs from 0x48d on are there */
#define BASIC_REVISION         UINT64_C(0x7fffffff)
#define MSR_VMX_PIN            UINT32_C(0x481)
#define MSR_VMX_CPU            UINT32_C(0x482)
#define MSR_VMX_EXIT           UINT32_C(0x483)
#define MSR_VMX_ENTRY          UINT32_C(0x484)
#define MSR_VMX_CR0_FIXED0     UINT32_C(0x486)
#define MSR_VMX_CR4_FIXED0     UINT32_C(0x488)
#define MSR_VMX_CPU2           UINT32_C(0x48b)
#define MSR_VMX_EPT_VPID_CAP   UINT32_C(0x48c)
#define MSR_VMX_TRUE_MINUS_OLD UINT32_C(0xc) /* 0x48d for 0x481, and so on */
#define CAP_INVEPT             (UINT64_C(1) << 20)
#define CAP_INVVPID            (UINT64_C(1) << 32)
#define VPIDS                  UINT32_C(0x10000)
#define PML_LAST               UINT64_C(511)

struct vmx vmx;

/* Upper half: what may be 1. A control that has no TRUE MSR has the same there. */
static uint32_t may_be_1(uint32_t msr)
{
	return (uint32_t)(read_msr(msr) >> 32);
}

static bool vmx_present(const char **why)
{
	uint64_t feature;

	if ((cpuid(1).ecx & CPUID_1_VMX) == 0) {
		*why = "CPUID has no VMX";
		return false;
	}
	feature = read_msr(MSR_FEATURE_CONTROL);
	if ((feature & FEATURE_LOCKED) != 0 && (feature & FEATURE_VMX) == 0) {
		*why = "the firmware has disabled it (IA32_FEATURE_CONTROL is locked)";
		return false;
	}
	if ((may_be_1(MSR_VMX_CPU) & CPU_SECONDARY) == 0 ||
	    (may_be_1(MSR_VMX_CPU2) & CPU2_EPT) == 0) {
		*why = "VMX without EPT";
		return false;
	}
	if ((read_msr(MSR_VMX_EPT_VPID_CAP) & CAP_INVEPT) == 0) {
		*why = "EPT without INVEPT";
		return false;
	}
	return true;
}

/* A.3 to A.5: lower half: what must be 1; upper half: what may be. */
static uint32_t adjust(const char *name, uint32_t msr, uint32_t wanted)
{
	uint64_t capability;
	uint32_t value;

	if (msr != MSR_VMX_CPU2 && (read_msr(MSR_VMX_BASIC) & BASIC_TRUE) != 0)
		msr += MSR_VMX_TRUE_MINUS_OLD;
	capability = read_msr(msr);
	value = (wanted | (uint32_t)capability) & (uint32_t)(capability >> 32);
	if ((value & wanted) != wanted)
		panic("VMX: %s controls: the CPU has 0x%lx, wanted 0x%x", name, capability, wanted);
	return value;
}

static void start_controls(struct vmx_controls *controls)
{
	uint32_t optional = may_be_1(MSR_VMX_CPU2) & (CPU2_VPID | CPU2_UNRESTRICTED);

	vmx.may_be.pin = may_be_1(MSR_VMX_PIN);
	vmx.may_be.cpu = may_be_1(MSR_VMX_CPU);
	controls->pin = adjust("pin-based", MSR_VMX_PIN, PIN_NMI);
	controls->cpu = adjust("processor-based", MSR_VMX_CPU, CPU_HLT | CPU_PORTS | CPU_SECONDARY);
	if ((controls->cpu & (CPU_CR3_LOAD | CPU_CR3_STORE)) != 0)
		panic("VMX: a guest cannot have CR3: controls 0x%x", controls->cpu);
	controls->cpu2 = adjust("secondary processor-based", MSR_VMX_CPU2, CPU2_EPT | optional);
	controls->exit = adjust("exit", MSR_VMX_EXIT,
				EXIT_HOST_64 | EXIT_SAVE_PAT | EXIT_LOAD_PAT | EXIT_SAVE_EFER |
					EXIT_LOAD_EFER);
	controls->entry = adjust("entry", MSR_VMX_ENTRY, ENTRY_LOAD_PAT | ENTRY_LOAD_EFER);
}

static phys_addr region(struct frame_allocator *frames)
{
	phys_addr page = vmx_take(frames);

	if (page != 0)
		*(uint32_t *)direct(page) = vmx.revision;
	return page;
}

/* VMXON: what it demands is in 23.7 and A.7, A.8. */
static void switch_on(void)
{
	uint64_t feature = read_msr(MSR_FEATURE_CONTROL);
	phys_addr page;

	if ((feature & FEATURE_LOCKED) == 0)
		write_msr(MSR_FEATURE_CONTROL, feature | FEATURE_LOCKED | FEATURE_VMX);
	write_cr0(read_cr0() | read_msr(MSR_VMX_CR0_FIXED0));
	write_cr4(read_cr4() | read_msr(MSR_VMX_CR4_FIXED0));
	vmx.revision = (uint32_t)(read_msr(MSR_VMX_BASIC) & BASIC_REVISION);
	page = region(&kernel.pool.allocator);
	if (page == 0 || !vmx_on(page))
		panic("VMXON of a region at 0x%lx fails", page);
}

static void vmx_start(struct inner_cpu *cpu)
{
	struct register_refusal refusal;
	enum register_status status;

	switch_on();
	start_controls(&vmx.controls);
	vmx.cpu = *mmu_cpu();
	vmx.cpu.vmx_procbased_ctls2 = read_msr(MSR_VMX_CPU2);
	vmx.cpu.vmx_ept_vpid_cap = read_msr(MSR_VMX_EPT_VPID_CAP);
	status = x86_64_ept_config(&vmx.cpu, &cpu->config, &refusal);
	if (status != REGISTER_OK)
		panic("no extended page tables for this CPU: %s.%s is %s", refusal.name,
		      refusal.field, register_status_text(status));
	/* #VE and mode-based execute control are not switched on. */
	cpu->config.features &= EPT_EXECUTE_ONLY | EPT_ACCESSED_DIRTY;
	cpu->own = kernel.mmu.config;
	cpu->spaces = VPIDS;
	cpu->execute_only = (cpu->config.features & EPT_EXECUTE_ONLY) != 0;
	cpu->no_execute = true;
	cpu->hardware_accessed = (cpu->config.features & EPT_ACCESSED_DIRTY) != 0;
	cpu->hardware_dirty = cpu->walk_writes = cpu->hardware_accessed;
	cpu->walk_unsure = !cpu->hardware_accessed;
	cpu->page_log = vmx.page_log =
		cpu->hardware_dirty && (vmx.cpu.vmx_procbased_ctls2 >> 32 & CPU2_PML) != 0;
	cpu->never_bare = (vmx.controls.cpu2 & CPU2_UNRESTRICTED) == 0;
}

phys_addr vmx_take(struct frame_allocator *frames)
{
	struct frame frame;

	if (!frames->allocate(frames, FRAME_PAGE, PAGE_SIZE_4K, &frame))
		return 0;
	memset(direct(frame.start), 0, PAGE_SIZE_4K);
	return frame.start;
}

void vmx_give(struct frame_allocator *frames, phys_addr page)
{
	if (page != 0)
		frames->free(frames, FRAME_PAGE, (struct frame){ page, PAGE_SIZE_4K });
}

static void give_state(struct frame_allocator *frames, const void *state)
{
	vmx_give(frames, (virt_addr)(uintptr_t)state - arch_layout.direct_base);
}

static void vmx_flush(const struct tlb_gather *gather, void *context)
{
	const struct inner_guest *guest = context;
	const struct vmx_guest *state = guest->state;
	struct register_refusal refusal;
	enum register_status status;

	status = x86_64_ept_tlb_plan(&guest->table, vmx.cpu.vmx_ept_vpid_cap, state->eptp, gather,
				     x86_64_tlb_execute, NULL, &refusal);
	if (status != REGISTER_OK)
		panic("INVEPT: %s.%s is %s", refusal.name, refusal.field,
		      register_status_text(status));
}

/* What is cached of the root may be of the guest whose root was there before. */
static bool vmx_guest_create(struct inner_guest *guest, struct frame_allocator *frames)
{
	struct tlb_gather everything = { .everything = true };
	phys_addr page = vmx_take(frames);
	struct vmx_guest *state = direct(page);
	struct register_refusal refusal;
	enum register_status status;

	if (page == 0)
		return false;
	status = x86_64_eptp(&vmx.cpu, &guest->table, &state->eptp, &refusal);
	if (status != REGISTER_OK)
		panic("extended page tables: %s.%s is %s", refusal.name, refusal.field,
		      register_status_text(status));
	guest->state = state;
	vmx_flush(&everything, guest);
	return true;
}

static void vmx_guest_destroy(struct inner_guest *guest, struct frame_allocator *frames)
{
	give_state(frames, guest->state);
	guest->state = NULL;
}

void vmcs_write(uint64_t field, uint64_t value)
{
	if (!vmcs_try_write(field, value))
		panic("VMWRITE of 0x%lx to field 0x%lx: VM-instruction error %lu", value, field,
		      vmcs_read(VMCS_INSTRUCTION_ERROR));
}

void vmcs_select(const struct vmx_vcpu *state)
{
	if (vmx.current == state->vmcs)
		return;
	if (!vmx_select(state->vmcs))
		panic("VMPTRLD of a VMCS at 0x%lx fails", state->vmcs);
	vmx.current = state->vmcs;
}

/* A CPU of the guest begins with nothing in its TLB (28.4.3.1). Without VPIDs each entry is that.
 */
void vmx_forget(uint32_t vpid)
{
	struct tlb_gather everything = { .everything = true };
	struct register_refusal refusal;
	enum register_status status;

	if ((vmx.controls.cpu2 & CPU2_VPID) == 0 || (vmx.cpu.vmx_ept_vpid_cap & CAP_INVVPID) == 0)
		return;
	/* Of no table in particular: whatever stage 1 the VPID was used with. */
	status = x86_64_vpid_tlb_plan(&kernel.tables[0], vmx.cpu.vmx_ept_vpid_cap, (uint16_t)vpid,
				      0, &everything, x86_64_tlb_execute, NULL, &refusal);
	if (status != REGISTER_OK)
		panic("INVVPID: %s.%s is %s", refusal.name, refusal.field,
		      register_status_text(status));
}

static bool vmx_vcpu_create(struct inner_vcpu *vcpu, const struct inner_start *start,
			    struct frame_allocator *frames)
{
	phys_addr page = vmx_take(frames), vmcs = region(frames);
	phys_addr log = vmx.page_log ? vmx_take(frames) : 0;
	struct vmx_vcpu *state = direct(page);

	if (page == 0 || vmcs == 0 || (vmx.page_log && log == 0)) {
		vmx_give(frames, page);
		vmx_give(frames, vmcs);
		vmx_give(frames, log);
		return false;
	}
	state->vmcs = vmcs;
	state->log = log;
	if (!vmx_clear(state->vmcs))
		panic("VMCLEAR of a VMCS at 0x%lx fails", state->vmcs);
	vmcs_select(state);
	vmx_write_state(vcpu, start);
	if (log != 0) {
		vmcs_write(VMCS_PML_ADDRESS, log);
		vmcs_write(VMCS_PML_INDEX, PML_LAST);
	}
	vmx_forget(vcpu->guest->space);
	vcpu->pc = start->entry;
	vcpu->arguments[0] = start->argument;
	state->registers.rbx = start->argument;
	vcpu->state = state;
	return true;
}

static void vmx_vcpu_destroy(struct inner_vcpu *vcpu, struct frame_allocator *frames)
{
	struct vmx_vcpu *state = vcpu->state;

	if (!vmx_clear(state->vmcs))
		panic("VMCLEAR of a VMCS at 0x%lx fails", state->vmcs);
	if (vmx.current == state->vmcs)
		vmx.current = 0;
	vmx_give(frames, state->vmcs);
	vmx_give(frames, state->log);
	give_state(frames, state);
	vcpu->state = NULL;
}

static struct page_fault vmx_explain(const struct inner_vcpu *vcpu, const struct inner_exit *exit)
{
	(void)vcpu;
	if (exit->raw[0] == VMX_EXIT_EPT_MISCONFIGURED)
		return x86_64_explain_ept_misconfiguration(exit->raw[2]);
	return x86_64_explain_ept_violation(exit->raw[1], exit->raw[2], exit->raw[3]);
}

static void vmx_set_log(struct inner_vcpu *vcpu, bool on)
{
	vmcs_select(vcpu->state);
	vmcs_write(VMCS_PML_INDEX, PML_LAST);
	vmcs_write(VMCS_CPU_CONTROLS2, vmx.controls.cpu2 | (on ? CPU2_PML : 0));
}

/* PML, 28.3.6: the index is of the next entry that is written, from 511 down; after entry 0 it is
 * 0xffff. Takes those that were written last. */
static size_t vmx_drain(struct inner_vcpu *vcpu, phys_addr *pages, size_t capacity)
{
	const struct vmx_vcpu *state = vcpu->state;
	const uint64_t *log = direct(state->log);
	uint16_t index;
	size_t count = 0;

	vmcs_select(state);
	index = (uint16_t)vmcs_read(VMCS_PML_INDEX);
	while (index != PML_LAST && count < capacity)
		pages[count++] = log[++index];
	vmcs_write(VMCS_PML_INDEX, index);
	return count;
}

/*
 * EPT misconfigurations, SDM vol. 3C 28.3.3.1. Bit 12 of large leaves is reserved too, but Bochs
 * (2.7) does not look at it.
 */
static const struct inner_misconfiguration misconfigurations[] = {
	{ .name = "written, not read", .set = 2, .clear = 5, .levels = 7 },
	{ .name = "written and executed, not read", .set = 6, .clear = 1, .levels = 7 },
	{ .name = "executed, not read, on a CPU without that",
	  .clear = 3,
	  .levels = 7,
	  .unless = EPT_EXECUTE_ONLY },
	{ .name = "memory type 2", .set = 2 << 3, .clear = 5 << 3, .levels = 7 },
	{ .name = "memory type 3", .set = 3 << 3, .clear = 4 << 3, .levels = 7 },
	{ .name = "memory type 7", .set = 7 << 3, .levels = 7 },
	{ .name = "a table with a memory type", .clear = 1 << 7, .levels = 6 },
	{ .name = "bit 13 of a 2M leaf", .set = UINT64_C(1) << 13, .levels = 1 << 1 },
	{ .name = "bit 20 of a 2M leaf", .set = UINT64_C(1) << 20, .levels = 1 << 1 },
	{ .name = "bit 13 of a 1G leaf", .set = UINT64_C(1) << 13, .levels = 1 << 2 },
	{ .name = "bit 29 of a 1G leaf", .set = UINT64_C(1) << 29, .levels = 1 << 2 },
	{ .name = "address bit 40", .set = UINT64_C(1) << 40, .levels = 7, .output_below = 41 },
	{ .name = "address bit 51", .set = UINT64_C(1) << 51, .levels = 7, .output_below = 52 },
};

const struct inner_backend inner_vmx = {
	.name = "VMX",
	.present = vmx_present,
	.start = vmx_start,
	.guest_create = vmx_guest_create,
	.guest_destroy = vmx_guest_destroy,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_destroy = vmx_vcpu_destroy,
	.run = vmx_run,
	.explain = vmx_explain,
	.flush = vmx_flush,
	.set_log = vmx_set_log,
	.drain = vmx_drain,
	.own_root = vmx_own_cr3,
	.misconfigurations = misconfigurations,
	.misconfiguration_count = sizeof(misconfigurations) / sizeof(misconfigurations[0]),
};
