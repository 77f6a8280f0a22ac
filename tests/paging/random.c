/* SPDX-License-Identifier: MIT */
/*
 * Random operations against the model. TWOFOLD_SEED=n chooses other ones, TWOFOLD_OPS=n sets how
 * many there are for each format, all its configurations together; both are printed with a failure.
 * Without a seed each run is the same, so that a build does not fail for what it did not change;
 * make test-long takes new seeds.
 *
 * What an operation answers is compared each time, and so is the table as a whole; with
 * TWOFOLD_CHECK=n that only after each nth: most of the time is that. With the seed of a run that
 * failed and without TWOFOLD_CHECK it fails where it went wrong.
 */
#define SUITE_TIMEOUT 86400 /* as long as TWOFOLD_OPS asks for */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "require.h"
#include "suite.h"
#include "trial.h"

/* Operations, over all formats. */
#define DEFAULT_OPS  24000
#define DEFAULT_SEED 1

static uint64_t from_environment(const char *name, uint64_t least, uint64_t otherwise)
{
	const char *text = getenv(name);
	uint64_t value;
	char *end;

	if (text == NULL || *text == '\0')
		return otherwise;
	value = strtoull(text, &end, 0);
	REQUIRE(*end == '\0' && value >= least, "%s is \"%s\": not a number from %" PRIu64 " on",
		name, text, least);
	return value;
}

static uint64_t configurations_of(const struct page_table_format *format)
{
	uint64_t count = 0;

	for (size_t i = 0; i < format_case_count(); i++)
		count += format_case(i)->config.format == format;
	REQUIRE(count != 0, "a format that is not in the list");
	return count;
}

/* What repeats the run, for when it dies of a signal: in the form of what Criterion says of
 * failures, so that run-criterion shows both together. */
static char repeats[160];
static struct sigaction before[2];
static const int deadly[2] = { SIGSEGV, SIGILL };

static void on_crash(int number)
{
	(void)!write(STDOUT_FILENO, repeats, strlen(repeats));
	/* Back there it happens again, for good. */
	for (size_t i = 0; i < 2; i++) {
		if (deadly[i] == number)
			(void)sigaction(number, &before[i], NULL);
	}
}

static void tell_if_it_crashes(const char *circumstances)
{
	struct sigaction action = { .sa_handler = on_crash };

	(void)snprintf(repeats, sizeof(repeats), "[----]   in %s\n", circumstances);
	for (size_t i = 0; i < 2; i++)
		REQUIRE(sigaction(deadly[i], &action, &before[i]) == 0, "sigaction failed");
}

static void tell_no_more(void)
{
	for (size_t i = 0; i < 2; i++)
		(void)sigaction(deadly[i], &before[i], NULL);
}

/* A `share`th of the operations. */
static void random_run(const struct format_case *format, enum memory_reach reach, uint64_t share)
{
	static struct trial trial;
	char circumstances[128];
	uint64_t configurations = configurations_of(format->config.format);
	uint64_t otherwise = DEFAULT_OPS * configurations / format_case_count();
	uint64_t ops = from_environment("TWOFOLD_OPS", 1, otherwise);
	uint64_t seed = from_environment("TWOFOLD_SEED", 0, DEFAULT_SEED);

	trial.dice = (struct dice){ .state = seed };
	world_open(&trial.world, format, reach);
	trial.world.check_every = from_environment("TWOFOLD_CHECK", 1, 1);
	(void)snprintf(circumstances, sizeof(circumstances),
		       "%s (TWOFOLD_SEED=%" PRIu64 " TWOFOLD_OPS=%" PRIu64 ")", format->name, seed,
		       ops);
	tell_if_it_crashes(circumstances);
	require_story_begin("%s", circumstances);
	for (uint64_t i = 0; i < ops / configurations / share; i++) {
		if (i % 5 == 4)
			trial_reshape(&trial);
		else if (i % 25 == 7 && reach == MEMORY_BY_OFFSET) /* a query beside it */
			trial_cursor(&trial);
		else if (i % 25 == 18)
			trial_batch(&trial);
		else
			trial_operation(&trial);
		trial_queries(&trial);
	}
	trial.world.check_every = 1;
	world_check(&trial.world);
	world_close(&trial.world);
	tell_no_more();
}

FORMAT_TEST(random, operations)
{
	random_run(format, MEMORY_BY_OFFSET, 1);
}

FORMAT_TEST(random, operations_through_the_hook)
{
	random_run(format, MEMORY_BY_HOOK, 20);
}

FORMAT_TEST(random, operations_on_a_parallel_table)
{
	static struct format_case parallel;

	parallel = format_parallel(format);
	random_run(&parallel, MEMORY_BY_OFFSET, 4);
}
