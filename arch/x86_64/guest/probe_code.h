/* SPDX-License-Identifier: MIT */
/* The code that probes run (exceptions.S): from `start`, to a trap at `done` if nothing faults. */
#ifndef ARCH_X86_64_GUEST_PROBE_CODE_H
#define ARCH_X86_64_GUEST_PROBE_CODE_H

#include "exceptions.h"
#include "guest/probe.h"

extern const char probe_code_read[], probe_code_read_end[];
extern const char probe_code_write[], probe_code_write_end[];
extern const char probe_code_read_msr[], probe_code_read_msr_end[];
extern const char probe_code_write_msr[], probe_code_write_msr_end[];
/* Calls itself so many times, with this much stack each time. */
extern const char probe_code_overflow[], probe_code_overflow_end[];
#define PROBE_OVERFLOW_FRAME 256
/* These end in #DE, and in #GP for user code. */
extern const char probe_code_divide[], probe_code_divide_end[];
extern const char probe_code_privileged[];

/* The verdict in what an excursion ended with; success is the trap at `done`. */
struct probe_result probe_result_of(const struct excursion *e, uint64_t done);

#endif
