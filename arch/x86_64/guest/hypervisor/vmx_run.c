/* SPDX-License-Identifier: MIT */
/* VM entries and exits: SDM vol. 3C chapters 26 and 27, appendix C. */
#include "vmx.h"

#include "../cpu.h"
#include "guest/panic.h"

#define EVENT_INTERRUPT 0 /* bits 10:8: the type */
#define EVENT_NMI       2
#define EVENT_BITS      UINT64_C(0x80000fff)
#define PORT_IN         (UINT64_C(1) << 3)
#define PORT_STRING     (UINT64_C(1) << 4)

/* VM-instruction error numbers of an entry: SDM vol. 3C 30.4, table 30-1. */
static const char *instruction_error(uint64_t number)
{
	switch (number) {
	case 4:
		return "VMLAUNCH with a VMCS that is not clear";
	case 5:
		return "VMRESUME with a VMCS that is not launched";
	case 6:
		return "VMRESUME after VMXOFF and VMXON";
	case 7:
		return "an invalid control field";
	case 8:
		return "an invalid host-state field";
	case 26:
		return "events blocked by MOV SS";
	default:
		return "see SDM vol. 3C, table 30-1";
	}
}

static void load_common(const struct inner_vcpu *vcpu, struct vmx_vcpu *state)
{
	uint32_t entry = vmx.controls.entry;

	state->registers.rdi = vcpu->arguments[0];
	state->registers.rsi = vcpu->arguments[1];
	state->registers.rdx = vcpu->arguments[2];
	state->registers.rcx = vcpu->arguments[3];
	vmcs_write(VMCS_GUEST_RIP, vcpu->pc);
	if ((vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) != 0)
		entry |= ENTRY_GUEST_64;
	vmcs_write(VMCS_ENTRY_CONTROLS, entry);
}

static void store_common(struct inner_vcpu *vcpu, const struct vmx_vcpu *state)
{
	vcpu->arguments[0] = state->registers.rdi;
	vcpu->arguments[1] = state->registers.rsi;
	vcpu->arguments[2] = state->registers.rdx;
	vcpu->arguments[3] = state->registers.rcx;
	vcpu->pc = vmcs_read(VMCS_GUEST_RIP);
}

/*
 * An interrupt whose delivery the exit broke off (its handler or stack is not mapped) has been
 * acknowledged, and comes again with the next entry. An exception comes again by itself.
 */
static uint64_t interrupted_event(void)
{
	uint64_t event = vmcs_read(VMCS_INTERRUPTED_EVENT);
	unsigned int type = event >> 8 & 7;

	if ((event & VMX_EVENT_VALID) == 0 || (type != EVENT_INTERRUPT && type != EVENT_NMI))
		return 0;
	return event & EVENT_BITS;
}

static void enter(struct inner_vcpu *vcpu, struct vmx_vcpu *state)
{
	uint64_t reason;

	load_common(vcpu, state);
	write_cr2(state->cr2);
	if (!vmx_enter(&state->registers, state->launched)) {
		uint64_t error = vmcs_read(VMCS_INSTRUCTION_ERROR);

		panic("VMX: the entry fails: VM-instruction error %lu: %s", error,
		      instruction_error(error));
	}
	state->cr2 = read_cr2();
	reason = vmcs_read(VMCS_EXIT_REASON);
	if ((reason & VMX_EXIT_ENTRY_FAILED) != 0)
		panic("VMX: the entry fails: exit reason %lu%s, qualification 0x%lx",
		      reason & 0xffff,
		      (reason & 0xffff) == VMX_EXIT_BAD_GUEST_STATE ? ", invalid guest state" : "",
		      vmcs_read(VMCS_QUALIFICATION));
	state->launched = true;
	store_common(vcpu, state);
	vmcs_write(VMCS_ENTRY_EVENT, interrupted_event());
}

static enum inner_reason reason_of(struct inner_vcpu *vcpu, const struct inner_exit *exit)
{
	switch (exit->raw[0]) {
	case VMX_EXIT_EPT_VIOLATION:
	case VMX_EXIT_EPT_MISCONFIGURED:
		return INNER_FAULT;
	case VMX_EXIT_HLT:
		return INNER_HALT;
	case VMX_EXIT_TRIPLE_FAULT:
		return INNER_SHUTDOWN;
	case VMX_EXIT_LOG_FULL:
		return INNER_LOG_FULL;
	case VMX_EXIT_PORT:
		if ((exit->raw[1] & (PORT_IN | PORT_STRING)) != 0 ||
		    exit->raw[1] >> 16 != INNER_PORT)
			return INNER_OTHER;
		vmx_advance(vcpu);
		return INNER_HYPERCALL;
	default:
		return INNER_OTHER;
	}
}

void vmx_run(struct inner_vcpu *vcpu, struct inner_exit *exit)
{
	struct vmx_vcpu *state = vcpu->state;

	vmcs_select(state);
	do {
		enter(vcpu, state);
		exit->raw[0] = vmcs_read(VMCS_EXIT_REASON) & 0xffff;
	} while (vmx_emulate(vcpu, exit->raw[0]));
	exit->raw[1] = vmcs_read(VMCS_QUALIFICATION);
	exit->raw[2] = vmcs_read(VMCS_GUEST_PHYSICAL);
	exit->raw[3] = vmcs_read(VMCS_GUEST_LINEAR);
	exit->reason = reason_of(vcpu, exit);
}
