/* SPDX-License-Identifier: MIT */
/* Operations that follow what hardware marks: write_protect and harvest. */
#include "suite.h"

#include <inttypes.h>

#include "flushing.h"
#include "require.h"
#include "rng.h"
#include "world.h"

static void must(enum paging_status status, const char *what)
{
	REQUIRE(status == PAGING_OK, "%s: %s", what, status_name(status));
}

FORMAT_TEST(marks, write_protect_takes_write_and_nothing_else)
{
	uint64_t granule = format_granule(format), size = 3 * granule;
	virt_addr at = format_roomy(format);
	struct page_flags flags = format_plain_flags();
	struct flushing f;
	struct world world;

	if (size < format_largest_leaf(format))
		size = format_largest_leaf(format);
	flags.software = 1;
	flags.dirty = format_has_dirty(format);
	for (unsigned int live = 0; live < 2; live++) {
		struct page_table_op op = { .mode = PAGING_SPLIT };
		struct page_flags after = flags;
		struct page_mapping mapping;

		world_open(&world, format, MEMORY_BY_OFFSET);
		flushing_init(&f, &world);
		op.frames = world_frames(&world);
		op.gather = live ? &f.gather : NULL;
		must(page_table_map(&world.table, at, 0, size, flags, &op), "map");
		must(page_table_write_protect(&world.table, at + granule, granule, &op), "protect");
		tlb_gather_finish(&f.gather);
		after.write = 0;
		after = format->reported(format, after);
		mapping = world_query(&world, at + granule);
		REQUIRE(page_flags_equal(mapping.flags, after), "other flags changed");
		REQUIRE(world_query(&world, at).flags.write, "a neighbour lost write");
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}

struct found {
	virt_addr virt[64];
	unsigned int count;
};

static bool note(void *context, const struct page_visit *visit)
{
	struct found *found = context;

	REQUIRE(visit->kind == PAGE_VISIT_LEAF && found->count < 64, "a strange visit");
	found->virt[found->count++] = visit->mapping.virt;
	return true;
}

static bool note_and_stop(void *context, const struct page_visit *visit)
{
	*(struct page_mapping *)context = visit->mapping;
	return false;
}

/* Stopped at each leaf, a group or not, it goes on behind that one. */
FORMAT_TEST(marks, harvest_that_is_stopped_says_how_far_it_came)
{
	uint64_t granule = format_granule(format);
	uint64_t group = format->group_size[0] != 0 ? format->group_size[0] : 4 * granule;
	uint64_t size = 2 * group + 3 * granule, done = 0;
	virt_addr at = format_roomy(format);
	struct page_flags flags = format_plain_flags();
	struct page_table_op op = { 0 };
	struct page_mapping shown;
	unsigned int leaves = 0;
	struct world world;

	if (!format_has_dirty(format))
		return;
	flags.dirty = 1;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	must(page_table_map(&world.table, at, 0, size, flags, &op), "map");
	while (done < size) {
		enum paging_status status =
			page_table_harvest(&world.table, at + done, size - done, PAGE_MARK_DIRTY,
					   note_and_stop, &shown, &op);

		REQUIRE(status == PAGING_STOPPED, "%s at 0x%" PRIx64, status_name(status), done);
		REQUIRE(shown.virt == at + done && op.done == shown.size,
			"0x%" PRIx64 "+0x%" PRIx64 " is shown, 0x%" PRIx64 " done after 0x%" PRIx64,
			shown.virt, shown.size, op.done, done);
		done += op.done;
		leaves++;
	}
	REQUIRE(leaves == (format->group_size[0] != 0 ? 2 : 8) + 3, "%u leaves", leaves);
	world_resync(&world);
	world_close(&world);
}

FORMAT_TEST(marks, harvest_finds_what_was_written_once)
{
	uint64_t granule = format_granule(format), seed = 7;
	virt_addr at = format_roomy(format);
	struct page_table_op op = { 0 };
	bool written[40] = { false };
	struct found found;
	struct flushing f;
	struct world world;
	unsigned int expected;

	if (!format_has_dirty(format))
		return;
	world_open(&world, format, MEMORY_BY_HOOK);
	flushing_init(&f, &world);
	op.frames = world_frames(&world);
	op.leaf_sizes = granule;
	must(page_table_map(&world.table, at, 0, 40 * granule, format_plain_flags(), &op), "map");
	op.gather = &f.gather;
	for (unsigned int round = 0; round < 4; round++) {
		expected = 0;
		for (unsigned int i = 0; i < 40; i++) {
			written[i] = (rng_next(&seed) & 3) == 0;
			if (written[i])
				world_touch(&world, at + i * granule, true);
			expected += written[i];
		}
		found.count = 0;
		must(page_table_harvest(&world.table, at, 40 * granule, PAGE_MARK_DIRTY, note,
					&found, &op),
		     "harvest");
		REQUIRE(found.count == expected, "round %u: %u found, %u written", round,
			found.count, expected);
		for (unsigned int i = 0; i < found.count; i++)
			REQUIRE(written[(found.virt[i] - at) / granule],
				"0x%" PRIx64 " was not written", found.virt[i]);
		REQUIRE(expected == 0 || tlb_gather_needed(&f.gather), "nothing to flush");
		tlb_gather_finish(&f.gather);
		for (unsigned int i = 0; i < 40; i++)
			REQUIRE(!world_query(&world, at + i * granule).flags.dirty,
				"page %u is dirty", i);
		REQUIRE(!world_query(&world, at).flags.idle, "accessed went too");
	}
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

/* Neighbours of the range are marked too, and stay so. */
FORMAT_TEST(marks, harvest_is_of_the_range)
{
	uint64_t granule = format_granule(format);
	virt_addr at = format_roomy(format);
	struct page_table_op op = { .leaf_sizes = granule };
	struct found found = { .count = 0 };
	struct world world;

	if (!format_has_dirty(format))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	must(page_table_map(&world.table, at, 0, 5 * granule, format_plain_flags(), &op), "map");
	for (unsigned int i = 0; i < 5; i++)
		world_touch(&world, at + i * granule, true);
	must(page_table_harvest(&world.table, at + granule, 3 * granule, PAGE_MARK_DIRTY, note,
				&found, &op),
	     "harvest");
	REQUIRE(found.count == 3 && found.virt[0] == at + granule &&
			found.virt[2] == at + 3 * granule,
		"%u found, from 0x%" PRIx64, found.count, found.virt[0]);
	for (unsigned int i = 0; i < 5; i++)
		REQUIRE(world_query(&world, at + i * granule).flags.dirty == (i == 0 || i == 4),
			"page %u", i);
	world_resync(&world);
	world_close(&world);
}

/* A group that has it all already: no break-before-make, and nothing for the gather. */
FORMAT_TEST(marks, groups_that_stay_are_not_broken)
{
	virt_addr at = format_roomy(format);
	struct page_flags flags = format_plain_flags();
	struct page_table_op op = { 0 };
	struct flushing f;
	struct world world;

	for (unsigned int level = 0; level < 2; level++) {
		uint64_t size = format->group_size[level];

		if (size == 0)
			continue;
		world_open(&world, format, MEMORY_BY_OFFSET);
		flushing_init(&f, &world);
		op.frames = world_frames(&world);
		op.gather = &f.gather;
		must(page_table_map(&world.table, at, 0, size, flags, &op), "map");
		REQUIRE(world_query(&world, at).size == size, "no group");
		must(page_table_write_protect(&world.table, at, size, &op), "write_protect");
		REQUIRE(f.flushes == 1, "%u flushes", f.flushes);
		f.gather.flush = NULL; /* and so nothing can be broken */
		flags.write = 0;
		must(page_table_write_protect(&world.table, at, size, &op), "again");
		must(page_table_protect(&world.table, at, size, flags, &op), "protect");
		REQUIRE(!tlb_gather_needed(&f.gather), "%zu ranges", f.gather.range_count);
		flags.write = 1;
		REQUIRE(page_table_protect(&world.table, at, size, flags, &op) ==
				PAGING_NEEDS_FLUSH,
			"a group is changed in place");
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}
