/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own tables, built through the library: the image with each part's rights, a hole
 * under each stack, all RAM in a direct map, device registers as device memory. Nothing is writable
 * and executable, and what the image may not write it may not write by way of the direct map
 * either.
 */
#include "guest/kernel.h"

#include "guest/print.h"
#include "guest/probe.h"
#include "guest/sabotage.h"
#include "guest/stack.h"
#include "layout.h"
#include "twofold/dump.h"

struct kernel kernel;

void kernel_add_device(const char *name, phys_addr start, uint64_t size)
{
	phys_addr end = addr_align_up(start + size, LARGEST_PAGE);

	start = addr_align_down(start, LARGEST_PAGE);
	for (size_t i = 0; i < kernel.device_count; i++) {
		if (start >= kernel.devices[i].start &&
		    end <= kernel.devices[i].start + kernel.devices[i].size)
			return;
	}
	if (kernel.device_count == KERNEL_DEVICES_MAX)
		panic("more than %u devices", KERNEL_DEVICES_MAX);
	kernel.devices[kernel.device_count++] = (struct device){ name, start, end - start };
}

/* What the CPU can be told of the flags: all is executable where NX is missing. */
static struct page_flags kernel_flags(struct page_flags flags)
{
	if (!kernel.mmu.no_execute)
		flags.execute = 1;
	flags.global = kernel.mmu.global;
	return flags;
}

static void build_map(const char *what, virt_addr virt, phys_addr phys, uint64_t size,
		      struct page_flags flags)
{
	struct page_table_op op = { .frames = &kernel.pool.allocator };
	enum paging_status status;

	if (size == 0)
		return;
	status = page_table_map(kernel_table(virt), virt, phys, size, kernel_flags(flags), &op);
	if (status != PAGING_OK)
		panic("cannot map %s at 0x%lx (%lu bytes) to 0x%lx: %s, at 0x%lx", what, virt, size,
		      phys, paging_status_text(status), op.conflict);
}

static void build_image_part(const char *what, const char *start, const char *end,
			     struct page_flags flags)
{
	build_map(what, (virt_addr)(uintptr_t)start, image_phys(start), (uint64_t)(end - start),
		  flags);
}

static void build_image(void)
{
	build_image_part("text", image_text_start, image_text_end,
			 (struct page_flags){ .read = 1, .execute = 1 });
	build_image_part("rodata", image_rodata_start, image_rodata_end,
			 (struct page_flags){ .read = 1 });
	build_image_part("data", image_data_start, image_end,
			 (struct page_flags){ .read = 1, .write = 1 });
}

static void build_guards(void)
{
	for (size_t i = 0; i < guest_stack_count; i++) {
		/* The image may be in leaves that are larger than a guard. */
		struct page_table_op op = { .frames = &kernel.pool.allocator,
					    .mode = PAGING_SPLIT };
		virt_addr guard = (virt_addr)(uintptr_t)guest_stacks[i].stack->guard;
		enum paging_status status =
			page_table_unmap(kernel_table(guard), guard, STACK_GUARD_SIZE, &op);

		if (status != PAGING_OK)
			panic("cannot unmap the guard of the %s stack: %s", guest_stacks[i].name,
			      paging_status_text(status));
	}
}

static void build_direct_part(phys_addr start, phys_addr end, bool write)
{
	build_map("RAM", arch_layout.direct_base + start, start, end - start,
		  (struct page_flags){ .read = 1, .write = write });
}

static phys_addr clamp(phys_addr value, struct memory_range range)
{
	if (value < range.start)
		return range.start;
	return value < range.end ? value : range.end;
}

static void build_direct(void)
{
	for (size_t i = 0; i < kernel.memory.ram_count; i++) {
		struct memory_range ram = kernel.memory.ram[i];
		phys_addr fixed = clamp(image_phys(image_text_start), ram);
		phys_addr fixed_end = clamp(image_phys(image_rodata_end), ram);

		build_direct_part(ram.start, fixed, true);
		build_direct_part(fixed, fixed_end, false);
		build_direct_part(fixed_end, ram.end, true);
	}
}

static void build_devices(void)
{
	for (size_t i = 0; i < kernel.device_count; i++)
		build_map(kernel.devices[i].name, arch_layout.device_base + kernel.devices[i].start,
			  kernel.devices[i].start, kernel.devices[i].size,
			  (struct page_flags){ .read = 1, .write = 1, .type = MEMORY_DEVICE });
}

static void init_tables(void)
{
	for (unsigned int i = 0; i < kernel.mmu.tables; i++) {
		struct page_table_config config = kernel.mmu.config;
		enum paging_status status;

		config.features |= i == 1 ? kernel.mmu.upper_features : 0;
		status = page_table_init(&kernel.tables[i], &config, &kernel.pool.allocator);
		if (status != PAGING_OK)
			panic("cannot make a page table: %s", paging_status_text(status));
	}
}

static void build(void)
{
	init_tables();
	build_image();
	build_guards();
	build_direct();
	build_devices();
}

static void start_pool(void)
{
	struct memory_range within = { image_phys(image_end), arch_layout.boot_reach };
	struct memory_range range;

	if (!memory_map_reserve(&kernel.memory, image_phys(image_start),
				(uint64_t)(image_end - image_start)))
		panic("memory map: too many reserved ranges");
	range = memory_map_largest(&kernel.memory, within);
	if (range.start == range.end)
		panic("memory map: no RAM between 0x%lx and 0x%lx is free for tables", within.start,
		      within.end);
	frame_pool_init(&kernel.pool, range.start, range.end, &kernel.mmu.config.access);
}

