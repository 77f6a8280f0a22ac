/* SPDX-License-Identifier: MIT */
/*
 * Runs at build time: makes the tables that the guest enters long mode on, and those with five
 * levels that it may go on to, with the library, and prints them as assembly for the guest to be
 * linked with. So there is no descriptor anywhere in
 * the guest that the library did not write.
 *
 * Everything is readable, writable and executable in them: NX does not exist before EFER.NXE is
 * set, and where text ends is not known before the link. The kernel leaves them before it does
 * anything that matters.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "layout.h"
#include "twofold/frame_pool.h"
#include "twofold/x86_64.h"

enum {
	TABLES_MAX = 24,
	WORDS = PAGE_SIZE_4K / sizeof(uint64_t),
};

static _Alignas(PAGE_SIZE_4K) uint64_t tables[TABLES_MAX][WORDS];

static void map(struct page_table *table, struct frame_pool *pool, virt_addr virt, uint64_t size)
{
	struct page_flags flags = { .read = 1, .write = 1, .execute = 1 };
	struct page_table_op op = { .frames = &pool->allocator };
	enum paging_status status = page_table_map(table, virt, 0, size, flags, &op);

	if (status != PAGING_OK) {
		fprintf(stderr, "mkboot: cannot map 0x%" PRIx64 ": %s\n", virt,
			paging_status_text(status));
		exit(EXIT_FAILURE);
	}
}

static void build(struct page_table *table, unsigned int input_bits, struct frame_pool *pool)
{
	struct page_table_config config = {
		.format = &x86_64_stage1,
		.input_bits = (uint8_t)input_bits,
		.output_bits = 36,
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M,
		.memory_attributes = X86_64_PAT_RESET,
		.access = { .offset = (uintptr_t)tables - KERNEL_PHYS },
	};
	enum paging_status status;

	status = page_table_init(table, &config, &pool->allocator);
	if (status != PAGING_OK) {
		fprintf(stderr, "mkboot: cannot make a table: %s\n", paging_status_text(status));
		exit(EXIT_FAILURE);
	}
	map(table, pool, 0, BOOT_IDENTITY_SIZE);
	map(table, pool, DIRECT_BASE, BOOT_DIRECT_SIZE);
	map(table, pool, KERNEL_OFFSET, BOOT_KERNEL_SIZE);
}

static void print_table(const uint64_t *words)
{
	unsigned int zeros = 0;

	for (unsigned int i = 0; i < WORDS; i++) {
		if (words[i] == 0) {
			zeros++;
			continue;
		}
		if (zeros != 0)
			printf("\t.zero %u\n", zeros * 8);
		zeros = 0;
		printf("\t.quad 0x%016" PRIx64 "\n", words[i]);
	}
	if (zeros != 0)
		printf("\t.zero %u\n", zeros * 8);
}

int main(void)
{
	struct table_access access = { .offset = (uintptr_t)tables - KERNEL_PHYS };
	struct page_table four, five;
	struct frame_pool pool;

	frame_pool_init(&pool, KERNEL_PHYS, KERNEL_PHYS + sizeof(tables), &access);
	build(&four, 48, &pool);
	build(&five, 57, &pool);
	printf("/* Made by mkboot: the tables that the guest enters long mode on. */\n"
	       "\t.global boot_tables_phys, boot_root_phys, boot_root57_phys\n"
	       "\t.global layout_kernel_offset\n"
	       "\t.set boot_tables_phys, 0x%x\n"
	       "\t.set boot_root_phys, 0x%" PRIx64 "\n"
	       "\t.set boot_root57_phys, 0x%" PRIx64 "\n"
	       "\t.set layout_kernel_offset, 0x%" PRIx64 "\n"
	       "\t.section .boot.tables, \"aw\", @progbits\n",
	       KERNEL_PHYS, four.root, five.root, (uint64_t)KERNEL_OFFSET);
	for (uint64_t i = 0; i < pool.in_use; i++)
		print_table(tables[i]);
	printf("\t.section .note.GNU-stack, \"\", @progbits\n");
	return ferror(stdout) != 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
