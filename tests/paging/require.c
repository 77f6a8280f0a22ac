/* SPDX-License-Identifier: MIT */
/* Failing, with the story of how it came to that. */
#include "require.h"

#include <stdarg.h>
#include <stdio.h>

/* The oldest lines give way: what led to a failure is most likely at the end. */
#define STORY_LINES 64
#define STORY_WIDTH 240

static char heading[STORY_WIDTH];
static char lines[STORY_LINES][STORY_WIDTH];
static size_t line_count;

static void print_into(char *line, const char *format, va_list arguments)
{
	(void)vsnprintf(line, STORY_WIDTH, format, arguments);
}

void require_story_begin(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_into(heading, format, arguments);
	va_end(arguments);
	line_count = 0;
}

void require_story(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_into(lines[line_count++ % STORY_LINES], format, arguments);
	va_end(arguments);
}

static void tell_story(void)
{
	size_t first = line_count > STORY_LINES ? line_count - STORY_LINES : 0;

	(void)fprintf(stderr, "# in %s\n", heading);
	if (first != 0)
		(void)fprintf(stderr, "# ... %zu earlier lines\n", first);
	for (size_t i = first; i < line_count; i++)
		(void)fprintf(stderr, "#   %s\n", lines[i % STORY_LINES]);
}

void require_failed(const char *file, int line, const char *condition, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	tell_story();
	(void)fprintf(stderr, "# %s:%d: %s: %s\n", file, line, condition, text);
	(void)fflush(stderr);
	require_stop(heading, file, line, text);
}
