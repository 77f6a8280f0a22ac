/* SPDX-License-Identifier: MIT */
/* Whole lowest tables that are mapped and unmapped at once, and what is in the way of that. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "flush_watch.h"
#include "flushing.h"
#include "require.h"
#include "suite.h"

#define TABLES 3

/* More would take the model and the MMU long. */
static bool too_large(const struct format_case *format)
{
	return format->levels < 2 || format_entries(format, 0) > 2048;
}

static struct model_op pages(enum model_kind kind, const struct book *book, uint64_t first,
			     uint64_t end)
{
	struct model_op what = { .kind = kind,
				 .virt = book_at(book, first),
				 .phys = first * format_granule(&book->format),
				 .size = (end - first) * format_granule(&book->format),
				 .leaf_sizes = format_granule(&book->format) };

	what.flags = format_plain_flags();
	return what;
}

/* Without looking at all of it afterwards. */
static void map_unseen(struct book *book, uint64_t first, uint64_t end)
{
	struct model_op what = pages(MODEL_MAP, book, first, end);
	struct page_table_op op = { .frames = world_frames(&book->world) };
	enum paging_status status = world_do(&book->world, &what, &op);

	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	model_apply(&book->world.model, &what, what.size);
}

FORMAT_TEST(full_tables, are_mapped_at_once)
{
	for (unsigned int reach = 0; reach < 2; reach++) {
		struct model_op what;
		struct book book;

		if (too_large(format) ||
		    !book_open(&book, format, TABLES + 2, (enum memory_reach)reach))
			return;
		/* None in part, the first, the last, both. */
		for (uint64_t part = 0; part < 4; part++) {
			what = pages(MODEL_MAP, &book, book.entries - 5 * (part & 1),
				     (TABLES + 1) * book.entries + 3 * (part >> 1));
			world_must(&book.world, &what);
			world_unmap(&book.world, what.virt, what.size, 0);
		}
		/* The tables before and after are there, and one in the middle is to come. */
		map_unseen(&book, 3, 4);
		map_unseen(&book, book.count - 1, book.count);
		what = pages(MODEL_MAP, &book, 4, book.count - 1);
		world_must(&book.world, &what);
		book_close(&book);
	}
}

/* The same pages in place of those that are there. */
static void replace_all(struct book *book)
{
	struct model_op what = pages(MODEL_MAP, book, 0, book->count);
	struct model_op none = pages(MODEL_UNMAP, book, 0, book->count);
	struct page_table_op op = { .frames = world_frames(&book->world) };
	enum paging_status status;

	what.mode = PAGING_REPLACE;
	status = world_do(&book->world, &what, &op);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	none.mode = PAGING_SKIP_HOLES;
	model_apply(&book->world.model, &none, none.size);
	model_apply(&book->world.model, &what, what.size);
	world_check(&book->world);
}

FORMAT_TEST(full_tables, are_mapped_up_to_what_is_there)
{
	static const uint32_t modes[] = { 0, PAGING_RESUMABLE };

	for (unsigned int i = 0; i < 2; i++) {
		struct model_op what;
		struct book book;
		enum paging_status status;

		if (too_large(format) || !book_open(&book, format, TABLES + 1, MEMORY_BY_OFFSET))
			return;
		map_unseen(&book, 2 * book.entries + 100, 2 * book.entries + 107);
		what = pages(MODEL_MAP, &book, 0, book.count);
		what.mode = modes[i];
		status = world_step(&book.world, &what);
		REQUIRE(status == PAGING_ALREADY_MAPPED, "%s", status_name(status));
		if (i == 0)
			replace_all(&book);
		book_close(&book);
	}
}

FORMAT_TEST(full_tables, are_mapped_over_annotations)
{
	struct model_op what;
	struct book book;

	if (too_large(format) || !book_open(&book, format, TABLES + 1, MEMORY_BY_OFFSET))
		return;
	for (unsigned int size = 0; size < 3; size++) {
		/* Of a page, of a table as a whole, of part of one. */
		uint64_t first = book.entries + (size == 1 ? 0 : 9);
		struct model_op clear = pages(MODEL_ANNOTATE, &book, 0, book.count);

		what = pages(MODEL_ANNOTATE, &book, first,
			     first + (size == 0   ? 1
				      : size == 1 ? book.entries
						  : 100));
		what.note = 7 + size;
		world_must(&book.world, &what);
		what = pages(MODEL_MAP, &book, 0, book.count);
		world_must(&book.world, &what);
		world_unmap(&book.world, book.virt, book.count * format_granule(format), 0);
		world_must(&book.world, &clear);
	}
	book_close(&book);
}

