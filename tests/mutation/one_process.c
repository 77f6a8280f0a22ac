/* SPDX-License-Identifier: MIT */
/*
 * Runs Criterion's tests without Criterion's runner, which starts a process anew for each of them:
 * with thousands of mutants to judge that would take most of the time.
 *
 * Usage: PROGRAM [-o] [PATTERN...]
 *        PROGRAM -t SUITE/TEST
 *        PROGRAM -m END [-o] [PATTERN...]
 *
 * One test after the other, each in a child that is forked: first those whose suite is like the
 * first pattern (fnmatch), then like the second, ..., then, but for -o, all others; or the named
 * one only. A pattern with ^ before it is for suites that are left out. Ends with the first that
 * fails: its name is printed and the status is 1.
 *
 * -m: the program has many mutants (together.py), with numbers below END; those to be tried are
 * in standard input. Each test runs without any, and then with each of them that it came upon and
 * that no test has killed yet. For each that a test kills, its number and the test are printed.
 */
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/event.h>
#include <criterion/parameterized.h>

#include "mutants.h"

/* The linker's names for the ends of the section in which Criterion's macros put pointers to tests.
 */
extern struct criterion_test *__start_cr_tst[];
extern struct criterion_test *__stop_cr_tst[];

/* In place of those in the library: */

static void *parameter;

void criterion_internal_test_setup(void)
{
}

void criterion_internal_test_teardown(void)
{
}

void criterion_internal_test_main(void (*body)(void))
{
	if (parameter != NULL)
		((void (*)(void *))body)(parameter);
	else
		body();
}

void criterion_send_assert(struct criterion_assert_stats *stats)
{
	if (!stats->passed)
		_exit(1);
}

void criterion_abort_test(void)
{
	_exit(1);
}

void criterion_continue_test(void)
{
	_exit(1);
}

/* Of a test's process, in seconds; 0: no other than this process has. */
static rlim_t cpu_limit;

static void set_limits(void)
{
	struct rlimit limit;

	if (cpu_limit == 0)
		return;
	if (getrlimit(RLIMIT_CPU, &limit) != 0) {
		perror("RLIMIT_CPU");
		abort();
	}
	if (cpu_limit < limit.rlim_cur)
		limit.rlim_cur = cpu_limit;
	(void)setrlimit(RLIMIT_CPU, &limit);
	(void)alarm(600); /* for what waits and does not compute */
}

/* Whether it passes, and what it computed. */
static bool run(const struct criterion_test *test, void *with, struct timeval *took)
{
	struct rusage usage;
	pid_t child = fork();
	int status;

	if (child < 0) {
		perror("fork");
		_exit(2);
	}
	if (child == 0) {
		set_limits();
		parameter = with;
		test->test();
		_exit(0);
	}
	if (wait4(child, &status, 0, &usage) != child) {
		perror("wait4");
		_exit(2);
	}
	timeradd(&usage.ru_utime, &usage.ru_stime, took);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void report(const struct criterion_test *test)
{
	printf("%s/%s\n", test->category, test->name);
	fflush(stdout);
}

/* Many mutants in one program */

unsigned int mutant_now;
unsigned char *mutants_seen;

static unsigned int mutants_end;
static unsigned int *alive; /* NULL: the program has none */
static size_t alive_count;

static void read_mutants(const char *text)
{
	unsigned int number;

	mutants_end = (unsigned int)strtoul(text, NULL, 10);
	/* Seen in a test's process, looked up in this one. */
	mutants_seen =
		mmap(NULL, mutants_end, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	alive = malloc(mutants_end * sizeof(*alive));
	if (mutants_seen == MAP_FAILED || alive == NULL) {
		perror(text);
		_exit(2);
	}
	while (scanf("%u", &number) == 1 && number < mutants_end && alive_count < mutants_end)
		alive[alive_count++] = number;
}

/* The test passes without one, and computes so long. With one it may be endless: it gets more than
 * ten times that. */
static void try_mutants(const struct criterion_test *test, void *with, const struct timeval *passed)
{
	unsigned char *reached = malloc(mutants_end);
	size_t left = 0;
	struct timeval took;

	if (reached == NULL) {
		perror(test->name);
		_exit(2);
	}
	memcpy(reached, mutants_seen, mutants_end);
	cpu_limit = 2 + 10 * (rlim_t)passed->tv_sec + (rlim_t)passed->tv_usec / 100000;
	for (size_t i = 0; i < alive_count; i++) {
		mutant_now = alive[i];
		if (!reached[mutant_now] || run(test, with, &took)) {
			alive[left++] = mutant_now;
		} else {
			printf("%u ", mutant_now);
			report(test);
		}
	}
	alive_count = left;
	mutant_now = 0;
	cpu_limit = 0;
	free(reached);
}

/* All tests */

static bool run_once(const struct criterion_test *test, void *with)
{
	struct timeval took;

	if (alive == NULL)
		return run(test, with, &took);
	if (alive_count == 0)
		return true;
	memset(mutants_seen, 0, mutants_end);
	if (!run(test, with, &took))
		return false;
	try_mutants(test, with, &took);
	return true;
}

static bool run_all(const struct criterion_test *test)
{
	struct criterion_test_params params;

	if (test->data->kind_ != CR_TEST_PARAMETERIZED)
		return run_once(test, NULL);
	params = test->data->param_();
	for (size_t i = 0; i < params.length; i++) {
		if (!run_once(test, (char *)params.params + i * params.size))
			return false;
	}
	return true;
}

static void must_pass(const struct criterion_test *test)
{
	if (run_all(test))
		return;
	report(test);
	_exit(1);
}

/* The first pattern that the suite is like; `count`: none; -1: it is to be left out. */
static int rank(const struct criterion_test *test, char **patterns, int count)
{
	for (int i = 0; i < count; i++) {
		bool out = patterns[i][0] == '^';

		if (fnmatch(patterns[i] + out, test->category, 0) == 0)
			return out ? -1 : i;
	}
	return count;
}

static int run_named(const char *name)
{
	for (struct criterion_test **t = __start_cr_tst; t != __stop_cr_tst; t++) {
		size_t length = strlen((*t)->category);

		if (strncmp(name, (*t)->category, length) != 0 || name[length] != '/' ||
		    strcmp(name + length + 1, (*t)->name) != 0)
			continue;
		must_pass(*t);
		return 0;
	}
	fprintf(stderr, "%s: no such test\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	bool only;
	char **patterns;
	int count;

	if (argc == 3 && strcmp(argv[1], "-t") == 0)
		return run_named(argv[2]);
	if (argc > 2 && strcmp(argv[1], "-m") == 0) {
		read_mutants(argv[2]);
		argc -= 2;
		argv += 2;
	}
	only = argc > 1 && strcmp(argv[1], "-o") == 0;
	patterns = argv + 1 + only;
	count = argc - 1 - only;
	for (int step = 0; step < count + !only; step++) {
		for (struct criterion_test **t = __start_cr_tst; t != __stop_cr_tst; t++) {
			if (rank(*t, patterns, count) == step)
				must_pass(*t);
		}
	}
	return 0;
}
