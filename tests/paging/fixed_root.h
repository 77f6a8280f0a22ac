/* SPDX-License-Identifier: MIT */
/* An empty table whose root lies where a test says: for what depends on the address alone. */
#ifndef TESTS_FIXED_ROOT_H
#define TESTS_FIXED_ROOT_H

#include <twofold/page_table.h>

/* Makes it, of config but for `access`. The test fails if the library refuses. */
void fixed_root_open(struct page_table *table, const struct page_table_config *config,
		     phys_addr root);

/* The frame size that was asked for the last time. */
uint64_t fixed_root_size(void);

#endif
