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

/* A quarter is of the last kind, and with `more` the rest by halves. */
static void one_operation(struct trial *trial, bool more)
{
	if (dice_one_in(&trial->dice, 4))
		trial_reshape(trial);
	else if (!more || dice_one_in(&trial->dice, 2))
		trial_operation(trial);
	else if (dice_one_in(&trial->dice, 2))
		trial_batch(trial);
	else
		trial_cursor(trial);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trial trial;
	static struct format_case used;
	const struct format_case *format = size < 2 ? NULL : fuzz_format(data[0]);
	struct fuzz_use use;

	if (format == NULL)
		return 0;
	use = fuzz_use(data[0]);
	used = *format;
	used.config.parallel = use.parallel;
	trial.dice = (struct dice){ .bytes = data + 1, .left = size - 1 };
	world_open(&trial.world, &used, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < OPERATIONS_MAX && trial.dice.left != 0; i++)
		one_operation(&trial, use.more);
	trial_queries(&trial);
	world_close(&trial.world);
	return 0;
}
