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

bool suite_takes(const struct format_case *format)
{
	const char *words = getenv("TWOFOLD_FORMATS");

	if (words == NULL)
		return true;
	for (words += strspn(words, " "); *words != '\0'; words += strspn(words, " ")) {
		size_t length = strcspn(words, " ");

		if (strncmp(words, format->name, length) == 0)
			return true;
		words += length;
	}
	return false;
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
