/* SPDX-License-Identifier: MIT */
/*
 * The thread that watches the world while the vCPUs run: console input, signals, the time limit. It
 * is what gets a vCPU out of a guest that never leaves by itself, once the run ends.
 */
#ifndef VMM_SUPERVISOR_H
#define VMM_SUPERVISOR_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

struct machine;

struct supervisor {
	struct machine *machine;
	pthread_t thread;
	int signal_fd, timer_fd, wake_fd;
	sigset_t old_mask;
	atomic_bool finished; /* all vCPUs have left their loops */
	uint8_t input[256];   /* read and not yet taken by the guest */
	size_t input_count;
	bool input_closed;
	bool quit; /* the kicks are due */
};

/* Before the vCPUs run: their threads inherit the mask of signals. Puts the terminal into raw
 * mode. */
bool supervisor_start(struct supervisor *supervisor, struct machine *machine,
		      struct failure *failure);
/* After the vCPUs' loops. The terminal is restored. */
void supervisor_stop(struct supervisor *supervisor);

/* The serial port has room again, or the run has ended and all vCPUs are to notice. */
void supervisor_wake(struct supervisor *supervisor);

#endif
