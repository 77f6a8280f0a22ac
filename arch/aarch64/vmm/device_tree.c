/* SPDX-License-Identifier: MIT */
/* Builds a guest's device tree, as the Devicetree Specification and Linux's bindings have it. */
#include "device_tree.h"

#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "arm_layout.h"

enum {
	PHANDLE_GIC = 1,
	PHANDLE_CLOCK = 2,
};

/* The first cell of an interrupt, and the flags in the third. */
enum {
	GIC_SPI = 0,
	GIC_PPI = 1,
	LEVEL_HIGH = 4,
	PPI_CPUS_SHIFT = 8, /* GICv2 only: the mask of CPUs, of which it has at most 8 */
};

/* Nodes are written one after another; the first error is kept, and the rest does nothing. */
struct writer {
	void *buffer;
	int error;
};

static void keep(struct writer *writer, int error)
{
	if (writer->error == 0)
		writer->error = error;
}

static void begin(struct writer *writer, const char *name, uint64_t address)
{
	char full[64];

	(void)snprintf(full, sizeof(full), "%s@%" PRIx64, name, address);
	keep(writer, fdt_begin_node(writer->buffer, full));
}

static void begin_plain(struct writer *writer, const char *name)
{
	keep(writer, fdt_begin_node(writer->buffer, name));
}

static void end(struct writer *writer)
{
	keep(writer, fdt_end_node(writer->buffer));
}

static void text(struct writer *writer, const char *name, const char *value)
{
	keep(writer, fdt_property(writer->buffer, name, value, (int)strlen(value) + 1));
}

/* A list of strings: their bytes with every NUL. */
static void texts(struct writer *writer, const char *name, const char *values, size_t size)
{
	keep(writer, fdt_property(writer->buffer, name, values, (int)size));
}

static void flag(struct writer *writer, const char *name)
{
	keep(writer, fdt_property(writer->buffer, name, NULL, 0));
}

static void cell(struct writer *writer, const char *name, uint32_t value)
{
	keep(writer, fdt_property_u32(writer->buffer, name, value));
}

static void wide(struct writer *writer, const char *name, uint64_t value)
{
	keep(writer, fdt_property_u64(writer->buffer, name, value));
}

static void cells(struct writer *writer, const char *name, const uint32_t *values,
		  unsigned int count)
{
	fdt32_t big[16];

	for (unsigned int i = 0; i < count; i++)
		big[i] = cpu_to_fdt32(values[i]);
	keep(writer, fdt_property(writer->buffer, name, big, (int)(count * sizeof(big[0]))));
}

/* "reg" of one or two ranges, two cells each for address and size. */
static void reg(struct writer *writer, const struct device_tree_range *ranges, unsigned int count)
{
	fdt64_t big[4];

	for (size_t i = 0; i < count; i++) {
		big[2 * i] = cpu_to_fdt64(ranges[i].base);
		big[2 * i + 1] = cpu_to_fdt64(ranges[i].size);
	}
	keep(writer, fdt_property(writer->buffer, "reg", big, (int)(count * sizeof(big[0]) * 2)));
}

static void add_chosen(struct writer *writer, const struct device_tree_machine *machine)
{
	char console[64];

	(void)snprintf(console, sizeof(console), "/pl011@%" PRIx64, UART_BASE);
	begin_plain(writer, "chosen");
	text(writer, "stdout-path", console);
	if (machine->command_line[0] != '\0')
		text(writer, "bootargs", machine->command_line);
	if (machine->initrd.size != 0) {
		wide(writer, "linux,initrd-start", machine->initrd.base);
		wide(writer, "linux,initrd-end", machine->initrd.base + machine->initrd.size);
	}
	end(writer);
}

static void add_memory(struct writer *writer, const struct device_tree_machine *machine)
{
	for (unsigned int i = 0; i < machine->memory_count; i++) {
		begin(writer, "memory", machine->memory[i].base);
		text(writer, "device_type", "memory");
		reg(writer, &machine->memory[i], 1);
		end(writer);
	}
}

/* The affinity fields of MPIDR_EL1 that KVM gives the vCPU (Linux's reset_mpidr): clusters of 16.
 */
static uint32_t affinity(unsigned int cpu)
{
	return (cpu & 0xf) | (cpu >> 4) << 8;
}

static void add_cpus(struct writer *writer, unsigned int cpus)
{
	begin_plain(writer, "cpus");
	cell(writer, "#address-cells", 1);
	cell(writer, "#size-cells", 0);
	for (unsigned int i = 0; i < cpus; i++) {
		begin(writer, "cpu", affinity(i));
		text(writer, "device_type", "cpu");
		text(writer, "compatible", "arm,armv8");
		text(writer, "enable-method", "psci");
		cell(writer, "reg", affinity(i));
		end(writer);
	}
	end(writer);
}

static void add_psci(struct writer *writer)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

	begin_plain(writer, "psci");
	texts(writer, "compatible", compatible, sizeof(compatible));
	text(writer, "method", "hvc");
	end(writer);
}

