/* SPDX-License-Identifier: MIT */
/* The code that probes run (exceptions.S): from `start`, to a trap at `done` if nothing faults. */
#ifndef ARCH_AARCH64_GUEST_PROBE_CODE_H
#define ARCH_AARCH64_GUEST_PROBE_CODE_H

#include "exceptions.h"
#include "guest/probe.h"

extern const char probe_code_read[], probe_code_read_end[];
extern const char probe_code_write[], probe_code_write_end[];
/* Takes so many times that much stack. */
extern const char probe_code_overflow[], probe_code_overflow_end[];
#define PROBE_OVERFLOW_FRAME 256
/* For user code: a system call, a privileged instruction, one that does not exist. */
extern const char probe_code_svc[], probe_code_svc_end[];
extern const char probe_code_privileged[], probe_code_undefined[];

/* As PROBE_READ by EL1, with PSTATE.PAN set. */
struct probe_result probe_with_pan(virt_addr address);

/* A check of the self-test (selftest/el2.c). */
struct check;
void check_el2_tables(const struct check *check);

/* MAIR's byte of a memory type (D19.2.100), which PAR_EL1 has, too. */
uint8_t probe_type_byte(unsigned int type);

#endif
