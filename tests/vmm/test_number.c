/* SPDX-License-Identifier: MIT */
/* Numbers as people type them: what is taken, and what is not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>

#include "number.h"

static void takes_number(const char *text, uint64_t expected)
{
	uint64_t value = 1;

	cr_expect(parse_number(text, &value), "\"%s\"", text);
	cr_expect(value == expected, "\"%s\": %" PRIu64, text, value);
}

Test(number, plain)
{
	static const char *const bad[] = { "",
					   " ",
					   "-1",
					   "+1",
					   "1 ",
					   " 1",
					   "0x",
					   "x1",
					   "1x",
					   "0xg",
					   "1.0",
					   "1e3",
					   "０",
					   "18446744073709551616",
					   "0x10000000000000000" };
	uint64_t value;

	takes_number("0", 0);
	takes_number("007", 7);
	takes_number("18446744073709551615", UINT64_MAX);
	takes_number("0xffffffffffffffff", UINT64_MAX);
	takes_number("0XfF", 255);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(!parse_number(bad[i], &value), "\"%s\"", bad[i]);
}

static void takes_size(const char *text, uint64_t unit, uint64_t expected)
{
	uint64_t value = 1;

	cr_expect(parse_size(text, unit, &value), "\"%s\"", text);
	cr_expect(value == expected, "\"%s\": %" PRIu64, text, value);
}

Test(number, size)
{
	static const char *const bad[] = { "",
					   "M",
					   "1MB",
					   "1KiB",
					   "1 M",
					   "-1M",
					   "1.5G",
					   "1MM",
					   "17592186044416M",
					   "16777216T",
					   "36893488147419103232" };
	uint64_t value;

	takes_size("3", MIB, 3 * MIB);
	takes_size("3", 1, 3);
	takes_size("3k", MIB, 3 * KIB);
	takes_size("3M", 1, 3 * MIB);
	takes_size("3g", 1, 3 * GIB);
	takes_size("3T", 1, 3 * TIB);
	takes_size("0x10K", 1, 16 * KIB);
	takes_size("16777215T", 1, 16777215 * TIB);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(!parse_size(bad[i], MIB, &value), "\"%s\"", bad[i]);
}

/* Nothing but a number that is too large is called so. */
Test(number, too_large)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{ "", EINVAL },
		{ "T", EINVAL },
		{ "16777216TB", EINVAL },
		{ "99999999999999999999x", EINVAL },
		{ "16777216T", ERANGE },
		{ "36893488147419103232", ERANGE },
		{ "0x10000000000000000K", ERANGE },
	};
	uint64_t value;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect(!parse_size(cases[i].text, MIB, &value), "\"%s\"", cases[i].text);
		cr_expect(errno == cases[i].error, "\"%s\": %d", cases[i].text, errno);
	}
}

static void takes_seconds(const char *text, uint64_t expected)
{
	uint64_t value = 1;

	cr_expect(parse_milliseconds(text, &value), "\"%s\"", text);
	cr_expect(value == expected, "\"%s\": %" PRIu64, text, value);
}

Test(number, milliseconds)
{
	static const char *const bad[] = { "",
					   ".",
					   "1.",
					   ".5",
					   "1.0000",
					   "0x1",
					   "-1",
					   "1s",
					   "1..2",
					   "18446744073709552",
					   "18446744073709551.616" };
	uint64_t value;

	takes_seconds("0", 0);
	takes_seconds("12", 12000);
	takes_seconds("1.2", 1200);
	takes_seconds("1.02", 1020);
	takes_seconds("1.002", 1002);
	takes_seconds("18446744073709551.615", UINT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(!parse_milliseconds(bad[i], &value), "\"%s\"", bad[i]);
}
