/* SPDX-License-Identifier: MIT */
/*
 * Two mappers of a parallel table, of which the second does all of its work just before a store of
 * the first: whoever takes the entry first has it, both are counted, and no store undoes another's.
 */
#include <inttypes.h>

#include <twofold/check.h>

#include "book.h"
#include "require.h"
#include "suite.h"
#include "trap.h"
#include "twofold/page_batch.h"

enum {
	PAGE = 4,  /* what the first one maps */
	THERE = 9, /* was mapped before, so that the tables are there */
	ASIDE = 7, /* another page of the same table */
};

struct contest {
	struct book *book;
	struct page_table other; /* the same table, in the tests' own view of the memory */
	phys_addr entry;         /* of PAGE */
	bool at_entry;           /* before the store there, or before the other one, the count's */
	uint64_t page;           /* what the second one maps */
	unsigned int met;
	enum paging_status status; /* what it was told */
};

static phys_addr phys_of(const struct contest *contest, uint64_t number)
{
	return number * format_granule(&contest->book->format);
}

static void before_store(struct trap *trap, phys_addr address)
{
	struct contest *contest = trap->context;
	struct book *book = contest->book;

	if ((address == contest->entry) != contest->at_entry || contest->met++ != 0)
		return;
	contest->status = page_table_map_to(&contest->other, book_at(book, contest->page),
					    phys_of(contest, 2), format_plain_flags(),
					    world_frames(&book->world));
}

/* The second one, in a view of its own. */
static void enter(struct contest *contest)
{
	const struct world *world = &contest->book->world;
	struct table_access access = {
		.offset = (uint64_t)(uintptr_t)world->memory->bytes - world->memory->base,
	};

	contest->other = world->table;
	page_table_rebase(&contest->other, contest->book->format.config.format, &access);
	REQUIRE(contest->other.operations == world->table.operations, "no parallel table");
}

static void require_mapped(const struct contest *contest, uint64_t page, phys_addr phys)
{
	struct book *book = contest->book;
	struct page_mapping mapping;

	REQUIRE(page_table_query(&book->world.table, book_at(book, page), &mapping) == PAGING_OK &&
			mapping.phys == phys,
		"page %" PRIu64 " goes to 0x%" PRIx64 ", not 0x%" PRIx64, page, mapping.phys, phys);
}

/* One page, by itself or as a batch. */
static enum paging_status map_first(struct contest *contest, bool batch)
{
	struct book *book = contest->book;
	const struct page_pair pair = { .virt = book_at(book, PAGE), .phys = phys_of(contest, 1) };
	size_t done;

	if (batch)
		return page_table_map_batch(&book->world.table, &pair, 1, format_plain_flags(),
					    world_frames(&book->world), &done);
	return page_table_map_to(&book->world.table, pair.virt, pair.phys, format_plain_flags(),
				 world_frames(&book->world));
}

/* Whether the first one's call makes the store that the second waits for. */
static bool run(const struct format_case *format, bool at_entry, uint64_t page, bool batch)
{
	struct format_case parallel = *format;
	struct contest contest = { .at_entry = at_entry, .page = page };
	struct trap trap = { .before = before_store, .context = &contest };
	struct page_check check = { .rules = 0 };
	bool loses = at_entry && page == PAGE;
	enum paging_status status;
	struct book book;

	parallel.config.parallel = true;
	if (!book_open(&book, &parallel, 1, MEMORY_BY_OFFSET))
		return false;
	require_story("page %" PRIu64 " is mapped before the %s", page,
		      at_entry ? "leaf" : "count");
	contest.book = &book;
	status = page_table_map_to(&book.world.table, book_at(&book, THERE), phys_of(&contest, 3),
				   format_plain_flags(), world_frames(&book.world));
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	contest.entry =
		world_translate(&book.world, book_at(&book, THERE), world_accesses[0]).entry -
		(THERE - PAGE) * sizeof(uint64_t);
	enter(&contest);
	trap.memory = book.world.memory;
	trap.format = &book.format;
	trap_begin(&trap);
	status = map_first(&contest, batch);
	trap_end(&trap);
	REQUIRE(status == (loses ? PAGING_ALREADY_MAPPED : PAGING_OK), "the first one: %s",
		status_name(status));
	REQUIRE(contest.met == 0 || contest.status == PAGING_OK, "the second one: %s",
		status_name(contest.status));
	require_mapped(&contest, PAGE, phys_of(&contest, loses ? 2 : 1));
	require_mapped(&contest, THERE, phys_of(&contest, 3));
	if (contest.met != 0 && !loses)
		require_mapped(&contest, page, phys_of(&contest, 2));
	/* Counts, too. */
	REQUIRE(page_table_check(&book.world.table, &check) == PAGING_OK && check.broken == 0,
		"%" PRIu64 " rules are broken", check.broken);
	book_close(&book);
	return contest.met != 0;
}

