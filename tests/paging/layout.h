/* SPDX-License-Identifier: MIT */
/* Descriptors as the manuals print them: what one mapping must look like in memory, bit for bit. */
#ifndef TESTS_LAYOUT_H
#define TESTS_LAYOUT_H

#include "formats.h"

struct layout_leaf {
	const char *what;
	uint64_t size;
	phys_addr phys;
	struct page_flags flags;
	uint64_t descriptor;
};

/* Maps each in a table of the case of that name and compares all bits but those in `ignored`. */
void layout_require(const char *format, const struct layout_leaf *leaves, size_t count,
		    uint64_t ignored);

/*
 * Maps one granule whose way through the tables is entry 1 of the root, 2 of the next, ...; each
 * entry above the leaf must be `expected` in the bits of `mask` and lead to a live table by bits
 * 51:12 (the tables of this architecture all have 512 entries of 8 bytes in 4 KiB).
 */
void layout_require_tables(const char *format, uint64_t mask, uint64_t expected);

#endif
