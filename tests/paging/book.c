/* SPDX-License-Identifier: MIT */
#include "book.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "require.h"

bool book_open(struct book *book, const struct format_case *format, uint64_t tables,
	       enum memory_reach reach)
{
	if (format->levels < 2)
		return false;
	book->format = *format;
	for (unsigned int level = 0; level < FORMAT_LEVELS_MAX; level++) {
		book->format.config.leaf_sizes &= ~format->group_size[level];
		book->format.group_size[level] = 0;
	}
	book->span = format->level_size[1];
	book->entries = book->span / format->level_size[0];
	book->virt = format_middle(format);
	book->count = tables * book->entries;
	book->pages = calloc(book->count, sizeof(*book->pages));
	REQUIRE(book->pages != NULL, "no memory");
	world_open(&book->world, &book->format, reach);
	return true;
}

void book_close(struct book *book)
{
	struct world *world = &book->world;
	struct page_table_op op = { .frames = world_frames(world), .mode = PAGING_SKIP_HOLES };
	struct input_range range = format_first_range(&book->format);
	enum paging_status status;

	status = page_table_unmap(&world->table, range.first, range.last - range.first + 1, &op);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	REQUIRE(world->memory->live == 1 && world->table.tables == 1,
		"%" PRIu64 " frames are out, the table counts %" PRIu64, world->memory->live,
		world->table.tables);
	model_drop(&world->model);
	model_init(&world->model, &book->format);
	world_check(world);
	free(book->pages);
	world_close(world);
}

virt_addr book_at(const struct book *book, uint64_t page)
{
	return book->virt + page * format_granule(&book->format);
}

phys_addr book_phys(const struct book *book, uint64_t page)
{
	return page * format_granule(&book->format);
}

void book_reach(struct book *book, enum memory_reach reach)
{
	struct table_access access;

	book->world.memory->reach = reach;
	access = memory_access(book->world.memory);
	page_table_rebase(&book->world.table, book->format.config.format, &access);
}

void book_map(struct book *book, uint64_t first, uint64_t end, const struct book_style *style)
{
	for (uint64_t i = first; i < end; i++) {
		enum paging_status status = page_table_map_to(
			&book->world.table, book_at(book, i), style->phys(book, i),
			style->flags(book, i), world_frames(&book->world));

		REQUIRE(status == PAGING_OK, "page %" PRIu64 ": %s", i, status_name(status));
	}
}

void book_touch(struct book *book, uint64_t page, bool write)
{
	struct walk_access access = { write ? WALK_WRITE : WALK_READ, false };
	struct walk_result leaf = world_translate(&book->world, book_at(book, page), access);

	if (leaf.fault == WALK_OK)
		(void)world_mark(&book->world, &leaf, write);
}

void book_note(struct book *book)
{
	for (uint64_t i = 0; i < book->count; i++) {
		struct book_page *page = &book->pages[i];

		page->mapped = page_table_query(&book->world.table, book_at(book, i),
						&page->mapping) == PAGING_OK;
	}
}

bool book_writable(const struct book *book, uint64_t page)
{
	return book->pages[page].mapped && book->pages[page].mapping.flags.write;
}

/* Writes get through, or not, as the flags say. */
static void require_seen(struct book *book, uint64_t page, struct page_flags flags)
{
	for (unsigned int user = 0; user < 2; user++) {
		struct walk_access access = { WALK_WRITE, user != 0 };
		struct walk_result seen =
			world_translate(&book->world, book_at(book, page), access);

		REQUIRE(seen.fault ==
				(flags.write && (!user || flags.user || book->format.second_stage)
					 ? WALK_OK
					 : WALK_DENIED),
			"page %" PRIu64 ": a write is %d", page, (int)seen.fault);
		REQUIRE(!seen.shadow_stack, "page %" PRIu64 " is a shadow stack's", page);
		REQUIRE(seen.phys == book->pages[page].mapping.phys,
			"page %" PRIu64 " goes to 0x%" PRIx64, page, seen.phys);
	}
}

void book_require(struct book *book, uint64_t page, bool protected)
{
	const struct book_page *was = &book->pages[page];
	struct page_mapping now;
	enum paging_status status = page_table_query(&book->world.table, book_at(book, page), &now);
	struct page_flags flags = was->mapping.flags;
	char before[64], after[64];

	REQUIRE(status == (was->mapped ? PAGING_OK : PAGING_NOT_MAPPED), "page %" PRIu64 ": %s",
		page, status_name(status));
	if (!was->mapped)
		return;
	if (protected)
		flags.write = 0;
	REQUIRE(now.phys == was->mapping.phys && now.size == was->mapping.size &&
			page_flags_equal(now.flags, flags),
		"page %" PRIu64 " (%s, 0x%" PRIx64 ") is now %s, 0x%" PRIx64, page,
		flags_text(was->mapping.flags, before), was->mapping.phys,
		flags_text(now.flags, after), now.phys);
	require_seen(book, page, flags);
}
