/* SPDX-License-Identifier: MIT */
/* Prints a table for people, the way Linux's ptdump does: equal neighbours are one line. */
#ifndef TWOFOLD_DUMP_H
#define TWOFOLD_DUMP_H

#include "page_table.h"

/* Given a line without its newline, NUL-terminated; it lives until the call returns. */
typedef void (*page_dump_line)(void *context, const char *line);

/*
 * One line for each run of leaves that is contiguous at both ends with the same size and flags:
 *
 *	0x0000000000100000-0x0000000000200000 -> 0x0000000000100000     1M   4K r-x -- WB A-
 *
 * input range (end exclusive, 0x0 past the last page) -> output start, total, leaf size,
 * permissions, user/global, type, accessed/dirty; then a last line with the number of leaves of
 * each size and of tables. PAGING_OK always.
 */
enum paging_status page_table_dump(const struct page_table *table, page_dump_line line,
				   void *context);

#endif