FORMAT_TEST(parallel_race, leaf)
{
	if (format->levels < 2)
		return;
	for (unsigned int batch = 0; batch < 2; batch++) {
		REQUIRE(run(format, true, PAGE, batch != 0), "no store to the entry");
		REQUIRE(run(format, true, ASIDE, batch != 0), "no store to the entry");
	}
}

FORMAT_TEST(parallel_race, count)
{
	/* Formats that do not count in the entry above make no such store. */
	if (format->levels >= 2)
		run(format, false, ASIDE, false);
}

/* A range of three pages, the middle one of which the second one takes; or another page of their
 * table, before the count is written. */
static void run_range(const struct format_case *format, bool at_entry)
{
	struct format_case parallel = *format;
	struct contest contest = { .at_entry = at_entry, .page = at_entry ? PAGE : ASIDE };
	struct trap trap = { .before = before_store, .context = &contest };
	struct page_table_op op = { .mode = PAGING_RESUMABLE };
	struct page_check check = { .rules = 0 };
	uint64_t granule = format_granule(format);
	enum paging_status status;
	struct book book;

	parallel.config.parallel = true;
	if (!book_open(&book, &parallel, 1, MEMORY_BY_OFFSET))
		return;
	contest.book = &book;
	op.frames = world_frames(&book.world);
	op.leaf_sizes = granule;
	status = page_table_map_to(&book.world.table, book_at(&book, THERE), phys_of(&contest, 3),
				   format_plain_flags(), op.frames);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	contest.entry =
		world_translate(&book.world, book_at(&book, THERE), world_accesses[0]).entry -
		(THERE - PAGE) * sizeof(uint64_t);
	/* Before the store of a leaf, whichever, the count is not written. */
	enter(&contest);
	trap.memory = book.world.memory;
	trap.format = &book.format;
	trap_begin(&trap);
	status = page_table_map(&book.world.table, book_at(&book, PAGE - 1), 0, 3 * granule,
				format_plain_flags(), &op);
	trap_end(&trap);
	REQUIRE(contest.met != 0 && contest.status == PAGING_OK, "the second one: %s",
		status_name(contest.status));
	if (at_entry) {
		REQUIRE(status == PAGING_ALREADY_MAPPED && op.done == granule &&
				op.conflict == book_at(&book, PAGE),
			"%s after 0x%" PRIx64, status_name(status), op.done);
		require_mapped(&contest, PAGE, phys_of(&contest, 2));
	} else {
		REQUIRE(status == PAGING_OK && op.done == 3 * granule, "%s", status_name(status));
		require_mapped(&contest, ASIDE, phys_of(&contest, 2));
	}
	require_mapped(&contest, PAGE - 1, 0);
	REQUIRE(page_table_check(&book.world.table, &check) == PAGING_OK && check.broken == 0,
		"%" PRIu64 " rules are broken", check.broken);
	book_close(&book);
}

FORMAT_TEST(parallel_race, range)
{
	run_range(format, true);
	run_range(format, false);
}

/* Both find no tables: the second one has linked its own before the first does. */
static void run_link(const struct format_case *format, uint64_t page)
{
	struct format_case parallel = *format;
	struct contest contest = { .at_entry = true, .page = page };
	struct trap trap = { .before = before_store, .context = &contest };
	struct page_table_op op = { .mode = PAGING_RESUMABLE };
	struct page_check check = { .rules = 0 };
	uint64_t granule = format_granule(format), live;
	enum paging_status status;
	unsigned int top = format->levels - 1;
	struct book book;

	parallel.config.parallel = true;
	if (!book_open(&book, &parallel, 1, MEMORY_BY_OFFSET))
		return;
	contest.book = &book;
	op.frames = world_frames(&book.world);
	op.leaf_sizes = granule;
	contest.entry = book.world.table.root + book_at(&book, 0) / format->level_size[top] %
							format_entries(format, top) *
							sizeof(uint64_t);
	enter(&contest);
	trap.memory = book.world.memory;
	trap.format = &book.format;
	trap_begin(&trap);
	status = page_table_map(&book.world.table, book_at(&book, PAGE - 1), 0, 3 * granule,
				format_plain_flags(), &op);
	trap_end(&trap);
	REQUIRE(contest.met != 0 && contest.status == PAGING_OK, "the second one: %s",
		status_name(contest.status));
	REQUIRE(status == (page == PAGE ? PAGING_ALREADY_MAPPED : PAGING_OK) &&
			op.done == (page == PAGE ? granule : 3 * granule),
		"%s after 0x%" PRIx64, status_name(status), op.done);
	require_mapped(&contest, page, phys_of(&contest, 2));
	require_mapped(&contest, PAGE - 1, 0);
	live = book.world.memory->live;
	book.world.table.tables = live; /* each of the two views has its own number */
	REQUIRE(page_table_check(&book.world.table, &check) == PAGING_OK && check.broken == 0,
		"%" PRIu64 " rules are broken", check.broken);
	book_close(&book);
}

FORMAT_TEST(parallel_race, link)
{
	run_link(format, PAGE);
	run_link(format, ASIDE);
}
