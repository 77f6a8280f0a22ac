/* SPDX-License-Identifier: MIT */
/* What an architecture gives the common part of the guest. */
#ifndef GUEST_ARCH_H
#define GUEST_ARCH_H

#include <stddef.h>

#include "guest/panic.h"
#include "twofold/page_table.h"

/* Console: all of the text, as it is. */
void arch_console_write(const char *text, size_t length);

/* Ends the run with that outcome; says so and halts where nothing can take it. */
_Noreturn void arch_exit(enum guest_outcome outcome);

/* The MMU of this CPU. */
struct arch_mmu {
	struct page_table_config config; /* for the kernel's tables; all but `access` */
	bool no_execute;                 /* pages can be not executable */
	bool global;                     /* pages can be global */
};

/* Finds out, and sets the registers that the answer depends on. */
void arch_mmu_start(struct arch_mmu *mmu);

/* Makes the CPU walk the table, and returns the root before. Drops translations that are not
 * global. Panics if the table uses what the CPU does not have. */
phys_addr arch_load_table(const struct page_table *table);
/* The same, back to a root that was returned. */
phys_addr arch_load_root(phys_addr root);

/* tlb_gather's `flush`: does what the gather asks for. */
void arch_flush(const struct tlb_gather *gather, void *context);

struct arch_layout {
	virt_addr direct_base;  /* RAM is at its physical address plus this */
	virt_addr device_base;  /* device registers are at theirs plus this */
	virt_addr test_base;    /* the self-test's own: 512 GiB aligned to that */
	uint64_t kernel_offset; /* the image is at its physical address plus this */
	phys_addr boot_reach;   /* RAM below this is in the boot tables' direct map */
};
extern const struct arch_layout arch_layout;

/* Device registers that the kernel maps: [start, start + size) of physical addresses. */
struct arch_device {
	const char *name;
	phys_addr start;
	uint64_t size;
};
extern const struct arch_device arch_devices[];
extern const size_t arch_device_count;

#endif
