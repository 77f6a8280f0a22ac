/* SPDX-License-Identifier: MIT */
/*
 * Write protection of a few whole lowest tables at once: each page loses write permission and
 * nothing else, whatever its neighbours are like, and the gather has those that did, no others.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "require.h"
#include "suite.h"

#define TABLES 3
#define EDGE   3 /* pages of the range in the table before the first whole one, and after */

/* What is there: where the pages go. */

static phys_addr phys_in_order(const struct book *book, uint64_t page)
{
	return page * format_granule(&book->format);
}

static phys_addr phys_downwards(const struct book *book, uint64_t page)
{
	return (book->count - page) * format_granule(&book->format);
}

static phys_addr phys_all_one(const struct book *book, uint64_t page)
{
	(void)page;
	return 5 * format_granule(&book->format);
}

/* In order, but for one here and there. */
static phys_addr phys_jumps(const struct book *book, uint64_t page)
{
	return (page + page / 37 * 3) * format_granule(&book->format);
}

/* Of two neighbours here and there the first (0) or the second (1), and else 2: where two are, the
 * next two are 16 pages on, or up to 7 more. */
static uint64_t twin(uint64_t page)
{
	static const uint8_t twins[] = { 0, 16, 33, 51, 70, 90, 111, 133 };

	for (size_t i = 0; i < sizeof(twins); i++) {
		if (page % 156 - twins[i] < 2)
			return page % 156 - twins[i];
	}
	return 2;
}

/* In order, but for twins, which are one frame. */
static phys_addr phys_twins(const struct book *book, uint64_t page)
{
	return (twin(page) < 2 ? 3 : page) * format_granule(&book->format);
}

/* In order, but for the second of twins, which is the first one's frame. */
static phys_addr phys_copies(const struct book *book, uint64_t page)
{
	return (page - (twin(page) == 1)) * format_granule(&book->format);
}

/* In order, but that pages 24 and 25 of each table lead to frame 3. */
static phys_addr phys_late_twins(const struct book *book, uint64_t page)
{
	return (page % book->entries / 2 == 12 ? 3 : page) * format_granule(&book->format);
}

/* Up to the last that there is, in the middle of a table, and from 0 on. */
static phys_addr phys_over_the_top(const struct book *book, uint64_t page)
{
	phys_addr last = format_output_last(&book->format);
	uint64_t before = book->entries + book->entries / 2;

	return (last + 1 + (page - before) * format_granule(&book->format)) & last;
}

/* Where a descriptor goes on with the address in another place. */
static phys_addr phys_over_a_part(const struct book *book, uint64_t page)
{
	phys_addr last = format_output_last(&book->format);
	uint64_t before = 2 * book->entries - 7;
	uint64_t part = last >> 50 != 0 ? 50 : 48;

	if (last >> 48 == 0)
		return phys_over_the_top(book, page);
	return ((UINT64_C(1) << part) + (page - before) * format_granule(&book->format)) & last;
}

/* What is there: how the pages are. */

static struct page_flags usable(const struct book *book, struct page_flags flags,
				struct page_flags otherwise)
{
	return book->format.expressible(&book->format, flags) ? flags : otherwise;
}

static struct page_flags flags_plain(const struct book *book, uint64_t page)
{
	(void)book;
	(void)page;
	return format_plain_flags();
}

/* Nobody has used it yet: the hardware's marks are to come. */
static struct page_flags flags_idle(const struct book *book, uint64_t page)
{
	struct page_flags flags = format_plain_flags();

	(void)page;
	flags.idle = 1;
	return usable(book, flags, format_plain_flags());
}

static struct page_flags flags_full(const struct book *book, uint64_t page)
{
	struct page_flags flags = flags_idle(book, page);

	flags.software = (uint16_t)((1u << book->format.software_bits) - 1);
	flags.user = !book->format.second_stage;
	return usable(book, flags, flags_idle(book, page));
}

static struct page_flags flags_some_read_only(const struct book *book, uint64_t page)
{
	struct page_flags flags = flags_idle(book, page);

	flags.write = page % 64 != 0 && page % 64 != 17 && page % 64 != 63;
	return flags;
}

static struct page_flags flags_every_second(const struct book *book, uint64_t page)
{
	struct page_flags flags = flags_idle(book, page);

	flags.write = page % 2;
	return flags;
}

static struct page_flags flags_some_global(const struct book *book, uint64_t page)
{
	struct page_flags flags = flags_idle(book, page);
	struct page_flags global = flags;

	global.global = 1;
	return page / 29 % 3 == 1 ? usable(book, global, flags) : flags;
}

static const struct book_style styles[] = {
	{ phys_in_order, flags_idle },
	{ phys_in_order, flags_full },
	{ phys_late_twins, flags_full },
	{ phys_downwards, flags_idle },
	{ phys_all_one, flags_plain },
	{ phys_jumps, flags_idle },
	{ phys_twins, flags_idle },
	{ phys_copies, flags_idle },
	{ phys_over_the_top, flags_full },
	{ phys_over_a_part, flags_full },
	{ phys_in_order, flags_some_read_only },
	{ phys_in_order, flags_every_second },
	{ phys_in_order, flags_some_global },
	{ phys_over_the_top, flags_some_global },
};

