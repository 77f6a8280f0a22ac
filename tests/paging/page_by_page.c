/* SPDX-License-Identifier: MIT */
/*
 * Pages unmapped and write-protected one by one, each kind of page after each other kind, in one
 * gather: what becomes of each, and that each that changed is asked to be flushed, as what it was.
 */
#include <inttypes.h>

#include "book.h"
#include "checked.h"
#include "flushing.h"
#include "require.h"
#include "suite.h"

enum kind {
	WRITABLE,
	READ_ONLY,
	GLOBAL,
	GLOBAL_READ_ONLY,
	DIRTY,
	WRITTEN, /* by hardware */
	IDLE,
	EXECUTE_ONLY,
	HOLE,
	KINDS
};

#define PAGES (UINT64_C(2) * KINDS * KINDS)

static enum kind kind_of(uint64_t page)
{
	uint64_t pair = page / 2;

	return (enum kind)(page % 2 == 0 ? pair / KINDS : pair % KINDS);
}

static struct page_flags flags_of(const struct book *book, uint64_t page)
{
	struct page_flags flags = format_plain_flags();
	enum kind kind = kind_of(page);

	flags.global = kind == GLOBAL || kind == GLOBAL_READ_ONLY;
	flags.write = kind != READ_ONLY && kind != GLOBAL_READ_ONLY;
	flags.dirty = kind == DIRTY;
	flags.idle = kind == IDLE;
	if (kind == EXECUTE_ONLY)
		flags = (struct page_flags){ .execute = 1 };
	if (book->format.expressible(&book->format, flags))
		return flags;
	flags = format_plain_flags();
	flags.write = kind != READ_ONLY && kind != GLOBAL_READ_ONLY;
	return flags;
}

static phys_addr phys_of(const struct book *book, uint64_t page)
{
	return page * 2 * format_granule(&book->format);
}

static const struct book_style style = { .phys = phys_of, .flags = flags_of };

/* Pages of every kind, and one at the end, so that their table stays. */
static bool open_kinds(struct book *book, const struct format_case *format)
{
	if (!book_open(book, format, 1, MEMORY_BY_OFFSET))
		return false;
	REQUIRE(book->entries > PAGES, "%" PRIu64 " pages", book->entries);
	for (uint64_t page = 0; page < book->entries; page++) {
		if (page < PAGES ? kind_of(page) == HOLE : page != book->entries - 1)
			continue;
		book_map(book, page, page + 1, &style);
		if (page < PAGES && kind_of(page) == WRITTEN)
			book_touch(book, page, true);
	}
	book_note(book);
	return true;
}

/* How often the ranges have the page, as what it was. */
static unsigned int asked(const struct tlb_gather *gather, const struct book *book, uint64_t page)
{
	virt_addr virt = book_at(book, page);
	bool global = book->format.all_global || flags_of(book, page).global;
	unsigned int times = 0;

	for (size_t i = 0; i < gather->range_count; i++) {
		const struct tlb_range *range = &gather->ranges[i];

		if (virt < range->start || virt > range->last)
			continue;
		REQUIRE(range->leaf_size == format_granule(&book->format) && !range->tables &&
				range->global == global,
			"page %" PRIu64 ": stride 0x%" PRIx64 ", tables %d, global %d", page,
			range->leaf_size, range->tables, range->global);
		times++;
	}
	return times;
}

