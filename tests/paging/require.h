/* SPDX-License-Identifier: MIT */
/*
 * A requirement that is cheap while it holds: Criterion reports every passing assertion to its
 * runner, which the millions of comparisons made here cannot afford.
 */
#ifndef TESTS_REQUIRE_H
#define TESTS_REQUIRE_H

#define REQUIRE(condition, ...)                                                      \
	do {                                                                         \
		if (!(condition))                                                    \
			require_failed(__FILE__, __LINE__, #condition, __VA_ARGS__); \
	} while (0)

/* Ends the test as failed, with the place, the condition, a formatted text and the story so far. */
_Noreturn void require_failed(const char *file, int line, const char *condition, const char *format,
			      ...) __attribute__((format(printf, 4, 5)));

/* The end of it, by way of the test runner (suite.c). */
_Noreturn void require_stop(const char *heading, const char *file, int line, const char *text);

/*
 * The story: what the test has done up to now, told only when it fails. require_story_begin names
 * the circumstances and drops what came before.
 */
void require_story_begin(const char *format, ...) __attribute__((format(printf, 1, 2)));
void require_story(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
