/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory as an EPT table, as a hypervisor would build it: RAM with a hole for devices, a
 * ROM, and then a page that is watched for writes. The tables lie in an array, which stands for the
 * physical memory at TABLES; so this runs anywhere.
 *
 * Build it against an installed twofold: `make` here, with PKG_CONFIG_PATH where it needs one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <twofold/dump.h>
#include <twofold/frame_pool.h>
#include <twofold/x86_64.h>

#define MiB UINT64_C(0x100000)
#define GiB UINT64_C(0x40000000)

#define TABLES      (2 * GiB) /* host physical: where the tables lie, */
#define TABLES_SIZE (1 * MiB)
#define RAM         (4 * GiB) /* and where the guest's memory does */
#define ROM         (TABLES - 2 * MiB)

static const struct page_flags ram_flags = { .read = 1, .write = 1, .execute = 1 };
static const struct page_flags rom_flags = { .read = 1, .execute = 1 };

static void must(const char *what, enum paging_status status)
{
	if (status == PAGING_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, paging_status_text(status));
	exit(1);
}

static void print_line(void *context, const char *line)
{
	(void)context;
	puts(line);
}

static void print_mapping(const struct page_table *ept, virt_addr address)
{
	struct page_mapping mapping;
	enum paging_status status = page_table_query(ept, address, &mapping);

	printf("0x%09" PRIx64 ": ", address);
	if (status == PAGING_OK)
		printf("0x%09" PRIx64 ", in a leaf of %" PRIu64 "K, %s\n",
		       mapping.phys + (address - mapping.virt), mapping.size >> 10,
		       mapping.flags.write ? "writable" : "read-only");
	else
		printf("%s\n", paging_status_text(status));
}

/* 3 GiB of RAM below the devices, the rest from 4 GiB on; a ROM of 1 MiB below 4 GiB. */
static void build(struct page_table *ept, struct page_table_op *op)
{
	must("low RAM", page_table_map(ept, 0, RAM, 3 * GiB, ram_flags, op));
	must("high RAM", page_table_map(ept, 4 * GiB, RAM + 3 * GiB, 1 * GiB, ram_flags, op));
	must("ROM", page_table_map(ept, 4 * GiB - 1 * MiB, ROM, 1 * MiB, rom_flags, op));
}

/* What is in the way of a mapping is named, and nothing has changed. */
static void collide(struct page_table *ept, struct page_table_op *op)
{
	enum paging_status status =
		page_table_map(ept, 3 * GiB - 2 * MiB, ROM, 4 * MiB, rom_flags, op);

	printf("mapping over RAM: %s, by a leaf of %" PRIu64 "M at 0x%" PRIx64 "\n",
	       paging_status_text(status), op->conflict_size >> 20, op->conflict);
}

/* Takes a page's write permission, so that the guest's next write to it exits to the hypervisor. */
static void watch(struct page_table *ept, virt_addr page, struct page_table_op *op)
{
	op->mode = PAGING_SPLIT;
	must("watching", page_table_write_protect(ept, page, PAGE_SIZE_4K, op));
	op->mode = 0;
}

int main(void)
{
	static _Alignas(4096) unsigned char arena[TABLES_SIZE];
	const struct page_table_config config = {
		.format = &x86_64_ept,
		.input_bits = 48,
		.output_bits = 40,
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G,
		.features = EPT_ACCESSED_DIRTY,
		.access = { .offset = (uint64_t)(uintptr_t)arena - TABLES },
	};
	struct frame_pool pool;
	struct page_table_op op = { .frames = &pool.allocator };
	struct page_table ept;

	frame_pool_init(&pool, TABLES, TABLES + TABLES_SIZE, &config.access);
	must("the table", page_table_init(&ept, &config, &pool.allocator));
	build(&ept, &op);
	collide(&ept, &op);
	watch(&ept, 5 * MiB, &op);
	must("dump", page_table_dump(&ept, print_line, NULL));
	print_mapping(&ept, 5 * MiB + 0x123);
	print_mapping(&ept, 6 * MiB);
	print_mapping(&ept, 7 * GiB / 2);

	op.mode = PAGING_SKIP_HOLES;
	must("unmapping", page_table_unmap(&ept, 0, 5 * GiB, &op));
	page_table_destroy(&ept, &pool.allocator);
	printf("%" PRIu64 " tables left\n", pool.in_use);
	return pool.in_use != 0;
}
