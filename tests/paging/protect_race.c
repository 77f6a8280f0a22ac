/* SPDX-License-Identifier: MIT */
/*
 * Whole tables of a live table are write-protected while the hardware marks their pages, each just
 * before the library stores to it: no mark is lost, and none is made up.
 */
#include <inttypes.h>

#include "book.h"
#include "require.h"
#include "suite.h"
#include "trap.h"

#define TABLES 2

struct race {
	struct book *book;
	phys_addr tables[TABLES]; /* the lowest */
	uint64_t every;           /* which pages are marked */
	bool write;
	uint64_t marked;
};

static bool is_marked(const struct race *race, uint64_t page)
{
	return page % race->every == race->every / 2;
}

static void before_store(struct trap *trap, phys_addr address)
{
	struct race *race = trap->context;
	struct book *book = race->book;

	for (unsigned int i = 0; i < TABLES; i++) {
		uint64_t page = (address - race->tables[i]) / 8;

		if (address < race->tables[i] || page >= book->entries)
			continue;
		page += i * book->entries;
		if (is_marked(race, page)) {
			book_touch(book, page, race->write);
			race->marked++;
		}
	}
}

static void require_kept(const struct race *race)
{
	const struct book *book = race->book;

	for (uint64_t i = 0; i < book->count; i++) {
		struct page_flags flags = book->pages[i].mapping.flags;
		struct page_mapping now;

		REQUIRE(page_table_query(&book->world.table, book_at(book, i), &now) == PAGING_OK,
			"page %" PRIu64 " is gone", i);
		REQUIRE(now.phys == book->pages[i].mapping.phys, "page %" PRIu64, i);
		flags.write = 0;
		if (is_marked(race, i)) {
			flags.idle = 0;
			flags.dirty |= race->write;
		}
		REQUIRE(page_flags_equal(now.flags, flags),
			"page %" PRIu64 ": %s, the table has %s %s", i,
			is_marked(race, i) ? "marked" : "not marked", now.flags.idle ? "idle" : "",
			now.flags.dirty ? "dirty" : "");
	}
}

static struct page_flags flags_of(const struct book *book, uint64_t page)
{
	struct page_flags flags = format_plain_flags();

	(void)book;
	(void)page;
	flags.idle = 1;
	return flags;
}

static void run(const struct format_case *format, uint64_t every, bool write)
{
	static const struct book_style style = { book_phys, flags_of };
	struct tlb_range range;
	struct tlb_gather gather = { .ranges = &range, .range_capacity = 1 };
	struct page_table_op op = { .gather = &gather };
	struct race race = { .every = every, .write = write };
	struct trap trap = { .before = before_store, .context = &race };
	enum paging_status status;
	struct book book;

	if (!book_open(&book, format, TABLES, MEMORY_BY_OFFSET))
		return;
	race.book = &book;
	book_map(&book, 0, book.count, &style);
	book_note(&book);
	for (unsigned int i = 0; i < TABLES; i++)
		race.tables[i] = world_translate(&book.world, book_at(&book, i * book.entries),
						 world_accesses[0])
					 .entry;
	trap.memory = book.world.memory;
	trap.format = &book.format;
	require_story("every %" PRIu64 " is marked by a %s", every, write ? "write" : "read");
	trap_begin(&trap);
	status = page_table_write_protect(&book.world.table, book.virt, TABLES * book.span, &op);
	trap_end(&trap);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	REQUIRE(race.marked >= book.count / every, "%" PRIu64 " marks", race.marked);
	REQUIRE(gather.range_count == 1 && range.start == book.virt &&
			range.last == book.virt + (TABLES * book.span - 1),
		"0x%" PRIx64 " to 0x%" PRIx64, range.start, range.last);
	require_kept(&race);
	book_close(&book);
}

FORMAT_TEST(protect_race, marks_are_kept)
{
	struct page_flags marked = format_plain_flags();
	static const uint64_t every[] = { 1, 2, 11, 16, 512 };

	marked.idle = marked.dirty = 1;
	if (!format->expressible(format, marked) || format_entries(format, 0) > 512)
		return;
	for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++) {
		run(format, every[i], true);
		run(format, every[i], false);
	}
}
