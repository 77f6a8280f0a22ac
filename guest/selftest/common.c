/* SPDX-License-Identifier: MIT */
/* What the self-test's checks share. */
#include "guest/selftest.h"

#include "guest/userland.h"

const struct check_list *const check_lists[] = {
	&kernel_checks,   &rights_checks,         &mapping_checks,        &change_checks,
	&replace_checks,  &error_checks,          &accessed_dirty_checks, &arch_descriptor_checks,
	&arch_mmu_checks, &arch_exception_checks, &guest_memory_checks,   &smp_checks,
	&arch_smp_checks,
};
const size_t check_list_count = sizeof(check_lists) / sizeof(check_lists[0]);

#define LANDING_TAG 0xd7

struct frame landing_page;

void selftest_start(void)
{
	userland_start();
	landing_page = test_frame(page_size());
	probe_write_landing(frame_bytes(landing_page));
	frame_bytes(landing_page)[LANDING_SIZE] = LANDING_TAG;
}

void expect_landing_page(virt_addr at)
{
	struct probe_result result = probe(PROBE_READ, at + LANDING_SIZE, false);

	if (expect_true("the page can be read", !result.faulted))
		expect_equal("what is read there", result.value, LANDING_TAG);
}

virt_addr test_slot(uint64_t leaf)
{
	if (leaf >= arch_leaf_size(LEAF_LARGE))
		return test_address(TEST_LARGE);
	return test_address(leaf >= arch_leaf_size(LEAF_BLOCK) ? TEST_BLOCK : TEST_PAGES);
}

struct frame test_frame(uint64_t size)
{
	struct frame frame;

	if (!kernel.pool.allocator.allocate(&kernel.pool.allocator, FRAME_PAGE, size, &frame))
		panic("no frame of 0x%lx bytes is left for the self-test", size);
	return frame;
}

void test_frame_free(struct frame frame)
{
	kernel.pool.allocator.free(&kernel.pool.allocator, FRAME_PAGE, frame);
}

bool test_flags_possible(struct page_flags flags)
{
	if (flags.execute || kernel.mmu.no_execute)
		return true;
	check_skip("this CPU has no NX: every page is executable");
	return false;
}

bool test_leaf_possible(uint64_t leaf)
{
	if ((kernel.mmu.config.leaf_sizes & leaf) != 0)
		return true;
	check_skip("this CPU has no leaves of that size");
	return false;
}

struct page_flags test_data_flags(bool write)
{
	return (struct page_flags){ .read = 1, .write = write, .execute = !kernel.mmu.no_execute };
}

virt_addr test_map_leaf(struct frame frame, uint64_t leaf, struct page_flags flags)
{
	uint64_t offset = frame.start & (leaf - 1);
	virt_addr slot = test_slot(leaf);

	if (!expect_status("map", kernel_map(slot, frame.start - offset, leaf, flags, leaf),
			   PAGING_OK))
		return 0;
	return slot + offset;
}

void test_unmap_leaf(uint64_t leaf)
{
	expect_status("unmap", kernel_unmap(test_slot(leaf), leaf, 0), PAGING_OK);
}
