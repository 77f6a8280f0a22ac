/* SPDX-License-Identifier: MIT */
/* How a function says that it could not do its work. */
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

bool fail(struct failure *failure, int status, const char *format, ...)
{
	va_list arguments;

	failure->status = status;
	va_start(arguments, format);
	(void)vsnprintf(failure->text, sizeof(failure->text), format, arguments);
	va_end(arguments);
	return false;
}

bool fail_prefix(struct failure *failure, const char *format, ...)
{
	char prefix[sizeof(failure->text)];
	struct failure tail = *failure;
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(prefix, sizeof(prefix), format, arguments);
	va_end(arguments);
	/* Too long a text loses its end, as in fail(). */
	return fail(failure, tail.status, "%s: %s", prefix, tail.text);
}
