/* SPDX-License-Identifier: MIT */
/*
 * Two mappers of a parallel table, of which the second does all of its work just before a store of
 * the first: whoever takes the entry first has it, both are counted, and no store undoes another's.
 */
#include <inttypes.h>
#include <string.h>

#include <twofold/page_batch.h>

#include "book.h"
#include "checked.h"
#include "require.h"
#include "suite.h"
#include "trap.h"

enum {
	PAGE = 4,  /* what the first one maps */
	THERE = 9, /* was mapped before, so that the tables are there */
	ASIDE = 7, /* another page of the same table */
};

struct contest {
	struct book book;
	struct page_table other; /* the same table, in the tests' own view of the memory */
	struct trap trap;
	phys_addr store; /* before the first store there the second one comes */
	uint64_t page;   /* what it maps */
	unsigned int met;
	enum paging_status status; /* what it was told */
};

static phys_addr phys_of(const struct contest *contest, uint64_t number)
{
	return number * format_granule(&contest->book.format);
}

static void before_store(struct trap *trap, phys_addr address)
{
	struct contest *contest = trap->context;
	struct book *book = &contest->book;

	if (address != contest->store || contest->met++ != 0)
		return;
	contest->status = page_table_map_to(&contest->other, book_at(book, contest->page),
					    phys_of(contest, 2), format_plain_flags(),
					    world_frames(&book->world));
}

/* A parallel table, and the second one, in a view of its own; `there`: with page THERE mapped. */
static void begin(struct contest *contest, const struct format_case *format, uint64_t page,
		  bool there)
{
	struct format_case parallel = format_parallel(format);
	struct book *book = &contest->book;
	struct world *world = &book->world;
	struct table_access access = { .offset = 0 };
	enum paging_status status = PAGING_OK;

	*contest = (struct contest){ .page = page };
	REQUIRE(book_open(book, &parallel, 1, MEMORY_BY_OFFSET), "one level");
	if (there)
		status = page_table_map_to(&world->table, book_at(book, THERE), phys_of(contest, 3),
					   format_plain_flags(), world_frames(world));
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	access.offset = (uint64_t)(uintptr_t)world->memory->bytes - world->memory->base;
	contest->other = world->table;
	page_table_rebase(&contest->other, book->format.config.format, &access);
	REQUIRE(contest->other.operations == world->table.operations, "no parallel table");
	contest->trap = (struct trap){ .before = before_store,
				       .context = contest,
				       .memory = world->memory,
				       .format = &book->format };
}

static void require_mapped(struct contest *contest, uint64_t page, phys_addr phys)
{
	struct page_mapping mapping =
		world_query(&contest->book.world, book_at(&contest->book, page));

	REQUIRE(mapping.phys == phys, "page %" PRIu64 " goes to 0x%" PRIx64 ", not 0x%" PRIx64,
		page, mapping.phys, phys);
}

/* Counts, too. Each of the two views has its own number of tables. */
static void end(struct contest *contest)
{
	struct world *world = &contest->book.world;

	world->table.tables = world_check_tree(world, false);
	REQUIRE(check_world(world, 0)->count == 0, "a rule is broken");
	book_close(&contest->book);
}

/* One page, by itself or as a batch. */
static enum paging_status map_first(struct contest *contest, bool batch)
{
	struct book *book = &contest->book;
	const struct page_pair pair = { .virt = book_at(book, PAGE), .phys = phys_of(contest, 1) };
	size_t done;

	if (batch)
		return page_table_map_batch(&book->world.table, &pair, 1, format_plain_flags(),
					    world_frames(&book->world), &done);
	return page_table_map_to(&book->world.table, pair.virt, pair.phys, format_plain_flags(),
				 world_frames(&book->world));
}

/* Whether the first one's call makes the store that the second waits for: of the leaf, or of the
 * count above it. */
