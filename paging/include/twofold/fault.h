/* SPDX-License-Identifier: MIT */
/*
 * What an MMU says about an access that it refused, in terms that no architecture owns, so that a
 * kernel's or hypervisor's fault handler is written once. Each architecture has functions that
 * explain its registers (twofold/x86_64_fault.h, twofold/aarch64_fault.h, twofold/riscv_fault.h).
 */
#ifndef TWOFOLD_FAULT_H
#define TWOFOLD_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fault_cause {
	FAULT_NONE,           /* a prediction only: the access goes through */
	FAULT_NOT_MAPPED,     /* an entry on the way is not present */
	FAULT_PERMISSION,     /* a mapping is there and does not allow the access */
	FAULT_PROTECTION_KEY, /* the mapping's protection key does not */
	FAULT_ACCESS_FLAG,    /* the mapping is not marked accessed (Arm, flags.idle) */
	FAULT_MISCONFIGURED,  /* an entry on the way has reserved bits or values in it */
	FAULT_ADDRESS_SIZE,   /* an address, input or in an entry, is too wide (Arm) */
	FAULT_REFUSED,        /* one of these, the CPU does not say which (RISC-V) */
	FAULT_OTHER,          /* not a matter of the tables: alignment, a bus error, ... */
	FAULT_UNKNOWN,        /* a code that the manual does not define */
};

/* In a mask. */
enum fault_access {
	FAULT_READ = 1 << 0,
	FAULT_WRITE = 1 << 1,
	FAULT_EXECUTE = 1 << 2,
};

/* No level is known. */
#define FAULT_NO_LEVEL 0xff

struct page_fault {
	enum fault_cause cause;
	/* enum fault_access, OR-ed; 0: not told. Of an instruction that reads and writes
	 * FAULT_WRITE is always there, and FAULT_READ may be. If `walk`: what the walk did. */
	uint8_t access;
	uint8_t stage; /* whose tables refused it: 1, or 2 for EPT, NPT, Arm's stage 2, G-stage */
	/* Stage 2: the access was the guest's own walk of its stage-1 tables. */
	bool walk;
	/* Whether the access was unprivileged, where that is told. */
	bool privilege_known;
	bool user;
	/* The level (0 has the granule-sized leaves) that the walk came to, or FAULT_NO_LEVEL. */
	uint8_t level;
	/* The input address of stage 1, and of stage 2 (guest-physical, IPA): what is known of it.
	 * Bits of `virt_exact`, `phys_exact` that are clear are not known and 0 in the address; all
	 * are clear if nothing is. */
	virt_addr virt;
	phys_addr phys;
	uint64_t virt_exact;
	uint64_t phys_exact;
};

/*
 * What a second stage answers to an access by a guest, by what page_table_query said of the
 * address: `mapping`, or NULL for PAGING_NOT_MAPPED. `access` is one of enum fault_access, or
 * FAULT_READ | FAULT_WRITE; `user`: made by unprivileged code of the guest. `marks`: the MMU marks
 * leaves accessed by itself; where it does not, one that is not marked faults (Arm).
 */
enum fault_cause page_fault_predict(const struct page_mapping *mapping, unsigned int access,
				    bool user, bool marks);

/* "not mapped", ... */
const char *fault_cause_text(enum fault_cause cause);

#ifdef __cplusplus
}
#endif

#endif
