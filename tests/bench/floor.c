/* SPDX-License-Identifier: MIT */
/*
 * The memory floor: what the stores cost when nobody has to find out where they go. Four words at
 * once where the CPU has AVX2, as the compiler does it elsewhere.
 */
#include "bench.h"

typedef uint64_t wide __attribute__((vector_size(32), may_alias));

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2"), noinline))
#else
#define WIDE __attribute__((noinline))
#endif

bool vector_runs(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx2") != 0;
#else
	return false;
#endif
}

WIDE static void fill_wide(uint64_t *table, uint64_t count, uint64_t first, uint64_t step)
{
	wide value = { first, first + step, first + 2 * step, first + 3 * step };
	const wide next = { 4 * step, 4 * step, 4 * step, 4 * step };
	wide *entries = (wide *)(void *)table;

	for (uint64_t i = 0; i < count / 4; i++) {
		entries[i] = value;
		value += next;
	}
}

WIDE static void protect_wide(uint64_t *table, uint64_t count, uint64_t clear)
{
	const wide mask = { ~clear, ~clear, ~clear, ~clear };
	wide *entries = (wide *)(void *)table;

	for (uint64_t i = 0; i < count / 4; i++)
		entries[i] &= mask;
}

__attribute__((noinline)) void floor_fill(uint64_t *table, uint64_t count, uint64_t first,
					  uint64_t step)
{
	if (vector_runs()) {
		fill_wide(table, count, first, step);
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		table[i] = first + i * step;
}

void floor_zero(uint64_t *table, uint64_t count)
{
	floor_fill(table, count, 0, 0);
}

__attribute__((noinline)) void floor_protect(uint64_t *table, uint64_t count, uint64_t clear)
{
	if (vector_runs()) {
		protect_wide(table, count, clear);
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		table[i] &= ~clear;
}
