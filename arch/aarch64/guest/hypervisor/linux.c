/* SPDX-License-Identifier: MIT */
/*
 * Linux as a guest: a kernel that nobody made for this, in memory that is mapped when it is first
 * touched, with the console, the interrupt controller and the timer of the machine for its own.
 * Where a loader left kernel and initramfs is said by linux=START+SIZE and initrd=START+SIZE.
 */
#include "linux.h"

#include "../boot.h"
#include "../cpu.h"
#include "../device_tree.h"
#include "../uart.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "hypervisor/hypervisor.h"
#include "twofold/statistics.h"

/* Its memory, inner-physical, in pieces that are filled when they are first touched. */
#define RAM_START UINT64_C(0x40000000)
#define RAM_SIZE  UINT64_C(0x10000000)
#define CHUNK     UINT64_C(0x200000)
#define CHUNKS    (RAM_SIZE / CHUNK)
#define INITRD    (RAM_START + RAM_SIZE / 2)
#define TREE      (RAM_START + RAM_SIZE - CHUNK)
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

/* What of its memory is not zero at first. */
struct part {
	phys_addr inner;
	const uint8_t *from;
	uint64_t size;
};

static struct memory_range image, initrd; /* as they were loaded; empty: they were not */

static struct {
	struct inner_guest guest;
	struct inner_vcpu vcpu;
	struct frame chunks[CHUNKS];
	uint64_t touched[CHUNKS]; /* bytes that are mapped */
	struct part parts[3];
	struct frame tree;
	struct memory_range devices[DEVICES];
	size_t device_count;
	uint64_t faults, collapsed, waits, calls;
	enum psci_function end; /* 0: not yet */
} run;

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };
static const struct page_flags device = { .read = 1, .write = 1, .type = MEMORY_DEVICE };

