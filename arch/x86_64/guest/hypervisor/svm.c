/* SPDX-License-Identifier: MIT */
/* Guests by SVM and nested paging: APM vol. 2 chapter 15. */
#include "svm.h"

#include "../cpu.h"
#include "../mmu.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/text.h"
#include "twofold/x86_64.h"
#include "twofold/x86_64_fault.h"
#include "twofold/x86_64_registers.h"
#include "twofold/x86_64_tlb.h"

#define CPUID_SVM            UINT32_C(0x8000000a)
#define CPUID_80000001_SVM   (UINT32_C(1) << 2) /* ECX */
#define CPUID_SVM_NP         (UINT32_C(1) << 0) /* EDX */
#define CPUID_SVM_FLUSH_ASID (UINT32_C(1) << 6) /* EDX */
#define MSR_VM_CR            UINT32_C(0xc0010114)
#define MSR_VM_HSAVE_PA      UINT32_C(0xc0010117)
#define VM_CR_SVMDIS         (UINT64_C(1) << 4)
#define EFER_SVME            (UINT64_C(1) << 12)
#define PORT_MAP_SIZE        UINT64_C(0x4000) /* 12 KiB and a bit: 15.10.1 */
#define MSR_MAP_SIZE         UINT64_C(0x2000)
#define EVENT_VALID          (UINT64_C(1) << 31)
#define EVENT_INTERRUPT      0 /* bits 10:8: the type */
#define EVENT_NMI            2
#define INJECT_GP            (UINT64_C(13) | UINT64_C(3) << 8 | UINT64_C(1) << 11 | UINT64_C(1) << 31)
#define SEGMENT_CODE_64      0xa9b
#define SEGMENT_CODE_32      0xc9b
#define SEGMENT_DATA         0xc93
#define SEGMENT_TSS          0x08b
#define SEGMENT_LDT          0x082

static struct {
	struct x86_64_cpu cpu;
	phys_addr host;  /* VMCB for what VMRUN does not keep */
	phys_addr ports; /* every port and MSR exits */
	phys_addr msrs;
} svm;

/* A guest's: what its CPUs have to flush at their next entry. */
struct svm_guest {
	uint8_t tlb_control;
};

struct svm_vcpu {
	struct svm_registers registers;
	phys_addr vmcb;
};

struct svm_vmcb *svm_vmcb(const struct inner_vcpu *vcpu)
{
	const struct svm_vcpu *state = vcpu->state;

	return direct(state->vmcb);
}

struct svm_registers *svm_registers(const struct inner_vcpu *vcpu)
{
	struct svm_vcpu *state = vcpu->state;

	return &state->registers;
}

static bool svm_present(const char **why)
{
	if ((cpuid_if_present(UINT32_C(0x80000001)).ecx & CPUID_80000001_SVM) == 0) {
		*why = "CPUID has no SVM";
		return false;
	}
	if ((cpuid_if_present(CPUID_SVM).edx & CPUID_SVM_NP) == 0) {
		*why = "SVM without nested paging";
		return false;
	}
	if ((read_msr(MSR_VM_CR) & VM_CR_SVMDIS) != 0) {
		*why = "the firmware has disabled it (VM_CR.SVMDIS)";
		return false;
	}
	return true;
}

static phys_addr permanent(uint64_t size, int fill)
{
	struct frame frame;

	if (!kernel.pool.allocator.allocate(&kernel.pool.allocator, FRAME_PAGE, size, &frame))
		panic("SVM: no frame of 0x%lx bytes", size);
	memset(direct(frame.start), fill, size);
	return frame.start;
}

