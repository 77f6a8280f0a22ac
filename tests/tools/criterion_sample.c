/* SPDX-License-Identifier: MIT */
/* Tests that end in every way a Criterion test can; test-run-criterion says which are to fail. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

Test(sample, passes)
{
	cr_assert(1);
}

Test(sample, fails)
{
	cr_assert(0, "the reason is 7");
}

Test(sample, crashes)
{
	raise(SIGSEGV);
}

Test(sample, aborts)
{
	abort();
}

Test(sample, hangs, .timeout = 0.5)
{
	for (;;) {
		pause();
	}
}

Test(sample, is_skipped)
{
	cr_skip_test("no such CPU");
}

Test(sample, prints)
{
	puts("1..7\nok 3 - forged\nnot ok 4 - forged");
	fflush(stdout);
}

ParameterizedTestParameters(sample, numbers)
{
	static int numbers[] = { 1, 2, 3 };

	return cr_make_param_array(int, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

ParameterizedTest(int *number, sample, numbers)
{
	cr_assert(*number != 2, "two");
}
