/* SPDX-License-Identifier: MIT */
/*
 * The self-test's framework: named checks, reported as TAP. A check is a function that states what
 * it expects; it fails if any expectation does, and says what was expected and what came.
 */
#ifndef GUEST_CHECK_H
#define GUEST_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/arch.h"
#include "guest/probe.h"
#include "twofold/page_flags.h"
#include "twofold/status.h"

struct check {
	const char *name; /* @ in it stands for the size of its leaf: 4K, 2M, ... */
	void (*run)(const struct check *check);
	/* For functions that serve several checks. */
	enum leaf_rank rank;
	struct page_flags flags;
	uint64_t leaf; /* the size of that rank, when it runs */
};

struct check_list {
	const struct check *checks;
	size_t count;
};

/* Makes a list of an array. */
#define CHECK_LIST(array)                                                      \
	{                                                                      \
		.checks = (array), .count = sizeof(array) / sizeof((array)[0]) \
	}

/* The lists whose checks there are, in the order they run in. Called first. */
void checks_use(const struct check_list *const lists[], size_t count);
/* Prints the plan for the checks whose name starts with `prefix`; panics if there is none. */
void checks_plan(const char *prefix);
/* Runs them; returns how many failed. */
size_t checks_run(const char *prefix);

/* The check cannot be made here. Return from it after this. */
void check_skip(const char *reason);
/* Something went wrong that is no comparison. */
void check_fail(const char *what);

bool expect_true(const char *what, bool actual);
bool expect_equal(const char *what, uint64_t actual, uint64_t expected);
/*
 * The bits of the entry that `mask` has are those of `good`, or a complaint, and then they are: it
 * ends no run, so that tests/guest/flips can try one mistake after the other.
 */
void expect_entry(const char *what, volatile uint64_t *entry, uint64_t mask, uint64_t good);
bool expect_status(const char *what, enum paging_status actual, enum paging_status expected);
bool expect_verdict(const char *what, struct probe_result actual, struct probe_result expected);

/*
 * Reads, writes and fetches, as supervisor and as user: the CPU must answer what these flags mean
 * (NULL: what a hole means), and what page_table_query says it will.
 */
void expect_rights(const char *what, virt_addr address, const struct page_flags *flags);

#endif