static void change_kinds(const struct format_case *format, bool unmap)
{
	struct tlb_range ranges[PAGES];
	struct frame frames[1];
	struct tlb_gather gather = {
		.ranges = ranges, .range_capacity = PAGES, .frames = frames, .frame_capacity = 1
	};
	struct page_table_op op = { .gather = &gather };
	struct book book;

	if (!open_kinds(&book, format))
		return;
	gather.owner = world_frames(&book.world);
	for (uint64_t page = 0; page < PAGES; page++) {
		uint64_t granule = format_granule(&book.format);
		virt_addr virt = book_at(&book, page);
		bool hole = kind_of(page) == HOLE;
		struct page_mapping mapping;
		enum paging_status status;

		require_story("page %" PRIu64, page);
		/* Planned, it stays as it is. */
		op.mode = PAGING_PLAN;
		op.tables = op.done = 1;
		if (unmap)
			status = page_table_unmap(&book.world.table, virt, granule, &op);
		else
			status = page_table_write_protect(&book.world.table, virt, granule, &op);
		REQUIRE(status == (hole ? PAGING_NOT_MAPPED : PAGING_OK) && op.done == 0,
			"planned: %s", status_name(status));
		book_require(&book, page, false);
		op.mode = 0;
		op.tables = op.done = 1;
		op.annotation = unmap && page % 5 == 0 ? 1 + page % 3 : 0;
		if (unmap)
			status = page_table_unmap(&book.world.table, virt, granule, &op);
		else
			status = page_table_write_protect(&book.world.table, virt, granule, &op);
		REQUIRE(status == (hole ? PAGING_NOT_MAPPED : PAGING_OK) &&
				op.done == (hole ? 0 : granule) && op.tables == 0,
			"%s, 0x%" PRIx64 " done, %" PRIu64 " tables", status_name(status), op.done,
			op.tables);
		status = page_table_query(&book.world.table, virt, &mapping);
		if (hole || unmap)
			REQUIRE(status == PAGING_NOT_MAPPED &&
					mapping.annotation == (hole ? 0 : op.annotation),
				"%s, annotation %" PRIu64, status_name(status), mapping.annotation);
		else
			book_require(&book, page, true);
		REQUIRE(asked(&gather, &book, page) ==
				((unmap ? !hole : book_writable(&book, page)) ? 1 : 0),
			"it is asked for %u times", asked(&gather, &book, page));
		if (page + 1 < PAGES)
			book_require(&book, page + 1, false);
	}
	REQUIRE(!gather.everything, "everything is asked for");
	for (uint64_t page = 0; page < PAGES; page++)
		REQUIRE(asked(&gather, &book, page) ==
				((unmap ? kind_of(page) != HOLE : book_writable(&book, page)) ? 1
											      : 0),
			"page %" PRIu64 " is asked for %u times", page,
			asked(&gather, &book, page));
	tlb_gather_finish(&gather);
	world_check_tree(&book.world, false);
	op = (struct page_table_op){ .frames = world_frames(&book.world) };
	REQUIRE(page_table_annotate(&book.world.table, book.virt,
				    PAGES * format_granule(&book.format), 0, &op) == PAGING_OK,
		"annotations stay");
	book_close(&book);
}

FORMAT_TEST(page_by_page, unmapped_of_all_kinds)
{
	change_kinds(format, true);
}

FORMAT_TEST(page_by_page, write_protected_of_all_kinds)
{
	change_kinds(format, false);
}

/* A contiguous group after pages is not done in part, whatever continues. */
FORMAT_TEST(page_by_page, up_to_a_group)
{
	uint64_t granule = format_granule(format), group = format->group_size[0];

	for (unsigned int unmap = 0; unmap < 2; unmap++) {
		struct tlb_range ranges[4] = { 0 };
		struct tlb_gather gather = { .ranges = ranges, .range_capacity = 4 };
		struct page_table_op op = { .gather = &gather };
		virt_addr virt = format_middle(format) + group;
		struct world world;

		if (!format_has_groups(format) || !format_has_leaf(format, group))
			return;
		world_open(&world, format, MEMORY_BY_OFFSET);
		world_map(&world, virt, 0, group);
		world_map(&world, virt - 2 * granule, 0, granule);
		world_map(&world, virt - granule, 0, granule);
		for (virt_addr page = virt - 2 * granule; page <= virt; page += granule) {
			enum paging_status status;

			if (unmap != 0)
				status = page_table_unmap(&world.table, page, granule, &op);
			else
				status = page_table_write_protect(&world.table, page, granule, &op);
			REQUIRE(status == (page == virt ? PAGING_WOULD_SPLIT : PAGING_OK), "%s",
				status_name(status));
		}
		tlb_gather_finish(&gather);
		world_resync(&world);
		REQUIRE(world.model.count == (unmap != 0 ? 1 : 3), "%zu leaves", world.model.count);
		world_check(&world);
		world_close(&world);
	}
}

