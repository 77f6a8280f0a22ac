/* SPDX-License-Identifier: MIT */
/* Mapping, unmapping, and what leads where. */
#include "guest/selftest.h"

#include "guest/userland.h"

static const struct page_flags user_rwx = { .read = 1, .write = 1, .execute = 1, .user = 1 };

static void expect_byte(const char *what, virt_addr at, uint8_t expected)
{
	struct probe_result result = probe(PROBE_READ, at, false);

	if (expect_true(what, !result.faulted))
		expect_equal(what, result.value, expected);
}

static void check_unmap(const struct check *check)
{
	virt_addr at;

	if (!test_leaf_possible(check->leaf))
		return;
	at = test_map_leaf(landing_page, check->leaf, user_rwx);
	if (at == 0)
		return;
	expect_rights("while it is mapped", at, &user_rwx);
	expect_landing_page(at);
	test_unmap_leaf(check->leaf);
	expect_rights("after unmap", at, NULL);
	expect_rights("the first byte of the leaf", test_slot(check->leaf), NULL);
}

/* Two pages with a byte in each that tells them apart. */
struct pair {
	struct frame a, b;
};

enum {
	BYTE_A = 0xa1,
	BYTE_B = 0xb2,
	BYTE_NEW = 0x77,
};

static struct pair pair_make(void)
{
	struct pair pair = { .a = test_frame(page_size()), .b = test_frame(page_size()) };

	frame_bytes(pair.a)[0] = BYTE_A;
	frame_bytes(pair.b)[0] = BYTE_B;
	return pair;
}

static void pair_free(struct pair pair)
{
	test_frame_free(pair.b);
	test_frame_free(pair.a);
}

static void map_page(virt_addr at, struct frame frame, struct page_flags flags)
{
	expect_status("map", kernel_map(at, frame.start, page_size(), flags, 0), PAGING_OK);
}

static void unmap_page(virt_addr at)
{
	expect_status("unmap", kernel_unmap(at, page_size(), 0), PAGING_OK);
}

static void check_remap(const struct check *check)
{
	struct pair pair = pair_make();
	struct page_flags flags = test_data_flags(true);
	virt_addr here = test_address(TEST_PAGES), there = test_address(TEST_OTHER);

	(void)check;
	map_page(here, pair.a, flags);
	expect_byte("A at the first address", here, BYTE_A);
	unmap_page(here);
	map_page(here, pair.b, flags);
	map_page(there, pair.a, flags);
	expect_byte("B at the first address", here, BYTE_B);
	expect_byte("A at the other address", there, BYTE_A);
	unmap_page(here);
	expect_rights("the first address", here, NULL);
	expect_byte("A after that", there, BYTE_A);
	unmap_page(there);
	pair_free(pair);
}

static void check_alias(const struct check *check)
{
	struct pair pair = pair_make();
	struct page_flags reader = { .read = 1, .user = 1, .execute = 1 };
	struct page_flags writer = { .read = 1, .write = 1, .execute = 1 };
	virt_addr read_at = test_address(TEST_PAGES), write_at = test_address(TEST_OTHER);

	(void)check;
	probe_write_landing(frame_bytes(pair.a));
	map_page(read_at, pair.a, reader);
	map_page(write_at, pair.a, writer);
	expect_rights("the address that may be read", read_at, &reader);
	expect_rights("the address that may be written", write_at, &writer);
	expect_true("a write by the one", !probe_store(write_at, BYTE_NEW, false).faulted);
	expect_byte("is seen by the other", read_at, BYTE_NEW);
	expect_true("a write by the other faults", probe_store(read_at, BYTE_A, false).faulted);
	expect_byte("and changes nothing", write_at, BYTE_NEW);
	unmap_page(read_at);
	unmap_page(write_at);
	pair_free(pair);
}

/* Bytes of a large frame that address lines could mix up: one page for each line, and the ends. */
static uint64_t marked_page(unsigned int i)
{
	return i == 0 ? 0 : i > 9 ? PAGE_SIZE_2M - PAGE_SIZE_4K : PAGE_SIZE_4K << (i - 1);
}

enum {
	MARKED_PAGES = 11,
};

