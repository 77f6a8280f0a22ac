/* SPDX-License-Identifier: MIT */
/*
 * The second CPU, on the tables that the first one runs on: what it can be asked to do. How it is
 * started, waits and faults is the architecture's.
 */
#ifndef GUEST_SECOND_CPU_H
#define GUEST_SECOND_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "twofold/tlb_gather.h"

enum second_cpu_task {
	TASK_NONE,
	TASK_WATCH, /* to access and wait */
	TASK_LOOK,  /* to go on, and do so again */
	TASK_STARE, /* to read over and over */
	TASK_OTHER, /* the architecture's */
};

/* What an access of its came to: the byte that it read, 0 for a write, or this. */
#define SECOND_CPU_FAULT UINT32_MAX

/*
 * A watch: it reads a byte at `address` (and writes it), says so, goes on until it is told to, and
 * then does the same access there again. Nothing but TLB shoot-downs enters the CPU between, so it
 * keeps what its TLB has. second_cpu_watch returns what the first read came to, second_cpu_look
 * what the last access did.
 */
uint32_t second_cpu_watch(virt_addr address, bool write);
uint32_t second_cpu_look(void);

/*
 * It reads the 64-bit word at `address` over and over; second_cpu_look ends that, and returns how
 * often there was something else than at first, or 0: never.
 */
void second_cpu_stare(virt_addr address);

/* Gives it a task and wakes it; and returns when it has none any more. */
void second_cpu_give(enum second_cpu_task task);
void second_cpu_join(void);

/* The second CPU's side: the task that it has, does it if it is none of the architecture's, and has
 * none from then on. */
enum second_cpu_task second_cpu_task(void);
void second_cpu_do(void);
void second_cpu_done(void);

/* The architecture's. */

/* Whether there is one. */
bool second_cpu_exists(void);
/* Starts it, if it does not run yet. False if it does not come within a few seconds. */
bool second_cpu_start(void);
/* Expects its registers to name the tables that the first one's do. */
void second_cpu_expect_tables(void);
/* tlb_gather's `flush` for a change that the second CPU is not to hear of. */
void second_cpu_leave_out(const struct tlb_gather *gather, void *context);
/* It has a task. */
void second_cpu_wake(void);
/* Accesses of its own, which may fault. */
uint32_t second_cpu_read(virt_addr address);
uint32_t second_cpu_write(virt_addr address);

#endif
