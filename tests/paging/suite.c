/* SPDX-License-Identifier: MIT */
/* What the tests have to do with Criterion: the parameters of those that run for every format, and
 * how to fail. */
#include "suite.h"

#include <stdlib.h>
#include <string.h>

#include "require.h"

void require_stop(const char *heading, const char *file, int line, const char *text)
{
	cr_assert(false, "%s:%d: [%s] %s", file, line, heading, text);
	abort();
}

static bool begins_with(const struct format_case *format, const char *word, size_t length)
{
	return strncmp(word, format->name, length) == 0;
}

/* A word that no configuration begins with would leave out more than was meant. */
static void require_some(const char *word, size_t length)
{
	bool some = false;

	for (size_t i = 0; i < format_case_count(); i++)
		some |= begins_with(format_case(i), word, length);
	REQUIRE(some, "TWOFOLD_FORMATS: no configuration begins with \"%.*s\"", (int)length, word);
}

bool suite_takes(const struct format_case *format)
{
	const char *words = getenv("TWOFOLD_FORMATS");
	bool takes = false;

	if (words == NULL)
		return true;
	for (words += strspn(words, " "); *words != '\0'; words += strspn(words, " ")) {
		size_t length = strcspn(words, " ");

		require_some(words, length);
		takes |= begins_with(format, words, length);
		words += length;
	}
	return takes;
}

#ifndef SUITE_ONE_PROCESS
struct criterion_test_params suite_parts(void)
{
	static size_t parts[SUITE_PARTS];

	for (size_t i = 0; i < SUITE_PARTS; i++)
		parts[i] = i;
	return cr_make_param_array(size_t, parts, SUITE_PARTS);
}
#endif
