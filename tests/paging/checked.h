/* SPDX-License-Identifier: MIT */
/* A table that a test spoils by hand, and what page_table_check tells about it. */
#ifndef TESTS_CHECKED_H
#define TESTS_CHECKED_H

#include <twofold/check.h>

#include "world.h"

#define CHECKED_MAX 256

struct checked {
	enum paging_status status;
	struct page_check check;
	struct page_violation violations[CHECKED_MAX];
	size_t count;
	size_t stop_at; /* the report that asks to stop; 0: none */
};

/* Checks the whole table for rules of these classes; it is entered only where memory is. */
const struct checked *check_world(struct world *world, unsigned int classes);
/* The same; the n-th report says stop. */
const struct checked *check_until(struct world *world, unsigned int classes, size_t n);

/* Each report of a check for rules of all classes can stop it. At least `reports` there are. */
void require_stops(struct world *world, size_t reports);

/* Where the entry of `level` on the way to `virt` lies, and what stands there. */
phys_addr entry_at(struct world *world, virt_addr virt, unsigned int level);
uint64_t entry_read(struct world *world, phys_addr entry);
void entry_write(struct world *world, phys_addr entry, uint64_t descriptor);

/* `entry`, a table's, with the address of another. */
uint64_t entry_redirect(const struct format_case *format, unsigned int level, uint64_t entry,
			phys_addr table);

#endif
