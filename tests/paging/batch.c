/* SPDX-License-Identifier: MIT */
/* Many single pages in one call. */
#include <inttypes.h>

#include "require.h"
#include "suite.h"
#include "twofold/page_batch.h"
#include "world.h"

/* More than go down side by side, and no multiple of that. */
#define PAGES     53
#define UNTOUCHED UINT64_C(0xeeeeeeeeeeeeeeee)

/* Pages that share a lowest table by fours, in no order, each with an address of its own in it. */
static void scatter(const struct format_case *format, struct page_pair pages[PAGES])
{
	uint64_t granule = format_granule(format), span = format->level_size[1];

	for (size_t i = 0; i < PAGES; i++) {
		size_t n = i * 20 % PAGES;

		pages[i].virt = format_middle(format) + n / 4 * span + n % 4 * 3 * granule;
		pages[i].phys = (n + 1) * 7 * granule;
	}
}

static phys_addr seen_at(struct world *world, virt_addr virt)
{
	struct walk_result seen = world_translate(world, virt, world_accesses[0]);

	return seen.fault == WALK_OK ? seen.phys : UNTOUCHED;
}

static enum paging_status map_them(struct world *world, const struct page_pair *pages, size_t count,
				   size_t *done)
{
	const struct page_flags flags = { .read = 1, .write = 1, .execute = 1 };

	return page_table_map_batch(&world->table, pages, count, flags, world_frames(world), done);
}

static void maps_and_translates(const struct format_case *format, enum memory_reach reach)
{
	struct page_pair pages[PAGES], asked[PAGES];
	enum paging_status status;
	struct world world;
	size_t done;

	world_open(&world, format, reach);
	scatter(format, pages);
	status = map_them(&world, pages, PAGES, &done);
	REQUIRE(status == PAGING_OK && done == PAGES, "%s after %zu", status_name(status), done);
	world_resync(&world);
	world_check(&world);
	for (size_t i = 0; i < PAGES; i++) {
		REQUIRE(seen_at(&world, pages[i].virt) == pages[i].phys, "page %zu", i);
		asked[i].virt = pages[i].virt + i;
		asked[i].phys = UNTOUCHED;
	}
	status = page_table_translate_batch(&world.table, asked, PAGES, &done);
	REQUIRE(status == PAGING_OK && done == PAGES, "%s after %zu", status_name(status), done);
	for (size_t i = 0; i < PAGES; i++)
		REQUIRE(asked[i].phys == pages[i].phys + i, "page %zu: 0x%" PRIx64, i,
			asked[i].phys);
	world_close(&world);
}

FORMAT_TEST(batch, maps_and_translates)
{
	maps_and_translates(format, MEMORY_BY_OFFSET);
	maps_and_translates(format, MEMORY_BY_HOOK);
}

/* Each batch has its own flags, whatever the one before had. */
static void two_batches(const struct format_case *format)
{
	struct page_flags flags = format_plain_flags();
	struct page_pair pages[PAGES];
	struct world world;
	size_t done;

	world_open(&world, format, MEMORY_BY_OFFSET);
	scatter(format, pages);
	for (size_t i = 0; i < PAGES; i += 8) {
		size_t count = PAGES - i < 8 ? PAGES - i : 8;
		enum paging_status status;

		flags.write = i / 8 % 2;
		status = page_table_map_batch(&world.table, pages + i, count, flags,
					      world_frames(&world), &done);
		REQUIRE(status == PAGING_OK && done == count, "%s after %zu", status_name(status),
			done);
	}
	for (size_t i = 0; i < PAGES; i++) {
		struct page_mapping mapping = world_query(&world, pages[i].virt);

		REQUIRE(mapping.flags.write == i / 8 % 2 && mapping.phys == pages[i].phys,
			"page %zu", i);
	}
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(batch, flags)
{
	struct format_case parallel = format_parallel(format);

	two_batches(format);
	two_batches(&parallel);
}

/* Leaves of every size, from their first byte to their last. */
FORMAT_TEST(batch, translates_large_leaves)
{
	struct page_pair asked[2 * PAGE_TABLE_MAX_LEVELS];
	size_t count = 0, done;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t size = format->level_size[level];
		virt_addr virt = format_middle(format) + level * format->level_size[1];

		if ((format->config.leaf_sizes & size) == 0)
			break;
		virt = level > 1 ? format_middle(format) + size : virt;
		world_map(&world, virt, 0, size);
		asked[count++].virt = virt;
		asked[count++].virt = virt + (size - 1);
	}
	REQUIRE(page_table_translate_batch(&world.table, asked, count, &done) == PAGING_OK &&
			done == count,
		"%zu of %zu", done, count);
	for (size_t i = 0; i < count; i += 2) {
		REQUIRE(asked[i].phys == 0, "starts at 0x%" PRIx64, asked[i].phys);
		REQUIRE(asked[i + 1].phys == asked[i + 1].virt - asked[i].virt,
			"ends at 0x%" PRIx64, asked[i + 1].phys);
	}
	world_close(&world);
}

