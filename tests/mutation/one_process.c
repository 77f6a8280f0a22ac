/* SPDX-License-Identifier: MIT */
/*
 * Runs Criterion's tests without Criterion's runner, which starts a process anew for each of them:
 * with thousands of mutants to judge that would take most of the time.
 *
 * Usage: PROGRAM [-o] [PATTERN...]
 *        PROGRAM -t SUITE/TEST
 *
 * One test after the other, each in a child that is forked: first those whose suite is like the
 * first pattern (fnmatch), then like the second, ..., then, but for -o, all others; or the named
 * one only. Ends with the first that fails: its name is printed and the status is 1.
 */
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/event.h>
#include <criterion/parameterized.h>

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

/* Whether it passes. */
static bool run(const struct criterion_test *test, void *with)
{
	pid_t child = fork();
	int status;

	if (child < 0) {
		perror("fork");
		_exit(2);
	}
	if (child == 0) {
		parameter = with;
		test->test();
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child) {
		perror("waitpid");
		_exit(2);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool run_all(const struct criterion_test *test)
{
	struct criterion_test_params params;

	if (test->data->kind_ != CR_TEST_PARAMETERIZED)
		return run(test, NULL);
	params = test->data->param_();
	for (size_t i = 0; i < params.length; i++) {
		if (!run(test, (char *)params.params + i * params.size))
			return false;
	}
	return true;
}

static void must_pass(const struct criterion_test *test)
{
	if (run_all(test))
		return;
	printf("%s/%s\n", test->category, test->name);
	fflush(stdout);
	_exit(1);
}

/* The first pattern that the suite is like; `count`: none. */
static int rank(const struct criterion_test *test, char **patterns, int count)
{
	int i = 0;

	while (i < count && fnmatch(patterns[i], test->category, 0) != 0)
		i++;
	return i;
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
	bool only = argc > 1 && strcmp(argv[1], "-o") == 0;
	char **patterns = argv + 1 + only;
	int count = argc - 1 - only;

	if (argc == 3 && strcmp(argv[1], "-t") == 0)
		return run_named(argv[2]);
	for (int step = 0; step < count + !only; step++) {
		for (struct criterion_test **t = __start_cr_tst; t != __stop_cr_tst; t++) {
			if (rank(*t, patterns, count) == step)
				must_pass(*t);
		}
	}
	return 0;
}