/* Which are marked: by a write, or a read. */

static bool mark_none(const struct book *book, uint64_t page)
{
	(void)book;
	(void)page;
	return false;
}

static bool mark_first(const struct book *book, uint64_t page)
{
	return page % book->entries == 0;
}

static bool mark_last(const struct book *book, uint64_t page)
{
	return page % book->entries == book->entries - 1;
}

static bool mark_inside(const struct book *book, uint64_t page)
{
	return page % book->entries == 7 || page % book->entries == book->entries / 2 + 9;
}

/* One of sixteen neighbours or none, each in turn. */
static bool mark_seldom(const struct book *book, uint64_t page)
{
	(void)book;
	return page % 17 == 0;
}

static bool mark_every_second(const struct book *book, uint64_t page)
{
	(void)book;
	return page % 2 == 0;
}

static bool mark_all(const struct book *book, uint64_t page)
{
	(void)book;
	(void)page;
	return true;
}

static bool (*const marks[])(const struct book *book, uint64_t page) = {
	mark_none, mark_first, mark_last, mark_inside, mark_seldom, mark_every_second, mark_all,
};

static void mark(struct book *book, bool (*which)(const struct book *, uint64_t), bool write)
{
	for (uint64_t i = 0; i < book->count; i++) {
		if (which(book, i))
			book_touch(book, i, write);
	}
}

/* A gather with room for every page by itself. */
static struct tlb_gather gather_for(const struct book *book)
{
	struct tlb_gather gather = { .range_capacity = book->count,
				     .owner = &book->world.memory->allocator };

	gather.ranges = calloc(book->count, sizeof(*gather.ranges));
	REQUIRE(gather.ranges != NULL, "no memory");
	return gather;
}

/* It asks for those of [first, end) that were writable, each once, as global as they are. */
static void require_gathered(const struct book *book, const struct tlb_gather *gather,
			     uint64_t first, uint64_t end)
{
	uint64_t granule = format_granule(&book->format);
	uint8_t *asked = calloc(book->count, 1);

	REQUIRE(asked != NULL && !gather->everything && gather->frame_count == 0, "everything");
	for (size_t i = 0; i < gather->range_count; i++) {
		const struct tlb_range *range = &gather->ranges[i];

		REQUIRE(range->leaf_size == granule && !range->tables &&
				range->start <= range->last,
			"range 0x%" PRIx64 " to 0x%" PRIx64, range->start, range->last);
		for (virt_addr at = range->start; at - 1 != range->last; at += granule) {
			uint64_t page = (at - book->virt) / granule;

			REQUIRE(page >= first && page < end && book_writable(book, page),
				"page %" PRIu64 " is flushed without need", page);
			REQUIRE(range->global == book->pages[page].mapping.flags.global ||
					book->format.all_global,
				"page %" PRIu64 ": global %d", page, range->global);
			REQUIRE(asked[page]++ == 0, "page %" PRIu64 " is flushed twice", page);
		}
	}
	for (uint64_t i = first; i < end; i++)
		REQUIRE(asked[i] || !book_writable(book, i), "page %" PRIu64 " is not flushed", i);
	free(asked);
}

/* Protects [first, end) and looks at all; once more, and there is nothing to do. */
static void protect(struct book *book, uint64_t first, uint64_t end, bool live, uint32_t mode)
{
	struct tlb_gather gather = gather_for(book);
	struct page_table_op op = { .frames = world_frames(&book->world),
				    .gather = live ? &gather : NULL,
				    .mode = mode };
	uint64_t size = (end - first) * format_granule(&book->format);
	enum paging_status status;

	book_note(book);
	require_story("write_protect pages %" PRIu64 " to %" PRIu64 ", mode %u, %s", first, end,
		      mode, live ? "live" : "offline");
	for (unsigned int again = 0; again < 2; again++) {
		status = page_table_write_protect(&book->world.table, book_at(book, first), size,
						  &op);
		REQUIRE(status == PAGING_OK && op.done == size, "%s, 0x%" PRIx64 " done",
			status_name(status), op.done);
		require_gathered(book, &gather, live && !again ? first : 0,
				 live && !again ? end : 0);
		for (uint64_t i = 0; i < book->count; i++)
			book_require(book, i, i >= first && i < end);
		tlb_gather_finish(&gather);
	}
	free(gather.ranges);
}

static uint64_t tables_for(const struct format_case *format)
{
	/* What 64K tables hold takes its time. */
	return format_entries(format, 0) > 2048 ? 2 : TABLES;
}