/* Pages of different sizes in one gather are ranges of their own. */
Test(page_by_page, of_two_sizes)
{
	struct tlb_range ranges[4] = { 0 };
	struct tlb_gather gather = { .ranges = ranges, .range_capacity = 4 };
	struct page_table_op op = { .gather = &gather };
	struct world small, large;
	virt_addr virt;

	world_open(&large, format_case_named("s1-16k-47"), MEMORY_BY_OFFSET);
	world_open(&small, format_case_named("s1-4k-48"), MEMORY_BY_OFFSET);
	virt = format_middle(large.format);
	world_map(&large, virt, 0, 2 * PAGE_SIZE_16K);
	world_map(&small, virt + PAGE_SIZE_16K, 0, 2 * PAGE_SIZE_4K);
	REQUIRE(page_table_unmap(&large.table, virt, PAGE_SIZE_16K, &op) == PAGING_OK &&
			page_table_unmap(&small.table, virt + PAGE_SIZE_16K, PAGE_SIZE_4K, &op) ==
				PAGING_OK,
		"they are not unmapped");
	REQUIRE(gather.range_count == 2 && ranges[0].leaf_size == PAGE_SIZE_16K &&
			ranges[0].last == virt + PAGE_SIZE_16K - 1 &&
			ranges[1].leaf_size == PAGE_SIZE_4K,
		"%zu ranges", gather.range_count);
	tlb_gather_finish(&gather);
	world_resync(&small);
	world_resync(&large);
	world_close(&small);
	world_close(&large);
}

/* Mapped in one table and another by turns, some pages in a row in each: tables at even places and
 * at odd ones. */
FORMAT_TEST(page_by_page, from_table_to_table)
{
	uint64_t granule = format_granule(format);
	struct book book;

	if (!book_open(&book, format, 4, MEMORY_BY_OFFSET))
		return;
	for (uint64_t row = 0; row < 5; row++) {
		for (uint64_t k = 0; k < 4; k++) {
			for (uint64_t i = 0; i <= row; i++) {
				/* No other table has a page at that place. */
				uint64_t page = k * book.entries + k * 64 + row * 8 + i;
				virt_addr virt = book_at(&book, page);

				REQUIRE(page_table_map_to(&book.world.table, virt, page * granule,
							  format_plain_flags(),
							  world_frames(&book.world)) == PAGING_OK,
					"page %" PRIu64, page);
				REQUIRE(world_query(&book.world, virt).phys == page * granule,
					"page %" PRIu64 " is elsewhere", page);
			}
		}
	}
	world_resync(&book.world);
	REQUIRE(book.world.model.count == 60, "%zu leaves", book.world.model.count);
	world_check(&book.world);
	book_close(&book);
}

/* What a flush has done with is not gone on with. */
FORMAT_TEST(page_by_page, after_a_flush)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct tlb_range ranges[4] = { 0 };
	struct frame frames[1];
	struct tlb_gather gather = {
		.ranges = ranges, .range_capacity = 4, .frames = frames, .frame_capacity = 1
	};
	struct page_table_op op = { .gather = &gather };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, 4 * granule);
	gather.owner = op.frames = world_frames(&world);
	for (unsigned int i = 0; i < 2; i++) {
		op.mode = PAGING_SPLIT;
		REQUIRE(page_table_unmap(&world.table, virt + i * granule, granule, &op) ==
				PAGING_OK,
			"page %u stays", i);
		REQUIRE(gather.range_count == 1 && ranges[0].start == virt + i * granule,
			"page %u: %zu ranges", i, gather.range_count);
		tlb_gather_finish(&gather);
	}
	world_resync(&world);
	world_close(&world);
}

/* The last page of its table, which is at hand: on the short way no mode and no annotation is lost.
 */
