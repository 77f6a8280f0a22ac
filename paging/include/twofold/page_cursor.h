/* SPDX-License-Identifier: MIT */
/*
 * A cursor keeps its place in a table: mapping one page after the other, or changing leaves one by
 * one, walks down once and then costs little more than the stores.
 *
 *	struct page_cursor cursor;
 *	struct page_table_op op = { .frames = frames, .gather = &gather };
 *
 *	status = page_cursor_open(&cursor, &table, virt, &op);
 *	while (status == PAGING_OK && next_page(&phys))
 *		status = page_cursor_map(&cursor, phys, PAGE_SIZE_4K, flags);
 *	page_cursor_close(&cursor);
 *
 * From open to close no other call may change the table. Each call does one leaf, wholly or not at
 * all, and leaves the cursor behind it; one that fails leaves the cursor where it was and says in
 * op->conflict and op->conflict_size what is in the way. Of op->mode PAGING_TELL counts, for
 * page_cursor_unmap; leaf_sizes and budget mean nothing here. Past the last address of the table
 * every call but seek and close is PAGING_INPUT_RANGE. Where input addresses are sign-extended, the
 * lower half is followed by the upper.
 *
 * An open cursor holds the tables from the root down to its place through the access hook `map`, if
 * there is one. Tables that become empty are given up when the cursor leaves them, as
 * page_table_unmap does, and the numbers of entries in use are brought up to date then:
 * page_cursor_close must be called.
 */
#ifndef TWOFOLD_PAGE_CURSOR_H
#define TWOFOLD_PAGE_CURSOR_H

#include "page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Puts the cursor at `virt`, any address. `op` says where frames come from and where what must be
 * flushed goes; it stays the caller's, and must live as long as the cursor. PAGING_INPUT_RANGE;
 * PAGING_BAD_ARGUMENT: op has neither frames nor a gather, so that an empty table would be lost.
 * Then there is nothing to close.
 */
enum paging_status page_cursor_open(struct page_cursor *cursor, struct page_table *table,
				    virt_addr virt, struct page_table_op *op);

/* To `virt`, which costs as many levels as the two places do not share. PAGING_INPUT_RANGE: the
 * cursor stays. */
enum paging_status page_cursor_seek(struct page_cursor *cursor, virt_addr virt);

/* As page_table_query for the cursor's place, which stays, and with errors as page_table_query. */
enum paging_status page_cursor_query(struct page_cursor *cursor, struct page_mapping *mapping);

/* Past the leaf, or the hole, that the cursor is in. PAGING_INPUT_RANGE: nothing follows. */
enum paging_status page_cursor_next(struct page_cursor *cursor);

/*
 * Maps one leaf of `size` (one of the table's leaf sizes) and goes past it. PAGING_INPUT_RANGE,
 * _BAD_SIZE (no such leaf), _UNALIGNED (the place, or `phys`, to that size), _OUTPUT_RANGE,
 * _BAD_FLAGS, _ALREADY_MAPPED, _NO_MEMORY, _NEEDS_FLUSH. A table that the cursor has emptied is not
 * in the way of a larger leaf: it goes, and where that takes break-before-make (Arm, with a gather)
 * the gather is flushed before the leaf is put there; if it has no flush, PAGING_NEEDS_FLUSH, and
 * after the caller's flush the same call succeeds.
 */
enum paging_status page_cursor_map(struct page_cursor *cursor, phys_addr phys, uint64_t size,
				   struct page_flags flags);

/* Unmaps the leaf that the cursor is in, leaving op->annotation, and goes past it; with PAGING_TELL
 * op->visitor is shown the leaf, and must not use the cursor. PAGING_INPUT_RANGE, _NOT_MAPPED,
 * _BROKEN_GROUP, _GATHER_FULL, _BAD_FLAGS (the annotation is too large), _BAD_ARGUMENT (PAGING_TELL
 * without a visitor). */
enum paging_status page_cursor_unmap(struct page_cursor *cursor);

/* Gives the leaf that the cursor is in `flags`, as page_table_protect does, and goes past it.
 * PAGING_INPUT_RANGE, _NOT_MAPPED, _BROKEN_GROUP, _BAD_FLAGS, _NEEDS_FLUSH. */
enum paging_status page_cursor_protect(struct page_cursor *cursor, struct page_flags flags);

void page_cursor_close(struct page_cursor *cursor);

#ifdef __cplusplus
}
#endif

#endif
