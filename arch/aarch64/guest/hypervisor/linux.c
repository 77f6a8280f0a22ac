/* SPDX-License-Identifier: MIT */
/*
 * Linux as a guest at EL1, with the console, the interrupt controller and the timer of the machine
 * for its own.
 */
#include "hypervisor/linux.h"

#include "../boot.h"
#include "../cpu.h"
#include "../device_tree.h"
#include "../uart.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/selftest.h"

#define RAM_START UINT64_C(0x40000000)
#define RAM_SIZE  UINT64_C(0x10000000)
#define INITRD    (RAM_START + RAM_SIZE / 2)
#define TREE      (RAM_START + RAM_SIZE - LINUX_CHUNK)
#define DEVICES   3

#define COMMAND_LINE "console=ttyAMA0 quiet panic=-1 cryptomgr.notests=1"

/* The header of an Image: Linux's Documentation/arch/arm64/booting.rst. */
#define IMAGE_OFFSET 1 /* words of 64 bits */
#define IMAGE_SIZE   2
#define IMAGE_MAGIC  7
#define MAGIC        UINT32_C(0x644d5241)

enum psci_function {
	PSCI_VERSION = 0x84000000,
	PSCI_MIGRATE_INFO_TYPE = 0x84000006,
	PSCI_SYSTEM_OFF = 0x84000008,
	PSCI_SYSTEM_RESET = 0x84000009,
	PSCI_FEATURES = 0x8400000a,
};
#define PSCI_NOT_SUPPORTED UINT64_MAX

static struct {
	struct frame tree;
	struct memory_range ranges[DEVICES];
	size_t count;
} devices;

bool arch_linux_possible(const char **why)
{
	(void)why;
	return true;
}

void arch_linux_prepare(struct linux_guest *linux, const struct memory_range *image,
			const struct memory_range *initrd, struct inner_start *start)
{
	const uint64_t *header = direct(image->start);
	struct device_tree_guest guest = {
		.ram = { RAM_START, RAM_START + RAM_SIZE },
		.initrd = { INITRD, INITRD + (initrd->end - initrd->start) },
		.command_line = COMMAND_LINE,
	};

	if ((uint32_t)header[IMAGE_MAGIC] != MAGIC)
		panic("linux=0x%lx: there is no Image of Linux", image->start);
	start->argument = TREE;
	start->entry = RAM_START + LINUX_CHUNK + header[IMAGE_OFFSET];
	if (start->entry + header[IMAGE_SIZE] > INITRD || guest.initrd.end > TREE)
		panic("linux=0x%lx: Image or initramfs is too large", image->start);
	devices.tree = test_frame(LINUX_CHUNK);
	devices.count = device_tree_pass(direct(boot.dtb), frame_bytes(devices.tree), LINUX_CHUNK,
					 &guest, devices.ranges, DEVICES);
	linux->ram = guest.ram;
	linux->parts[0] = (struct linux_part){ start->entry, direct(image->start),
					       image->end - image->start };
	linux->parts[1] =
		(struct linux_part){ INITRD, direct(initrd->start), initrd->end - initrd->start };
	linux->parts[2] = (struct linux_part){ TREE, frame_bytes(devices.tree), LINUX_CHUNK };
}

void arch_linux_start(struct linux_guest *linux)
{
	(void)linux;
}

bool arch_linux_device(const struct linux_guest *linux, phys_addr page, phys_addr *phys,
		       struct page_flags *flags)
{
	(void)linux;
	*phys = page;
	*flags = (struct page_flags){ .read = 1, .write = 1, .type = MEMORY_DEVICE };
	for (size_t i = 0; i < devices.count; i++) {
		if (page >= devices.ranges[i].start && page < devices.ranges[i].end)
			return true;
	}
	return false;
}

/* This machine's PSCI is a level above us. */
static uint64_t psci(uint64_t function, uint64_t argument)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = argument;

	__asm__ volatile("smc #0" : "+r"(x0), "+r"(x1) : : "x2", "x3", "memory");
	return x0;
}

/* A trapped SMC, four bytes. It may ask what there is, and end; there is one CPU. */
static enum linux_state call(struct linux_guest *linux)
{
	uint64_t *arguments = linux->vcpu.arguments;

	linux->calls++;
	linux->vcpu.pc += 4;
	switch (arguments[0]) {
	case PSCI_SYSTEM_OFF:
		return LINUX_OFF;
	case PSCI_SYSTEM_RESET:
		return LINUX_RESET;
	case PSCI_VERSION:
	case PSCI_FEATURES:
	case PSCI_MIGRATE_INFO_TYPE:
		arguments[0] = psci(arguments[0], arguments[1]);
		return LINUX_RUNS;
	default:
		arguments[0] = PSCI_NOT_SUPPORTED;
		return LINUX_RUNS;
	}
}

/* For the interrupt that it waits for we do, too: it comes to the CPU, and is taken by the guest.
 */
static enum linux_state wait(struct linux_guest *linux)
{
	__asm__ volatile("dsb sy\n\twfi" : : : "memory");
	linux->waits++;
	linux->vcpu.pc += 4;
	return LINUX_RUNS;
}

enum linux_state arch_linux_exit(struct linux_guest *linux, const struct inner_exit *exit)
{
	if (exit->reason == INNER_HALT)
		return wait(linux);
	if (exit->reason == INNER_OTHER && exit->raw[0] >> ESR_CLASS_SHIFT == CLASS_SMC)
		return call(linux);
	complain_exit("Linux", &linux->vcpu, exit);
	return LINUX_LOST;
}

void arch_linux_end(struct linux_guest *linux)
{
	(void)linux;
	uart_again();
	test_frame_free(devices.tree);
}
