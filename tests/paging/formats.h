/* SPDX-License-Identifier: MIT */
/*
 * The configurations that every generic test runs over. A new format is one more group of entries
 * in formats.c and one walker; the tests take geometry and rules from here and know no number of
 * any format.
 */
#ifndef TESTS_FORMATS_H
#define TESTS_FORMATS_H

#include <stddef.h>

#include <twofold/page_table.h>

#include "walker.h"

#define FORMAT_LEVELS_MAX PAGE_TABLE_MAX_LEVELS

enum format_inputs {
	INPUTS_LOW,    /* [0, 2^n) */
	INPUTS_HIGH,   /* [2^64 - 2^n, 2^64) */
	INPUTS_SIGNED, /* [0, 2^(n-1)) and [2^64 - 2^(n-1), 2^64) */
};

struct format_case {
	const char *name;
	struct page_table_config config; /* without access: the test's memory has that */
	unsigned int levels;
	uint64_t level_size[FORMAT_LEVELS_MAX]; /* span of one entry; [0] is the granule */
	uint64_t root_bytes;
	uint64_t table_bytes;
	enum format_inputs inputs;
	bool second_stage; /* of translation, or for one privilege level: `user` has no meaning */
	bool owner_fetch;  /* `execute` lets user code fetch from user pages, else the others */
	unsigned int software_bits; /* how many of flags.software there is room for */
	/* Sizes of contiguous groups by level: leaves, if leaf_sizes has them. */
	uint64_t group_size[FORMAT_LEVELS_MAX];

	bool all_global; /* there is one address space: no leaf is kept for one only */

	/* Where a live leaf must be made invalid and flushed before it is something else: when its
	 * size changes, and (NULL: never) when these flags do. A group always must. */
	bool break_sizes;
	bool (*break_flags)(struct page_flags from, struct page_flags to);

	/* Whether the manual has a descriptor that says exactly this. */
	bool (*expressible)(const struct format_case *format, struct page_flags flags);
	/* Of flags that are: as query must report them. */
	struct page_flags (*reported)(const struct format_case *format, struct page_flags flags);
	/* The independent MMU. */
	struct walk_result (*translate)(const struct format_case *format, phys_addr root,
					const struct walk_memory *memory, virt_addr virt,
					struct walk_access access);
	/* The independent view of one entry; *next is the table that it leads to. */
	enum walk_entry (*entry)(const struct format_case *format, unsigned int level,
				 uint64_t descriptor, phys_addr *next);
	/* What the hardware's number of a memory type is called; MEMORY_TYPES: nothing. */
	enum memory_type (*type)(unsigned int number);
	/* Takes rights from a table entry as one of the manual's ways allows: way 0, 1, ...; 0 when
	 * there are no more ways. Everything below the entry then has at most these rights. */
	uint64_t (*narrow)(const struct format_case *format, uint64_t entry, unsigned int way);
	/* Sets accessed and (for a write) dirty in a leaf as the hardware would. */
	uint64_t (*touch)(const struct format_case *format, uint64_t leaf, bool write);
};

/* The groups, each in a file of its own. */
extern const struct format_case formats_x86[], formats_npt[], formats_riscv[], formats_aarch64[];
extern const size_t formats_x86_count, formats_npt_count, formats_riscv_count,
	formats_aarch64_count;

/* All of them, one after the other. */
size_t format_case_count(void);
const struct format_case *format_case(size_t index);

/* The case of that name; the test fails if there is none. */
const struct format_case *format_case_named(const char *name);

/* The input addresses, by hand; how many ranges, ascending. */
unsigned int format_ranges(const struct format_case *format, struct input_range ranges[2]);
/* The first of them, and an address around its middle that begins an entry of the root table. */
struct input_range format_first_range(const struct format_case *format);
/* Whether these, from the first to the last, are input addresses of the table; and whether it is.
 */
bool format_has_inputs(const struct format_case *format, virt_addr first, virt_addr last);
bool format_has_input(const struct format_case *format, virt_addr virt);
virt_addr format_middle(const struct format_case *format);
/* The highest output address. */
phys_addr format_output_last(const struct format_case *format);

static inline uint64_t format_granule(const struct format_case *format)
{
	return format->level_size[0];
}

/* Whether the table may have leaves of that size. */
bool format_has_leaf(const struct format_case *format, uint64_t size);
/* The largest leaf size, and the next smaller one than `size` (0 below the granule). */
uint64_t format_largest_leaf(const struct format_case *format);
uint64_t format_next_smaller_leaf(const struct format_case *format, uint64_t size);
/* What a leaf of that size is split into: a group into its entries, an entry into a table. */
uint64_t format_split_leaf(const struct format_case *format, uint64_t size);
/* Somewhere that the largest leaves fit, two of them and a bit. */
virt_addr format_roomy(const struct format_case *format);
/* Whether leaves can be marked dirty. */
bool format_has_dirty(const struct format_case *format);
/* Whether it is the size of a contiguous group. */
bool format_is_group(const struct format_case *format, uint64_t size);
/* What is invalidated of a leaf at a time: of a group, each of its entries. */
uint64_t format_stride(const struct format_case *format, uint64_t size);
/* op->leaf_sizes that allow leaves of that size: a group is made of entries that are allowed. */
uint64_t format_leaf_cap(const struct format_case *format, uint64_t size);
/* Whether there are any among its leaf sizes. */
bool format_has_groups(const struct format_case *format);
/* Whether splitting can take break-before-make: a live table needs a gather that flushes. */
bool format_breaks(const struct format_case *format);
/* Entries of a table of that level, by its size. */
uint64_t format_entries(const struct format_case *format, unsigned int level);

/* The same, for a table that several threads map in at once. */
struct format_case format_parallel(const struct format_case *format);

/* Flags that every format can express: readable and writable normal memory. */
struct page_flags format_plain_flags(void);
/* Random flags that this one can express. */
struct page_flags format_random_flags(const struct format_case *format, uint64_t *random_state);

#endif
