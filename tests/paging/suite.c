/* SPDX-License-Identifier: MIT */
/* The parameters of the tests that run for every format. */
#include "suite.h"

#include "require.h"

#ifndef SUITE_ONE_PROCESS
struct criterion_test_params suite_formats(void)
{
	static size_t indices[64];

	REQUIRE(format_case_count <= sizeof(indices) / sizeof(indices[0]),
		"more formats than room");
	for (size_t i = 0; i < format_case_count; i++)
		indices[i] = i;
	return cr_make_param_array(size_t, indices, format_case_count);
}
#endif
