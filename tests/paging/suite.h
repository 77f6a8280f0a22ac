/* SPDX-License-Identifier: MIT */
/* A Criterion test that runs once for every configuration in format_cases. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "formats.h"

/* Seconds; a file may set its own before it includes this. */
#ifndef SUITE_TIMEOUT
#define SUITE_TIMEOUT 120
#endif

#ifdef SUITE_ONE_PROCESS

/* All of them in one process: for builds whose processes take long to start. */
#define FORMAT_TEST(suite_, name_)                                  \
	static void name_##_with(const struct format_case *format); \
	Test(suite_, name_, .timeout = SUITE_TIMEOUT)               \
	{                                                           \
		for (size_t i = 0; i < format_case_count(); i++)    \
			name_##_with(format_case(i));               \
	}                                                           \
	static void name_##_with(const struct format_case *format)

#else

/* The indices of the cases, as Criterion wants parameters. */
struct criterion_test_params suite_formats(void);

/* The body follows; `format` is the configuration. Each runs in a process of its own. */
#define FORMAT_TEST(suite_, name_)                                                \
	static void name_##_with(const struct format_case *format);               \
	ParameterizedTestParameters(suite_, name_)                                \
	{                                                                         \
		return suite_formats();                                           \
	}                                                                         \
	ParameterizedTest(size_t *index, suite_, name_, .timeout = SUITE_TIMEOUT) \
	{                                                                         \
		name_##_with(format_case(*index));                                \
	}                                                                         \
	static void name_##_with(const struct format_case *format)

#endif

#endif
