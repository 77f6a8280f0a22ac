/* SPDX-License-Identifier: MIT */
/* An image of tables for an address where they are not yet: built in a buffer, copied there. */
#include <inttypes.h>
#include <string.h>

#include "require.h"
#include "suite.h"
#include "world.h"

#define IMAGE_BYTES (UINT64_C(1) << 20)
#define IMAGE_AT    UINT64_C(0x40000000) /* in every output width */

static _Alignas(65536) uint8_t buffer[IMAGE_BYTES];

/* Frames one after the other, at the addresses that they will have. */
struct image {
	struct frame_allocator allocator;
	uint64_t used;
};

static bool allocate(struct frame_allocator *self, enum frame_use use, uint64_t size,
		     struct frame *frame)
{
	struct image *image = (struct image *)(void *)self;
	uint64_t start = addr_align_up(image->used, size);

	(void)use;
	if (size > IMAGE_BYTES - start)
		return false;
	image->used = start + size;
	*frame = (struct frame){ .start = IMAGE_AT + start, .size = size };
	return true;
}

static void give_back(struct frame_allocator *self, enum frame_use use, struct frame frame)
{
	(void)self;
	(void)use;
	REQUIRE(false, "0x%" PRIx64 " is given back", frame.start);
}

/* The memory that the image was copied to. */
static uint64_t read_copy(void *context, uint64_t address)
{
	uint64_t word;

	REQUIRE(address >= IMAGE_AT && address - IMAGE_AT < IMAGE_BYTES, "a walk to 0x%" PRIx64,
		address);
	memcpy(&word, (const uint8_t *)context + (address - IMAGE_AT), sizeof(word));
	return word;
}

static void require_there(const struct format_case *format, phys_addr root, virt_addr virt,
			  phys_addr phys, uint8_t *copy)
{
	struct walk_memory memory = { .read = read_copy, .context = copy };
	struct walk_result seen = format->translate(format, root, &memory, virt,
						    (struct walk_access){ WALK_READ, false });

	REQUIRE(seen.fault == WALK_OK && seen.phys == phys, "0x%" PRIx64 ": fault %d, 0x%" PRIx64,
		virt, (int)seen.fault, seen.phys);
}

FORMAT_TEST(offline, an_image_for_another_address)
{
	static uint8_t copy[IMAGE_BYTES];
	struct image image = { .allocator = { .allocate = allocate, .free = give_back } };
	struct page_table_config config = format->config;
	uint64_t granule = format_granule(format), large = format_largest_leaf(format);
	virt_addr virt = format_middle(format);
	struct page_table_op op = { .frames = &image.allocator };
	struct page_table table;

	memset(buffer, 0xee, sizeof(buffer));
	config.access.offset = (uint64_t)(uintptr_t)buffer - IMAGE_AT;
	REQUIRE(page_table_init(&table, &config, &image.allocator) == PAGING_OK, "init");
	REQUIRE(page_table_map_to(&table, virt, 5 * granule, format_plain_flags(), op.frames) ==
			PAGING_OK,
		"map_to");
	REQUIRE(page_table_map(&table, virt + large, 0, large + granule, format_plain_flags(),
			       &op) == PAGING_OK,
		"map");
	for (unsigned int i = 1; i < 3; i++)
		REQUIRE(page_table_map_to(&table, virt - i * granule, 7 * granule,
					  format_plain_flags(), op.frames) == PAGING_OK,
			"map_to before it");
	memcpy(copy, buffer, sizeof(copy));
	memset(buffer, 0, sizeof(buffer));
	REQUIRE(table.root >= IMAGE_AT && table.root < IMAGE_AT + image.used,
		"the root is at 0x%" PRIx64, table.root);
	require_there(format, table.root, virt + 1, 5 * granule + 1, copy);
	require_there(format, table.root, virt + large, 0, copy);
	require_there(format, table.root, virt + 2 * large + granule - 1, large + granule - 1,
		      copy);
	/* It goes on where the image is now, beside the page that was mapped last before. */
	config.access.offset = (uint64_t)(uintptr_t)copy - IMAGE_AT;
	page_table_rebase(&table, format->config.format, &config.access);
	REQUIRE(page_table_map_to(&table, virt - 3 * granule, 9 * granule, format_plain_flags(),
				  op.frames) == PAGING_OK,
		"map_to in the copy");
	require_there(format, table.root, virt - 3 * granule, 9 * granule, copy);
}
