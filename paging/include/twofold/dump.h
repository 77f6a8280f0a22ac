/* SPDX-License-Identifier: MIT */
/* Prints a table, for people the way Linux's ptdump does or for programs: equal neighbours are one.
 */
#ifndef TWOFOLD_DUMP_H
#define TWOFOLD_DUMP_H

#include "page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Given a line without its newline, NUL-terminated; it lives until the call returns. */
typedef void (*page_dump_line)(void *context, const char *line);

/*
 * One line for each run of leaves that is contiguous at both ends with the same size and flags:
 *
 *	0x0000000000100000-0x0000000000200000 -> 0x0000000000100000     1M   4K r-x -- WB A-
 *
 * input range (end exclusive, 0x0 past the last page) -> output start, total, leaf size,
 * permissions, user/global, type (with ! where the guest's has no say: ignore_pat), accessed/dirty;
 * and what is not as usual: key=N, sw=N (software bits), inner, outer or none (shareability),
 * no-ve (suppress_ve), guarded, modified. Execute is x, or said apart p (privileged), u (user), X
 * (both). Then a last line with the number of leaves of each size, of tables, and of annotated
 * entries if there are any. PAGING_OK always.
 */
enum paging_status page_table_dump(const struct page_table *table, page_dump_line line,
				   void *context);

/* Given a piece of the text, NUL-terminated; it lives until the call returns. */
typedef void (*page_dump_write)(void *context, const char *text);

/*
 * The same as one JSON object (RFC 8259), in many small pieces. Addresses and sizes are strings of
 * hexadecimal digits after 0x, since most readers of JSON have no 64-bit numbers; counts are
 * numbers.
 *
 *	{"format": "x86_64 EPT",
 *	 "runs": [{"virt": "0x100000", "phys": "0x100000", "size": "0x100000",
 *	           "leaf_size": "0x1000", "read": true, "write": false, ...,
 *	           "type": "normal", "share": "default", "protection_key": 0, "software": 0}],
 *	 "summary": {"leaves": [{"size": "0x1000", "count": 256}], "mapped": "0x100000",
 *	             "annotated": 0, "tables": 4, "table_bytes": "0x4000",
 *	             "tables_by_level": [1, 1, 1, 1]}}
 *
 * Of struct page_flags every member is there, by its name: the one-bit ones are true or false; type
 * and share are the names of enum memory_type and enum shareability in lower case and without
 * prefix ("unnamed" for a type that has no name). tables_by_level begins with the tables that have
 * the granule-sized leaves. PAGING_OK always.
 */
enum paging_status page_table_dump_json(const struct page_table *table, page_dump_write write,
					void *context);

#ifdef __cplusplus
}
#endif

#endif