/* Each frame in turn is the one that cannot be had. */
FORMAT_TEST(full_tables, without_frames_enough)
{
	struct model_op what;
	struct book book;
	uint64_t needed, above;

	if (too_large(format) || !book_open(&book, format, TABLES + 1, MEMORY_BY_OFFSET))
		return;
	what = pages(MODEL_MAP, &book, 0, book.count);
	needed = book.world.memory->requests;
	world_must(&book.world, &what);
	needed = book.world.memory->requests - needed;
	world_unmap(&book.world, what.virt, what.size, 0);
	REQUIRE(needed >= TABLES + 1, "%" PRIu64 " frames", needed);
	above = needed - (TABLES + 1);
	for (uint64_t n = 1; n <= needed; n++) {
		struct page_table_op op = { .frames = world_frames(&book.world) };
		struct memory_snapshot *before = memory_snapshot_take(book.world.memory);
		enum paging_status status;

		what.mode = 0;
		memory_fail_at(book.world.memory, n, true);
		status = world_do(&book.world, &what, &op);
		REQUIRE(status == PAGING_NO_MEMORY && op.done == 0, "%s, 0x%" PRIx64 " done",
			status_name(status), op.done);
		memory_snapshot_require(book.world.memory, before);
		memory_snapshot_drop(before);
		what.mode = PAGING_RESUMABLE;
		memory_fail_at(book.world.memory, n, true);
		status = world_do(&book.world, &what, &op);
		REQUIRE(status == PAGING_NO_MEMORY, "%s", status_name(status));
		/* As many lowest tables as there were frames for beside those above. */
		REQUIRE(op.done == (n - 1 < above ? 0 : (n - 1 - above) * book.span),
			"frame %" PRIu64 " of %" PRIu64 ": 0x%" PRIx64 " done", n, needed, op.done);
		memory_fail_at(book.world.memory, 0, false);
		model_apply(&book.world.model, &what, op.done);
		world_check(&book.world);
		what.virt += op.done;
		what.phys += op.done;
		what.size -= op.done;
		world_must(&book.world, &what);
		what = pages(MODEL_MAP, &book, 0, book.count);
		world_unmap(&book.world, what.virt, what.size, 0);
	}
	book_close(&book);
}

/* Unmapping */

/* With a gather of so much room for frames, which flushes or not. */
static void unmap_live(struct book *book, uint64_t first, uint64_t end, size_t frames, bool flush,
		       uint32_t mode)
{
	static struct flush_watch watch;
	struct world *world = &book->world;
	struct model_op what = pages(MODEL_UNMAP, book, first, end);
	struct page_table_op op = { .frames = world_frames(world), .gather = &watch.gather };
	struct model after = { 0 };
	struct memory_snapshot *before;
	enum paging_status status;
	uint64_t gone;

	what.mode = mode;
	model_init(&after, &book->format);
	model_copy(&after, &world->model);
	model_apply(&after, &what, what.size);
	gone = model_tables_gone(&world->model, &after, NULL, NULL);
	model_drop(&after);
	before = memory_snapshot_take(world->memory);
	flush_watch_begin(&watch, world, 16, frames, flush);
	require_story("%zu frames%s", frames, flush ? ", flushes" : "");
	status = world_do(world, &what, &op);
	if (flush ? frames != 0 : gone <= frames) {
		REQUIRE(status == PAGING_OK, "%s", status_name(status));
		model_apply(&world->model, &what, what.size);
		flush_watch_end(&watch, &what);
	} else if ((mode & PAGING_RESUMABLE) == 0) {
		REQUIRE(status == PAGING_GATHER_FULL && op.done == 0, "%s", status_name(status));
		/* The first that there is no room for; after the lowest, the ones above. */
		if (first % book->entries == 0 && frames < (end - first) / book->entries)
			REQUIRE(op.conflict == book_at(book, first) + frames * book->span &&
					op.conflict_size == book->span,
				"the table at 0x%" PRIx64 "+0x%" PRIx64 " is in the way",
				op.conflict, op.conflict_size);
		memory_snapshot_require(world->memory, before);
		flush_watch_drop(&watch);
	} else {
		REQUIRE(status == PAGING_GATHER_FULL, "%s", status_name(status));
		model_apply(&world->model, &what, op.done);
		what.size = op.done;
		if (op.done != 0)
			flush_watch_end(&watch, &what);
		else
			flush_watch_drop(&watch);
	}
	memory_snapshot_drop(before);
	world_check(world);
}

