/* SPDX-License-Identifier: MIT */
/* A Criterion test that runs once for every configuration in format_cases, or only for those that
 * begin with a word of TWOFOLD_FORMATS ("x86-48 ept"); a word that none begins with is an error. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "formats.h"

/* Seconds; a file may set its own before it includes this. */
#ifndef SUITE_TIMEOUT
#define SUITE_TIMEOUT 120
#endif

/* Whether TWOFOLD_FORMATS leaves that one in. */
bool suite_takes(const struct format_case *format);

#ifdef SUITE_ONE_PROCESS

/* All of them in one process: for builds whose processes take long to start. */
#define FORMAT_TEST(suite_, name_)                                  \
	static void name_##_with(const struct format_case *format); \
	Test(suite_, name_, .timeout = SUITE_TIMEOUT)               \
	{                                                           \
		for (size_t i = 0; i < format_case_count(); i++) {  \
			if (suite_takes(format_case(i)))            \
				name_##_with(format_case(i));       \
		}                                                   \
	}                                                           \
	static void name_##_with(const struct format_case *format)

#else

/* One process takes every SUITE_PARTSth of them: to start one costs as much as most tests do. */
#define SUITE_PARTS 6

/* The parts' numbers, as Criterion wants parameters. */
struct criterion_test_params suite_parts(void);

/* The body follows; `format` is the configuration. */
#define FORMAT_TEST(suite_, name_)                                                  \
	static void name_##_with(const struct format_case *format);                 \
	ParameterizedTestParameters(suite_, name_)                                  \
	{                                                                           \
		return suite_parts();                                               \
	}                                                                           \
	ParameterizedTest(size_t *part, suite_, name_, .timeout = SUITE_TIMEOUT)    \
	{                                                                           \
		for (size_t i = *part; i < format_case_count(); i += SUITE_PARTS) { \
			if (suite_takes(format_case(i)))                            \
				name_##_with(format_case(i));                       \
		}                                                                   \
	}                                                                           \
	static void name_##_with(const struct format_case *format)

#endif

#endif
