/* SPDX-License-Identifier: MIT */
#include "fixed_root.h"

#include "require.h"

/* 16 concatenated tables of 64 KiB are the largest root. */
static _Alignas(64) uint8_t root_memory[16 * PAGE_SIZE_64K];

struct fixed_allocator {
	struct frame_allocator allocator;
	phys_addr root;
	uint64_t size;
};

static struct fixed_allocator fixed;

static bool allocate_root(struct frame_allocator *self, enum frame_use use, uint64_t size,
			  struct frame *frame)
{
	(void)self;
	REQUIRE(use == FRAME_ROOT && size <= sizeof(root_memory), "a frame for something else");
	fixed.size = size;
	*frame = (struct frame){ .start = fixed.root, .size = size };
	return true;
}

static void free_root(struct frame_allocator *self, enum frame_use use, struct frame frame)
{
	(void)self;
	(void)use;
	(void)frame;
}

static void *map_root(void *context, phys_addr table, uint64_t size)
{
	(void)context;
	REQUIRE(table == fixed.root && size <= sizeof(root_memory), "not the root");
	return root_memory;
}

void fixed_root_open(struct page_table *table, const struct page_table_config *config,
		     phys_addr root)
{
	struct page_table_config with_access = *config;
	enum paging_status status;

	with_access.access = (struct table_access){ .map = map_root };
	fixed = (struct fixed_allocator){
		.allocator = { .allocate = allocate_root, .free = free_root }, .root = root
	};
	status = page_table_init(table, &with_access, &fixed.allocator);
	REQUIRE(status == PAGING_OK, "%s", paging_status_text(status));
}

uint64_t fixed_root_size(void)
{
	return fixed.size;
}
