/* SPDX-License-Identifier: MIT */
/* What the descriptions of the x86_64 formats share. */
#ifndef TESTS_FORMATS_X86_H
#define TESTS_FORMATS_X86_H

#include "formats.h"

/* IA32_PAT's number of a memory type. */
enum memory_type x86_type(unsigned int number);
/* Whether the PAT has an entry of that type. */
bool in_pat(uint64_t pat, unsigned int type);
/* The bits of an entry's address that are one. */
uint64_t x86_address_bits(const struct format_case *format);
/* What no format of this architecture has: rights by privilege, bits that mean nothing. */
bool beyond_any(const struct format_case *format, struct page_flags flags);
/* As they were asked for: coherent, so every shareability is the default one. */
struct page_flags x86_reported(const struct format_case *format, struct page_flags flags);

/* 4 KiB tables of 512 entries: 4 levels for 48 bits, 5 for 57. */
#define SIZE_512G (UINT64_C(1) << 39)
#define SIZE_256T (UINT64_C(1) << 48)
#define GEOMETRY_4K(width)                                                   \
	.levels = (width) == 57 ? 5 : 4,                                     \
	.level_size = { PAGE_SIZE_4K, PAGE_SIZE_2M, PAGE_SIZE_1G, SIZE_512G, \
			(width) == 57 ? SIZE_256T : 0 },                     \
	.root_bytes = 4096, .table_bytes = 4096

#endif
