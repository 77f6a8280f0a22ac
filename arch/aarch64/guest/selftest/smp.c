/* SPDX-License-Identifier: MIT */
/* TLB invalidation by broadcast, and without. */
#include "flush.h"
#include "guest/second_cpu.h"
#include "guest/selftest.h"

#define TAG 0x33

/* Unmaps what the second CPU has read, and tells only the first one's TLB. What the second one
 * reads. */
static uint32_t unmap_here(virt_addr at)
{
	struct tlb_range ranges[4];
	struct frame frames[4];
	struct tlb_gather gather = { .ranges = ranges,
				     .range_capacity = 4,
				     .frames = frames,
				     .frame_capacity = 4,
				     .owner = &kernel.pool.allocator,
				     .flush = flush_here };
	struct page_table_op op = { .frames = &kernel.pool.allocator, .gather = &gather };

	expect_equal("what the second CPU reads", second_cpu_watch(at, false), TAG);
	expect_status("unmap", page_table_unmap(kernel_table(at), at, page_size(), &op), PAGING_OK);
	tlb_gather_finish(&gather);
	return second_cpu_look();
}

static void check_broadcast(const struct check *check)
{
	struct frame frame;
	virt_addr at;

	if (!second_cpu_runs())
		return;
	frame = test_frame(page_size());
	frame_bytes(frame)[0] = TAG;
	at = test_map_leaf(frame, check->leaf, test_data_flags(true));
	if (at != 0 && unmap_here(at) != TAG)
		check_skip("what one CPU invalidates every CPU does, or the second one has no TLB");
	if (at != 0) {
		(void)second_cpu_watch(at, false);
		flush_address(at);
		expect_equal("what it reads after TLBI VAAE1IS", second_cpu_look(),
			     SECOND_CPU_FAULT);
	}
	test_frame_free(frame);
}

static const struct check checks[] = {
	{ .name = "smp: TLBI reaches the second CPU with IS, and without it does not",
	  .run = check_broadcast,
	  .rank = LEAF_PAGE },
};
const struct check_list arch_smp_checks = CHECK_LIST(checks);
