/* SPDX-License-Identifier: MIT */
/*
 * The world outside: the machine's console and verdict, or with hypercalls=1 those of the kernel of
 * the same kind that this one is a guest of.
 */
#ifndef GUEST_OUTSIDE_H
#define GUEST_OUTSIDE_H

#include <stddef.h>

#include "guest/panic.h"

void outside_write(const char *text, size_t length);
_Noreturn void outside_end(enum guest_outcome outcome);

#endif
