/* SPDX-License-Identifier: MIT */
/* A requirement that does not hold ends the fuzzer, which keeps the input. */
#include <stdio.h>
#include <stdlib.h>

#include "require.h"

void require_stop(const char *heading, const char *file, int line, const char *text)
{
	(void)fprintf(stderr, "%s:%d: [%s] %s\n", file, line, heading, text);
	abort();
}