/* All but one, half, a quarter, ... of the entries: with a hole behind them a table is not full. */
FORMAT_TEST(full_tables, part_of_one_is_not_full)
{
	struct book book;

	if (too_large(format) || !book_open(&book, format, 1, MEMORY_BY_OFFSET))
		return;
	for (uint64_t part = 1; part <= book.entries; part *= 2) {
		uint64_t count = part == 1 ? book.entries - 1 : book.entries / part;

		map_unseen(&book, 0, count);
		for (unsigned int kind = MODEL_UNMAP; kind <= MODEL_PROTECT; kind++) {
			struct model_op what = pages((enum model_kind)kind, &book, 0, book.entries);
			enum paging_status status = world_step(&book.world, &what);

			REQUIRE(status == PAGING_NOT_MAPPED, "%s with %" PRIu64 " entries",
				status_name(status), count);
		}
		world_unmap(&book.world, book_at(&book, 0), count * format_granule(format), 0);
	}
	book_close(&book);
}

FORMAT_TEST(full_tables, are_unmapped_live)
{
	static const size_t capacities[] = { 0, 1, 2, 3, 4, 5, 8, 64 };

	for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		for (unsigned int how = 0; how < 4; how++) {
			bool flush = (how & 1) != 0;
			uint32_t mode = (how & 2) != 0 ? PAGING_RESUMABLE : 0;
			struct book book;

			if (too_large(format) ||
			    (format_entries(format, 0) > 512 && capacities[i] > 3) ||
			    !book_open(&book, format, TABLES + 1, MEMORY_BY_OFFSET))
				continue;
			map_unseen(&book, 0, book.count);
			unmap_live(&book, 0, book.count, capacities[i], flush, mode);
			book_close(&book);
		}
	}
}

/* The tables at both ends stay, in part; in another a page is missing. */
FORMAT_TEST(full_tables, are_unmapped_live_between_others)
{
	struct book book;

	if (too_large(format) || !book_open(&book, format, TABLES + 2, MEMORY_BY_OFFSET))
		return;
	map_unseen(&book, 0, book.count);
	unmap_live(&book, book.entries - 3, book.count - 5, 2, true, 0);
	book_close(&book);
	(void)book_open(&book, format, TABLES + 2, MEMORY_BY_OFFSET);
	map_unseen(&book, 0, 2 * book.entries + 17);
	map_unseen(&book, 2 * book.entries + 18, book.count);
	unmap_live(&book, book.entries - 3, book.count, 64, false, PAGING_SKIP_HOLES);
	book_close(&book);
}

FORMAT_TEST(full_tables, of_global_pages_are_unmapped_live)
{
	struct model_op what;
	struct book book;

	if (too_large(format) || !book_open(&book, format, TABLES, MEMORY_BY_OFFSET))
		return;
	what = pages(MODEL_MAP, &book, 0, book.count);
	what.flags.global = 1;
	if (format->expressible(format, what.flags)) {
		world_must(&book.world, &what);
		unmap_live(&book, 0, book.count, 64, false, 0);
	}
	book_close(&book);
}

/* By an allocator that takes many frames back at a time, and by one that does not. */
FORMAT_TEST(full_tables, are_unmapped_offline)
{
	for (unsigned int reach = 0; reach < 2; reach++) {
		struct book book;

		if (too_large(format) ||
		    !book_open(&book, format, TABLES + 1, (enum memory_reach)reach))
			return;
		map_unseen(&book, 0, book.count);
		world_unmap(&book.world, book_at(&book, 5),
			    (book.count - 5 - 9) * format_granule(format), 0);
		world_unmap(&book.world, book.virt, book.count * format_granule(format),
			    PAGING_SKIP_HOLES);
		book_close(&book);
	}
}

