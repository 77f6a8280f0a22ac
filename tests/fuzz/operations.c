/* SPDX-License-Identifier: MIT */
/*
 * The input is a format and what is done with a table of it, checked as the random tests are:
 * against the model, the independent walker, and a memory that knows every frame.
 */
#include "fuzz.h"
#include "require.h"
#include "trial.h"

/* Longer ones find nothing that shorter ones do not, and take long. */
#define OPERATIONS_MAX 60

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trial trial;
	const struct format_case *format = size < 2 ? NULL : fuzz_format(data[0]);

	if (format == NULL)
		return 0;
	trial.dice = (struct dice){ .bytes = data + 1, .left = size - 1 };
	world_open(&trial.world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < OPERATIONS_MAX && trial.dice.left != 0; i++) {
		if (dice_one_in(&trial.dice, 4))
			trial_reshape(&trial);
		else
			trial_operation(&trial);
	}
	trial_queries(&trial);
	world_close(&trial.world);
	return 0;
}
