/* SPDX-License-Identifier: MIT */
/* An AArch64 vCPU: its registers at the entry, its own exits. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch.h"
#include "board.h"

/* EL1 with its own stack pointer; debug exceptions, SError, IRQ and FIQ masked. */
#define PSTATE_ENTRY UINT64_C(0x3c5)

#define CORE_REGISTER(member) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(member))

/* op0, op1, CRn, CRm, op2 of the Arm ARM (DDI 0487), D19.2 */
#define ID_AA64MMFR0_EL1 ARM64_SYS_REG(3, 0, 0, 7, 0)
#define SCTLR_EL1        ARM64_SYS_REG(3, 0, 1, 0, 0)
#define ESR_EL1          ARM64_SYS_REG(3, 0, 5, 2, 0)
#define FAR_EL1          ARM64_SYS_REG(3, 0, 6, 0, 0)

static bool get_register(const struct vcpu *vcpu, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uint64_t)(uintptr_t)value };

	return ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg) == 0;
}

static bool set_register(const struct vcpu *vcpu, uint64_t id, uint64_t value, const char *name,
			 struct failure *failure)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uint64_t)(uintptr_t)&value };

	if (ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg) != 0)
		return fail(failure, STATUS_HOST, "KVM refused the vCPU's %s: %s", name,
			    strerror(errno));
	return true;
}

static bool power_on(const struct vcpu *vcpu, struct failure *failure)
{
	struct kvm_vcpu_init init;

	memset(&init, 0, sizeof(init));
	if (ioctl(vcpu->machine->vm_fd, KVM_ARM_PREFERRED_TARGET, &init) != 0)
		return fail(failure, STATUS_HOST, "KVM does not say what a vCPU can be: %s",
			    strerror(errno));
	init.features[0] |= 1U << KVM_ARM_VCPU_PSCI_0_2;
	if (vcpu->index != 0)
		init.features[0] |= 1U << KVM_ARM_VCPU_POWER_OFF;
	if (ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init) != 0)
		return fail(failure, STATUS_HOST, "KVM refused a vCPU with PSCI: %s",
			    strerror(errno));
	return true;
}

/* Whether the CPU has translation granules of the size that the kernel was built for. */
static bool check_page_size(const struct vcpu *vcpu, uint64_t page_size, struct failure *failure)
{
	uint64_t features;
	bool has;

	if (page_size == 0 || !get_register(vcpu, ID_AA64MMFR0_EL1, &features))
		return true;
	/* TGran4 and TGran64 are absent at 0xf, TGran16 at 0. */
	if (page_size == 4096)
		has = (features >> 28 & 0xf) != 0xf;
	else if (page_size == 16384)
		has = (features >> 20 & 0xf) != 0;
	else
		has = (features >> 24 & 0xf) != 0xf;
	if (has)
		return true;
	return fail(failure, STATUS_USAGE,
		    "the kernel has pages of %" PRIu64 "K, which this machine's CPU does not have",
		    page_size / 1024);
}

static bool set_entry(struct vcpu *vcpu, const struct kernel *kernel, struct failure *failure)
{
	return set_register(vcpu, CORE_REGISTER(regs.pstate), PSTATE_ENTRY, "PSTATE", failure) &&
	       set_register(vcpu, CORE_REGISTER(regs.pc), kernel->entry, "PC", failure) &&
	       set_register(vcpu, CORE_REGISTER(regs.regs[0]), vcpu->machine->boot_info, "X0",
			    failure) &&
	       set_register(vcpu, CORE_REGISTER(regs.regs[1]), 0, "X1", failure) &&
	       set_register(vcpu, CORE_REGISTER(regs.regs[2]), 0, "X2", failure) &&
	       set_register(vcpu, CORE_REGISTER(regs.regs[3]), 0, "X3", failure);
}

/* All but the first are off until PSCI's CPU_ON. */
bool arch_vcpu_init(struct vcpu *vcpu, const struct kernel *kernel, struct failure *failure)
{
	if (!power_on(vcpu, failure))
		return false;
	return vcpu->index != 0 || ((check_page_size(vcpu, kernel->page_size, failure) ||
				     fail_prefix(failure, "kernel %s", kernel->path)) &&
				    set_entry(vcpu, kernel, failure));
}

/* The GIC is made for the vCPUs that there are. */
bool arch_vcpus_ready(struct machine *machine, struct failure *failure)
{
	return board_start(machine, failure);
}

/*
 * A load or store, to where no memory is, that the CPU does not describe (a pair, one with
 * writeback, of vectors): nobody can say what was meant, so the guest gets a synchronous external
 * abort, as from a bus.
 */
static void unknown_access(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	struct kvm_vcpu_events events = { .exception = { .ext_dabt_pending = 1 } };
	uint64_t address = vcpu->run->arm_nisv.fault_ipa;
	struct guest_fault fault;

	if (machine->config->rom_write == ROM_WRITE_STOP &&
	    guest_memory_check(&machine->memory, address, 1, GUEST_READ, &fault)) {
		machine_end(machine, STATUS_ROM_WRITE, "rom-write",
			    "the guest wrote to read-only memory at 0x%" PRIx64, address);
		return;
	}
	if (ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events) != 0)
		machine_end(machine, STATUS_FAULT, "internal-error",
			    "KVM refused an external abort for an access at 0x%" PRIx64 ": %s",
			    address, strerror(errno));
}

bool arch_vcpu_exit(struct vcpu *vcpu)
{
	if (vcpu->run->exit_reason != KVM_EXIT_ARM_NISV)
		return false;
	unknown_access(vcpu);
	return true;
}

void arch_vcpu_where(struct vcpu *vcpu, char *text, size_t size)
{
	uint64_t pc, pstate, sctlr, esr, far_el1;

	text[0] = '\0';
	if (get_register(vcpu, CORE_REGISTER(regs.pc), &pc) &&
	    get_register(vcpu, CORE_REGISTER(regs.pstate), &pstate) &&
	    get_register(vcpu, SCTLR_EL1, &sctlr) && get_register(vcpu, ESR_EL1, &esr) &&
	    get_register(vcpu, FAR_EL1, &far_el1))
		(void)snprintf(text, size,
			       "PC 0x%" PRIx64 ", PSTATE 0x%" PRIx64 ", SCTLR_EL1 0x%" PRIx64
			       ", ESR_EL1 0x%" PRIx64 ", FAR_EL1 0x%" PRIx64,
			       pc, pstate, sctlr, esr, far_el1);
}

bool arch_kvm_interprets(void)
{
	return false;
}

const char *arch_kvm_flavour(void)
{
	return "hardware KVM: Arm EL2";
}