static void svm_start(struct inner_cpu *cpu)
{
	struct register_refusal refusal;
	enum register_status status;

	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SVME);
	write_msr(MSR_VM_HSAVE_PA, permanent(PAGE_SIZE_4K, 0));
	svm.host = permanent(PAGE_SIZE_4K, 0);
	svm.ports = permanent(PORT_MAP_SIZE, 0xff);
	svm.msrs = permanent(MSR_MAP_SIZE, 0xff);
	svm.cpu = *mmu_cpu();
	svm.cpu.cpuid_8000000a_ebx = cpuid(CPUID_SVM).ebx;
	svm.cpu.cpuid_8000000a_edx = cpuid(CPUID_SVM).edx;
	status = x86_64_npt_config(&svm.cpu, &cpu->config, &refusal);
	if (status != REGISTER_OK)
		panic("no nested tables for this CPU: %s.%s is %s", refusal.name, refusal.field,
		      register_status_text(status));
	cpu->config.leaf_sizes &= kernel.mmu.config.leaf_sizes | ~PAGE_SIZE_1G;
	cpu->own = kernel.mmu.config;
	cpu->spaces = svm.cpu.cpuid_8000000a_ebx;
	cpu->no_execute = (cpu->config.features & NPT_NX) != 0;
	cpu->hardware_accessed = cpu->hardware_dirty = true;
	cpu->walk_writes = true;
}

static bool take(struct frame_allocator *frames, uint64_t size, phys_addr *start)
{
	struct frame frame;

	if (!frames->allocate(frames, FRAME_PAGE, size, &frame))
		return false;
	memset(direct(frame.start), 0, size);
	*start = frame.start;
	return true;
}

/* The backend's state of a guest or a CPU: a page, by its address in the direct map. */
static void *take_page(struct frame_allocator *frames)
{
	phys_addr start;

	return take(frames, PAGE_SIZE_4K, &start) ? direct(start) : NULL;
}

static void give_page(struct frame_allocator *frames, phys_addr start)
{
	frames->free(frames, FRAME_PAGE, (struct frame){ start, PAGE_SIZE_4K });
}

static void give_state(struct frame_allocator *frames, const void *state)
{
	give_page(frames, (virt_addr)(uintptr_t)state - arch_layout.direct_base);
}

/* What is cached under the identifier may be of the guest that had it before. */
static bool svm_guest_create(struct inner_guest *guest, struct frame_allocator *frames)
{
	struct svm_guest *state = take_page(frames);

	if (!state)
		return false;
	state->tlb_control = TLB_CONTROL_ALL;
	guest->state = state;
	return true;
}

static void svm_guest_destroy(struct inner_guest *guest, struct frame_allocator *frames)
{
	give_state(frames, guest->state);
	guest->state = NULL;
}

static uint64_t own_cr3(const struct page_table *own)
{
	struct register_refusal refusal;
	uint64_t cr3;
	enum register_status status = x86_64_cr3(&svm.cpu, own, 0, false, &cr3, &refusal);

	if (status != REGISTER_OK)
		panic("inner tables: %s.%s is %s", refusal.name, refusal.field,
		      register_status_text(status));
	return cr3;
}

static void start_segments(struct svm_vmcb *vmcb, bool wide)
{
	struct svm_segment data = { .attributes = SEGMENT_DATA, .limit = UINT32_MAX };

	vmcb->ds = vmcb->es = vmcb->ss = vmcb->fs = vmcb->gs = data;
	vmcb->cs = data;
	vmcb->cs.attributes = wide ? SEGMENT_CODE_64 : SEGMENT_CODE_32;
	vmcb->tr = (struct svm_segment){ .attributes = SEGMENT_TSS, .limit = 0x67 };
	vmcb->ldtr = (struct svm_segment){ .attributes = SEGMENT_LDT };
}

static void start_control(struct svm_vmcb *vmcb, const struct inner_guest *guest)
{
	struct register_refusal refusal;
	enum register_status status;

	vmcb->intercepts[0] = SVM_INTERCEPT_NMI | SVM_INTERCEPT_HLT | SVM_INTERCEPT_PORTS |
			      SVM_INTERCEPT_MSRS | SVM_INTERCEPT_TASK_SWITCH |
			      SVM_INTERCEPT_SHUTDOWN;
	vmcb->intercepts[1] = SVM_INTERCEPT_SVM;
	vmcb->ports = svm.ports;
	vmcb->msrs = svm.msrs;
	vmcb->asid = guest->space;
	vmcb->nested = 1;
	status = x86_64_ncr3(&svm.cpu, &guest->table, guest->space, &vmcb->nested_cr3, &refusal);
	if (status != REGISTER_OK)
		panic("nested tables: %s.%s is %s", refusal.name, refusal.field,
		      register_status_text(status));
}

static bool svm_vcpu_create(struct inner_vcpu *vcpu, const struct inner_start *start,
			    struct frame_allocator *frames)
{
	struct svm_vcpu *state = take_page(frames);
	bool paged = start->how == INNER_PAGED;
	struct svm_vmcb *vmcb;

