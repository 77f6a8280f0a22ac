/* SPDX-License-Identifier: MIT */
/*
 * How a function says that it could not do its work, and the statuses that the process ends with.
 *
 * A function that can fail takes a `struct failure *` and returns false when it filled it in.
 * Nobody prints but main(), so that the terminal is sane again before a line appears.
 */
#ifndef VMM_FAILURE_H
#define VMM_FAILURE_H

#include <stdbool.h>

/* isa-debug-exit makes odd statuses, (value << 1) | 1; everything that the VMM decides is even. */
enum exit_status {
	STATUS_POWER_OFF = 0,
	STATUS_USAGE = 2,       /* option, configuration or image */
	STATUS_NO_KVM = 4,      /* absent, not permitted, or without what a guest needs */
	STATUS_HOST = 6,        /* the host refused something else: memory, a thread, a file */
	STATUS_RESET = 32,      /* the guest asked for a reset */
	STATUS_PANIC = 34,      /* the guest reported a crash */
	STATUS_FAULT = 38,      /* triple fault, or KVM could not go on */
	STATUS_EXIT_VALUE = 40, /* a debug-exit value that has no status of its own */
	STATUS_ROM_WRITE = 42,  /* --on-rom-write stop */
	STATUS_CONSOLE = 44,    /* ^A x */
	STATUS_HALTED = 46,     /* halted, and nothing can wake it */
	STATUS_TIMEOUT = 124,
};

struct failure {
	int status; /* enum exit_status */
	char text[1024];
};

/* Fills in *failure and returns false, so that a caller can `return fail(...)`. */
bool fail(struct failure *failure, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " before what is already there; returns false. */
bool fail_prefix(struct failure *failure, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
