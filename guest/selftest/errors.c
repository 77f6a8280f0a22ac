/* SPDX-License-Identifier: MIT */
/* Operations that fail: each with its own status, and the CPU sees no change. */
#include "guest/selftest.h"

static const struct page_flags rwx = { .read = 1, .write = 1, .execute = 1 };

/* An allocator that has nothing, and one that has `left` frames. */
struct scarce {
	struct frame_allocator allocator;
	unsigned int left;
};

static bool scarce_allocate(struct frame_allocator *self, enum frame_use use, uint64_t size,
			    struct frame *frame)
{
	struct scarce *scarce = (struct scarce *)self;

	if (scarce->left == 0 ||
	    !kernel.pool.allocator.allocate(&kernel.pool.allocator, use, size, frame))
		return false;
	scarce->left--;
	return true;
}

static void scarce_free(struct frame_allocator *self, enum frame_use use, struct frame frame)
{
	struct scarce *scarce = (struct scarce *)self;

	kernel.pool.allocator.free(&kernel.pool.allocator, use, frame);
	scarce->left++;
}

/* Two pages where tables are needed, on either side of a boundary of large leaves. */
#define FAR_START (test_address(TEST_FAR) + arch_leaf_size(LEAF_LARGE) - page_size())
#define FAR_SIZE  (2 * page_size())

/* Sums up entries, and where they are. */
static bool digest_entry(void *context, const struct page_visit *visit)
{
	uint64_t *digest = context;

	*digest = (*digest ^ visit->descriptor) * UINT64_C(0x100000001b3);
	*digest = (*digest ^ visit->mapping.virt ^ visit->level) * UINT64_C(0x100000001b3);
	return true;
}

struct state {
	uint64_t digest;
	uint64_t tables;
	uint64_t frames;
};

static struct state state_now(void)
{
	struct state state = { .digest = UINT64_C(0xcbf29ce484222325),
			       .tables = kernel_table(arch_layout.test_base)->tables,
			       .frames = kernel.pool.in_use };

	/* The pages around those that these checks map, and all of where they try in vain. */
	page_table_walk(kernel_table(arch_layout.test_base), arch_layout.test_base, 2 * TEST_OTHER,
			PAGE_VISIT_LEAF | PAGE_VISIT_TABLE, digest_entry, &state.digest);
	page_table_walk(kernel_table(arch_layout.test_base), test_address(TEST_FAR),
			2 * arch_leaf_size(LEAF_LARGE), PAGE_VISIT_LEAF | PAGE_VISIT_TABLE,
			digest_entry, &state.digest);
	return state;
}

static void expect_state(struct state before)
{
	struct state after = state_now();

	expect_equal("digest of the entries", after.digest, before.digest);
	expect_equal("number of tables", after.tables, before.tables);
	expect_equal("frames in use", after.frames, before.frames);
}

/* Begins a check: one page is mapped at TEST_OTHER, and must be found unharmed by error_end. */
static struct state error_begin(void)
{
	expect_status("map",
		      kernel_map(test_address(TEST_OTHER), landing_page.start, page_size(), rwx, 0),
		      PAGING_OK);
	return state_now();
}

static void error_end(struct state before)
{
	expect_state(before);
	expect_rights("the page that was mapped before", test_address(TEST_OTHER), &rwx);
	expect_rights("the page before it", test_address(TEST_OTHER) - page_size(), NULL);
	expect_rights("the page after it", test_address(TEST_OTHER) + page_size(), NULL);
	expect_status("unmap", kernel_unmap(test_address(TEST_OTHER), page_size(), 0), PAGING_OK);
}

static void check_already_mapped(const struct check *check)
{
	struct state before = error_begin();
	virt_addr at = test_address(TEST_OTHER);
	struct page_flags other = { .read = 1, .execute = 1, .user = 1 };
	uint64_t block = arch_leaf_size(LEAF_BLOCK);

	(void)check;
	expect_status("the same again", kernel_map(at, landing_page.start, page_size(), rwx, 0),
		      PAGING_ALREADY_MAPPED);
	expect_status("another page with other rights",
		      kernel_map(at, landing_page.start + page_size(), page_size(), other, 0),
		      PAGING_ALREADY_MAPPED);
	expect_status("a range that ends on it",
		      kernel_map(at - 4 * page_size(), landing_page.start, 5 * page_size(), rwx, 0),
		      PAGING_ALREADY_MAPPED);
	expect_status("a large leaf over it",
		      kernel_map(addr_align_down(at, block), 0, block, rwx, block),
		      PAGING_ALREADY_MAPPED);
	error_end(before);
}