static void unmap_last(const struct format_case *format, uint32_t mode, uint64_t annotation)
{
	static struct flushing f;
	struct page_table_op op = { .mode = mode, .annotation = annotation };
	uint64_t granule = format_granule(format), tables;
	bool tells = (mode & PAGING_TELL) != 0, plans = (mode & PAGING_PLAN) != 0;
	struct page_mapping mapping;
	struct book book;
	virt_addr virt;

	if (!book_open(&book, format, 2, MEMORY_BY_OFFSET))
		return;
	require_story("mode %u, annotation %" PRIu64, mode, annotation);
	flushing_init(&f, &book.world);
	op.frames = world_frames(&book.world);
	op.gather = &f.gather;
	op.visitor = world_hear;
	op.context = &book.world;
	virt = book_at(&book, book.entries + 7);
	world_map_unseen(&book.world, book_at(&book, 3), 0, granule);
	world_map_unseen(&book.world, virt, granule, granule);
	REQUIRE(page_table_map_to(&book.world.table, virt + 2 * granule, 0, format_plain_flags(),
				  op.frames) == PAGING_OK &&
			page_table_unmap(&book.world.table, virt + 2 * granule, granule,
					 &(struct page_table_op){ .gather = &f.gather }) ==
				PAGING_OK,
		"its table is not at hand");
	tables = book.world.table.tables;
	REQUIRE(page_table_unmap(&book.world.table, virt, granule, &op) == PAGING_OK, "unmap");
	REQUIRE((page_table_query(&book.world.table, virt, &mapping) == PAGING_OK) == plans &&
			mapping.annotation == annotation,
		"annotation %" PRIu64, mapping.annotation);
	REQUIRE(book.world.told.count == (tells ? 1 : 0), "%zu are told of", book.world.told.count);
	REQUIRE(book.world.table.tables == (plans || annotation != 0 ? tables : tables - 1),
		"%" PRIu64 " tables", book.world.table.tables);
	tlb_gather_finish(&f.gather);
	op = (struct page_table_op){ .frames = op.frames };
	REQUIRE(plans || page_table_annotate(&book.world.table, virt, granule, 0, &op) == PAGING_OK,
		"annotate");
	world_resync(&book.world);
	world_check(&book.world);
	book_close(&book);
}

FORMAT_TEST(page_by_page, the_last_of_its_table)
{
	unmap_last(format, 0, 0);
	unmap_last(format, PAGING_SKIP_HOLES, 0);
	unmap_last(format, PAGING_PLAN, 0);
	unmap_last(format, PAGING_TELL, 0);
	unmap_last(format, PAGING_ENLARGE, 0);
	unmap_last(format, 0, 1);
	unmap_last(format, 0, 5);
}

/* A hole in the table of one page, which is at hand, is not that page. */
FORMAT_TEST(page_by_page, a_hole_beside_the_last)
{
	uint64_t granule = format_granule(format);
	static struct flushing f;
	struct book book;
	virt_addr virt;

	for (unsigned int skips = 0; skips < 2; skips++) {
		struct page_table_op op = { .gather = &f.gather };

		if (!book_open(&book, format, 2, MEMORY_BY_OFFSET))
			return;
		flushing_init(&f, &book.world);
		op.frames = world_frames(&book.world);
		virt = book_at(&book, book.entries + 7);
		world_map(&book.world, book_at(&book, 3), 0, granule);
		world_map(&book.world, virt, granule, granule);
		REQUIRE(page_table_write_protect(&book.world.table, virt, granule, &op) ==
				PAGING_OK,
			"its table is not at hand");
		world_resync(&book.world);
		op.mode = skips ? PAGING_SKIP_HOLES : 0;
		REQUIRE(page_table_unmap(&book.world.table, virt + granule, granule, &op) ==
				(skips ? PAGING_OK : PAGING_NOT_MAPPED),
			"a hole");
		world_check(&book.world);
		tlb_gather_finish(&f.gather);
		book_close(&book);
	}
}

/* Without room for a table in the gather the last page stays. */
FORMAT_TEST(page_by_page, the_last_of_a_table_that_can_go_nowhere)
{
	uint64_t granule = format_granule(format);
	struct tlb_range range;
	struct tlb_gather gather = { .ranges = &range, .range_capacity = 1 };
	struct page_table_op op = { .gather = &gather };
	enum paging_status status;
	struct book book;
	virt_addr virt;

	if (!book_open(&book, format, 2, MEMORY_BY_OFFSET))
		return;
	gather.owner = op.frames = world_frames(&book.world);
	virt = book_at(&book, book.entries + 7);
	world_map(&book.world, book_at(&book, 3), 0, granule);
	world_map(&book.world, virt, granule, granule);
	REQUIRE(page_table_write_protect(&book.world.table, virt, granule, &op) == PAGING_OK,
		"it is not at hand");
	world_resync(&book.world);
	status = page_table_unmap(&book.world.table, virt, granule, &op);
	REQUIRE(status == PAGING_GATHER_FULL, "%s", status_name(status));
	world_check(&book.world);
	tlb_gather_finish(&gather);
	book_close(&book);
}

