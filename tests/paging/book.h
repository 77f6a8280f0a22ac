/* SPDX-License-Identifier: MIT */
/*
 * Pages of a few whole lowest tables, one beside the other, with what each of them was noted: for
 * operations that go through very many and treat each by itself.
 */
#ifndef TESTS_BOOK_H
#define TESTS_BOOK_H

#include "world.h"

struct book_page {
	struct page_mapping mapping;
	bool mapped;
};

struct book {
	struct world world;
	struct format_case format; /* as the test's, but that its table has no groups */
	uint64_t entries;          /* of a lowest table */
	uint64_t span;             /* what it spans */
	virt_addr virt;            /* where the first begins */
	uint64_t count;            /* pages */
	struct book_page *pages;
};

/* How each page is to be. */
struct book_style {
	phys_addr (*phys)(const struct book *book, uint64_t page);
	struct page_flags (*flags)(const struct book *book, uint64_t page);
};

/* A world with room for that many tables' pages, none of which is mapped. False: the format has
 * but one level. */
bool book_open(struct book *book, const struct format_case *format, uint64_t tables,
	       enum memory_reach reach);
/* Unmaps all of it. */
void book_close(struct book *book);

virt_addr book_at(const struct book *book, uint64_t page);
/* For a style: one after the other from 0 on. */
phys_addr book_phys(const struct book *book, uint64_t page);
/* From now on the library reaches the tables in that way. */
void book_reach(struct book *book, enum memory_reach reach);
/* Maps pages [first, end) one by one. */
void book_map(struct book *book, uint64_t first, uint64_t end, const struct book_style *style);
/* The hardware reads or writes the page, if it may and can mark it. */
void book_touch(struct book *book, uint64_t page, bool write);
/* Notes how every page is now. */
void book_note(struct book *book);
/* Fails unless the page is as it was noted, or `protected`: but that it is not writable; to query
 * and to the MMU. */
void book_require(struct book *book, uint64_t page, bool protected);
/* Whether the page was noted as writable. */
bool book_writable(const struct book *book, uint64_t page);

#endif
