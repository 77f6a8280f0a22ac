/* SPDX-License-Identifier: MIT */
/*
 * Asks the CPU: makes one access at one address, as supervisor or user code, and reports what came
 * of it.
 */
#ifndef GUEST_PROBE_H
#define GUEST_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "twofold/page_table.h"

enum probe_access {
	PROBE_READ,
	PROBE_WRITE,
	PROBE_FETCH,
};

struct probe_result {
	bool faulted;
	unsigned int vector; /* number of the exception; 0 if none */
	uint64_t code;       /* its error code or syndrome */
	uint64_t address;    /* the faulting address, where the exception reports one */
	uint64_t value;      /* what a read that did not fault found: one byte */
};

/*
 * A place that probes may fetch from has a landing written to it: an instruction that traps and
 * does nothing else. PROBE_WRITE writes its first byte, so a landing survives being probed.
 */
#define LANDING_SIZE 4
void probe_write_landing(void *where);

/* Landings in the kernel's text and rodata. */
extern const char probe_landing[], probe_landing_rodata[];

/* One access of one byte (PROBE_FETCH: runs what is there, which must be a landing). */
struct probe_result probe(enum probe_access access, virt_addr address, bool user);

/* As PROBE_WRITE, with a byte of the caller's choice. */
struct probe_result probe_store(virt_addr address, uint8_t value, bool user);

/* What the CPU must answer for a page with these flags, or for a hole (NULL). */
struct probe_result probe_expect(const struct page_flags *flags, enum probe_access access,
				 virt_addr address, bool user);

/* Calls a function that overflows the stack of the self-test, with the result of the fault. */
struct probe_result probe_overflow(void);

/*
 * Where the CPU has instructions that translate an address without accessing it, expects of them
 * what the library predicts (NULL: a hole).
 */
void probe_expect_translation(enum probe_access access, virt_addr address, bool user,
			      const struct page_mapping *predicted);

/* Whether the two are the same verdict (the value that was read is not part of it). */
bool probe_result_equal(const struct probe_result *a, const struct probe_result *b);

#endif
