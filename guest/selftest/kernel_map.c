/* SPDX-License-Identifier: MIT */
/* The tables the kernel runs on: is each part of it what kernel.c says? */
#include "guest/selftest.h"

#include "guest/stack.h"

/* Something to probe in each part that may be written. */
static uint64_t in_data = 1;
static uint64_t in_bss;

static struct page_flags part_flags(bool write, bool execute)
{
	struct page_flags flags = test_data_flags(write);

	flags.execute |= execute;
	return flags;
}

static virt_addr address_of(const void *object)
{
	return (virt_addr)(uintptr_t)object;
}

static void check_text(const struct check *check)
{
	struct page_flags flags = part_flags(false, true);

	(void)check;
	expect_rights("text", address_of(probe_landing), &flags);
}

static void check_rodata(const struct check *check)
{
	struct page_flags flags = part_flags(false, false);

	(void)check;
	if (test_flags_possible((struct page_flags){ .read = 1 }))
		expect_rights("rodata", address_of(probe_landing_rodata), &flags);
}

static void check_data(const struct check *check)
{
	struct page_flags flags = part_flags(true, false);

	(void)check;
	if (!test_flags_possible((struct page_flags){ .read = 1 }))
		return;
	probe_write_landing(&in_data);
	expect_rights("data", address_of(&in_data), &flags);
	probe_write_landing(&in_bss);
	expect_rights("bss", address_of(&in_bss), &flags);
}

static bool writable_and_executable(void *context, const struct page_visit *visit)
{
	(void)context;
	return !visit->mapping.flags.write || !visit->mapping.flags.execute;
}

static void check_w_xor_x(const struct check *check)
{
	struct input_range ranges[2];

	(void)check;
	if (!test_flags_possible((struct page_flags){ .read = 1 }))
		return;
	kernel_halves(ranges);
	for (unsigned int i = 0; i < 2; i++)
		expect_status("no leaf is writable and executable",
			      page_table_walk(kernel_table(ranges[i].first), ranges[i].first,
					      ranges[i].last - ranges[i].first + 1, PAGE_VISIT_LEAF,
					      writable_and_executable, NULL),
			      PAGING_OK);
	expect_rights("the stack", stack_top(&selftest_stack) - 64,
		      &(struct page_flags){ .read = 1, .write = 1 });
}

static void check_fixed_direct(const struct check *check)
{
	struct page_flags flags = part_flags(false, false);

	(void)check;
	if (!test_flags_possible((struct page_flags){ .read = 1 }))
		return;
	expect_rights("text in the direct map", address_of(direct(image_phys(probe_landing))),
		      &flags);
	expect_rights("rodata in the direct map",
		      address_of(direct(image_phys(probe_landing_rodata))), &flags);
}

/* The walk of the direct map: how far it has come. */
struct direct_walk {
	struct memory_range ram;
	phys_addr next;
};

/* Whether a leaf of that size around `phys` would have been right too. */
static bool larger_fits(const struct direct_walk *walk, phys_addr phys, uint64_t size)
{
	phys_addr start = addr_align_down(phys, size);
	phys_addr fixed = image_phys(image_text_start);
	phys_addr fixed_end = image_phys(image_rodata_end);

	if (start < walk->ram.start || start + size > walk->ram.end)
		return false;
	return start >= fixed_end || start + size <= fixed;
}

static bool direct_leaf(void *context, const struct page_visit *visit)
{
	struct direct_walk *walk = context;
	const struct page_mapping *m = &visit->mapping;
	uint64_t larger = kernel.mmu.config.leaf_sizes & ~(2 * m->size - 1);
	bool right = expect_equal("a leaf of the direct map starts at", m->virt,
				  arch_layout.direct_base + walk->next);

	right &= expect_equal("and leads to", m->phys, walk->next);
	for (; larger != 0; larger &= larger - 1) {
		uint64_t size = larger & (0 - larger);

		if (larger_fits(walk, m->phys, size))
			right &= expect_equal("its size", m->size, size);
	}
	walk->next += m->size;
	return right;
}

static void check_direct(const struct check *check)
{
	(void)check;
	for (size_t i = 0; i < kernel.memory.ram_count; i++) {
		struct direct_walk walk = { .ram = kernel.memory.ram[i],
					    .next = kernel.memory.ram[i].start };
		uint64_t size = walk.ram.end - walk.ram.start;

		expect_status("walk of the direct map",
			      page_table_walk(kernel_table(arch_layout.direct_base),
					      arch_layout.direct_base + walk.ram.start, size,
					      PAGE_VISIT_LEAF, direct_leaf, &walk),
			      PAGING_OK);
		expect_equal("the direct map of this RAM ends at", walk.next, walk.ram.end);
	}
	in_data = UINT64_C(0x5a5a12345678a5a5);
	expect_equal("data, seen through the direct map",
		     *(volatile uint64_t *)direct(image_phys(&in_data)), in_data);
}

static void check_guards(const struct check *check)
{
	struct page_flags flags = test_data_flags(true);

	(void)check;
	for (size_t i = 0; i < guest_stack_count; i++) {
		const struct stack *stack = guest_stacks[i].stack;

		expect_rights("guard", address_of(stack->guard), NULL);
		expect_rights("guard's last byte", address_of(stack->bytes) - 1, NULL);
		expect_verdict("the stack's lowest byte",
			       probe(PROBE_READ, address_of(stack->bytes), false),
			       probe_expect(&flags, PROBE_READ, address_of(stack->bytes), false));
	}
}

static void check_overflow(const struct check *check)
{
	struct probe_result result = probe_overflow();
	const struct named_stack *stack = stack_by_guard(result.address);

	(void)check;
	expect_verdict("overflow", result, probe_expect(NULL, PROBE_WRITE, result.address, false));
	expect_true("the fault is in the guard page of the stack that overflowed",
		    stack && stack->stack == &selftest_stack);
}

static void check_devices(const struct check *check)
{
	(void)check;
	for (size_t i = 0; i < kernel.device_count; i++) {
		struct page_mapping m;
		virt_addr virt = arch_layout.device_base + kernel.devices[i].start;

		if (!expect_status("query", kernel_query(virt, &m), PAGING_OK))
			continue;
		expect_equal("the device's address", m.phys, kernel.devices[i].start);
		expect_equal("its memory type", m.flags.type, MEMORY_DEVICE);
		expect_true("registers are not executable",
			    !m.flags.execute || !kernel.mmu.no_execute);
		expect_verdict("a user read", probe(PROBE_READ, virt, true),
			       probe_expect(&m.flags, PROBE_READ, virt, true));
	}
}

static const struct check checks[] = {
	{ .name = "kernel: text is read-execute", .run = check_text },
	{ .name = "kernel: rodata is read-only", .run = check_rodata },
	{ .name = "kernel: data and bss are read-write", .run = check_data },
	{ .name = "kernel: nothing is writable and executable", .run = check_w_xor_x },
	{ .name = "kernel: all RAM is in the direct map, in the largest leaves",
	  .run = check_direct },
	{ .name = "kernel: the direct map gives no way to write text or rodata",
	  .run = check_fixed_direct },
	{ .name = "kernel: a guard page is under each stack", .run = check_guards },
	{ .name = "kernel: a stack that overflows faults on its guard page",
	  .run = check_overflow },
	{ .name = "kernel: device registers are device memory", .run = check_devices },
};
const struct check_list kernel_checks = CHECK_LIST(checks);
