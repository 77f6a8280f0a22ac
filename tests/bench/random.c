/* SPDX-License-Identifier: MIT */
/* The same pages in every run. */
#include <stdlib.h>

#include "../paging/require.h"
#include "../paging/rng.h"
#include "bench.h"

uint64_t *random_spread(const struct sizes *sizes)
{
	uint64_t pairs = sizes->span / (2 * PAGE_SIZE_4K);
	uint64_t *offsets = malloc(sizes->random * sizeof(*offsets));
	uint8_t *taken = calloc(pairs, 1);
	uint64_t state = 1;

	REQUIRE(offsets != NULL && taken != NULL, "no memory");
	for (uint64_t i = 0; i < sizes->random;) {
		uint64_t pair = rng_below(&state, pairs);

		if (taken[pair])
			continue;
		taken[pair] = 1;
		offsets[i++] = pair * 2 * PAGE_SIZE_4K;
	}
	free(taken);
	return offsets;
}

/* In the order of the first use, tables lie in a row. */
uint64_t *random_shuffled(const uint64_t *spread, uint64_t count)
{
	uint64_t *offsets = malloc(count * sizeof(*offsets));
	uint64_t state = 2;

	REQUIRE(offsets != NULL, "no memory");
	for (uint64_t i = 0; i < count; i++)
		offsets[i] = spread[i];
	for (uint64_t i = count; i > 1; i--) {
		uint64_t j = rng_below(&state, i);
		uint64_t last = offsets[i - 1];

		offsets[i - 1] = offsets[j];
		offsets[j] = last;
	}
	return offsets;
}