	if (!state)
		return false;
	if (!take(frames, PAGE_SIZE_4K, &state->vmcb)) {
		give_state(frames, state);
		return false;
	}
	vmcb = direct(state->vmcb);
	start_control(vmcb, vcpu->guest);
	start_segments(vmcb, paged);
	vmcb->efer = EFER_SVME;
	vmcb->cr0 = CR0_PE | CR0_ET;
	vmcb->pat = X86_64_PAT_RESET;
	vmcb->rflags = 2;
	vmcb->dr6 = 0xffff0ff0;
	vmcb->dr7 = 0x400;
	if (paged) {
		vmcb->efer = read_msr(MSR_EFER) | EFER_LMA;
		vmcb->cr0 = read_cr0();
		vmcb->cr4 = read_cr4();
		vmcb->cr3 = own_cr3(start->own);
		vmcb->pat = svm.cpu.pat;
		vmcb->rsp = start->stack;
	}
	vcpu->pc = start->entry;
	vcpu->arguments[0] = start->argument;
	state->registers.rbx = start->argument;
	vcpu->state = state;
	return true;
}

static void svm_vcpu_destroy(struct inner_vcpu *vcpu, struct frame_allocator *frames)
{
	struct svm_vcpu *state = vcpu->state;

	give_page(frames, state->vmcb);
	give_state(frames, state);
	vcpu->state = NULL;
}

static void load_common(const struct inner_vcpu *vcpu, struct svm_vcpu *state,
			struct svm_vmcb *vmcb)
{
	vmcb->rip = vcpu->pc;
	state->registers.rdi = vcpu->arguments[0];
	state->registers.rsi = vcpu->arguments[1];
	state->registers.rdx = vcpu->arguments[2];
	state->registers.rcx = vcpu->arguments[3];
}

static void store_common(struct inner_vcpu *vcpu, const struct svm_vcpu *state,
			 const struct svm_vmcb *vmcb)
{
	vcpu->pc = vmcb->rip;
	vcpu->arguments[0] = state->registers.rdi;
	vcpu->arguments[1] = state->registers.rsi;
	vcpu->arguments[2] = state->registers.rdx;
	vcpu->arguments[3] = state->registers.rcx;
}

/*
 * RDMSR or WRMSR: the guest has EFER, without a say in SVM, and the PAT; every other register is
 * not there for it. The instruction is two bytes long.
 */
static void emulate_msr(struct inner_vcpu *vcpu, struct svm_vcpu *state, struct svm_vmcb *vmcb)
{
	bool write = vmcb->exit_info1 != 0;
	uint64_t value = (vmcb->rax & UINT32_MAX) | state->registers.rdx << 32;

	switch ((uint32_t)state->registers.rcx) {
	case MSR_EFER:
		if (write)
			vmcb->efer = (value & (EFER_SCE | EFER_LME | EFER_NXE)) |
				     (vmcb->efer & EFER_LMA) | EFER_SVME;
		value = vmcb->efer & ~EFER_SVME;
		break;
	case MSR_PAT:
		if (write)
			vmcb->pat = value;
		value = vmcb->pat;
		break;
	default:
		vmcb->event = INJECT_GP;
		return;
	}
	if (!write) {
		vmcb->rax = value & UINT32_MAX;
		vcpu->arguments[2] = value >> 32;
	}
	vcpu->pc += 2;
}

/*
 * IN or OUT: APM vol. 2 15.10.2. Bits 31:16: the port; bit 2: of a string; bit 0: IN. EXITINFO2 is
 * the next RIP.
 */
static enum inner_reason port_exit(struct inner_vcpu *vcpu, const struct svm_vmcb *vmcb)
{
	if ((vmcb->exit_info1 & 5) != 0 || vmcb->exit_info1 >> 16 != INNER_PORT)
		return INNER_OTHER;
	vcpu->pc = vmcb->exit_info2;
	return INNER_HYPERCALL;
}

