/* SPDX-License-Identifier: MIT */
/* Formatted output: lines are collected, because each trip to the device is dear in a VM. */
#include "guest/print.h"

#include <stdbool.h>
#include <stdint.h>

#include "guest/outside.h"

/* Where formatted characters go: into a buffer, or by way of one to the console. */
struct sink {
	char *buffer;
	size_t size;
	size_t length;
	bool console;
};

static char line[256];
static size_t line_length;

static void console_put(char c)
{
	line[line_length++] = c;
	if (c == '\n' || line_length == sizeof(line)) {
		outside_write(line, line_length);
		line_length = 0;
	}
}

static void put(struct sink *sink, char c)
{
	if (sink->console)
		console_put(c);
	else if (sink->length + 1 < sink->size)
		sink->buffer[sink->length++] = c;
}

static void put_text(struct sink *sink, const char *text, size_t width)
{
	size_t length = 0;

	while (text[length] != '\0')
		put(sink, text[length++]);
	while (length++ < width)
		put(sink, ' ');
}

/* How one conversion is to be printed. */
struct conversion {
	bool alternate; /* # */
	bool zeros;     /* 0 */
	bool left;      /* - */
	bool wide;      /* l, z */
	size_t width;
};

static void put_number(struct sink *sink, uint64_t value, unsigned int base,
		       const struct conversion *how)
{
	char digits[20];
	size_t count = 0;
	size_t used;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	used = count + (how->alternate ? 2 : 0);
	for (; !how->zeros && used < how->width; used++)
		put(sink, ' ');
	if (how->alternate)
		put_text(sink, "0x", 0);
	for (; used < how->width; used++)
		put(sink, '0');
	while (count != 0)
		put(sink, digits[--count]);
}

/* Reads flags, width and length; returns the rest of the format. */
static const char *read_conversion(const char *format, struct conversion *how)
{
	*how = (struct conversion){ .width = 0 };
	for (;; format++) {
		if (*format == '#')
			how->alternate = true;
		else if (*format == '0')
			how->zeros = true;
		else if (*format == '-')
			how->left = true;
		else
			break;
	}
	for (; *format >= '0' && *format <= '9'; format++)
		how->width = how->width * 10 + (size_t)(*format - '0');
	for (; *format == 'l' || *format == 'z'; format++)
		how->wide = true;
	return format;
}

static void format_list(struct sink *sink, const char *format, va_list arguments)
{
	struct conversion how;
	uint64_t number;

	for (; *format != '\0'; format++) {
		if (*format != '%') {
			put(sink, *format);
			continue;
		}
		format = read_conversion(format + 1, &how);
		switch (*format) {
		case 's':
			put_text(sink, va_arg(arguments, const char *), how.width);
			break;
		case 'c':
			put(sink, (char)va_arg(arguments, int));
			break;
		case 'u':
		case 'x':
			number = how.wide ? va_arg(arguments, unsigned long)
					  : va_arg(arguments, unsigned int);
			put_number(sink, number, *format == 'u' ? 10 : 16, &how);
			break;
		case '\0':
			return;
		default:
			put(sink, *format);
		}
	}
}

void print_list(const char *format, va_list arguments)
{
	struct sink sink = { .console = true };

	format_list(&sink, format, arguments);
}

void print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_list(format, arguments);
	va_end(arguments);
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
	struct sink sink = { .buffer = buffer, .size = size };
	va_list arguments;

	va_start(arguments, format);
	format_list(&sink, format, arguments);
	va_end(arguments);
	if (size != 0)
		buffer[sink.length] = '\0';
	return sink.length;
}

void format_size(char *buffer, size_t size, uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	size_t unit = 0;

	for (; bytes >= 1024; bytes >>= 10)
		unit++;
	format_text(buffer, size, "%u%c", (unsigned int)bytes, units[unit]);
}