/* Many tables: more than are taken out at a time, and more than a gather has room for. */
static void unmap_many(const struct format_case *format, size_t room, bool live)
{
	enum {
		MANY = 515
	};
	static struct frame frames[600];
	struct tlb_range ranges[4];
	struct tlb_gather gather = {
		.ranges = ranges, .range_capacity = 4, .frames = frames, .frame_capacity = room
	};
	struct page_table_op op = { .gather = live ? &gather : NULL };
	struct book book;
	uint64_t live_frames;
	enum paging_status status;

	REQUIRE(book_open(&book, format, MANY, MEMORY_BY_OFFSET), "one level");
	gather.owner = op.frames = world_frames(&book.world);
	op.leaf_sizes = format_granule(format);
	status = page_table_map(&book.world.table, book.virt, 0, MANY * book.span,
				format_plain_flags(), &op);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	live_frames = book.world.memory->live;
	REQUIRE(live_frames >= MANY && book.world.table.tables == live_frames, "%" PRIu64 " frames",
		live_frames);
	op.mode = live && room < MANY ? PAGING_RESUMABLE : 0;
	for (uint64_t done = 0; done < MANY * book.span; done += op.done) {
		status = page_table_unmap(&book.world.table, book.virt + done,
					  MANY * book.span - done, &op);
		REQUIRE(status == PAGING_OK || (status == PAGING_GATHER_FULL && op.done != 0), "%s",
			status_name(status));
		REQUIRE(book.world.table.tables + (live ? gather.frame_count : 0) ==
				book.world.memory->live,
			"%zu frames in the gather", gather.frame_count);
		tlb_gather_finish(&gather);
	}
	REQUIRE(book.world.memory->live == 1, "%" PRIu64 " frames", book.world.memory->live);
	book_close(&book);
}

Test(full_tables, many_are_unmapped)
{
	static const char *const names[] = { "x86-48", "ept-48", "npt-48", "s1-4k-48" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct format_case *format = format_case_named(names[i]);

		unmap_many(format, 0, false);
		unmap_many(format, 600, true);
		unmap_many(format, 511, true);
		unmap_many(format, 16, true);
	}
}

/* Some of a row of full tables go, and the others stay. */
FORMAT_TEST(full_tables, no_more_go_than_are_asked_for)
{
	static const uint64_t counts[] = { 1, 7, 8, 9, 15, 16, 17 };
	static struct frame frames[32];
	struct tlb_range ranges[4];
	struct tlb_gather gather = {
		.ranges = ranges, .range_capacity = 4, .frames = frames, .frame_capacity = 32
	};

	for (size_t i = 0; i < 2 * sizeof(counts) / sizeof(counts[0]); i++) {
		uint64_t count = counts[i / 2];
		struct page_table_op op = { .gather = i % 2 != 0 ? &gather : NULL };
		enum paging_status status;
		struct book book;

		if (too_large(format) || !book_open(&book, format, 20, MEMORY_BY_OFFSET))
			return;
		gather.owner = op.frames = world_frames(&book.world);
		op.leaf_sizes = format_granule(format);
		status = page_table_map(&book.world.table, book.virt, 0, 20 * book.span,
					format_plain_flags(), &op);
		REQUIRE(status == PAGING_OK, "%s", status_name(status));
		status = page_table_unmap(&book.world.table, book.virt, count * book.span, &op);
		REQUIRE(status == PAGING_OK, "%s", status_name(status));
		REQUIRE(op.gather == NULL || gather.range_count != 0, "nothing is to be flushed");
		for (size_t k = 0; k < gather.range_count; k++)
			REQUIRE(ranges[k].global == (format->all_global && !ranges[k].tables),
				"range %zu: global %d", k, ranges[k].global);
		tlb_gather_finish(&gather);
		for (uint64_t k = 0; k < 20; k++) {
			virt_addr last = book.virt + (k + 1) * book.span - 1;
			phys_addr phys;

			status = page_table_translate(&book.world.table, last, &phys);
			REQUIRE(status == (k < count ? PAGING_NOT_MAPPED : PAGING_OK),
				"table %" PRIu64 " of %" PRIu64 " to go", k, count);
		}
		world_resync(&book.world);
		book_close(&book);
	}
}

