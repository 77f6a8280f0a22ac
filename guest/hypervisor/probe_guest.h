/* SPDX-License-Identifier: MIT */
/* The probe guest: makes one access on command, and says what the second stage answered. */
#ifndef GUEST_PROBE_GUEST_H
#define GUEST_PROBE_GUEST_H

#include "hypervisor.h"
#include "twofold/frame_pool.h"

/*
 * Its inner-physical memory: from PROBE_BASE on its code and its own tables, mapped in single
 * granules; what is tried out lies from `leaf` on, for a leaf of that size. Its own tables are the
 * identity for both and for PROBE_REGION, and have probe_far besides, in tables that serve nothing
 * else: a page that leads to probe_slot of a page, and behind it one that leads to probe_far_slot.
 */
#define PROBE_BASE      UINT64_C(0x100000)
#define PROBE_BASE_SIZE UINT64_C(0x100000)
/* Memory to be changed while the guest runs: where it is, and as large. */
#define PROBE_REGION    UINT64_C(0x200000)

struct probe_guest {
	struct inner_guest guest;
	struct inner_vcpu vcpu;
	struct page_table own;
	struct frame_pool own_frames; /* of inner-physical memory */
	struct frame base;
	struct inner_exit exit; /* the last order's */
	uint64_t ready;         /* where it waits for a command */
};

/* Where a leaf of that size is tried out. */
static inline phys_addr probe_slot(uint64_t leaf)
{
	return leaf;
}

virt_addr probe_far(const struct probe_guest *probe);
/* Far from all else: a page there takes second-stage tables of every level but the root. */
phys_addr probe_far_slot(const struct probe_guest *probe);

/* Up to the first INNER_CALL_READY. If that does not come the check fails, and false is returned:
 * the guest is there all the same. */
bool probe_guest_start(struct probe_guest *probe);
void probe_guest_end(struct probe_guest *probe);

/* What came of an order. */
struct probe_answer {
	bool done;    /* nothing stopped it */
	bool faulted; /* the second stage refused it */
	bool full;    /* the log of written pages is; none of the three: the check has failed */
	struct page_fault fault;
	uint64_t value; /* of a read */
};

/* Puts an order in place of its registers; the next run is that. probe_order does so, runs, and
 * says what came of it. */
void probe_order_set(struct probe_guest *probe, enum inner_order order, virt_addr address,
		     uint64_t value);
struct probe_answer probe_order(struct probe_guest *probe, enum inner_order order,
				virt_addr address, uint64_t value);

/* What second-stage flags (NULL: a hole) mean for an order at that inner-physical address;
 * FAULT_NONE: nothing is refused. */
struct page_fault order_predict(const struct page_flags *flags, enum inner_order order,
				phys_addr address);
/* The check fails if that is not what the fault was, in all that the CPU says of it. */
void order_expect(const char *what, const struct probe_answer *answer,
		  const struct page_fault *expected);

#endif
