/* SPDX-License-Identifier: MIT */
/* The few functions on memory and strings that the guest has. */
#ifndef GUEST_TEXT_H
#define GUEST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memset(void *to, int value, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
int memcmp(const void *a, const void *b, size_t size);

bool text_equal(const char *a, const char *b);
bool text_starts(const char *text, const char *prefix);
/* A decimal number (of more than 64 bits: UINT64_MAX); returns what is after its digits. */
const char *text_number(const char *text, uint64_t *number);

#endif