/* From a full table into one with a hole. */
FORMAT_TEST(full_tables, go_up_to_a_hole_behind_them)
{
	for (unsigned int live = 0; live < 2; live++) {
		struct page_table_op op = { .mode = PAGING_RESUMABLE };
		struct flushing f;
		enum paging_status status;
		struct book book;

		if (too_large(format) || !book_open(&book, format, 2, MEMORY_BY_OFFSET))
			return;
		flushing_init(&f, &book.world);
		op.frames = world_frames(&book.world);
		op.gather = live ? &f.gather : NULL;
		map_unseen(&book, 0, book.entries + 9);
		map_unseen(&book, book.entries + 10, book.count);
		status = page_table_unmap(&book.world.table, book.virt, 2 * book.span, &op);
		REQUIRE(status == PAGING_NOT_MAPPED &&
				op.done == book.span + 9 * format_granule(format),
			"%s after 0x%" PRIx64, status_name(status), op.done);
		tlb_gather_finish(&f.gather);
		world_resync(&book.world);
		REQUIRE(book.world.model.count == book.entries - 10, "%zu leaves stay",
			book.world.model.count);
		world_check(&book.world);
		book_close(&book);
	}
}

/* The row goes on in another table of the level above. */
static void beyond_the_end(const struct format_case *format)
{
	uint64_t span = format->level_size[1];
	struct model_op what = { .kind = MODEL_MAP,
				 .size = 4 * span,
				 .leaf_sizes = format_granule(format) };
	struct world world;

	if (too_large(format) || format->levels < 3)
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	what.virt = format_first_range(format).first + format->level_size[2] - 2 * span;
	what.flags = format_plain_flags();
	world_must(&world, &what);
	REQUIRE(page_table_write_protect(&world.table, what.virt, what.size,
					 &(struct page_table_op){ .mode = 0 }) == PAGING_OK,
		"write_protect");
	world_resync(&world);
	for (size_t i = 0; i < world.model.count; i++)
		REQUIRE(!world.model.leaves[i].flags.write, "leaf %zu is writable", i);
	world_check(&world);
	what.kind = MODEL_UNMAP;
	world_must(&world, &what);
	world_close(&world);
}

FORMAT_TEST(full_tables, beyond_the_end_of_the_table_above)
{
	beyond_the_end(format);
}

/* The level above that has less. */
Test(full_tables, below_a_small_root, .timeout = SUITE_TIMEOUT)
{
	struct format_case format = *format_case_named("s1-4k-39-upper");

	format.config.input_bits = 32;
	format.root_bytes = 64; /* the least there is, four entries of it */
	beyond_the_end(&format);
}

/* So many that they are looked at by eights, with one among them, each in turn, that is different.
 */
#define ROW 20

/* A page of it is missing. */
static void miss_page(struct book *book, uint64_t page, struct page_table_op *op)
{
	struct page_table *table = &book->world.table;
	uint64_t granule = format_granule(&book->format), tables = table->tables;
	enum paging_status status;

	op->mode = 0;
	REQUIRE(page_table_unmap(table, book_at(book, page), granule, op) == PAGING_OK, "unmap");
	status = page_table_unmap(table, book->virt, ROW * book->span, op);
	REQUIRE(status == PAGING_NOT_MAPPED && op->conflict == book_at(book, page) &&
			table->tables == tables,
		"unmap: %s at 0x%" PRIx64, status_name(status), op->conflict);
	status = page_table_protect(table, book->virt, ROW * book->span, format_plain_flags(), op);
	REQUIRE(status == PAGING_NOT_MAPPED && op->conflict == book_at(book, page), "protect: %s",
		status_name(status));
	status = page_table_map(table, book_at(book, page), page * granule, granule,
				format_plain_flags(), op);
	REQUIRE(status == PAGING_OK, "map: %s", status_name(status));
}