static void add_timer(struct writer *writer, unsigned int gic, unsigned int cpus)
{
	const uint32_t everybody = (cpus < 8 ? (UINT32_C(1) << cpus) - 1 : 0xff) << PPI_CPUS_SHIFT;
	const uint32_t flags = LEVEL_HIGH | (gic == 2 ? everybody : 0);
	const uint32_t interrupts[] = {
		GIC_PPI, TIMER_SECURE_PPI,  flags, GIC_PPI, TIMER_NON_SECURE_PPI, flags,
		GIC_PPI, TIMER_VIRTUAL_PPI, flags, GIC_PPI, TIMER_HYPERVISOR_PPI, flags,
	};

	begin_plain(writer, "timer");
	text(writer, "compatible", "arm,armv8-timer");
	cells(writer, "interrupts", interrupts, 12);
	flag(writer, "always-on");
	end(writer);
}

static void add_gic(struct writer *writer, unsigned int version, unsigned int cpus)
{
	const struct device_tree_range v3[] = {
		{ GIC_DISTRIBUTOR, GIC_DISTRIBUTOR_SIZE },
		{ GIC_REDISTRIBUTOR, cpus * GIC_REDISTRIBUTOR_SIZE },
	};
	static const struct device_tree_range v2[] = {
		{ GIC_DISTRIBUTOR, GIC_DISTRIBUTOR_SIZE },
		{ GIC_V2_CPU, GIC_V2_CPU_SIZE },
	};

	begin(writer, "intc", GIC_DISTRIBUTOR);
	text(writer, "compatible", version == 3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
	reg(writer, version == 3 ? v3 : v2, 2);
	flag(writer, "interrupt-controller");
	cell(writer, "#interrupt-cells", 3);
	cell(writer, "#address-cells", 0);
	cell(writer, "phandle", PHANDLE_GIC);
	end(writer);
}

static void add_uart(struct writer *writer, bool interrupts)
{
	static const char compatible[] = "arm,pl011\0arm,primecell";
	static const char clock_names[] = "uartclk\0apb_pclk";
	static const uint32_t clocks[] = { PHANDLE_CLOCK, PHANDLE_CLOCK };
	static const uint32_t interrupt[] = { GIC_SPI, UART_SPI, LEVEL_HIGH };
	static const struct device_tree_range where = { UART_BASE, 0x1000 };

	begin_plain(writer, "apb-pclk");
	text(writer, "compatible", "fixed-clock");
	cell(writer, "#clock-cells", 0);
	cell(writer, "clock-frequency", UART_CLOCK_HZ);
	text(writer, "clock-output-names", "clk24mhz");
	cell(writer, "phandle", PHANDLE_CLOCK);
	end(writer);
	begin(writer, "pl011", UART_BASE);
	texts(writer, "compatible", compatible, sizeof(compatible));
	reg(writer, &where, 1);
	if (interrupts)
		cells(writer, "interrupts", interrupt, 3);
	cells(writer, "clocks", clocks, 2);
	texts(writer, "clock-names", clock_names, sizeof(clock_names));
	end(writer);
}

/* Linux's binding qemu,pvpanic-mmio: "reg" is the register and one byte more. */
static void add_pvpanic(struct writer *writer)
{
	static const struct device_tree_range where = { PVPANIC_BASE, 2 };

	begin(writer, "pvpanic", PVPANIC_BASE);
	text(writer, "compatible", "qemu,pvpanic-mmio");
	reg(writer, &where, 1);
	end(writer);
}

static void add_debug_exit(struct writer *writer, const struct device_tree_machine *machine)
{
	const struct device_tree_range where = { machine->debug_exit_base,
						 machine->debug_exit_size };

	begin(writer, "debug-exit", machine->debug_exit_base);
	text(writer, "compatible", "twofold,debug-exit");
	reg(writer, &where, 1);
	end(writer);
}

static void add_memory_control(struct writer *writer, const struct device_tree_machine *machine)
{
	const struct device_tree_range where = { machine->memory_control_base, 8 };

	begin(writer, "memory-control", machine->memory_control_base);
	text(writer, "compatible", "twofold,memory-control");
	reg(writer, &where, 1);
	end(writer);
}

static void add_root(struct writer *writer, const struct device_tree_machine *machine)
{
	begin_plain(writer, "");
	text(writer, "compatible", "linux,dummy-virt");
	text(writer, "model", "twofold");
	cell(writer, "#address-cells", 2);
	cell(writer, "#size-cells", 2);
	if (machine->gic != 0)
		cell(writer, "interrupt-parent", PHANDLE_GIC);
	add_chosen(writer, machine);
	add_memory(writer, machine);
	add_cpus(writer, machine->cpus);
	add_psci(writer);
	/* Without a controller nothing interrupts, and so there is no timer to speak of. */
	if (machine->gic != 0) {
		add_timer(writer, machine->gic, machine->cpus);
		add_gic(writer, machine->gic, machine->cpus);
	}
	add_uart(writer, machine->gic != 0);
	add_pvpanic(writer);
	if (machine->has_debug_exit)
		add_debug_exit(writer, machine);
	if (machine->has_memory_control)
		add_memory_control(writer, machine);
	end(writer);
}

bool device_tree_build(const struct device_tree_machine *machine, void *buffer, size_t size,
		       size_t *length, struct failure *failure)
{
	struct writer writer = { .buffer = buffer };

	keep(&writer, fdt_create(buffer, (int)size));
	keep(&writer, fdt_finish_reservemap(buffer));
	add_root(&writer, machine);
	keep(&writer, fdt_finish(buffer));
	if (writer.error != 0)
		return fail(failure, STATUS_USAGE, "the device tree cannot be built: %s",
			    fdt_strerror(writer.error));
	*length = fdt_totalsize(buffer);
	return true;
}
