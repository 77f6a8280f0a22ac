/* SPDX-License-Identifier: MIT */
/* The board of an x86_64 machine: its ports, and its interrupt controllers. */
#include "board.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch.h"
#include "kvm.h"
#include "pvpanic.h"
#include "serial.h"
#include "supervisor.h"
#include "x86_layout.h"

#define IOAPIC_PINS 24

/* ACPI PM1 control register: SLP_EN, and the sleep type that means soft off on this board. */
#define PM1_SLEEP_ENABLE 0x2000
#define PM1_SLEEP_TYPE   0x1c00
#define PM1_TYPE_OFF     0x0000

#define KEYBOARD_RESET 0xfe

static struct device power_device, reset_device, panic_device;
static struct serial serial_port;

static void power_io(void *owner, uint64_t offset, void *data, unsigned int size, bool is_write)
{
	uint16_t value = 0;

	if (!is_write) {
		memset(data, 0, size);
		return;
	}
	memcpy(&value, data, size);
	/* SLP_EN is in the upper byte, and a write to that byte alone counts. */
	value = (uint16_t)(value << (8 * offset));
	if ((value & PM1_SLEEP_ENABLE) && (value & PM1_SLEEP_TYPE) == PM1_TYPE_OFF)
		machine_end(owner, STATUS_POWER_OFF, "power-off", "%s", "");
}

/* Status reads 0: no input waits, and a command can be given. */
static void reset_io(void *owner, uint64_t offset, void *data, unsigned int size, bool is_write)
{
	uint8_t *byte = data;

	(void)offset;
	(void)size; /* width is 1 */
	if (!is_write)
		*byte = 0;
	else if (*byte == KEYBOARD_RESET)
		machine_end(owner, STATUS_RESET, "reset", "the guest asked for a reset");
}

static void serial_transmit(void *context, uint8_t byte)
{
	struct machine *machine = context;

	console_write(&machine->console, machine, byte);
}

static void serial_drained(void *context)
{
	struct machine *machine = context;

	supervisor_wake(machine->supervisor);
}

static void serial_interrupt(void *context, bool level)
{
	struct machine *machine = context;
	struct kvm_irq_level line = { .irq = SERIAL_IRQ, .level = level };

	/* It can fail only for a line that does not exist. */
	(void)ioctl(machine->vm_fd, KVM_IRQ_LINE, &line);
}

static bool add_serial(struct machine *machine, struct failure *failure)
{
	struct serial *serial = &serial_port;

	serial->device.base = PORT_SERIAL;
	serial->device.name = "the serial port";
	serial->context = machine;
	serial->transmit = serial_transmit;
	serial->drained = serial_drained;
	/* Only the full set has the PIC and IOAPIC that the line is connected to. */
	if (machine->config->irqchip == IRQCHIP_FULL)
		serial->interrupt = serial_interrupt;
	serial_init(serial);
	return bus_add(&machine->io, &serial->device, failure);
}

size_t arch_console_input(struct machine *machine, const uint8_t *bytes, size_t count)
{
	(void)machine;
	return serial_receive(&serial_port, bytes, count);
}

static bool add_debug_exit(struct machine *machine, struct failure *failure)
{
	struct debug_exit *debug_exit = &machine->debug_exit;

	debug_exit->device.base = machine->config->debug_exit.iobase;
	debug_exit->device.len = machine->config->debug_exit.iosize;
	debug_exit->device.name = "isa-debug-exit";
	debug_exit_init(debug_exit, machine);
	return bus_add(&machine->io, &debug_exit->device, failure);
}

bool arch_devices_init(struct machine *machine, struct failure *failure)
{
	machine->io.last = LAST_PORT;
	power_device = (struct device){ .base = PORT_PM1_CONTROL,
					.len = 2,
					.width = 2,
					.name = "the ACPI power register",
					.owner = machine,
					.do_io = power_io };
	reset_device = (struct device){ .base = PORT_KEYBOARD_CONTROLLER,
					.len = 1,
					.width = 1,
					.name = "the keyboard controller",
					.owner = machine,
					.do_io = reset_io };
	return add_serial(machine, failure) && bus_add(&machine->io, &power_device, failure) &&
	       bus_add(&machine->io, &reset_device, failure) &&
	       pvpanic_init(&panic_device, &machine->io, PORT_PVPANIC, machine, failure) &&
	       (!machine->config->debug_exit.present || add_debug_exit(machine, failure));
}

static bool make_irqchip(struct machine *machine, struct failure *failure)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { IOAPIC_PINS } };
	int result = 0;

	if (machine->config->irqchip == IRQCHIP_SPLIT)
		result = ioctl(machine->vm_fd, KVM_ENABLE_CAP, &split);
	else if (machine->config->irqchip == IRQCHIP_FULL)
		result = ioctl(machine->vm_fd, KVM_CREATE_IRQCHIP, 0UL);
	if (result != 0)
		return fail(failure, STATUS_NO_KVM, "--irqchip %s: this KVM refused it: %s",
			    config_irqchip_name(machine->config->irqchip), strerror(errno));
	return true;
}

/* Intel CPUs without unrestricted guest run real mode in pages that KVM needs from us; they must
 * lie where the guest has no memory. */
static bool place_kvm_pages(struct machine *machine, struct failure *failure)
{
	uint64_t identity_map = IDENTITY_MAP;

	if (kvm_capability(machine->vm_fd, KVM_CAP_SET_IDENTITY_MAP_ADDR) &&
	    ioctl(machine->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) != 0)
		return fail(failure, STATUS_HOST,
			    "KVM refused the identity map at 0x%" PRIx64 ": %s", identity_map,
			    strerror(errno));
	if (kvm_capability(machine->vm_fd, KVM_CAP_SET_TSS_ADDR) &&
	    ioctl(machine->vm_fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) != 0)
		return fail(failure, STATUS_HOST, "KVM refused the TSS at 0x%" PRIx64 ": %s",
			    TSS_ADDRESS, strerror(errno));
	return true;
}

bool arch_vm_init(struct machine *machine, struct failure *failure)
{
	return place_kvm_pages(machine, failure) && make_irqchip(machine, failure);
}

void board_port_io(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	/* String instructions bring several elements for one port. */
	for (uint32_t i = 0; i < run->io.count && !machine_ending(machine); i++) {
		bus_access(&machine->io, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
		data += run->io.size;
	}
}
