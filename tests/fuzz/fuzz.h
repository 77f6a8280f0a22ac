/* SPDX-License-Identifier: MIT */
/* What libFuzzer calls, and what the targets share. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The configuration that an input begins with; NULL: there is none of that number. */
const struct format_case *fuzz_format(uint8_t choice);

/* What the operations do with a table, by the same byte. */
struct fuzz_use {
	bool more;     /* cursors and batches too */
	bool parallel; /* it is one that many may map in at once: here nobody else does */
};

struct fuzz_use fuzz_use(uint8_t choice);

#endif