static bool one_page(const struct format_case *format, bool count, uint64_t page, bool batch)
{
	static struct contest contest;
	struct world *world = &contest.book.world;
	bool loses = !count && page == PAGE;
	enum paging_status status;

	begin(&contest, format, page, true);
	require_story("page %" PRIu64 " is mapped before the %s", page, count ? "count" : "leaf");
	contest.store = entry_at(world, book_at(&contest.book, PAGE), count ? 1 : 0);
	trap_begin(&contest.trap);
	status = map_first(&contest, batch);
	trap_end(&contest.trap);
	REQUIRE(status == (loses ? PAGING_ALREADY_MAPPED : PAGING_OK), "the first one: %s",
		status_name(status));
	REQUIRE(contest.met == 0 || contest.status == PAGING_OK, "the second one: %s",
		status_name(contest.status));
	require_mapped(&contest, PAGE, phys_of(&contest, loses ? 2 : 1));
	require_mapped(&contest, THERE, phys_of(&contest, 3));
	if (contest.met != 0 && !loses)
		require_mapped(&contest, page, phys_of(&contest, 2));
	end(&contest);
	return contest.met != 0;
}

FORMAT_TEST(parallel_race, leaf)
{
	for (unsigned int batch = 0; batch < 2; batch++) {
		REQUIRE(one_page(format, false, PAGE, batch != 0), "no store to the entry");
		REQUIRE(one_page(format, false, ASIDE, batch != 0), "no store to the entry");
	}
}

/* Those that do not count in the entry above make no such store. */
static bool counts(const struct format_case *format)
{
	return strncmp(format->name, "sv", 2) != 0;
}

FORMAT_TEST(parallel_race, count)
{
	REQUIRE(one_page(format, true, ASIDE, false) == counts(format), "the count");
}

/* Three pages, of which the second one takes the middle one; or another page of their table before
 * they are counted. */
static void three_pages(const struct format_case *format, bool count)
{
	static struct contest contest;
	struct world *world = &contest.book.world;
	uint64_t granule = format_granule(format);
	struct page_table_op op = { .mode = PAGING_RESUMABLE, .leaf_sizes = granule };
	enum paging_status status;

	begin(&contest, format, count ? ASIDE : PAGE, true);
	op.frames = world_frames(world);
	contest.store = entry_at(world, book_at(&contest.book, PAGE), count ? 1 : 0);
	trap_begin(&contest.trap);
	status = page_table_map(&world->table, book_at(&contest.book, PAGE - 1), 0, 3 * granule,
				format_plain_flags(), &op);
	trap_end(&contest.trap);
	REQUIRE((contest.met != 0) == (!count || counts(format)) && contest.status == PAGING_OK,
		"the second one: %s", status_name(contest.status));
	REQUIRE(status == (count ? PAGING_OK : PAGING_ALREADY_MAPPED) &&
			op.done == (count ? 3 : 1) * granule,
		"%s after 0x%" PRIx64, status_name(status), op.done);
	REQUIRE(count || op.conflict == book_at(&contest.book, PAGE), "0x%" PRIx64 " is in the way",
		op.conflict);
	require_mapped(&contest, PAGE - 1, 0);
	if (contest.met != 0)
		require_mapped(&contest, contest.page, phys_of(&contest, 2));
	end(&contest);
}

FORMAT_TEST(parallel_race, range)
{
	three_pages(format, false);
	three_pages(format, true);
}

/* Both find no tables: the second one has linked its own before the first does. */
static void both_link(const struct format_case *format, uint64_t page)
{
	static struct contest contest;
	struct world *world = &contest.book.world;
	uint64_t granule = format_granule(format);
	struct page_table_op op = { .mode = PAGING_RESUMABLE, .leaf_sizes = granule };
	bool loses = page == PAGE;
	enum paging_status status;

	begin(&contest, format, page, false);
	op.frames = world_frames(world);
	contest.store = entry_at(world, book_at(&contest.book, PAGE), format->levels - 1);
	trap_begin(&contest.trap);
	status = page_table_map(&world->table, book_at(&contest.book, PAGE - 1), 0, 3 * granule,
				format_plain_flags(), &op);
	trap_end(&contest.trap);
	REQUIRE(contest.met != 0 && contest.status == PAGING_OK, "the second one: %s",
		status_name(contest.status));
	REQUIRE(status == (loses ? PAGING_ALREADY_MAPPED : PAGING_OK) &&
			op.done == (loses ? 1 : 3) * granule,
		"%s after 0x%" PRIx64, status_name(status), op.done);
	require_mapped(&contest, page, phys_of(&contest, 2));
	require_mapped(&contest, PAGE - 1, 0);
	end(&contest);
}

FORMAT_TEST(parallel_race, link)
{
	both_link(format, PAGE);
	both_link(format, ASIDE);
}
