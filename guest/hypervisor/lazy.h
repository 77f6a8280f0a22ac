/* SPDX-License-Identifier: MIT */
/*
 * This kernel as its own guest, in memory that is mapped when it is first touched: each fault is
 * satisfied by page_table_map_to, and what is whole is collapsed to larger leaves.
 */
#ifndef GUEST_LAZY_H
#define GUEST_LAZY_H

#include "hypervisor.h"

#define LAZY_CHUNK  UINT64_C(0x200000) /* backed by memory in one piece, so that it can collapse */
#define LAZY_CHUNKS 8

struct lazy_guest;

/* Who looks on while it runs. Each may make the check fail. */
struct lazy_watch {
	/* An access that is refused to a page that is mapped; true: it can be made again now. */
	bool (*refused)(struct lazy_guest *lazy, const struct page_fault *fault);
	/* The inner kernel has reported another point of its self-test. */
	void (*point)(struct lazy_guest *lazy);
};

struct lazy_guest {
	struct inner_guest guest;
	struct inner_vcpu vcpu;
	struct memory_range ram;          /* inner-physical */
	phys_addr information;            /* what a loader would leave */
	struct frame chunks[LAZY_CHUNKS]; /* size 0: not touched yet */
	uint64_t touched[LAZY_CHUNKS];    /* pages of it that are mapped */
	struct frame empty;               /* what is read where there is nothing: all ones */
	const char *command_line;
	const struct lazy_watch *watch; /* NULL after lazy_start: nobody */

	/* What happened. */
	uint64_t faults, collapsed;
	phys_addr last_fault;       /* no page faults twice */
	enum guest_outcome outcome; /* 0: it has not ended */
	uint64_t passed, failed, planned;
	char line[256];
	size_t line_length;
};

/* The check is skipped, and true returned, where no guest starts as a loader starts this kernel. */
bool lazy_never(void);
/* `chunks` of memory: up to LAZY_CHUNKS. */
void lazy_start(struct lazy_guest *lazy, unsigned int chunks, const char *command_line);
/* Runs it to its end; false, and the check has failed, if it does not get there. */
bool lazy_run(struct lazy_guest *lazy);
void lazy_end(struct lazy_guest *lazy);

#endif
