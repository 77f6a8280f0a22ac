/* SPDX-License-Identifier: MIT */
/*
 * Finds what is wrong with a table, one that the library made or one that others did
 * (page_table_adopt). Nothing is believed: the walk goes no deeper than the table has levels, does
 * not follow an address that lies beyond the output width or leads back to a table above, and
 * writes nothing.
 *
 * Operations that only look (query, translate, walk, dump, statistics) come to an end in any table.
 * Those that change one count on its being sound: no rule of any class broken where they work. But
 * what they would change in a contiguous group that breaks PAGE_RULE_GROUP_MIXED or _UNALIGNED they
 * refuse with PAGING_BROKEN_GROUP, and one that breaks no more than _SOFTWARE they change as any.
 *
 *	struct page_check check = { .report = print_it };
 *	status = page_table_check(&table, &check);
 *	if (status == PAGING_OK && check.broken == 0)
 *		...
 */
#ifndef TWOFOLD_CHECK_H
#define TWOFOLD_CHECK_H

#include "page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whose rules: those of another class than asked for are neither reported nor counted. */
enum page_rule_class {
	/* The manual's: the MMU faults, or does what nobody can rely on. */
	PAGE_RULES_MMU = 1 << 0,
	/* The tables are a tree. An MMU does not mind one that leads back to itself (kernels on
	 * x86_64 map their own tables so), but nobody can walk all of it. */
	PAGE_RULES_TREE = 1 << 1,
	/* What this library keeps to and relies on when it changes a table. */
	PAGE_RULES_LIBRARY = 1 << 2,
	PAGE_RULES_ALL = PAGE_RULES_MMU | PAGE_RULES_TREE | PAGE_RULES_LIBRARY,
};

enum page_rule {
	/* The MMU's. An entry can break several. */
	PAGE_RULE_ENTRY_TYPE,      /* a kind of entry that its level does not have */
	PAGE_RULE_RESERVED,        /* a reserved bit, or a reserved value in a field */
	PAGE_RULE_FEATURE,         /* a bit of a feature that the configuration does not have */
	PAGE_RULE_PERMISSIONS,     /* permissions that do not go together */
	PAGE_RULE_MEMORY_TYPE,     /* a memory type that the architecture does not have */
	PAGE_RULE_LEAF_SIZE,       /* a leaf of none of the configured sizes */
	PAGE_RULE_LEAF_UNALIGNED,  /* a leaf's output address is no multiple of its size */
	PAGE_RULE_LEAF_OUTPUT,     /* a leaf's output address lies beyond the output width */
	PAGE_RULE_TABLE_OUTPUT,    /* a table lies beyond the output width */
	PAGE_RULE_GROUP_MIXED,     /* not all in a contiguous group have the hint, or are alike */
	PAGE_RULE_GROUP_UNALIGNED, /* where a contiguous group goes is no multiple of its size */

	/* The tree's. */
	PAGE_RULE_TABLE_LOOP,    /* a table entry leads to its own table, or to one above that */
	PAGE_RULE_TABLE_REFUSED, /* check->enter said no */

	/* The library's. */
	PAGE_RULE_STRAY,          /* neither present nor empty, and no annotation either */
	PAGE_RULE_MODIFIER,       /* a table entry has the address modifier, or lacks it */
	PAGE_RULE_SHADOW_STACK,   /* x86_64: dirty without write is a shadow stack under CET */
	PAGE_RULE_NO_ACCESS,      /* a leaf that allows nobody anything, as write-protect leaves
				   * what could only be written */
	PAGE_RULE_UNNAMED_TYPE,   /* a memory type that enum memory_type has no name for */
	PAGE_RULE_GROUP_SOFTWARE, /* a contiguous group differs in bits that the MMU ignores */
	PAGE_RULE_TABLE_EMPTY,    /* nothing is in a table that is not the root */
	PAGE_RULE_LIVE_COUNT,     /* a table entry does not say how many entries are in use below */
	PAGE_RULE_TABLE_TOTAL,    /* table->tables is not how many tables there are */
	PAGE_RULES,               /* how many there are */
};

struct page_violation {
	enum page_rule rule;
	/* The first input address of the entry, and what it spans; of the rules about groups: of
	 * the group; of PAGE_RULE_TABLE_TOTAL: 0 and 0. */
	virt_addr virt;
	uint64_t size;
	unsigned int level; /* of the entry; 0 has the granule-sized leaves */
	/* Where the entry lies, and what stands there. Of the rules about groups: of the first in
	 * the group that does not fit to the first with the hint, or of that one. */
	phys_addr entry;
	uint64_t descriptor;
	/* PAGE_RULE_LIVE_COUNT, PAGE_RULE_TABLE_TOTAL: how many there are. Else 0. */
	uint64_t found;
};

/*
 * Called for each broken rule, ascending by address; false ends the check with PAGING_STOPPED. It
 * must not change the table.
 */
typedef bool (*page_violation_report)(void *context, const struct page_violation *violation);

struct page_check {
	/* The caller fills these in; all else starts as zero. */
	unsigned int rules;           /* enum page_rule_class, OR-ed; 0: all */
	page_violation_report report; /* NULL: broken rules are only counted */
	/*
	 * Asked before the walk reads the table of `size` bytes at `table`, which an entry leads
	 * to (the root is not asked about): false reports PAGE_RULE_TABLE_REFUSED and leaves it
	 * out. Whoever does not trust a table says here what is memory. With a note of the tables
	 * that were entered before, it finds those that several entries share. NULL: all true.
	 */
	bool (*enter)(void *context, phys_addr table, uint64_t size);
	void *context; /* of report and enter */
	/* Tables to read, the root not counted, before the check ends with PAGING_BUDGET; 0: no
	 * limit. Tables that share tables can take 512^4 reads of one. */
	uint64_t limit;

	/* Results, added to what stands there. */
	uint64_t broken; /* rules, each counted for each entry that breaks it */
	uint64_t tables; /* read, each as often as it was reached; the root not counted */
	uint64_t leaves; /* present leaves; each of a contiguous group by itself */
};

/* Checks all of the table. PAGING_STOPPED, PAGING_BUDGET; PAGING_OK whether or not it is sound. */
enum paging_status page_table_check(const struct page_table *table, struct page_check *check);

/*
 * Checks the entries that touch the range; not PAGE_RULE_TABLE_TOTAL. PAGING_BAD_SIZE,
 * _INPUT_RANGE, _STOPPED, _BUDGET.
 */
enum paging_status page_table_check_range(const struct page_table *table, virt_addr virt,
					  uint64_t size, struct page_check *check);

enum page_rule_class page_rule_class(enum page_rule rule);

/* A lower-case English phrase without a full stop, e.g. "table leads back to itself". Never NULL.
 */
const char *page_rule_text(enum page_rule rule);

#ifdef __cplusplus
}
#endif

#endif
