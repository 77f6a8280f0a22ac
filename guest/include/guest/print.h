/* SPDX-License-Identifier: MIT */
/* Formatted output on the console. */
#ifndef GUEST_PRINT_H
#define GUEST_PRINT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The part of printf that the guest needs: %s %c %u %x %% with the flags # and 0, a width, and the
 * lengths l and z. uint64_t is `unsigned long` on every architecture here. Anything else in a
 * format shows up in the output as it is.
 */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* Formats into `buffer`, always terminated, cut to fit; returns the length it has. */
size_t format_text(char *buffer, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A power of two of bytes as people say it: 4K, 2M, 1G. */
void format_size(char *buffer, size_t size, uint64_t bytes);

#endif
