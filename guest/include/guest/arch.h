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

/* Asks the hypervisor that runs this kernel, if it is one of ours (guest/inner.h): the answer. */
uint64_t arch_hypercall(uint64_t call, const uint64_t arguments[3]);

/*
 * Sizes of leaves, as the self-test goes through them: pages, and the two sizes above that an entry
 * of a table can have. The CPU need not have the largest (page_table_config.leaf_sizes says).
 */
enum leaf_rank {
	LEAF_PAGE,
	LEAF_BLOCK,
	LEAF_LARGE,
};
uint64_t arch_leaf_size(unsigned int rank);

/* A key=value of the command line; false if the architecture does not know the key. What it knows
 * is named in arch_options_text, for people: "" or " and key=...". */
bool arch_option(const char *key, const char *value);
extern const char arch_options_text[];

/* The MMU of this CPU. */
struct arch_mmu {
	struct page_table_config config; /* for the kernel's tables; all but `access` */
	/* One table, or one for each half of the address space: the upper one's features more. */
	unsigned int tables;
	uint32_t upper_features;
	/* A size in config.leaf_sizes to be tried out before it is relied on, or 0: CPUs may say
	 * that they have it, and fault. */
	uint64_t doubtful_leaf;
	bool no_execute;        /* pages can be not executable */
	bool global;            /* pages can be global */
	bool no_user;           /* pages cannot be user code's: there is one privilege */
	bool hardware_accessed; /* it sets accessed where a leaf is used, */
	bool hardware_dirty;    /* and dirty */
};

/* Finds out, and sets the registers that the answer depends on. */
void arch_mmu_start(struct arch_mmu *mmu);

/* Makes the CPU walk these tables (mmu->tables of them). Drops translations that are not global.
 * Panics if a table uses what the CPU does not have. */
void arch_load_tables(const struct page_table tables[]);
/* The same, back to the tables that the kernel was started on. */
void arch_load_boot_tables(void);

/* A counter, for measurements; how many ticks a second has as far as the CPU says, or 0. An
 * emulator's may count instructions. */
uint64_t arch_clock(void);
uint64_t arch_clock_hz(void);
extern const char arch_clock_name[];

/* tlb_gather's `flush`: does what the gather asks for. */
void arch_flush(const struct tlb_gather *gather, void *context);

struct arch_layout {
	virt_addr direct_base;  /* RAM is at its physical address plus this */
	virt_addr device_base;  /* device registers are at theirs plus this */
	virt_addr test_base;    /* the self-test's own: eight LEAF_LARGE, aligned to that */
	uint64_t kernel_offset; /* the image is at its physical address plus this */
	phys_addr boot_reach;   /* RAM below this is in the boot tables' direct map */
};
/* Constant from before guest_main on. */
extern struct arch_layout arch_layout;

#endif
