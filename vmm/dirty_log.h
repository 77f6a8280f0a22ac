/* SPDX-License-Identifier: MIT */
/*
 * --dirty-log: which pages were written to, round after round. KVM's log is taken over into the D
 * bits of the guest memory's table, and the table is what a round is read from.
 */
#ifndef VMM_DIRTY_LOG_H
#define VMM_DIRTY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "failure.h"

struct machine;

struct dirty_range {
	uint64_t address;
	uint64_t size;
};

struct dirty_log {
	struct machine *machine; /* NULL: there is no log */
	FILE *file;              /* for JSON; NULL: text on stderr */
	uint64_t round;          /* that ended last; 0: none */
	/* What was dirty in it, ascending. */
	struct dirty_range *ranges;
	size_t count, room;
};

/* Before the run. Does nothing if the configuration wants no log. */
bool dirty_log_start(struct dirty_log *log, struct machine *machine, struct failure *failure);

/* Ends a round, and reports it; log->ranges is what was dirty. */
bool dirty_log_round(struct dirty_log *log, struct failure *failure);

/* After the run: what was written since the last round is the last one. */
bool dirty_log_end(struct dirty_log *log, struct failure *failure);
void dirty_log_destroy(struct dirty_log *log);

#endif
