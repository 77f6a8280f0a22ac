/* SPDX-License-Identifier: MIT */
/* One virtual machine: how it is put together, and how its run ends. */
#include "machine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arch.h"
#include "kvm.h"
#include "supervisor.h"

static bool claim_ending(struct machine *machine)
{
	bool expected = false;

	return atomic_compare_exchange_strong(&machine->ending.decided, &expected, true);
}

void machine_end(struct machine *machine, int status, const char *name, const char *format, ...)
{
	struct ending *ending = &machine->ending;
	va_list arguments;

	if (!claim_ending(machine))
		return;
	ending->status = status;
	ending->name = name;
	va_start(arguments, format);
	(void)vsnprintf(ending->text, sizeof(ending->text), format, arguments);
	va_end(arguments);
	atomic_store(&ending->done, true);
}

void machine_end_by_signal(struct machine *machine, int signal)
{
	if (!claim_ending(machine))
		return;
	machine->ending.signal = signal;
	machine->ending.status = 128 + signal;
	machine->ending.name = "signal";
	atomic_store(&machine->ending.done, true);
}

bool machine_ending(const struct machine *machine)
{
	return atomic_load(&machine->ending.done);
}

/* A virtual machine without memory or vCPUs. */
static bool open_vm(struct machine *machine, struct failure *failure)
{
	machine->kvm_fd = kvm_open(machine->config->kvm_device, failure);
	if (machine->kvm_fd < 0)
		return false;
	machine->vm_fd = kvm_create_vm(machine->kvm_fd, failure);
	return machine->vm_fd >= 0 && arch_vm_init(machine, failure);
}

/* *absent: why there is no virtual machine, if there is none. */
static bool describe(struct machine *machine, const struct config *config, bool *has_vm,
		     struct failure *absent, struct failure *failure)
{
	machine->config = config;
	machine->kvm_fd = machine->vm_fd = -1;
	machine->memory.fd = -1;
	machine->mmio.last = UINT64_MAX;
	*has_vm = open_vm(machine, absent);
	return guest_memory_init(&machine->memory, config, arch_address_bits(machine->kvm_fd),
				 failure);
}

bool machine_describe(struct machine *machine, const struct config *config, struct failure *failure)
{
	struct failure absent;
	bool has_vm;

	return describe(machine, config, &has_vm, &absent, failure);
}

static bool load_memory(struct machine *machine, struct kernel *kernel, struct failure *failure)
{
	return regions_load(&machine->memory, machine->config, failure) &&
	       kernel_load(kernel, &machine->memory, machine->config, failure) &&
	       arch_boot_data(machine, kernel, failure);
}

bool machine_init(struct machine *machine, const struct config *config, struct kernel *kernel,
		  struct failure *failure)
{
	struct failure absent;
	bool has_vm;

	/* KVM is asked first, for what it has decides what the guest is told; but what the user can
	 * get wrong is reported first, where there is no KVM, too. */
	if (!describe(machine, config, &has_vm, &absent, failure) ||
	    !load_memory(machine, kernel, failure) ||
	    !console_init(&machine->console, config, failure) ||
	    !stats_open(&machine->stats, config, failure) ||
	    !dirty_log_start(&machine->dirty_log, machine, failure) ||
	    !arch_devices_init(machine, failure) ||
	    (config->memory_control &&
	     !memory_control_init(&machine->memory_control, machine, failure)))
		return false;
	kernel_release(kernel);
	if (!has_vm) {
		*failure = absent;
		return false;
	}
	memory_slots_init(&machine->slots, machine->vm_fd, config->dirty_log != DIRTY_LOG_OFF);
	return memory_slots_update(&machine->slots, &machine->memory, failure) == SLOTS_DONE &&
	       vcpus_init(&machine->vcpus, machine, kernel, failure);
}

bool machine_run(struct machine *machine, struct failure *failure)
{
	struct supervisor supervisor;

	if (!supervisor_start(&supervisor, machine, failure))
		return false;
	stats_first_instruction(&machine->stats);
	vcpus_run(&machine->vcpus);
	supervisor_stop(&supervisor);
	vcpus_join(&machine->vcpus);
	return dirty_log_end(&machine->dirty_log, failure);
}

void machine_destroy(struct machine *machine)
{
	vcpus_destroy(&machine->vcpus);
	if (machine->vm_fd >= 0)
		(void)close(machine->vm_fd);
	if (machine->kvm_fd >= 0)
		(void)close(machine->kvm_fd);
	dirty_log_destroy(&machine->dirty_log);
	stats_destroy(&machine->stats);
	console_destroy(&machine->console);
	guest_memory_destroy(&machine->memory);
}
