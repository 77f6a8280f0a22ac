/* SPDX-License-Identifier: MIT */
/* The run loop of a vCPU: enter the guest, see why it left, do what it wants. */
#include "vcpu_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch.h"
#include "machine.h"

/* Ends the run for a reason that lies in the vCPU, and says where it was. */
static void end_where(struct vcpu *vcpu, int status, const char *name, const char *what)
{
	char where[512];

	arch_vcpu_where(vcpu, where, sizeof(where));
	machine_end(vcpu->machine, status, name, "%s%s%s", what, where[0] ? "; " : "", where);
}

/* Whether a write went to memory that the guest may only read. */
static bool is_rom_write(struct machine *machine, uint64_t address, unsigned int size)
{
	struct guest_fault fault;

	return !guest_memory_check(&machine->memory, address, size, GUEST_WRITE, &fault) &&
	       fault.reason == GUEST_READ_ONLY;
}

static void rom_write(struct machine *machine, uint64_t address, unsigned int size)
{
	if (machine->config->rom_write == ROM_WRITE_STOP) {
		machine_end(machine, STATUS_ROM_WRITE, "rom-write",
			    "the guest wrote %u bytes to read-only memory at 0x%" PRIx64, size,
			    address);
		return;
	}
	machine->stats.rom_writes++;
	if (machine->rom_write_reported)
		return;
	machine->rom_write_reported = true;
	(void)fprintf(stderr,
		      "vmm: the guest wrote %u bytes to read-only memory at 0x%" PRIx64
		      ": dropped, and later ones without a word\n",
		      size, address);
}

static void mmio(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	struct kvm_run *run = vcpu->run;
	uint64_t address = run->mmio.phys_addr;
	uint8_t *data = run->mmio.data;
	uint32_t left = run->mmio.len;

	if (left > sizeof(run->mmio.data)) {
		machine_end(machine, STATUS_FAULT, "internal-error",
			    "KVM reported an access of %" PRIu32 " bytes; expected at most 8",
			    left);
		return;
	}
	if (run->mmio.is_write && left != 0 && is_rom_write(machine, address, left)) {
		rom_write(machine, address, left);
		return;
	}
	/* An access across a page's end can leave an odd part to each side. */
	while (left != 0) {
		unsigned int size = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;

		bus_access(&machine->mmio, address, data, size, run->mmio.is_write != 0);
		address += size;
		data += size;
		left -= size;
	}
}

static void system_event(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;

	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		machine_end(machine, STATUS_POWER_OFF, "power-off", "%s", "");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		machine_end(machine, STATUS_RESET, "reset", "the guest asked for a reset");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		machine_end(machine, STATUS_PANIC, "panic", "the guest reported a crash");
		break;
	default:
		machine_end(machine, STATUS_FAULT, "system-event",
			    "KVM reported system event %" PRIu32 ", which is unknown here",
			    vcpu->run->system_event.type);
		break;
	}
}

static void fail_entry(struct vcpu *vcpu)
{
	machine_end(vcpu->machine, STATUS_FAULT, "fail-entry",
		    "the CPU refused to enter the guest, reason 0x%llx (%s)",
		    vcpu->run->fail_entry.hardware_entry_failure_reason, arch_kvm_flavour());
}

static void internal_error(struct vcpu *vcpu)
{
	static const char *const names[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = "it could not emulate an instruction",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "exceptions at the same time",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = "an exit while an event was delivered",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "an exit that it does not know",
	};
	uint32_t suberror = vcpu->run->internal.suberror;
	const char *name = suberror < sizeof(names) / sizeof(names[0]) ? names[suberror] : NULL;
	char what[256];

	(void)snprintf(what, sizeof(what), "KVM internal error %" PRIu32 " (%s)", suberror,
		       name ? name : "unknown");
	end_where(vcpu, STATUS_FAULT, "internal-error", what);
}

/* Without an interrupt controller KVM leaves at a halt, and nothing of ours interrupts. */
static void halted(struct vcpu *vcpu)
{
	end_where(vcpu, STATUS_HALTED, "halted",
		  vcpu->run->if_flag
			  ? "the guest halted, and there is no interrupt controller to wake it"
			  : "the guest halted for good");
}

static void handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_MMIO:
		mmio(vcpu);
		break;
	case KVM_EXIT_HLT:
		halted(vcpu);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fail_entry(vcpu);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		internal_error(vcpu);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	default:
		if (!arch_vcpu_exit(vcpu))
			machine_end(vcpu->machine, STATUS_FAULT, "unknown-exit",
				    "KVM left the guest for reason %" PRIu32
				    ", which is unknown here",
				    vcpu->run->exit_reason);
		break;
	}
}

static void act_on(struct vcpu *vcpu, int result, int error)
{
	struct stats *stats = &vcpu->machine->stats;

	if (result == 0) {
		stats_count_exit(stats, vcpu->run->exit_reason);
		handle_exit(vcpu);
	} else if (error == EINTR || error == EAGAIN) {
		stats_count_exit(stats, KVM_EXIT_INTR);
	} else {
		char what[128];

		(void)snprintf(what, sizeof(what), "KVM cannot run the guest: %s", strerror(error));
		end_where(vcpu, STATUS_FAULT, "run-failed", what);
	}
}

/* Out of the guest: says so to who waits for it, and waits until nobody needs it to stand still. */
static void come_out(struct vcpu *vcpu)
{
	struct vcpus *vcpus = &vcpu->machine->vcpus;

	vcpu->inside = false;
	if (vcpus->still)
		(void)pthread_cond_broadcast(&vcpus->moved);
	while (vcpus->still)
		(void)pthread_cond_wait(&vcpus->moved, &vcpus->lock);
	/* A kick has done what it was for, unless it was to end the run. That is seen below even
	 * if it comes just now. */
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

void vcpu_loop(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	struct vcpus *vcpus = &machine->vcpus;

	(void)pthread_mutex_lock(&vcpus->lock);
	while (vcpus->still)
		(void)pthread_cond_wait(&vcpus->moved, &vcpus->lock);
	/* A kick that comes between this check and KVM_RUN is not lost: who kicks sets
	 * immediate_exit first, and KVM_RUN then returns at once. */
	while (!machine_ending(machine)) {
		int result, error;

		vcpu->inside = true;
		(void)pthread_mutex_unlock(&vcpus->lock);
		result = ioctl(vcpu->fd, KVM_RUN, 0UL);
		error = errno;
		(void)pthread_mutex_lock(&vcpus->lock);
		come_out(vcpu);
		act_on(vcpu, result, error);
	}
	(void)pthread_mutex_unlock(&vcpus->lock);
}
