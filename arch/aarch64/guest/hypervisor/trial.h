/* SPDX-License-Identifier: MIT */
/* What the checks of Arm's second stages share: a guest, and a leaf that it tries out. */
#ifndef ARCH_AARCH64_GUEST_TRIAL_H
#define ARCH_AARCH64_GUEST_TRIAL_H

#include "hypervisor/probe_guest.h"
#include "twofold/fault.h"

/* In the page, whose start is a landing: a byte, and an instruction that EL0 comes back from. */
#define TRIAL_DATA 64
#define TRIAL_BYTE 0x35
#define TRIAL_WAIT 128

/* A guest, a page of memory, and where the guest has that. */
struct trial {
	struct probe_guest probe;
	struct frame page;
	uint64_t frames;   /* that were in use before */
	phys_addr slot;    /* of the leaf */
	uint64_t size;     /* of the leaf */
	uint64_t leaves;   /* sizes to map it by */
	virt_addr address; /* of the page */
	virt_addr view;    /* of the page again, for the guest */
};
extern struct trial trial;

/* A leaf of that size is tried out at probe_slot(slot). False: the check is skipped, or has failed.
 */
bool trial_begin(uint64_t slot, uint64_t size);
void trial_end(void);

struct inner_guest *trial_guest(void);

/* The leaf, over the page. trial_must_map: the check fails, and false is returned, if it cannot be.
 */
enum paging_status trial_map(struct page_flags flags);
bool trial_must_map(struct page_flags flags);
void trial_unmap(void);

/* The guest's own tables have the page at trial.view, too, with these flags. */
void trial_view(struct page_flags flags);

/* The entry that the walk of `inner` comes to, no further than Arm's level `stop`; and where it
 * ends. */
volatile uint64_t *trial_entry(phys_addr inner, unsigned int stop, unsigned int *level);
volatile uint64_t *trial_descriptor(phys_addr inner);

/* The answer to an access at `inner`, which is refused for that cause or (FAULT_NONE) is not. */
void trial_expect(const char *what, const struct probe_answer *answer, unsigned int access,
		  phys_addr inner, enum fault_cause cause);
void trial_expect_order(const char *what, enum inner_order order, virt_addr at,
			enum fault_cause cause);
/* A read, a write and a fetch by EL1 are answered as these flags mean. */
void trial_expect_rights(const struct page_flags *flags);

static const struct page_flags trial_all = { .read = 1, .write = 1, .execute = 1 };

#endif