/* Hexadecimal, with 0x. */
static bool parse_number(const char **text, uint64_t *value)
{
	const char *c = *text;

	if (!text_starts(c, "0x"))
		return false;
	*value = 0;
	for (c += 2; (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'f'); c++)
		*value = *value << 4 | (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
	*text = c;
	return true;
}

static void parse_range(const char *key, const char *value, struct memory_range *range)
{
	const char *text = value;
	uint64_t size;

	if (!parse_number(&text, &range->start) || *text++ != '+' || !parse_number(&text, &size) ||
	    *text != '\0' || size == 0)
		panic("command line: %s=%s: expected START+SIZE, both hexadecimal", key, value);
	range->end = range->start + size;
	if (!memory_map_has_ram(&kernel.memory, range->start) ||
	    !memory_map_has_ram(&kernel.memory, range->end - 1))
		panic("command line: %s=%s: there is no RAM", key, value);
	if (!memory_map_reserve(&kernel.memory, range->start, size))
		panic("command line: %s=%s: too many reserved ranges", key, value);
}

bool linux_option(const char *key, const char *value)
{
	if (text_equal(key, "linux"))
		parse_range(key, value, &image);
	else if (text_equal(key, "initrd"))
		parse_range(key, value, &initrd);
	else
		return false;
	return true;
}

static void prepare(void)
{
	const uint64_t *header = direct(image.start);
	struct device_tree_guest guest = {
		.ram = { RAM_START, RAM_START + RAM_SIZE },
		.initrd = { INITRD, INITRD + (initrd.end - initrd.start) },
		.command_line = COMMAND_LINE,
	};
	struct inner_start start = { .how = INNER_BARE, .argument = TREE };

	if ((uint32_t)header[IMAGE_MAGIC] != MAGIC)
		panic("linux=0x%lx: there is no Image of Linux", image.start);
	start.entry = RAM_START + CHUNK + header[IMAGE_OFFSET];
	if (start.entry + header[IMAGE_SIZE] > INITRD || guest.initrd.end > TREE)
		panic("linux=0x%lx: Image or initramfs is too large", image.start);
	run.parts[0] = (struct part){ start.entry, direct(image.start), image.end - image.start };
	run.parts[1] = (struct part){ INITRD, direct(initrd.start), initrd.end - initrd.start };
	run.tree = test_frame(CHUNK);
	run.parts[2] = (struct part){ TREE, frame_bytes(run.tree), CHUNK };
	run.device_count = device_tree_pass(direct(boot.dtb), frame_bytes(run.tree), CHUNK, &guest,
					    run.devices, DEVICES);
	guest_create(&run.guest, 0);
	run.vcpu.guest = &run.guest;
	if (!hypervisor.backend->vcpu_create(&run.vcpu, &start, &kernel.pool.allocator))
		panic("Linux: no memory");
}

static void fill_part(uint8_t *to, phys_addr inner, const struct part *part)
{
	phys_addr start = part->inner > inner ? part->inner : inner;
	phys_addr part_end = part->inner + part->size, end = inner + CHUNK;

	if (end > part_end)
		end = part_end;
	if (start < end)
		memcpy(to + (start - inner), part->from + (start - part->inner), end - start);
}

static struct frame *chunk_of(size_t index)
{
	struct frame *chunk = &run.chunks[index];

	if (chunk->size != 0)
		return chunk;
	*chunk = test_frame(CHUNK);
	memset(frame_bytes(*chunk), 0, CHUNK);
	for (size_t i = 0; i < sizeof(run.parts) / sizeof(run.parts[0]); i++)
		fill_part(frame_bytes(*chunk), RAM_START + index * CHUNK, &run.parts[i]);
	inner_memory_ready(frame_bytes(*chunk), CHUNK);
	return chunk;
}

static bool is_device(phys_addr inner)
{
	for (size_t i = 0; i < run.device_count; i++) {
		if (inner >= run.devices[i].start && inner < run.devices[i].end)
			return true;
	}
	return false;
}

static bool map_page(phys_addr inner, phys_addr phys, struct page_flags flags)
{
	return expect_status(
		"map_to",
		page_table_map_to(&run.guest.table, inner, phys, flags, &kernel.pool.allocator),
		PAGING_OK);
}

static bool touch_ram(phys_addr inner)
{
	size_t index = (size_t)((inner - RAM_START) / CHUNK);
	phys_addr start = RAM_START + index * CHUNK;

	if (!map_page(inner, chunk_of(index)->start + (inner - start), all))
		return false;
	run.touched[index] += page_size();
	if (run.touched[index] != CHUNK)
		return true;
	run.collapsed++;
	return expect_status("collapse", guest_collapse(&run.guest, start, CHUNK), PAGING_OK);
}

static bool fault(const struct inner_exit *exit)
{
	struct page_fault fault = hypervisor.backend->explain(&run.vcpu, exit);
	phys_addr page = addr_align_down(fault.phys, page_size());

	run.faults++;
	if (fault.cause == FAULT_NOT_MAPPED && fault.phys_exact != 0) {
		if (page - RAM_START < RAM_SIZE)
			return touch_ram(page);
		if (is_device(page))
			return map_page(page, page, device);
	}
	complain_exit("Linux", &run.vcpu, exit);
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
static void call(void)
{
	uint64_t *arguments = run.vcpu.arguments;

	run.calls++;
	run.vcpu.pc += 4;
	switch (arguments[0]) {
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
		run.end = (enum psci_function)arguments[0];
		return;
	case PSCI_VERSION:
	case PSCI_FEATURES:
	case PSCI_MIGRATE_INFO_TYPE:
		arguments[0] = psci(arguments[0], arguments[1]);
		return;
	default:
		arguments[0] = PSCI_NOT_SUPPORTED;
	}
}

/* For the interrupt that it waits for we do, too: it comes to the CPU, and is taken by the guest.
 */
static void wait(void)
{
	__asm__ volatile("dsb sy\n\twfi" : : : "memory");
	run.waits++;
	run.vcpu.pc += 4;
}

static bool step(void)
{
	struct inner_exit exit;

	hypervisor.backend->run(&run.vcpu, &exit);
	if (exit.reason == INNER_FAULT)
		return fault(&exit);
	if (exit.reason == INNER_HALT)
		wait();
	else if (exit.reason == INNER_OTHER && exit.raw[0] >> ESR_CLASS_SHIFT == CLASS_SMC)
		call();
	else
		complain_exit("Linux", &run.vcpu, &exit);
	return exit.reason == INNER_HALT || exit.raw[0] >> ESR_CLASS_SHIFT == CLASS_SMC;
}

static void report(void)
{
	struct page_statistics statistics;

	page_table_statistics(&run.guest.table, &statistics);
	print("# Linux: %lu faults satisfied, %lu waits, %lu calls; second stage: %lu tables, "
	      "leaves:",
	      run.faults, run.waits, run.calls, statistics.tables);
	for (unsigned int i = 0; i < 64; i++) {
		char size[8];

		format_size(size, sizeof(size), UINT64_C(1) << i);
		if (statistics.leaves[i] != 0)
			print(" %lu of %s", statistics.leaves[i], size);
	}
	print("; %lu times collapsed; %lu of %lu KiB\n", run.collapsed, statistics.mapped >> 10,
	      RAM_SIZE >> 10);
}

/* Its init switches the machine off; a kernel that cannot go on would start it again. */
static void check_linux(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;

	(void)check;
	if (image.start == image.end || initrd.start == initrd.end) {
		check_skip("no Linux has been loaded");
		return;
	}
	prepare();
	while (run.end == 0 && step())
		;
	uart_again();
	report();
	expect_true("it has waited for its timer", run.waits != 0);
	expect_equal("what it asked of PSCI at last", run.end, PSCI_SYSTEM_OFF);
	hypervisor.backend->vcpu_destroy(&run.vcpu, &kernel.pool.allocator);
	guest_destroy(&run.guest);
	for (size_t i = 0; i < CHUNKS; i++) {
		if (run.chunks[i].size != 0)
			test_frame_free(run.chunks[i]);
	}
	test_frame_free(run.tree);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

static const struct check checks[] = {
	{ .name = "linux: an unmodified kernel comes to its init, and ends", .run = check_linux },
};
const struct check_list arch_linux_checks = CHECK_LIST(checks);