/* It is none: a hole, or a leaf. All of the row goes. */
static void miss_table(struct book *book, uint64_t k, bool leaf, struct page_table_op *op)
{
	struct page_table *table = &book->world.table;
	virt_addr virt = book->virt + k * book->span;
	enum paging_status status;

	op->mode = PAGING_SKIP_HOLES;
	status = page_table_unmap(table, virt, book->span, op);
	REQUIRE(status == PAGING_OK, "a table: %s", status_name(status));
	op->leaf_sizes = book->span;
	if (leaf && (table->leaf_sizes & book->span) != 0) {
		status = page_table_map(table, virt, 0, book->span, format_plain_flags(), op);
		REQUIRE(status == PAGING_OK, "a leaf: %s", status_name(status));
	}
	op->leaf_sizes = format_granule(&book->format);
	status = page_table_unmap(table, book->virt, ROW * book->span, op);
	REQUIRE(status == PAGING_OK && table->tables == 1, "the row: %s, %" PRIu64 " tables",
		status_name(status), table->tables);
}

FORMAT_TEST(full_tables, one_of_a_row_is_different)
{
	struct tlb_range ranges[64];
	struct frame frames[64];
	struct tlb_gather gather = {
		.ranges = ranges, .range_capacity = 64, .frames = frames, .frame_capacity = 64
	};
	struct page_table_op op = { .leaf_sizes = format_granule(format) };
	struct book book;

	if (too_large(format) || !book_open(&book, format, ROW, MEMORY_BY_OFFSET))
		return;
	gather.owner = op.frames = world_frames(&book.world);
	for (uint64_t k = 0; k < ROW; k++) {
		for (unsigned int how = 0; how < 4; how++) {
			require_story_begin("table %" PRIu64 " of the row, %u", k, how);
			op.mode = 0;
			op.gather = NULL;
			REQUIRE(page_table_map(&book.world.table, book.virt, 0, ROW * book.span,
					       format_plain_flags(), &op) == PAGING_OK,
				"no map");
			if (how == 0)
				miss_page(&book, k * book.entries + k, &op);
			if (how >= 2)
				op.gather = &gather;
			miss_table(&book, k, (how & 1) != 0, &op);
			tlb_gather_finish(&gather);
			REQUIRE(book.world.memory->live == 1, "%" PRIu64 " frames",
				book.world.memory->live);
		}
	}
	book_close(&book);
}

/* Page by page */

static void unmap_page(struct book *book, uint64_t page, struct page_table_op *op)
{
	struct page_mapping mapping;
	enum paging_status status;

	status = page_table_unmap(&book->world.table, book_at(book, page),
				  format_granule(&book->format), op);
	REQUIRE(status == PAGING_OK && op->done == format_granule(&book->format),
		"page %" PRIu64 ": %s", page, status_name(status));
	status = page_table_query(&book->world.table, book_at(book, page), &mapping);
	REQUIRE(status == PAGING_NOT_MAPPED, "page %" PRIu64 " is still there", page);
}

/* What was asked for is [virt, +size), by page, and its tables. */
static void require_range(const struct tlb_gather *gather, const struct book *book)
{
	uint64_t pages = 0, tables = 0;

	REQUIRE(!gather->everything, "everything is asked for");
	for (size_t i = 0; i < gather->range_count; i++) {
		const struct tlb_range *range = &gather->ranges[i];

		REQUIRE(range->start <= range->last, "0x%" PRIx64 " to 0x%" PRIx64, range->start,
			range->last);
		if (range->tables) {
			tables += range->leaf_size == book->span
					  ? (range->last - range->start + 1) / book->span
					  : 0;
			continue;
		}
		REQUIRE(range->start >= book->virt &&
				range->last < book->virt + TABLES * book->span &&
				range->leaf_size == format_granule(&book->format),
			"0x%" PRIx64 " to 0x%" PRIx64, range->start, range->last);
		pages += (range->last - range->start + 1) / format_granule(&book->format);
	}
	REQUIRE(pages == TABLES * book->entries, "%" PRIu64 " pages", pages);
	REQUIRE(tables == TABLES, "%" PRIu64 " tables", tables);
}

