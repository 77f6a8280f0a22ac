/* SPDX-License-Identifier: MIT */
/* Where a trial's choices come from: random numbers, or the bytes of a fuzzer's input. */
#ifndef TESTS_DICE_H
#define TESTS_DICE_H

#include <stddef.h>

#include "rng.h"

struct dice {
	uint64_t state;       /* of the random numbers */
	const uint8_t *bytes; /* NULL: random numbers; otherwise these, and zeros after them */
	size_t left;
};

static inline uint64_t dice_byte(struct dice *dice)
{
	if (dice->bytes == NULL || dice->left == 0)
		return 0;
	dice->left--;
	return *dice->bytes++;
}

/* 0 .. bound - 1. From bytes: little-endian, as many as the bound needs. */
static inline uint64_t dice_below(struct dice *dice, uint64_t bound)
{
	uint64_t value = 0;

	if (dice->bytes == NULL)
		return rng_below(&dice->state, bound);
	for (uint64_t most = bound - 1, shift = 0; most != 0; most >>= 8, shift += 8)
		value |= dice_byte(dice) << shift;
	return value % bound;
}

/* True once in `n` times. */
static inline bool dice_one_in(struct dice *dice, uint64_t n)
{
	return dice_below(dice, n) == n - 1;
}

/* Any 64 bits. Two bytes choose among as many words: a fuzzer need not find all eight. */
static inline uint64_t dice_word(struct dice *dice)
{
	uint64_t state;

	if (dice->bytes == NULL)
		return rng_next(&dice->state);
	state = dice_below(dice, 0x10000);
	return rng_next(&state);
}

#endif