/* Wherever in the batch the bad one is: what is before it is done, and nothing after it. */
FORMAT_TEST(batch, ends_before_a_bad_page)
{
	struct page_pair pages[PAGES], asked[PAGES];
	enum paging_status status;
	struct world world;
	size_t done;

	scatter(format, pages);
	for (size_t bad = 0; bad < PAGES; bad += bad == 0 ? 15 : 1) {
		struct page_pair other = { .virt = pages[bad].virt, .phys = 0 };

		world_open(&world, format, MEMORY_BY_OFFSET);
		status = map_them(&world, &other, 1, &done);
		REQUIRE(status == PAGING_OK && done == 1, "the one: %s", status_name(status));
		status = map_them(&world, pages, PAGES, &done);
		REQUIRE(status == PAGING_ALREADY_MAPPED && done == bad, "%s after %zu, not %zu",
			status_name(status), done, bad);
		world_resync(&world);
		world_check(&world);
		for (size_t i = 0; i < PAGES; i++) {
			phys_addr phys = i == bad ? 0 : i < bad ? pages[i].phys : UNTOUCHED;

			REQUIRE(seen_at(&world, pages[i].virt) == phys, "bad %zu, page %zu", bad,
				i);
			asked[i].virt = pages[i].virt;
			asked[i].phys = UNTOUCHED;
		}
		status = page_table_translate_batch(&world.table, asked, PAGES, &done);
		REQUIRE(done == (bad + 1 < PAGES ? bad + 1 : PAGES) &&
				status == (bad + 1 < PAGES ? PAGING_NOT_MAPPED : PAGING_OK),
			"%s after %zu, bad %zu", status_name(status), done, bad);
		world_close(&world);
	}
}

/* Page `bad` has that bit below a page in one of its addresses. */
static void with_a_bit(const struct format_case *format, size_t bad, uint64_t bit, bool of_phys)
{
	struct page_pair pages[PAGES];
	enum paging_status status;
	struct world world;
	size_t done;

	scatter(format, pages);
	*(of_phys ? &pages[bad].phys : &pages[bad].virt) += bit;
	world_open(&world, format, MEMORY_BY_OFFSET);
	status = map_them(&world, pages, PAGES, &done);
	REQUIRE(status == PAGING_UNALIGNED && done == bad, "0x%" PRIx64 ": %s after %zu", bit,
		status_name(status), done);
	/* Where the tables are. */
	status = map_them(&world, pages + bad, 1, &done);
	REQUIRE(status == PAGING_UNALIGNED && done == 0, "0x%" PRIx64 ": %s", bit,
		status_name(status));
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

/* 18 is at an even place of its table, and 20 at an odd one, after others. */
FORMAT_TEST(batch, unaligned)
{
	for (uint64_t bit = 1; bit < format_granule(format); bit <<= 1) {
		for (unsigned int which = 0; which < 4; which++)
			with_a_bit(format, which / 2 == 0 ? 18 : 20, bit, which % 2 != 0);
	}
}

/* An address that the table has not, and flags that the format has not. */
FORMAT_TEST(batch, errors)
{
	const struct page_flags none = { .read = 0 };
	struct page_pair pages[PAGES];
	struct input_range ranges[2];
	enum paging_status status;
	struct world world;
	size_t done;

	world_open(&world, format, MEMORY_BY_OFFSET);
	scatter(format, pages);
	REQUIRE(map_them(&world, pages, 20, &done) == PAGING_OK, "the first");
	status = page_table_map_batch(&world.table, pages + 21, 1, none, world_frames(&world),
				      &done);
	REQUIRE(status == PAGING_BAD_FLAGS && done == 0, "no rights, in a table: %s",
		status_name(status));
	world_resync(&world);
	world_unmap(&world, format_first_range(format).first,
		    format_first_range(format).last - format_first_range(format).first + 1,
		    PAGING_SKIP_HOLES);
	if (page_table_ranges(&world.table, ranges) == 2 || ranges[0].last != UINT64_MAX) {
		pages[20].virt = ranges[0].last + 1;
		status = map_them(&world, pages, PAGES, &done);
		REQUIRE(status == PAGING_INPUT_RANGE && done == 20, "map: %s after %zu",
			status_name(status), done);
		status = page_table_translate_batch(&world.table, pages, PAGES, &done);
		REQUIRE(status == PAGING_INPUT_RANGE && done == 20, "translate: %s after %zu",
			status_name(status), done);
	}
	status = page_table_map_batch(&world.table, pages + 30, 1, none, world_frames(&world),
				      &done);
	REQUIRE(status == PAGING_BAD_FLAGS && done == 0, "no rights: %s", status_name(status));
	REQUIRE(page_table_translate_batch(&world.table, pages, 0, &done) == PAGING_OK && done == 0,
		"an empty batch");
	world_resync(&world);
	world_close(&world);
}