/*
 * A CPU may say it has leaves of a size and then fault on them as reserved. So one is used to read
 * a byte; if that faults, the tables are built again without. The image is not mapped by such
 * leaves, so the kernel runs either way; the direct map might be, and is left alone until this is
 * known.
 */
static bool doubtful_leaf_works(void)
{
	uint64_t size = kernel.mmu.doubtful_leaf;
	virt_addr virt = arch_layout.test_base;
	phys_addr phys = addr_align_down(image_phys(image_start), size);
	struct page_table_op op = { .frames = &kernel.pool.allocator, .leaf_sizes = size };
	struct page_flags flags = kernel_flags((struct page_flags){ .read = 1 });
	enum paging_status status;

	status = page_table_map(kernel_table(virt), virt, phys, size, flags, &op);
	if (status != PAGING_OK)
		panic("cannot map a leaf of 0x%lx bytes: %s", size, paging_status_text(status));
	arch_load_tables(kernel.tables);
	if (probe(PROBE_READ, virt + (image_phys(image_start) - phys), false).faulted) {
		arch_load_boot_tables();
		return false;
	}
	status = kernel_unmap(virt, size, 0);
	if (status != PAGING_OK)
		panic("cannot unmap a leaf of 0x%lx bytes: %s", size, paging_status_text(status));
	return true;
}

void kernel_start(void)
{
	arch_mmu_start(&kernel.mmu);
	kernel.mmu.config.access.offset = arch_layout.direct_base;
	start_pool();
	sabotage_enter(SABOTAGE_KERNEL);
	build();
	if (kernel.mmu.doubtful_leaf != 0 && !doubtful_leaf_works()) {
		char text[8];

		format_size(text, sizeof(text), kernel.mmu.doubtful_leaf);
		print("# this CPU says that it has %s leaves, but faults on them: not used\n",
		      text);
		for (unsigned int i = 0; i < kernel.mmu.tables; i++)
			page_table_destroy(&kernel.tables[i], &kernel.pool.allocator);
		kernel.mmu.config.leaf_sizes &= ~kernel.mmu.doubtful_leaf;
		build();
	}
	arch_load_tables(kernel.tables);
	kernel.live = true;
}

void kernel_halves(struct input_range halves[2])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < kernel.mmu.tables; i++)
		count += page_table_ranges(&kernel.tables[i], &halves[count]);
}

void kernel_touch(void)
{
	for (size_t i = 0; i < kernel.memory.ram_count; i++) {
		const struct memory_range *ram = &kernel.memory.ram[i];

		for (phys_addr at = ram->start; at < ram->end; at += PAGE_SIZE_4K)
			(void)*(const volatile uint8_t *)direct(at);
	}
}

static void dump_line(void *context, const char *line)
{
	(void)context;
	print("# %s\n", line);
}

void kernel_dump(void)
{
	for (unsigned int i = 0; i < kernel.mmu.tables; i++) {
		print("# a table that the CPU walks, root at 0x%lx:\n", kernel.tables[i].root);
		page_table_dump(&kernel.tables[i], dump_line, NULL);
	}
}

void kernel_explain_address(virt_addr address)
{
	struct page_mapping m;
	enum paging_status status;

	if (!kernel.live) {
		print("# the kernel's own tables are not in use yet\n");
		return;
	}
	status = kernel_query(address, &m);
	if (status != PAGING_OK)
		print("# 0x%lx: %s\n", address, paging_status_text(status));
	else
		print("# 0x%lx: mapped, %c%c%c %s, leaf 0x%lx of 0x%lx bytes to 0x%lx\n", address,
		      m.flags.read ? 'r' : '-', m.flags.write ? 'w' : '-',
		      m.flags.execute ? 'x' : '-', m.flags.user ? "user" : "supervisor", m.virt,
		      m.size, m.phys);
}

enum paging_status kernel_map(virt_addr virt, phys_addr phys, uint64_t size,
			      struct page_flags flags, uint64_t leaf)
{
	struct page_table_op op = { .frames = &kernel.pool.allocator, .leaf_sizes = leaf };

	return page_table_map(kernel_table(virt), virt, phys, size, flags, &op);
}

/* What one change of the live table needs: room for what must be invalidated, and who does it. */
struct change {
	struct tlb_range ranges[8];
	struct frame frames[16];
	struct tlb_gather gather;
	struct page_table_op op;
};

static void change_begin(struct change *change, uint32_t mode)
{
	change->gather = (struct tlb_gather){
		.ranges = change->ranges,
		.range_capacity = sizeof(change->ranges) / sizeof(change->ranges[0]),
		.frames = change->frames,
		.frame_capacity = sizeof(change->frames) / sizeof(change->frames[0]),
		.owner = &kernel.pool.allocator,
		.flush = arch_flush,
	};
	change->op = (struct page_table_op){
		.frames = &kernel.pool.allocator,
		.gather = &change->gather,
		.mode = mode,
	};
}

enum paging_status kernel_unmap(virt_addr virt, uint64_t size, uint32_t mode)
{
	struct change change;
	enum paging_status status;

	change_begin(&change, mode);
	status = page_table_unmap(kernel_table(virt), virt, size, &change.op);
	tlb_gather_finish(&change.gather);
	return status;
}

enum paging_status kernel_protect(virt_addr virt, uint64_t size, struct page_flags flags,
				  uint32_t mode)
{
	struct change change;
	enum paging_status status;

	change_begin(&change, mode);
	status = page_table_protect(kernel_table(virt), virt, size, flags, &change.op);
	tlb_gather_finish(&change.gather);
	return status;
}
