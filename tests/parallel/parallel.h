/* SPDX-License-Identifier: MIT */
/*
 * Tests with threads. They are not Criterion's, so that they run under ThreadSanitizer: a list of
 * functions, each called for each of some formats and reported in TAP by main.c.
 */
#ifndef TESTS_PARALLEL_H
#define TESTS_PARALLEL_H

#include <stdatomic.h>

#include "../paging/formats.h"
#include "arena.h"

#define MAPPERS 3
#define READERS 1

/* A format under test, and a descriptor to poison freed tables with (arena.h). */
struct parallel_format {
	const char *name; /* in formats.c */
	uint64_t poison;
	unsigned int poison_shift;
};

struct arena *parallel_arena(const struct parallel_format *format);

/* Every thread runs `body` with its number, at the same time. */
void parallel_run(unsigned int threads, void (*body)(void *context, unsigned int thread),
		  void *context);

/* Structure by the independent view: every entry sound, no table but the root empty. Returns how
 * many tables there are. */
uint64_t parallel_tables(const struct format_case *format, struct arena *arena, phys_addr root);

/* history.c */
void test_contention(const struct parallel_format *which);
void test_no_memory(const struct parallel_format *which);
/* readers.c */
void test_readers(const struct parallel_format *which);

#endif
