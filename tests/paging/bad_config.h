/* SPDX-License-Identifier: MIT */
/* Configurations that page_table_init must refuse: a good one with one field gone wrong. */
#ifndef TESTS_BAD_CONFIG_H
#define TESTS_BAD_CONFIG_H

#include <stddef.h>

#include <twofold/page_table.h>

struct bad_config {
	enum paging_status status; /* its answer */
	const char *what;
	struct page_table_config config; /* without access */
};

/* What page_table_init answers; the table is gone again. */
enum paging_status init_with(const struct page_table_config *config);

/* `good` is accepted, and of each of the bad ones it is said which field is wrong. */
void bad_configs_require(const struct page_table_config *good, const struct bad_config *bad,
			 size_t count);

#endif
