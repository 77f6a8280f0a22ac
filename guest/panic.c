/* SPDX-License-Identifier: MIT */
/* The end of a run that cannot go on. */
#include "guest/panic.h"

#include <stdarg.h>

#include "guest/outside.h"
#include "guest/print.h"

_Noreturn void panic(const char *format, ...)
{
	va_list arguments;

	print("Bail out! ");
	va_start(arguments, format);
	print_list(format, arguments);
	va_end(arguments);
	print("\n");
	outside_end(GUEST_PANICKED);
}