/* With room for one table, and a flush when it takes more, they go with all of them: pages, or a
 * group. */
static void unmap_all(const struct format_case *format, uint64_t size, uint32_t mode)
{
	struct page_table_op op = { .mode = mode };
	static struct flushing f;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	flushing_init(&f, &world);
	f.gather.frame_capacity = 1;
	op.gather = &f.gather;
	op.frames = world_frames(&world);
	world_map(&world, format_middle(format), 0, size);
	REQUIRE(page_table_unmap(&world.table, format_middle(format), size, &op) == PAGING_OK,
		"unmap");
	REQUIRE(f.flushes >= format->levels - 2 && f.gather.frame_count <= 1,
		"%u flushes before the last table", f.flushes);
	tlb_gather_finish(&f.gather);
	REQUIRE(world.table.tables == 1, "%" PRIu64 " tables", world.table.tables);
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(page_by_page, the_last_of_all)
{
	unmap_all(format, 2 * format_granule(format), 0);
	unmap_all(format, 2 * format_granule(format), PAGING_RESUMABLE);
	if (format_has_leaf(format, format->group_size[0]))
		unmap_all(format, format->group_size[0], PAGING_RESUMABLE);
}

/* Two pages in a row, and then one some tables away: it does not go on from them. */
FORMAT_TEST(page_by_page, far_after_a_row)
{
	uint64_t granule = format_granule(format);

	for (uint64_t away = 1; away < 8; away++) {
		for (unsigned int unmap = 0; unmap < 2; unmap++) {
			struct tlb_range ranges[8] = { 0 };
			struct tlb_gather gather = { .ranges = ranges, .range_capacity = 8 };
			struct page_table_op op = { .gather = &gather };
			struct book book;
			uint64_t pages[3] = { 1, 2, 0 };

			if (!book_open(&book, format, 3, MEMORY_BY_OFFSET))
				return;
			pages[2] = (away % 2 + 1) * book.entries + away / 2;
			for (uint64_t k = 0; k < 3; k++) {
				for (uint64_t i = 0; i < 6; i++)
					world_map_unseen(&book.world,
							 book_at(&book, k * book.entries + i), 0,
							 granule);
			}
			for (unsigned int i = 0; i < 3; i++) {
				virt_addr virt = book_at(&book, pages[i]);
				enum paging_status status =
					unmap ? page_table_unmap(&book.world.table, virt, granule,
								 &op)
					      : page_table_write_protect(&book.world.table, virt,
									 granule, &op);

				REQUIRE(status == PAGING_OK, "%s", status_name(status));
			}
			REQUIRE(gather.range_count == 2 && ranges[0].start == book_at(&book, 1) &&
					ranges[0].last == book_at(&book, 3) - 1 &&
					ranges[1].start == book_at(&book, pages[2]) &&
					ranges[1].last == ranges[1].start + granule - 1,
				"%zu ranges, the last from 0x%" PRIx64, gather.range_count,
				ranges[1].start);
			tlb_gather_finish(&gather);
			world_resync(&book.world);
			book_close(&book);
		}
	}
}

/* One page that hardware wrote to, wherever in a full table that nobody uses any more. */
FORMAT_TEST(page_by_page, one_written_in_a_full_table)
{
	for (uint64_t written = 5; written < 64; written += 16) {
		struct page_table_op op = { .frames = NULL };
		struct book book;

		if (!book_open(&book, format, 1, MEMORY_BY_OFFSET))
			return;
		for (uint64_t page = 0; page < book.entries; page++)
			world_map_unseen(&book.world, book_at(&book, page),
					 page * format_granule(format), format_granule(format));
		book_touch(&book, written, true);
		book_note(&book);
		REQUIRE(page_table_write_protect(&book.world.table, book.virt, book.span, &op) ==
				PAGING_OK,
			"it failed");
		for (uint64_t page = 0; page < 64; page++)
			book_require(&book, page, true);
		book_close(&book);
	}
}

/* A hole at the lowest address, where numbers are smallest, goes on with nothing. */
FORMAT_TEST(page_by_page, a_hole_at_the_lowest_address)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_first_range(format).first;
	struct tlb_range ranges[4] = { 0 };
	struct tlb_gather gather = { .ranges = ranges, .range_capacity = 4 };
	struct page_table_op op = { .gather = &gather };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	gather.owner = world_frames(&world);
	REQUIRE(page_table_map_to(&world.table, virt + granule, 0, format_plain_flags(),
				  world_frames(&world)) == PAGING_OK,
		"the page beside it is not mapped");
	REQUIRE(page_table_write_protect(&world.table, virt, granule, &op) == PAGING_NOT_MAPPED &&
			page_table_unmap(&world.table, virt, granule, &op) == PAGING_NOT_MAPPED,
		"it is mapped");
	REQUIRE(!tlb_gather_needed(&gather), "a flush for nothing");
	world_resync(&world);
	world_close(&world);
}