/* `beside`: a table beside them stays, so that the one above does. */
static void unmap_by_page(const struct format_case *format, bool down, bool beside, bool live)
{
	struct tlb_range ranges[24];
	struct frame frames[16];
	struct tlb_gather gather = {
		.ranges = ranges, .range_capacity = 24, .frames = frames, .frame_capacity = 16
	};
	struct page_table_op op = { .gather = live ? &gather : NULL };
	struct book book;

	if (!book_open(&book, format, TABLES + 1, MEMORY_BY_OFFSET))
		return;
	gather.owner = op.frames = world_frames(&book.world);
	map_unseen(&book, 0, TABLES * book.entries);
	if (beside)
		map_unseen(&book, book.count - 1, book.count);
	for (uint64_t i = 0; i < TABLES * book.entries; i++) {
		uint64_t page = down ? TABLES * book.entries - 1 - i : i;

		require_story("page %" PRIu64, page);
		unmap_page(&book, page, &op);
		REQUIRE(book.world.memory->live ==
				book.world.table.tables + (live ? gather.frame_count : 0),
			"%" PRIu64 " frames", book.world.memory->live);
		if ((i + 1) % book.entries == 0)
			world_check_tree(&book.world, false);
	}
	if (live && !down)
		require_range(&gather, &book);
	tlb_gather_finish(&gather);
	world_resync(&book.world);
	REQUIRE(book.world.model.count == (beside ? 1 : 0), "%zu leaves", book.world.model.count);
	world_check(&book.world);
	book_close(&book);
}

FORMAT_TEST(full_tables, go_page_by_page)
{
	for (unsigned int how = 0; how < 8; how++) {
		if (!too_large(format))
			unmap_by_page(format, (how & 1) != 0, (how & 2) != 0, (how & 4) != 0);
	}
}

/* The page that ends at 2^64, and the one before and the one at 0 after it: each is its own. */
FORMAT_TEST(full_tables, at_the_ends_of_the_address_space)
{
	uint64_t granule = format_granule(format);
	virt_addr at[3] = { 0 - 2 * granule, 0 - granule, 0 };

	for (unsigned int first = 0; first < 2; first++) {
		struct tlb_range ranges[24];
		struct frame frames[32];
		struct tlb_gather gather = { .ranges = ranges,
					     .range_capacity = 24,
					     .frames = frames,
					     .frame_capacity = 32 };
		struct page_table_op op = { .gather = &gather };
		size_t count = format->inputs == INPUTS_SIGNED ? 3 : 2;
		uint64_t covered = 0;
		struct world world;

		if (format->inputs == INPUTS_LOW)
			return;
		world_open(&world, format, MEMORY_BY_OFFSET);
		gather.owner = op.frames = world_frames(&world);
		/* So that none is the last of its table. */
		world_map(&world, 0 - 4 * granule, 0, 2 * granule);
		if (count == 3)
			world_map(&world, granule, 0, granule);
		for (size_t i = 0; i < count; i++)
			world_map(&world, at[i], 0, granule);
		for (size_t i = first; i < count; i++) {
			enum paging_status status =
				page_table_write_protect(&world.table, at[i], granule, &op);

			REQUIRE(status == PAGING_OK, "%s", status_name(status));
			status = page_table_unmap(&world.table, at[i], granule, &op);
			REQUIRE(status == PAGING_OK, "%s", status_name(status));
		}
		for (size_t i = 0; i < gather.range_count; i++) {
			REQUIRE(ranges[i].start <= ranges[i].last &&
					!(ranges[i].start == 0 && ranges[i].last != granule - 1),
				"0x%" PRIx64 " to 0x%" PRIx64, ranges[i].start, ranges[i].last);
			covered += ranges[i].last - ranges[i].start + 1;
		}
		REQUIRE(!gather.everything && covered == 2 * (count - first) * granule,
			"0x%" PRIx64 " bytes are asked for", covered);
		tlb_gather_finish(&gather);
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}

/* A mode that there is not is an error for a page at hand as for a range. */
FORMAT_TEST(full_tables, a_page_in_a_mode_that_there_is_not)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, granule);
	world_map(&world, virt + granule, 0, granule);
	for (unsigned int bit = 6; bit < 32; bit++) {
		struct page_table_op op = { .frames = world_frames(&world),
					    .mode = UINT32_C(1) << bit };
		struct memory_snapshot *before = memory_snapshot_take(world.memory);

		REQUIRE(page_table_unmap(&world.table, virt, granule, &op) == PAGING_BAD_ARGUMENT,
			"unmap");
		REQUIRE(page_table_write_protect(&world.table, virt, granule, &op) ==
				PAGING_BAD_ARGUMENT,
			"write_protect");
		REQUIRE(page_table_protect(&world.table, virt, granule, format_plain_flags(),
					   &op) == PAGING_BAD_ARGUMENT,
			"protect");
		REQUIRE(page_table_set_software(&world.table, virt, granule, 0, &op) ==
				PAGING_BAD_ARGUMENT,
			"set_software");
		memory_snapshot_require(world.memory, before);
		memory_snapshot_drop(before);
	}
	world_close(&world);
}

