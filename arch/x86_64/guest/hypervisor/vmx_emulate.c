/* SPDX-License-Identifier: MIT */
/*
 * What of its CPU a guest gets from us: CPUID, registers, and the bits of CR0 and CR4 that are not
 * its own. SDM vol. 3C 25.1.2, 25.3, 27.2.
 */
#include "vmx.h"

#include "../cpu.h"
#include "guest/kernel.h"
#include "guest/text.h"

#define CPUID_1_VMX  (UINT32_C(1) << 5) /* ECX */
#define INJECT_GP    (UINT64_C(13) | UINT64_C(3) << 8 | UINT64_C(1) << 11 | VMX_EVENT_VALID)
#define FAST_STRINGS (UINT64_C(1) << 0)
#define BLOCKED      (UINT64_C(3) << 0) /* by STI, by MOV SS */

void vmx_advance(struct inner_vcpu *vcpu)
{
	uint64_t blocked = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

	vcpu->pc += vmcs_read(VMCS_INSTRUCTION_LENGTH);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~BLOCKED);
}

static void refuse(void)
{
	vmcs_write(VMCS_ENTRY_EVENT, INJECT_GP);
	vmcs_write(VMCS_ENTRY_ERROR_CODE, 0);
}

/* The guest has EFER, the PAT, and of what is enabled by IA32_MISC_ENABLE the fast strings; every
 * other register is not there for it, or its own by the MSR bitmaps. */
static void emulate_msr(struct inner_vcpu *vcpu, struct vmx_vcpu *state, bool write)
{
	uint64_t value = (state->registers.rax & UINT32_MAX) | state->registers.rdx << 32;

	switch ((uint32_t)state->registers.rcx) {
	case MSR_EFER:
		if (write)
			vmcs_write(VMCS_GUEST_EFER,
				   (value & (EFER_SCE | EFER_LME | EFER_NXE)) |
					   (vmcs_read(VMCS_GUEST_EFER) & EFER_LMA));
		value = vmcs_read(VMCS_GUEST_EFER);
		break;
	case MSR_PAT:
		if (write)
			vmcs_write(VMCS_GUEST_PAT, value);
		value = vmcs_read(VMCS_GUEST_PAT);
		break;
	case MSR_MISC_ENABLE:
		value = FAST_STRINGS;
		break;
	default:
		refuse();
		return;
	}
	if (!write) {
		state->registers.rax = value & UINT32_MAX;
		vcpu->arguments[2] = value >> 32;
	}
	vmx_advance(vcpu);
}

/* The CPU's answer, but for VMX. */
static void emulate_cpuid(struct inner_vcpu *vcpu, struct vmx_vcpu *state)
{
	uint32_t leaf = (uint32_t)state->registers.rax;
	struct cpuid answer = cpuid_sub(leaf, (uint32_t)state->registers.rcx);

	if (leaf == 1)
		answer.ecx &= ~CPUID_1_VMX;
	state->registers.rax = answer.eax;
	state->registers.rbx = answer.ebx;
	vcpu->arguments[2] = answer.edx;
	vcpu->arguments[3] = answer.ecx;
	vmx_advance(vcpu);
}

/* By its number in an instruction. */
static uint64_t general_register(const struct vmx_registers *registers, unsigned int number)
{
	const uint64_t low[] = {
		registers->rax, registers->rcx, registers->rdx, registers->rbx, 0,
		registers->rbp, registers->rsi, registers->rdi,
	};

	if (number == 4)
		return vmcs_read(VMCS_GUEST_RSP);
	return number < 8 ? low[number] : (&registers->r8)[number - 8];
}

/*
 * MOV to CR0 that changes NE, which VMX wants to be set. Paging by the 32-bit PAE format would need
 * its four entries in the VMCS: no guest here does that.
 */
static bool load_cr0(struct inner_vcpu *vcpu, uint64_t value)
{
	uint64_t old = vmcs_read(VMCS_GUEST_CR0), efer = vmcs_read(VMCS_GUEST_EFER);
	bool paged = (value & CR0_PG) != 0, pae = (vmcs_read(VMCS_GUEST_CR4) & CR4_PAE) != 0;

	if (value >> 32 != 0 || (value & (CR0_NW | CR0_CD)) == CR0_NW ||
	    (paged && ((value & CR0_PE) == 0 || ((efer & EFER_LME) != 0 && !pae)))) {
		refuse();
		return true;
	}
	if (paged && pae && (efer & EFER_LME) == 0)
		return false;
	efer &= ~EFER_LMA;
	if (paged && (efer & EFER_LME) != 0)
		efer |= EFER_LMA;
	vmcs_write(VMCS_GUEST_EFER, efer);
	vmcs_write(VMCS_CR0_SHADOW, value);
	vmcs_write(VMCS_GUEST_CR0, value | CR0_NE | CR0_ET);
	if (((old ^ value) & CR0_PG) != 0)
		vmx_forget(vcpu->guest->space);
	vmx_advance(vcpu);
	return true;
}

/* Qualification, table 27-3: bits 3:0: which; 5:4: 0 if MOV to it; 11:8: from where. CR4 comes here
 * if the guest sets VMXE, which is not there for it. */
static bool emulate_control_register(struct inner_vcpu *vcpu, const struct vmx_vcpu *state)
{
	uint64_t qualification = vmcs_read(VMCS_QUALIFICATION);

	switch (qualification & 0x3f) {
	case 0:
		return load_cr0(vcpu, general_register(&state->registers, qualification >> 8 & 15));
	case 4:
		refuse();
		return true;
	default:
		return false;
	}
}

/* XCR0 is the guest's and stays so in the CPU: this kernel has no such state. */
static void emulate_xsetbv(struct inner_vcpu *vcpu, const struct vmx_vcpu *state)
{
	uint64_t value = (state->registers.rax & UINT32_MAX) | state->registers.rdx << 32;
	uint64_t known = cpuid_sub(0xd, 0).eax & XCR0_KNOWN;

	if ((uint32_t)state->registers.rcx != 0 || (value & ~known) != 0 ||
	    (value & XCR0_X87) == 0 || (value & (XCR0_SSE | XCR0_AVX)) == XCR0_AVX) {
		refuse();
		return;
	}
	write_xcr0(value);
	vmx_advance(vcpu);
}

bool vmx_emulate(struct inner_vcpu *vcpu, uint64_t reason)
{
	struct vmx_vcpu *state = vcpu->state;

	switch (reason) {
	case VMX_EXIT_RDMSR:
	case VMX_EXIT_WRMSR:
		emulate_msr(vcpu, state, reason == VMX_EXIT_WRMSR);
		return true;
	case VMX_EXIT_CPUID:
		if (state->cpuid_exits)
			return false;
		emulate_cpuid(vcpu, state);
		return true;
	case VMX_EXIT_CONTROL_REGISTER:
		return emulate_control_register(vcpu, state);
	case VMX_EXIT_XSETBV:
		emulate_xsetbv(vcpu, state);
		return true;
	default:
		return false;
	}
}