/* What others left: all of a leaf but what makes it valid. It is no page to any operation. */
static void require_no_page(struct world *world, virt_addr virt)
{
	uint64_t granule = format_granule(world->format);
	struct page_table *table = &world->table;
	struct tlb_range ranges[4] = { 0 };
	struct tlb_gather gather = { .ranges = ranges,
				     .range_capacity = 4,
				     .owner = world_frames(world) };
	struct page_table_op op = { .gather = &gather };
	struct page_flags flags = format_plain_flags();
	struct page_mapping mapping;

	REQUIRE(page_table_query(table, virt, &mapping) == PAGING_NOT_MAPPED, "query shows it");
	REQUIRE(page_table_write_protect(table, virt, granule, &op) == PAGING_NOT_MAPPED,
		"it is write-protected");
	flags.write = 0;
	REQUIRE(page_table_protect(table, virt, granule, flags, &op) == PAGING_NOT_MAPPED,
		"it is protected");
	REQUIRE(page_table_unmap(table, virt, granule, &op) == PAGING_NOT_MAPPED, "it is unmapped");
	REQUIRE(!tlb_gather_needed(&gather), "a flush for nothing");
}

FORMAT_TEST(page_by_page, one_that_is_not_valid)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_flags flags = format_plain_flags();
	unsigned int ways = 0;
	struct page_mapping mapping;
	uint64_t leaf;
	phys_addr entry, next;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	/* Beside others, so that the table is not about to go; readable and no more, since any
	 * right makes an EPT entry present. */
	if (format->expressible(format, (struct page_flags){ .read = 1 }))
		flags = (struct page_flags){ .read = 1 };
	for (uint64_t page = 0; page < 3; page++)
		REQUIRE(page_table_map_to(&world.table, virt + page * granule, page * granule,
					  flags, world_frames(&world)) == PAGING_OK,
			"page %" PRIu64 " is not mapped", page);
	entry = entry_at(&world, virt + granule, 0);
	leaf = entry_read(&world, entry);
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t spoilt = leaf & ~(UINT64_C(1) << bit);

		enum walk_entry kind = format->entry(format, 0, spoilt, &next);

		if (kind == WALK_ENTRY_LEAF)
			continue;
		require_story("0x%" PRIx64, spoilt);
		entry_write(&world, entry, spoilt);
		/* Reserved bits may leave a leaf that is wrong, but there. */
		if (kind == WALK_ENTRY_RESERVED &&
		    page_table_query(&world.table, virt + granule, &mapping) == PAGING_OK)
			continue;
		require_no_page(&world, virt + granule);
		REQUIRE(entry_read(&world, entry) == spoilt, "it has become 0x%" PRIx64,
			entry_read(&world, entry));
		ways++;
	}
	REQUIRE(ways != 0, "no bit makes it valid");
	entry_write(&world, entry, leaf);
	world_resync(&world);
	world_close(&world);
}