static void check_exact(const struct check *check)
{
	struct frame frame;
	virt_addr at;

	if (!test_leaf_possible(check->leaf))
		return;
	frame = test_frame(PAGE_SIZE_2M);
	at = test_map_leaf(frame, check->leaf, test_data_flags(true));
	for (unsigned int i = 0; at != 0 && i < MARKED_PAGES; i++)
		frame_bytes(frame)[marked_page(i) + i] = (uint8_t)(0x40 + i);
	for (unsigned int i = 0; at != 0 && i < MARKED_PAGES; i++) {
		uint64_t place = marked_page(i) + i;

		expect_byte("written directly, read through the leaf", at + place,
			    (uint8_t)(0x40 + i));
		probe_store(at + place, (uint8_t)(0x80 + i), false);
		expect_equal("written through the leaf, read directly", frame_bytes(frame)[place],
			     0x80 + i);
	}
	if (at != 0)
		test_unmap_leaf(check->leaf);
	test_frame_free(frame);
}

static void check_ends(const struct check *check)
{
	struct input_range halves[2];

	(void)check;
	kernel_halves(halves);
	for (unsigned int i = 0; i < 2; i++) {
		virt_addr at = (i == 0 ? halves[0].last : UINT64_MAX) - (page_size() - 1);

		map_page(at, landing_page, user_rwx);
		expect_rights("the last page", at, &user_rwx);
		expect_landing_page(at);
		unmap_page(at);
		expect_rights("the last page after unmap", at, NULL);
	}
}

static void expect_leaf(virt_addr at, phys_addr phys, uint64_t size)
{
	struct page_mapping m;

	if (!expect_status("query", kernel_query(at, &m), PAGING_OK))
		return;
	expect_equal("size of the leaf", m.size, size);
	expect_equal("where it leads", m.phys + (at - m.virt), phys);
}

/* A range that begins and ends off a block's boundary, over a frame that is known. */
static void check_mixed(const struct check *check)
{
	struct frame frame = test_frame(PAGE_SIZE_2M);
	uint64_t block = arch_leaf_size(LEAF_BLOCK);
	uint64_t offset = frame.start & (block - 1);
	virt_addr at = test_slot(block);
	virt_addr start = at - page_size();
	uint64_t size = block + 2 * page_size();
	phys_addr phys = frame.start - offset - page_size();
	struct page_flags flags = test_data_flags(true);

	(void)check;
	frame_bytes(frame)[0] = BYTE_A;
	frame_bytes(frame)[PAGE_SIZE_2M - 1] = BYTE_B;
	if (expect_status("map", kernel_map(start, phys, size, flags, 0), PAGING_OK)) {
		expect_leaf(start, phys, page_size());
		expect_leaf(at, phys + page_size(), block);
		expect_leaf(at + block, phys + page_size() + block, page_size());
		expect_byte("the frame's first byte", at + offset, BYTE_A);
		expect_byte("its last byte", at + offset + PAGE_SIZE_2M - 1, BYTE_B);
		expect_rights("before the range", start - page_size(), NULL);
		expect_rights("after the range", start + size, NULL);
		expect_status("unmap", kernel_unmap(start, size, 0), PAGING_OK);
		expect_rights("the block after unmap", at, NULL);
	}
	test_frame_free(frame);
}

static const struct check checks[] = {
	{ .name = "unmap: @, then touched", .run = check_unmap, .rank = LEAF_PAGE },
	{ .name = "unmap: @, then touched", .run = check_unmap, .rank = LEAF_BLOCK },
	{ .name = "unmap: @, then touched", .run = check_unmap, .rank = LEAF_LARGE },
	{ .name = "map: again, elsewhere", .run = check_remap },
	{ .name = "map: one frame at two addresses with different rights", .run = check_alias },
	{ .name = "map: each page of a @ leaf leads where it should",
	  .run = check_exact,
	  .rank = LEAF_BLOCK },
	{ .name = "map: each page of a @ leaf leads where it should",
	  .run = check_exact,
	  .rank = LEAF_LARGE },
	{ .name = "map: the last pages of both halves of the address space", .run = check_ends },
	{ .name = "map: a range takes large leaves where they fit", .run = check_mixed },
};
const struct check_list mapping_checks = CHECK_LIST(checks);