/* Flags of zero are no flags, also where a page has been unmapped and none mapped by itself yet. */
FORMAT_TEST(full_tables, no_flags_in_a_table_at_hand)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_flags none = { 0 };
	struct page_table_op op = { 0 };
	enum paging_status status;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, virt, 0, 3 * granule);
	status = page_table_unmap(&world.table, virt, granule, &op);
	REQUIRE(status == PAGING_OK, "unmap: %s", status_name(status));
	world_resync(&world);
	status = page_table_map_to(&world.table, virt, 0, none, op.frames);
	REQUIRE(status == PAGING_BAD_FLAGS, "map_to: %s", status_name(status));
	world_check(&world);
	world_close(&world);
}

/* A full table that was taken over can hold anything: it is looked into. */
static void adopted(const struct format_case *format, struct model_op what)
{
	static struct frame frames[4];
	struct tlb_range ranges[4];
	struct tlb_gather gather = {
		.ranges = ranges, .range_capacity = 4, .frames = frames, .frame_capacity = 4
	};
	struct page_table_config config = format->config;
	bool noted = what.kind == MODEL_ANNOTATE;
	bool global = format->all_global || what.flags.global;
	enum paging_status status;
	struct page_table_op op = { .mode = 0 };
	struct page_table table;
	struct book book;

	if (too_large(format) || !book_open(&book, format, 1, MEMORY_BY_OFFSET))
		return;
	what.virt = book.virt;
	if (noted) {
		map_unseen(&book, 0, book.entries - 1);
		what.virt = book_at(&book, book.entries - 1);
	}
	world_must(&book.world, &what);
	config.access = book.world.table.access;
	REQUIRE(page_table_adopt(&table, &config, book.world.table.root) == PAGING_OK, "adopt");
	op.gather = &gather;
	op.frames = gather.owner = world_frames(&book.world);
	status = page_table_unmap(&table, book.virt, book.span, &op);
	REQUIRE(status == (noted ? PAGING_NOT_MAPPED : PAGING_OK), "%s", status_name(status));
	REQUIRE(noted || gather.range_count != 0, "nothing is to be flushed");
	for (size_t i = 0; i < gather.range_count; i++)
		REQUIRE(ranges[i].tables || ranges[i].global == global, "range %zu: global %d", i,
			ranges[i].global);
	tlb_gather_finish(&gather);
	book.world.table.tables = book.world.memory->live;
	book.world.model.count = noted ? book.world.model.count : 0;
	world_check(&book.world);
	op = (struct page_table_op){ .frames = op.frames };
	REQUIRE(!noted || page_table_annotate(&book.world.table, what.virt, what.size, 0, &op) ==
				  PAGING_OK,
		"annotate");
	book_close(&book);
}

FORMAT_TEST(full_tables, of_an_adopted_table)
{
	struct model_op what = { .kind = MODEL_MAP, .size = format->level_size[1] };

	what.leaf_sizes = format_granule(format);
	what.flags = format_plain_flags();
	what.flags.global = 1;
	if (format->expressible(format, what.flags))
		adopted(format, what);
	what = (struct model_op){ .kind = MODEL_ANNOTATE, .size = format_granule(format) };
	what.note = 7;
	adopted(format, what);
}
