/* SPDX-License-Identifier: MIT */
/* Numbers as people type them. */
#include "number.h"

#include <errno.h>
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

/* Reads digits from *text on and moves it past them; at least one. *over: they are too many. */
static bool read_digits(const char **text, unsigned int base, uint64_t *value, bool *over)
{
	const char *p = *text;
	uint64_t sum = 0;

	*over = false;
	for (; digit_value(*p) >= 0 && digit_value(*p) < (int)base; p++)
		*over = __builtin_mul_overflow(sum, base, &sum) ||
			__builtin_add_overflow(sum, (uint64_t)digit_value(*p), &sum) || *over;
	if (p == *text)
		return false;
	*text = p;
	*value = sum;
	return true;
}

static bool read_number(const char **text, uint64_t *value, bool *over)
{
	if ((*text)[0] == '0' && ((*text)[1] == 'x' || (*text)[1] == 'X')) {
		*text += 2;
		return read_digits(text, 16, value, over);
	}
	return read_digits(text, 10, value, over);
}

/* What is no number at all is told from one that is too large. */
static bool result(bool good, bool over)
{
	errno = good ? ERANGE : EINVAL;
	return good && !over;
}

bool parse_number(const char *text, uint64_t *value)
{
	bool over, good = read_number(&text, value, &over) && *text == '\0';

	return result(good, good && over);
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
	bool over;

	if (!read_number(&text, &count, &over))
		return result(false, false);
	if (*text != '\0') {
		unit = size_unit(*text);
		text++;
	}
	return result(unit != 0 && *text == '\0',
		      __builtin_mul_overflow(count, unit, bytes) || over);
}

bool parse_milliseconds(const char *text, uint64_t *milliseconds)
{
	uint64_t seconds, scale = 100, fraction = 0;
	bool over;

	if (!read_digits(&text, 10, &seconds, &over))
		return result(false, false);
	if (*text == '.') {
		text++;
		if (*text == '\0')
			return result(false, false);
		for (; *text >= '0' && *text <= '9' && scale != 0; text++, scale /= 10)
			fraction += (uint64_t)(*text - '0') * scale;
	}
	over = __builtin_mul_overflow(seconds, UINT64_C(1000), &seconds) ||
	       __builtin_add_overflow(seconds, fraction, milliseconds) || over;
	return result(*text == '\0', over);
}
