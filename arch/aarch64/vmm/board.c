/* SPDX-License-Identifier: MIT */
/* The board of an AArch64 machine: GIC, serial port, debug exit. */
#include "board.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch.h"
#include "arm_layout.h"
#include "kvm.h"
#include "pl011.h"
#include "pvpanic.h"
#include "supervisor.h"

#define FIRST_SPI 32

static struct pl011 uart;
static struct device panic_device;
static unsigned int gic_version; /* 0: not made */
static int gic_fd = -1;

unsigned int board_gic(const struct machine *machine)
{
	if (machine->config->irqchip == IRQCHIP_NONE)
		return 0;
	/* Where there is no KVM, what most have. */
	return gic_version != 0 ? gic_version : 3;
}

static bool create_gic(struct machine *machine, uint32_t type, unsigned int version)
{
	struct kvm_create_device device = { .type = type };

	if (ioctl(machine->vm_fd, KVM_CREATE_DEVICE, &device) != 0)
		return false;
	gic_fd = (int)device.fd;
	gic_version = version;
	return true;
}

static bool set_gic(uint32_t group, uint64_t attribute, void *value, const char *what,
		    struct failure *failure)
{
	struct kvm_device_attr set = { .group = group,
				       .attr = attribute,
				       .addr = (uint64_t)(uintptr_t)value };

	if (ioctl(gic_fd, KVM_SET_DEVICE_ATTR, &set) != 0)
		return fail(failure, STATUS_HOST, "KVM refused the GIC's %s: %s", what,
			    strerror(errno));
	return true;
}

static bool place_gic(struct failure *failure)
{
	uint64_t distributor = GIC_DISTRIBUTOR, other = GIC_REDISTRIBUTOR;
	uint32_t interrupts = GIC_INTERRUPTS;
	bool v3 = gic_version == 3;

	if (!v3)
		other = GIC_V2_CPU;
	return set_gic(KVM_DEV_ARM_VGIC_GRP_ADDR,
		       v3 ? KVM_VGIC_V3_ADDR_TYPE_DIST : KVM_VGIC_V2_ADDR_TYPE_DIST, &distributor,
		       "distributor", failure) &&
	       set_gic(KVM_DEV_ARM_VGIC_GRP_ADDR,
		       v3 ? KVM_VGIC_V3_ADDR_TYPE_REDIST : KVM_VGIC_V2_ADDR_TYPE_CPU, &other,
		       v3 ? "redistributors" : "CPU interface", failure) &&
	       set_gic(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &interrupts, "number of interrupts",
		       failure);
}

static bool make_gic(struct machine *machine, struct failure *failure)
{
	if (!create_gic(machine, KVM_DEV_TYPE_ARM_VGIC_V3, 3)) {
		if (!create_gic(machine, KVM_DEV_TYPE_ARM_VGIC_V2, 2))
			return fail(failure, STATUS_NO_KVM,
				    "this KVM has neither a GICv3 nor a GICv2: %s; --irqchip none "
				    "does without",
				    strerror(errno));
		(void)fputs("vmm: this KVM has no GICv3; the guest gets a GICv2\n", stderr);
	}
	return place_gic(failure);
}

/* Loads and stores that the CPU does not describe come to us then, instead of ending the run. */
static void enable_unknown_accesses(struct machine *machine)
{
	struct kvm_enable_cap enable = { .cap = KVM_CAP_ARM_NISV_TO_USER };

	/* Older than Linux 5.5: such an access ends the run with a message. */
	if (kvm_capability(machine->vm_fd, KVM_CAP_ARM_NISV_TO_USER) &&
	    kvm_capability(machine->vm_fd, KVM_CAP_ARM_INJECT_EXT_DABT))
		(void)ioctl(machine->vm_fd, KVM_ENABLE_CAP, &enable);
}

bool arch_vm_init(struct machine *machine, struct failure *failure)
{
	enable_unknown_accesses(machine);
	return machine->config->irqchip == IRQCHIP_NONE || make_gic(machine, failure);
}

bool board_start(struct machine *machine, struct failure *failure)
{
	(void)machine;
	return gic_version == 0 || set_gic(KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
					   NULL, "start", failure);
}

static void uart_transmit(void *context, uint8_t byte)
{
	struct machine *machine = context;

	console_write(&machine->console, machine, byte);
}

static void uart_drained(void *context)
{
	struct machine *machine = context;

	supervisor_wake(machine->supervisor);
}

static void uart_interrupt(void *context, bool level)
{
	struct machine *machine = context;
	struct kvm_irq_level line = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (FIRST_SPI + UART_SPI),
		.level = level,
	};

	/* It can fail only for a line that does not exist. */
	(void)ioctl(machine->vm_fd, KVM_IRQ_LINE, &line);
}

size_t arch_console_input(struct machine *machine, const uint8_t *bytes, size_t count)
{
	(void)machine;
	return pl011_receive(&uart, bytes, count);
}

static bool add_uart(struct machine *machine, struct failure *failure)
{
	uart.device.base = UART_BASE;
	uart.device.name = "the serial port";
	uart.context = machine;
	uart.transmit = uart_transmit;
	uart.drained = uart_drained;
	if (machine->config->irqchip != IRQCHIP_NONE)
		uart.interrupt = uart_interrupt;
	pl011_init(&uart);
	return bus_add(&machine->mmio, &uart.device, failure);
}

/* KVM's GIC answers before the bus is asked. */
static bool is_in_gic(const struct machine *machine, const struct device *device)
{
	uint64_t end = GIC_REDISTRIBUTOR + machine->config->vcpus * GIC_REDISTRIBUTOR_SIZE;

	return device->base < end && GIC_DISTRIBUTOR < device->base + device->len;
}

static bool add_debug_exit(struct machine *machine, struct failure *failure)
{
	struct debug_exit *debug_exit = &machine->debug_exit;
	struct guest_fault fault;

	debug_exit->device.base = machine->config->debug_exit.iobase;
	debug_exit->device.len = machine->config->debug_exit.iosize;
	debug_exit->device.name = "isa-debug-exit";
	debug_exit_init(debug_exit, machine);
	if (is_in_gic(machine, &debug_exit->device) ||
	    guest_memory_check(&machine->memory, debug_exit->device.base, debug_exit->device.len,
			       GUEST_LOAD, &fault))
		return fail(failure, STATUS_USAGE,
			    "isa-debug-exit at 0x%" PRIx64
			    " is in the GIC or in memory; expected a free address",
			    debug_exit->device.base);
	return bus_add(&machine->mmio, &debug_exit->device, failure);
}

bool arch_devices_init(struct machine *machine, struct failure *failure)
{
	return add_uart(machine, failure) &&
	       pvpanic_init(&panic_device, &machine->mmio, PVPANIC_BASE, machine, failure) &&
	       (!machine->config->debug_exit.present || add_debug_exit(machine, failure));
}
