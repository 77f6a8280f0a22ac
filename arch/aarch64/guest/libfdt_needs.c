/* SPDX-License-Identifier: MIT */
/* What Debian's libfdt.a wants of a C library, beyond guest/text.h, and of a compiler's run time.
 */
#include <stddef.h>
#include <stdint.h>

#include "guest/panic.h"

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
void *memchr(const void *bytes, int value, size_t size);
char *strrchr(const char *text, int c);
_Noreturn void __stack_chk_fail(void);

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0')
		length++;
	return length;
}

size_t strnlen(const char *text, size_t limit)
{
	size_t length = 0;

	while (length < limit && text[length] != '\0')
		length++;
	return length;
}

void *memchr(const void *bytes, int value, size_t size)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < size; i++) {
		if (b[i] == (uint8_t)value)
			return (void *)(uintptr_t)&b[i];
	}
	return NULL;
}

char *strrchr(const char *text, int c)
{
	const char *found = NULL;

	for (;; text++) {
		if (*text == (char)c)
			found = text;
		if (*text == '\0')
			return (char *)(uintptr_t)found;
	}
}

/* It is compiled with -fstack-protector-strong. Any value will do: nobody attacks the tree. */
extern const uintptr_t __stack_chk_guard;
const uintptr_t __stack_chk_guard = UINT64_C(0x2e5f0d10a7c1b300);

_Noreturn void __stack_chk_fail(void)
{
	panic("libfdt has overrun its stack");
}
