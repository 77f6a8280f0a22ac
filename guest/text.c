/* SPDX-License-Identifier: MIT */
/* The four functions that compilers call even in freestanding code, and comparisons of strings. */
#include "guest/text.h"

#include <stdint.h>

/* What is made of whole words goes by them: an emulator's time is in the number of instructions. */
typedef uint64_t __attribute__((may_alias)) word;

static bool is_whole(uintptr_t first, uintptr_t second, size_t size)
{
	return ((first | second | size) & (sizeof(word) - 1)) == 0;
}

void *memset(void *to, int value, size_t size)
{
	uint8_t *bytes = to;
	word *words = to;

	if (is_whole((uintptr_t)to, 0, size)) {
		for (size_t i = 0; i < size / sizeof(word); i++)
			words[i] = (uint8_t)value * UINT64_C(0x0101010101010101);
		return to;
	}
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)value;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	uint8_t *out = to;
	const uint8_t *in = from;
	word *out_words = to;
	const word *in_words = from;

	if (is_whole((uintptr_t)to, (uintptr_t)from, size)) {
		for (size_t i = 0; i < size / sizeof(word); i++)
			out_words[i] = in_words[i];
		return to;
	}
	for (size_t i = 0; i < size; i++)
		out[i] = in[i];
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	uint8_t *out = to;
	const uint8_t *in = from;

	if ((uintptr_t)to <= (uintptr_t)from)
		return memcpy(to, from, size);
	while (size-- != 0)
		out[size] = in[size];
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < size; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

bool text_equal(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool text_starts(const char *text, const char *prefix)
{
	while (*prefix != '\0') {
		if (*text++ != *prefix++)
			return false;
	}
	return true;
}

const char *text_number(const char *text, uint64_t *number)
{
	uint64_t value = 0;

	for (; *text >= '0' && *text <= '9'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
	}
	*number = value;
	return text;
}
