/* SPDX-License-Identifier: MIT */
/* What the tests have to do with Criterion: the parameters of those that run for every format, and
 * how to fail. */
#include "suite.h"

#include <stdlib.h>

#include "require.h"

void require_stop(const char *heading, const char *file, int line, const char *text)
{
	cr_assert(false, "%s:%d: [%s] %s", file, line, heading, text);
	abort();
}

#ifndef SUITE_ONE_PROCESS
struct criterion_test_params suite_formats(void)
{
	static size_t indices[128];

	REQUIRE(format_case_count() <= sizeof(indices) / sizeof(indices[0]),
		"more formats than room");
	for (size_t i = 0; i < format_case_count(); i++)
		indices[i] = i;
	return cr_make_param_array(size_t, indices, format_case_count());
}
#endif
