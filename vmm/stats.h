/* SPDX-License-Identifier: MIT */
/* What a run was made of: exits, times, memory. */
#ifndef VMM_STATS_H
#define VMM_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "failure.h"

#define STATS_EXIT_REASONS 64

struct config;
struct machine;

struct stats {
	uint64_t exits[STATS_EXIT_REASONS]; /* by KVM_EXIT_*; the last one: all above */
	uint64_t exec_ns;                   /* CLOCK_MONOTONIC at exec, see stats_start */
	uint64_t first_instruction_ns;
	uint64_t end_ns;
	uint64_t rom_writes; /* dropped */
	FILE *file;          /* for JSON, or NULL */
};

/* First thing in main(). */
void stats_start(struct stats *stats);
/* Before the run: a file that cannot be written must not cost the guest's verdict. */
bool stats_open(struct stats *stats, const struct config *config, struct failure *failure);
void stats_first_instruction(struct stats *stats);
void stats_end(struct stats *stats);
void stats_count_exit(struct stats *stats, uint32_t reason);

/* Prints or writes them as the configuration says; nothing if it says so. */
bool stats_report(const struct machine *machine, struct failure *failure);
void stats_destroy(struct stats *stats);

#endif
