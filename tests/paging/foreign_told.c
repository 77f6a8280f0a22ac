/* SPDX-License-Identifier: MIT */
/*
 * Contiguous hints where no group is (foreign.h), and operations that deal with whole tables: each
 * page that goes is shown once, or nothing is done at all.
 */
#include <inttypes.h>

#include "book.h"
#include "checked.h"
#include "foreign.h"
#include "require.h"
#include "suite.h"

/* What hardware has written to. */
#define WRITTEN 6

struct listener {
	struct foreign *f;
	uint64_t next; /* leaf that is to come */
	bool written;  /* one that WRITTEN is in was dirty */
};

static bool is_hole(const struct listener *listener)
{
	return listener->next < listener->f->leaves && listener->f->phys[listener->next] == 1;
}

static bool hear(void *context, const struct page_visit *visit)
{
	struct listener *listener = context;
	struct foreign *f = listener->f;

	if (is_hole(listener))
		listener->next++;
	REQUIRE(visit->mapping.virt == f->virt + listener->next * f->piece,
		"0x%" PRIx64 " is shown, not leaf %" PRIu64, visit->mapping.virt, listener->next);
	for (uint64_t at = 0; at < visit->mapping.size; at += f->piece) {
		REQUIRE(listener->next < f->leaves &&
				visit->mapping.phys + at == f->phys[listener->next],
			"leaf %" PRIu64 " went to 0x%" PRIx64, listener->next,
			visit->mapping.phys + at);
		listener->written |= listener->next == WRITTEN && visit->mapping.flags.dirty;
		listener->next++;
	}
	return true;
}

static void give_way(struct foreign *f, const struct format_case *format)
{
	struct listener listener = { .f = f };
	struct page_table_op op = { .frames = world_frames(&f->world),
				    .mode = PAGING_REPLACE | PAGING_TELL,
				    .leaf_sizes = format->level_size[1],
				    .visitor = hear,
				    .context = &listener };
	phys_addr written = entry_at(&f->world, f->virt + WRITTEN * f->piece, 0);
	struct page_flags dirty = format_plain_flags();

	for (uint64_t i = 0; i < f->leaves; i++) {
		if (entry_read(&f->world, entry_at(&f->world, f->virt + i * f->piece, 0)) == 0)
			f->phys[i] = 1;
	}
	entry_write(&f->world, written,
		    format->touch(format, entry_read(&f->world, written), true));
	REQUIRE(page_table_map(&f->world.table, addr_align_down(f->virt, format->level_size[1]), 0,
			       format->level_size[1], format_plain_flags(), &op) == PAGING_OK,
		"map");
	REQUIRE(listener.next == f->leaves, "%" PRIu64 " leaves are shown", listener.next);
	dirty.dirty = 1;
	REQUIRE(listener.written == format->expressible(format, dirty), "a mark is lost, or made");
}

FORMAT_TEST(foreign, told_when_their_table_gives_way)
{
	static struct foreign f;

	if (!foreign_has(format, 0) || !format_has_leaf(format, format->level_size[1]))
		return;
	for (int how = 0; how <= SPOILS; how++) {
		if (!foreign_open(&f, format, 0, (enum spoil)how))
			continue;
		give_way(&f, format);
		world_close(&f.world);
	}
}

static struct page_flags flags_of(const struct book *book, uint64_t page)
{
	(void)book;
	(void)page;
	return format_plain_flags();
}

static bool hear_nothing(void *context, const struct page_visit *visit)
{
	(void)context;
	REQUIRE(false, "0x%" PRIx64 " is shown", visit->mapping.virt);
	return true;
}

static void require_refused(struct book *book, const struct page_table_op *op,
			    enum paging_status status, struct memory_snapshot *before)
{
	REQUIRE(status == PAGING_BROKEN_GROUP && op->done == 0, "%s, 0x%" PRIx64 " bytes done",
		status_name(status), op->done);
	memory_snapshot_require(book->world.memory, before);
}

/* A table that is full, as its count says, and has a hint that its configuration knows nothing of.
 */
FORMAT_TEST(foreign, a_hint_in_a_full_table_is_seen_before_anything_is_done)
{
	static const struct book_style style = { book_phys, flags_of };
	struct page_table_op op = { .mode = PAGING_TELL, .visitor = hear_nothing };
	struct memory_snapshot *before;
	phys_addr entry;
	struct book book;

	if (!foreign_has(format, 0) || !book_open(&book, format, 1, MEMORY_BY_OFFSET))
		return;
	book_map(&book, 0, book.count, &style);
	entry = entry_at(&book.world, book_at(&book, 5), 0);
	entry_write(&book.world, entry, entry_read(&book.world, entry) | CONTIGUOUS);
	op.frames = world_frames(&book.world);
	before = memory_snapshot_take(book.world.memory);
	require_refused(&book, &op, page_table_unmap(&book.world.table, book.virt, book.span, &op),
			before);
	op.mode = 0;
	require_refused(&book, &op,
			page_table_set_software(&book.world.table, book.virt, book.span, 1, &op),
			before);
	memory_snapshot_drop(before);
	book_close(&book);
}
