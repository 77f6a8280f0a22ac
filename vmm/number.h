/* SPDX-License-Identifier: MIT */
/*
 * Numbers as people type them. Each function takes the whole string or nothing: no sign, no blanks,
 * no junk at the end, no wrapping round. If it is nothing errno says why: EINVAL, or ERANGE for
 * what is written as it should be and is too large.
 */
#ifndef VMM_NUMBER_H
#define VMM_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

/* Decimal, or hexadecimal after 0x. */
bool parse_number(const char *text, uint64_t *value);

/* A number and one of K, M, G, T (either case, powers of 1024); without one, times `unit`. */
bool parse_size(const char *text, uint64_t unit, uint64_t *bytes);

/* Decimal seconds with at most three digits after the point: "10", "0.25". */
bool parse_milliseconds(const char *text, uint64_t *milliseconds);

#endif