static void check_bad_address(const struct check *check)
{
	struct state before = error_begin();
	virt_addr at = test_address(TEST_OTHER) + page_size();
	phys_addr too_wide = UINT64_C(1) << kernel.mmu.config.output_bits;
	struct input_range halves[2];

	(void)check;
	kernel_halves(halves);
	expect_status("unaligned input",
		      kernel_map(at + 8, landing_page.start, page_size(), rwx, 0),
		      PAGING_UNALIGNED);
	expect_status("unaligned output",
		      kernel_map(at, landing_page.start + 0x800, page_size(), rwx, 0),
		      PAGING_UNALIGNED);
	expect_status("no size", kernel_map(at, landing_page.start, 0, rwx, 0), PAGING_BAD_SIZE);
	expect_status("input beyond the lower half",
		      kernel_map(halves[0].last + 1, landing_page.start, page_size(), rwx, 0),
		      PAGING_INPUT_RANGE);
	expect_status("a range that leaves the lower half",
		      kernel_map(halves[0].last + 1 - page_size(), landing_page.start,
				 2 * page_size(), rwx, 0),
		      PAGING_INPUT_RANGE);
	expect_status("output too wide", kernel_map(at, too_wide, page_size(), rwx, 0),
		      PAGING_OUTPUT_RANGE);
	expect_status("a range whose output gets too wide",
		      kernel_map(at, too_wide - page_size(), 2 * page_size(), rwx, 0),
		      PAGING_OUTPUT_RANGE);
	error_end(before);
}

static void check_bad_flags(const struct check *check)
{
	struct state before = error_begin();
	virt_addr at = test_address(TEST_OTHER) + page_size();

	(void)check;
	expect_status("no access at all",
		      kernel_map(at, landing_page.start, page_size(), (struct page_flags){ 0 }, 0),
		      PAGING_BAD_FLAGS);
	expect_status("write without read",
		      kernel_map(at, landing_page.start, page_size(),
				 (struct page_flags){ .write = 1, .execute = 1 }, 0),
		      PAGING_BAD_FLAGS);
	error_end(before);
}

/* Each time one frame more is there, until it does. */
static void check_no_memory(const struct check *check)
{
	struct state before = error_begin();
	struct scarce scarce = {
		.allocator = { .allocate = scarce_allocate, .free = scarce_free },
	};
	struct page_table_op op = { .frames = &scarce.allocator };
	enum paging_status status = PAGING_NO_MEMORY;
	unsigned int given = 0;

	(void)check;
	/* On either side of the boundary: a table of 2M entries, and one of 4K entries. */
	for (; status == PAGING_NO_MEMORY && given < 8; given++) {
		scarce.left = given;
		status = page_table_map(kernel_table(FAR_START), FAR_START, landing_page.start,
					FAR_SIZE, rwx, &op);
		if (status != PAGING_NO_MEMORY)
			break;
		expect_equal("frames that came back", scarce.left, given);
		expect_state(before);
		expect_rights("the first page", FAR_START, NULL);
	}
	expect_status("with enough frames", status, PAGING_OK);
	expect_equal("frames it takes", given, 4);
	expect_status("unmap", kernel_unmap(FAR_START, FAR_SIZE, 0), PAGING_OK);
	error_end(before);
}

static void check_bad_unmap(const struct check *check)
{
	struct state before = error_begin();
	virt_addr at = test_address(TEST_OTHER);

	(void)check;
	expect_status("unmap of a hole", kernel_unmap(at + page_size(), page_size(), 0),
		      PAGING_NOT_MAPPED);
	expect_status("unmap of a page and a hole", kernel_unmap(at, 2 * page_size(), 0),
		      PAGING_NOT_MAPPED);
	expect_status("protect of a page and a hole",
		      kernel_protect(at, 2 * page_size(),
				     (struct page_flags){ .read = 1, .execute = 1 }, 0),
		      PAGING_NOT_MAPPED);
	expect_status("unaligned unmap", kernel_unmap(at + 1, page_size(), 0), PAGING_UNALIGNED);
	error_end(before);
}

static const struct check checks[] = {
	{ .name = "errors: already mapped", .run = check_already_mapped },
	{ .name = "errors: addresses that cannot be", .run = check_bad_address },
	{ .name = "errors: flags that cannot be", .run = check_bad_flags },
	{ .name = "errors: no memory for tables", .run = check_no_memory },
	{ .name = "errors: unmap and protect of what is not there", .run = check_bad_unmap },
};
const struct check_list error_checks = CHECK_LIST(checks);
