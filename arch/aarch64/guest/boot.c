/* SPDX-License-Identifier: MIT */
/*
 * The boot tables. boot_begin and boot_build run with the MMU off, where the image was loaded and
 * not where it is linked: code finds code and data relative to itself, and addresses that stand in
 * data are put right, first to where the image lies and at last to where it will be. Memory is
 * Device memory then: nothing may be accessed unaligned.
 */
#include "boot.h"

#include <stddef.h>

#include "cpu.h"
#include "early.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "layout.h"
#include "twofold/aarch64.h"
#include "twofold/frame_pool.h"

#define DTB_MAGIC    UINT32_C(0xd00dfeed)
#define DTB_SIZE_MAX PAGE_SIZE_2M /* booting.rst */
#define ARENA_SIZE   (32 * PAGE_SIZE_4K)

struct boot boot;
_Static_assert(offsetof(struct boot, offset) == offsetof(struct boot, registers) + BOOT_OFFSET,
	       "entry.S");

static uint8_t arena[ARENA_SIZE] __attribute__((aligned(PAGE_SIZE_4K)));
static struct frame_pool pool;
static struct page_table lower, upper;

/*
 * The console is known from the device tree, and this is said where there is none that can be used.
 * But each machine this kernel is made for (QEMU's "virt", our VMM) has a PL011 here.
 */
#define PL011_DATA    UINT64_C(0x09000000)
#define PL011_CONTROL UINT64_C(0x09000030)
#define CONTROL_ON    (UINT32_C(1) << 0 | UINT32_C(1) << 8 | UINT32_C(1) << 9)

_Noreturn void boot_end(bool started_at_el2); /* boot_end.S */

static _Noreturn void give_up(const char *why)
{
	*(volatile uint32_t *)PL011_CONTROL = CONTROL_ON;
	for (const char *c = why; *c != '\0'; c++)
		*(volatile uint32_t *)PL011_DATA = (uint8_t)*c;
	boot_end(boot.started_at_el2);
}

static void must(enum paging_status status)
{
	if (status != PAGING_OK)
		give_up("Bail out! the boot tables cannot be built\n");
}

static uint32_t big_endian(const volatile uint32_t *word)
{
	return __builtin_bswap32(*word);
}

/* What was written past the caches must not be hidden by them. */
static void clean(void *context, const void *pointer, uint64_t size)
{
	(void)context;
	clean_to_memory(pointer, size);
}

static void make(const struct aarch64_cpu *cpu, struct page_table *table, uint32_t features)
{
	struct page_table_config config = { .format = &aarch64_stage1_4k,
					    .features = features,
					    .input_bits = 48 };

	if (aarch64_config(cpu, &config, NULL) != REGISTER_OK)
		give_up("Bail out! this CPU has no granule of 4K, which the boot tables need\n");
	config.features = features;
	config.access.clean = clean;
	must(page_table_init(table, &config, &pool.allocator));
}

static void map(struct page_table *table, virt_addr virt, phys_addr phys, uint64_t size, bool write,
		bool execute)
{
	struct page_table_op op = { .frames = &pool.allocator };
	struct page_flags flags = { .read = 1, .write = write, .execute = execute };

	must(page_table_map(table, virt, phys, size, flags, &op));
}

static void find_tree(phys_addr dtb)
{
	const volatile uint32_t *header = (const volatile uint32_t *)(uintptr_t)dtb;

	if ((dtb & 7) != 0)
		give_up("Bail out! x0 is no device tree: it is not a multiple of 8\n");
	if (big_endian(&header[0]) != DTB_MAGIC)
		give_up("Bail out! x0 is no device tree: there is no d00dfeed\n");
	boot.dtb = dtb;
	boot.dtb_size = big_endian(&header[1]);
	if (boot.dtb_size > DTB_SIZE_MAX)
		give_up("Bail out! the device tree is larger than 2 MiB\n");
}

/* The table that has the kernel. */
static struct page_table *home(void)
{
	return cpu_has_upper_half() ? &upper : &lower;
}

virt_addr boot_layout(virt_addr high)
{
	return cpu_has_upper_half() ? high : high & (UINT64_MAX >> 16);
}

static void map_tree(void)
{
	virt_addr base = boot_layout(BOOT_DTB_BASE);
	phys_addr start = addr_align_down(boot.dtb, PAGE_SIZE_4K);
	phys_addr end = addr_align_up(boot.dtb + boot.dtb_size, PAGE_SIZE_4K);

	boot.tree = base + boot.dtb;
	map(home(), base + start, start, end - start, false, false);
}

static void relocate(uint64_t base)
{
	if (!early_relocate(base))
		give_up("Bail out! the image has relocations of an unknown type\n");
}

/* Whether the kernel stays at EL2. */
bool boot_begin(phys_addr dtb, uint64_t current_el);

bool boot_begin(phys_addr dtb, uint64_t current_el)
{
	image_keep_data();
	boot.image = (phys_addr)(uintptr_t)image_start;
	boot.started_at_el2 = current_el == CURRENT_EL2;
	relocate(boot.image);
	find_tree(dtb);
	return boot.started_at_el2 && early_keeps_el2(dtb, cpu_has_upper_half());
}

const struct aarch64_stage1_registers *boot_build(void);

/* Until the kernel has tables of its own the image is writable and executable as a whole. */
const struct aarch64_stage1_registers *boot_build(void)
{
	struct table_access access = { .clean = clean };
	struct aarch64_walk walk = { .accessed = false };
	uint64_t image_size = (uint64_t)(image_end - image_start);
	phys_addr arena_start = (phys_addr)(uintptr_t)arena;
	bool halves = cpu_has_upper_half();
	struct aarch64_cpu cpu;

	frame_pool_init(&pool, arena_start, arena_start + ARENA_SIZE, &access);
	read_cpu(&cpu);
	make(&cpu, &lower, halves ? 0 : AARCH64_EL2);
	map(&lower, boot.image, boot.image, image_size, true, true);
	if (halves) {
		boot.offset = KERNEL_VIRT - boot.image;
		make(&cpu, &upper, AARCH64_UPPER);
		map(&upper, KERNEL_VIRT, boot.image, image_size, true, true);
	}
	map_tree();
	if (aarch64_stage1_registers(&cpu, &lower, halves ? &upper : NULL, 0, &walk,
				     &boot.registers, NULL) != REGISTER_OK)
		give_up("Bail out! this CPU has no registers for the boot tables\n");
	relocate(boot.image + boot.offset);
	return &boot.registers;
}

void boot_continue(void)
{
	struct table_access access = { .offset = boot.offset };

	frame_pool_init(&pool, pool.next, pool.end, &access);
	page_table_rebase(home(), &aarch64_stage1_4k, &access);
}

void boot_map(const char *what, virt_addr virt, phys_addr phys, uint64_t size,
	      struct page_flags flags)
{
	struct page_table_op op = { .frames = &pool.allocator };
	enum paging_status status = page_table_map(home(), virt, phys, size, flags, &op);

	if (status != PAGING_OK)
		panic("boot tables: cannot map %s at 0x%lx (%lu bytes): %s", what, phys, size,
		      paging_status_text(status));
	barrier_store_sync();
}
