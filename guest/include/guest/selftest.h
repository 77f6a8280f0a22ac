/* SPDX-License-Identifier: MIT */
/* What the self-test's checks share. */
#ifndef GUEST_SELFTEST_H
#define GUEST_SELFTEST_H

#include "guest/check.h"
#include "guest/kernel.h"

/* All checks, in the order they run in. */
extern const struct check_list *const check_lists[];
extern const size_t check_list_count;

extern const struct check_list kernel_checks, rights_checks, mapping_checks, change_checks;
extern const struct check_list replace_checks;
extern const struct check_list accessed_dirty_checks, error_checks, guest_memory_checks;
/* The architecture's: single bits of descriptors, the MMU's registers and TLB, exceptions. */
extern const struct check_list arch_descriptor_checks, arch_mmu_checks, arch_exception_checks;
/* Two CPUs. */
extern const struct check_list smp_checks, arch_smp_checks;

static inline uint64_t page_size(void)
{
	return arch_leaf_size(LEAF_PAGE);
}

/*
 * Offsets in the self-test's part of the address space. The user code stays mapped throughout, so
 * that most checks find the tables they need in place; each check leaves its addresses unmapped.
 */
#define TEST_USER_CODE 0
#define TEST_PAGES     (16 * page_size())               /* some pages */
#define TEST_OTHER     (64 * page_size())               /* some more */
#define TEST_BLOCK     (2 * arch_leaf_size(LEAF_BLOCK)) /* two blocks */
#define TEST_LARGE     (2 * arch_leaf_size(LEAF_LARGE)) /* two large ones */
/* Two large ones again, with nothing mapped near them: what is mapped here needs new tables. */
#define TEST_FAR       (4 * arch_leaf_size(LEAF_LARGE))

static inline virt_addr test_address(uint64_t offset)
{
	return arch_layout.test_base + offset;
}

/* Where a leaf of that size is tried out. */
virt_addr test_slot(uint64_t leaf);

/* Maps the user code, and allocates what the checks share. */
void selftest_start(void);

/* A frame of memory with anything in it. test_frame panics if there is none. */
struct frame test_frame(uint64_t size);
void test_frame_free(struct frame frame);

/*
 * A page with a landing at its start, which lasts as long as the run. A byte after the landing
 * tells it from all other memory: expect_landing_page reads it at an address where the page is
 * mapped.
 */
extern struct frame landing_page;
void expect_landing_page(virt_addr at);

static inline uint8_t *frame_bytes(struct frame frame)
{
	return direct(frame.start);
}

/* The flags that mean r, rw, rx, ... to the MMU there is: false if it cannot express them
 * (skipped). */
bool test_flags_possible(struct page_flags flags);
/* False, and the check is skipped, if the MMU has no leaves of that size. */
bool test_leaf_possible(uint64_t leaf);

/* What a data page of the self-test has: executable only where there is no NX. */
struct page_flags test_data_flags(bool write);

/*
 * Maps a leaf of that size at test_slot(leaf), over the frame; returns the address where the
 * frame's first byte is then. The leaf reaches beyond the frame if it is larger. On failure the
 * check fails, and 0 is returned.
 */
virt_addr test_map_leaf(struct frame frame, uint64_t leaf, struct page_flags flags);
void test_unmap_leaf(uint64_t leaf);

/* Whether there is a second CPU and it runs; if not, the check is skipped, or fails. */
bool second_cpu_runs(void);

/* Whether the VMM lets the guest change its memory; if not, the check is skipped. */
bool memory_control_possible(void);
/* MEMORY_SET (vmm/memory_control.h): returns the answer. */
int32_t memory_set(phys_addr address, uint64_t size, uint64_t access);

#endif