static enum inner_reason reason_of(struct inner_vcpu *vcpu, const struct svm_vmcb *vmcb)
{
	switch (vmcb->exit_code) {
	case SVM_EXIT_NPF:
		return INNER_FAULT;
	case SVM_EXIT_HLT:
		return INNER_HALT;
	case SVM_EXIT_SHUTDOWN:
		return INNER_SHUTDOWN;
	case SVM_EXIT_PORT:
		return port_exit(vcpu, vmcb);
	default:
		return INNER_OTHER;
	}
}

/*
 * EXITINTINFO, APM vol. 2 15.7.2: an interrupt whose delivery the exit broke off (its handler or
 * stack is not mapped) has been acknowledged, and comes again with the next entry. An exception
 * (bits 10:8 are 3) comes again by itself.
 */
static uint64_t interrupted_event(const struct svm_vmcb *vmcb)
{
	uint64_t event = vmcb->exit_interrupt;
	unsigned int type = event >> 8 & 7;

	return (event & EVENT_VALID) != 0 && (type == EVENT_INTERRUPT || type == EVENT_NMI) ? event
											    : 0;
}

static void svm_run(struct inner_vcpu *vcpu, struct inner_exit *exit)
{
	struct svm_vcpu *state = vcpu->state;
	struct svm_guest *guest = vcpu->guest->state;
	struct svm_vmcb *vmcb = direct(state->vmcb);

	do {
		load_common(vcpu, state, vmcb);
		vmcb->tlb_control = guest->tlb_control;
		guest->tlb_control = TLB_CONTROL_NOTHING;
		svm_enter(&state->registers, state->vmcb, svm.host);
		store_common(vcpu, state, vmcb);
		vmcb->event = interrupted_event(vmcb);
		if (vmcb->exit_code == SVM_EXIT_MSR)
			emulate_msr(vcpu, state, vmcb);
	} while (vmcb->exit_code == SVM_EXIT_MSR);
	exit->raw[0] = vmcb->exit_code;
	exit->raw[1] = vmcb->exit_info1;
	exit->raw[2] = vmcb->exit_info2;
	exit->raw[3] = vmcb->exit_interrupt;
	exit->reason = reason_of(vcpu, vmcb);
}

static struct page_fault svm_explain(const struct inner_vcpu *vcpu, const struct inner_exit *exit)
{
	(void)vcpu;
	return x86_64_explain_npf(exit->raw[1], exit->raw[2]);
}

static void svm_flush(const struct tlb_gather *gather, void *context)
{
	const struct inner_guest *guest = context;
	struct svm_guest *state = guest->state;
	bool by_asid = (svm.cpu.cpuid_8000000a_edx & CPUID_SVM_FLUSH_ASID) != 0;
	enum x86_64_tlb_control control;

	if (x86_64_npt_tlb_control(&guest->table, gather, by_asid, &control) != REGISTER_OK)
		panic("no TLB invalidation for the table with root 0x%lx", guest->table.root);
	if (state->tlb_control != TLB_CONTROL_ALL && control != TLB_CONTROL_NOTHING)
		state->tlb_control = (uint8_t)control;
}

/*
 * Reserved bits: of large leaves below the address (the PAT bit is none), of addresses beyond what
 * the CPU has (bit 51, where MAXPHYADDR is less). APM vol. 2 5.3.3, 15.25.6.
 */
static const struct inner_misconfiguration misconfigurations[] = {
	{ .name = "bit 13 of a 2M leaf", .set = UINT64_C(1) << 13, .levels = 1 << 1 },
	{ .name = "bit 20 of a 2M leaf", .set = UINT64_C(1) << 20, .levels = 1 << 1 },
	{ .name = "bit 13 of a 1G leaf", .set = UINT64_C(1) << 13, .levels = 1 << 2 },
	{ .name = "bit 29 of a 1G leaf", .set = UINT64_C(1) << 29, .levels = 1 << 2 },
	{ .name = "address bit 51", .set = UINT64_C(1) << 51, .levels = 7, .output_below = 52 },
};

const struct inner_backend inner_svm = {
	.name = "SVM",
	.present = svm_present,
	.start = svm_start,
	.guest_create = svm_guest_create,
	.guest_destroy = svm_guest_destroy,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.run = svm_run,
	.explain = svm_explain,
	.flush = svm_flush,
	.own_root = own_cr3,
	.misconfigurations = misconfigurations,
	.misconfiguration_count = sizeof(misconfigurations) / sizeof(misconfigurations[0]),
};