/* One that is like that, protected in each way. */
static void try_style(const struct format_case *format, const struct book_style *style,
		      bool (*which)(const struct book *, uint64_t), bool live, bool write)
{
	uint64_t tables = tables_for(format);
	struct book book;

	if (!book_open(&book, format, tables + 2, MEMORY_BY_OFFSET))
		return;
	book_map(&book, book.entries - EDGE - 1, (tables + 1) * book.entries + EDGE + 1, style);
	mark(&book, which, write);
	require_story("style %d", (int)(style - styles));
	protect(&book, book.entries - EDGE, (tables + 1) * book.entries + EDGE, live, 0);
	book_close(&book);
}

FORMAT_TEST(protect_tables, whatever_the_pages_are_like)
{
	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		try_style(format, &styles[i], mark_inside, true, i % 2 == 0);
		try_style(format, &styles[i], mark_inside, false, i % 2 == 0);
	}
}

FORMAT_TEST(protect_tables, whichever_are_marked)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		try_style(format, &styles[0], marks[i], true, true);
		try_style(format, &styles[0], marks[i], false, true);
	}
	try_style(format, &styles[1], mark_every_second, true, false);
	try_style(format, &styles[1], mark_every_second, false, false);
}

/* The rest goes without the hook, which costs system calls for each page. */
FORMAT_TEST(protect_tables, through_the_hook)
{
	for (unsigned int live = 0; live < 2; live++) {
		struct tlb_range range;
		struct tlb_gather gather = { .ranges = &range, .range_capacity = 1 };
		struct page_table_op op = { .gather = live ? &gather : NULL };
		enum paging_status status;
		struct book book;

		if (!book_open(&book, format, 3, MEMORY_BY_OFFSET))
			return;
		book_map(&book, 0, book.count, &styles[0]);
		mark(&book, mark_inside, true);
		book_note(&book);
		book_reach(&book, MEMORY_BY_HOOK);
		status = page_table_write_protect(&book.world.table, book.virt,
						  2 * book.span + format_granule(format), &op);
		REQUIRE(status == PAGING_OK, "%s", status_name(status));
		REQUIRE(book.world.memory->held == 0, "tables are still mapped");
		book_reach(&book, MEMORY_BY_OFFSET);
		for (uint64_t i = 0; i < book.count; i++)
			book_require(&book, i, i <= 2 * book.entries);
		book_close(&book);
	}
}

static void unmap(struct book *book, uint64_t first, uint64_t end)
{
	struct page_table_op op = { .frames = world_frames(&book->world) };
	enum paging_status status =
		page_table_unmap(&book->world.table, book_at(book, first),
				 (end - first) * format_granule(&book->format), &op);

	REQUIRE(status == PAGING_OK, "%s", status_name(status));
}

/* What stops at `hole`, changed or not before it. */
static void require_stopped(struct book *book, uint64_t hole, uint64_t size, bool live,
			    uint32_t mode)
{
	uint64_t granule = format_granule(&book->format);
	struct tlb_gather gather = gather_for(book);
	struct page_table_op op = { .frames = world_frames(&book->world),
				    .gather = live ? &gather : NULL,
				    .mode = mode };
	bool some = (mode & PAGING_RESUMABLE) != 0;
	enum paging_status status;

	book_note(book);
	status = page_table_write_protect(&book->world.table, book->virt, book->count * granule,
					  &op);
	REQUIRE(status == PAGING_NOT_MAPPED && op.conflict == book_at(book, hole) &&
			op.conflict_size == size,
		"%s at 0x%" PRIx64 "+0x%" PRIx64, status_name(status), op.conflict,
		op.conflict_size);
	REQUIRE(op.done == (some ? hole * granule : 0), "0x%" PRIx64 " done", op.done);
	require_gathered(book, &gather, 0, live && some ? hole : 0);
	for (uint64_t i = 0; i < book->count; i++)
		book_require(book, i, some && i < hole);
	free(gather.ranges);
}

static void try_holes(const struct format_case *format, bool whole, bool live)
{
	uint64_t hole;
	struct book book;

	if (!book_open(&book, format, 4, MEMORY_BY_OFFSET))
		return;
	book_map(&book, 0, book.count, &styles[0]);
	mark(&book, mark_inside, true);
	hole = 2 * book.entries + (whole ? 0 : 19);
	unmap(&book, hole, hole + (whole ? book.entries : 1));
	require_stopped(&book, hole, whole ? book.span : format_granule(format), live, 0);
	protect(&book, 0, book.count, live, PAGING_SKIP_HOLES);
	unmap(&book, 0, hole);
	book_map(&book, 0, hole, &styles[0]);
	require_stopped(&book, hole, whole ? book.span : format_granule(format), live,
			PAGING_RESUMABLE);
	book_close(&book);
}

FORMAT_TEST(protect_tables, with_a_hole)
{
	if (format_entries(format, 0) > 2048)
		return;
	for (unsigned int live = 0; live < 2; live++) {
		try_holes(format, false, live != 0);
		try_holes(format, true, live != 0);
	}
}
