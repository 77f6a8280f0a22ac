/* SPDX-License-Identifier: MIT */
/* Numbers as people type them. */
#include "number.h"

#include <stddef.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Reads digits from *text on and moves it past them; at least one. */
static bool read_digits(const char **text, unsigned int base, uint64_t *value)
{
	const char *p = *text;
	uint64_t sum = 0;

	for (; digit_value(*p) >= 0 && digit_value(*p) < (int)base; p++) {
		if (__builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)digit_value(*p), &sum))
			return false;
	}
	if (p == *text)
		return false;
	*text = p;
	*value = sum;
	return true;
}

static bool read_number(const char **text, uint64_t *value)
{
	if ((*text)[0] == '0' && ((*text)[1] == 'x' || (*text)[1] == 'X')) {
		*text += 2;
		return read_digits(text, 16, value);
	}
	return read_digits(text, 10, value);
}

bool parse_number(const char *text, uint64_t *value)
{
	return read_number(&text, value) && *text == '\0';
}

static uint64_t size_unit(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return KIB;
	case 'm':
	case 'M':
		return MIB;
	case 'g':
	case 'G':
		return GIB;
	case 't':
	case 'T':
		return TIB;
	default:
		return 0;
	}
}

bool parse_size(const char *text, uint64_t unit, uint64_t *bytes)
{
	uint64_t count;

	if (!read_number(&text, &count))
		return false;
	if (*text != '\0') {
		unit = size_unit(*text);
		text++;
	}
	return unit != 0 && *text == '\0' && !__builtin_mul_overflow(count, unit, bytes);
}

bool parse_milliseconds(const char *text, uint64_t *milliseconds)
{
	uint64_t seconds, scale = 100, fraction = 0;

	if (!read_digits(&text, 10, &seconds))
		return false;
	if (*text == '.') {
		text++;
		if (*text == '\0')
			return false;
		for (; *text >= '0' && *text <= '9' && scale != 0; text++, scale /= 10)
			fraction += (uint64_t)(*text - '0') * scale;
	}
	return *text == '\0' && !__builtin_mul_overflow(seconds, UINT64_C(1000), &seconds) &&
	       !__builtin_add_overflow(seconds, fraction, milliseconds);
}
