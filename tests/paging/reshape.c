/* SPDX-License-Identifier: MIT */
/*
 * Operations that change the shape of a table and not what it says (split, collapse), and that put
 * one mapping over another (replace).
 */
#include "suite.h"

#include <inttypes.h>
#include <string.h>

#include "flushing.h"
#include "require.h"
#include "world.h"

static void must(enum paging_status status, const char *what)
{
	REQUIRE(status == PAGING_OK, "%s: %s", what, status_name(status));
}

/* Looks at the whole table and takes it as it is; it must mean what it meant. */
static void same_meaning(struct world *world)
{
	struct model before = { 0 };

	model_copy(&before, &world->model);
	world_resync(world);
	REQUIRE(model_same_translation(&before, &world->model), "a translation changed");
	model_drop(&before);
	world_check(world);
}

FORMAT_TEST(reshape, split_leaves_no_larger_leaf_and_no_other_meaning)
{
	uint64_t largest = format_largest_leaf(format), granule = format_granule(format);
	virt_addr at = format_roomy(format);
	struct flushing f;
	struct world world;

	for (unsigned int live = 0; live < 2; live++) {
		struct page_table_op op = { 0 };

		world_open(&world, format, MEMORY_BY_HOOK);
		world_map(&world, at, 0, 2 * largest);
		flushing_init(&f, &world);
		op.frames = world_frames(&world);
		op.gather = live ? &f.gather : NULL;
		must(page_table_split(&world.table, at + granule, granule, granule, &op), "split");
		REQUIRE(op.done == granule, "done 0x%" PRIx64, op.done);
		REQUIRE(world_query(&world, at + granule).size == granule, "a leaf is too large");
		REQUIRE(world_query(&world, at + largest).size == largest,
			"more was split than asked");
		tlb_gather_finish(&f.gather);
		same_meaning(&world);
		/* There is nothing left to do, and nothing is taken for it. */
		op.frames = NULL;
		must(page_table_split(&world.table, at + granule, granule, granule, &op), "again");
		world_close(&world);
	}
}

FORMAT_TEST(reshape, split_keeps_what_hardware_marked)
{
	uint64_t largest = format_largest_leaf(format), granule = format_granule(format);
	virt_addr at = format_roomy(format);
	struct page_table_op op = { 0 };
	struct world world;

	if (!format_has_dirty(format) || largest == granule)
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, at, 0, largest);
	world_touch(&world, at, true);
	world_resync(&world);
	op.frames = world_frames(&world);
	must(page_table_split(&world.table, at, granule, granule, &op), "split");
	REQUIRE(world_query(&world, at).flags.dirty, "the page that was split off is clean");
	REQUIRE(world_query(&world, at + largest - 1).flags.dirty, "the rest is clean");
	same_meaning(&world);
	world_close(&world);
}

FORMAT_TEST(reshape, split_within_a_budget_comes_to_the_same)
{
	uint64_t largest = format_largest_leaf(format), granule = format_granule(format);
	uint64_t next = format_split_leaf(format, largest);
	virt_addr at = format_roomy(format), from = at;
	uint64_t left = 3 * largest, tables;
	enum paging_status status = PAGING_BUDGET;
	unsigned int calls = 0;
	struct world world;

	if (next == 0)
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, at, 0, 3 * largest);
	while (status == PAGING_BUDGET) {
		struct page_table_op op = { .frames = world_frames(&world),
					    .mode = PAGING_RESUMABLE,
					    .budget = 1 };

		tables = world.table.tables;
		status = page_table_split(&world.table, from, left, next, &op);
		REQUIRE(world.table.tables <= tables + 1, "more than the budget");
		REQUIRE(addr_is_aligned(op.done, granule) && op.done <= left, "done 0x%" PRIx64,
			op.done);
		from += op.done;
		left -= op.done;
		REQUIRE(++calls < 20, "no progress");
	}
	must(status, "the last call");
	REQUIRE(left == 0, "0x%" PRIx64 " left", left);
	for (unsigned int i = 0; i < 3; i++)
		REQUIRE(world_query(&world, at + i * largest).size == next, "leaf %u", i);
	same_meaning(&world);
	world_close(&world);
}

FORMAT_TEST(reshape, split_without_memory_changes_nothing)
{
	uint64_t largest = format_largest_leaf(format), granule = format_granule(format);
	virt_addr at = format_roomy(format);
	struct world world;

	for (uint64_t n = 1; n < 8; n++) {
		struct page_table_op op = { 0 };
		struct memory_snapshot *before;
		enum paging_status status;

		world_open(&world, format, MEMORY_BY_OFFSET);
		world_map(&world, at, 0, 2 * largest);
		op.frames = world_frames(&world);
		before = memory_snapshot_take(world.memory);
		memory_fail_at(world.memory, n, true);
		status = page_table_split(&world.table, at + largest - granule, 2 * granule,
					  granule, &op);
		if (status != PAGING_OK) {
			REQUIRE(status == PAGING_NO_MEMORY, "%s", status_name(status));
			memory_snapshot_require(world.memory, before);
		}
		memory_fail_at(world.memory, 0, false);
		memory_snapshot_drop(before);
		same_meaning(&world);
		world_close(&world);
		if (status == PAGING_OK)
			return;
	}
	REQUIRE(false, "it never had enough memory");
}

FORMAT_TEST(reshape, collapse_undoes_split)
{
	uint64_t largest = format_largest_leaf(format), granule = format_granule(format);
	virt_addr at = format_roomy(format);
	struct flushing f;
	struct world world;

	for (unsigned int live = 0; live < 2; live++) {
		struct page_table_op op = { 0 };
		uint64_t tables;

		world_open(&world, format, MEMORY_BY_HOOK);
		world_map(&world, at, 0, 2 * largest);
		tables = world.table.tables;
		flushing_init(&f, &world);
		op.frames = world_frames(&world);
		op.gather = live ? &f.gather : NULL;
		must(page_table_split(&world.table, at, granule, granule, &op), "split");
		if (format_has_dirty(format) && largest != granule)
			world_touch(&world, at + largest - 1, true);
		must(page_table_collapse(&world.table, at, 2 * largest, &op), "collapse");
		tlb_gather_finish(&f.gather);
		REQUIRE(world.table.tables == tables, "%" PRIu64 " tables, not %" PRIu64,
			world.table.tables, tables);
		REQUIRE(world_query(&world, at).size == largest, "not collapsed");
		if (format_has_dirty(format) && largest != granule)
			REQUIRE(world_query(&world, at).flags.dirty, "dirty was lost");
		REQUIRE(!live || largest == granule || f.flushes != 0, "never flushed");
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}

/* Splits a leaf of a live table into those of the next level and joins them again. */
static void there_and_back(struct world *world, unsigned int level, struct page_flags flags)
{
	uint64_t size = world->format->level_size[level];
	virt_addr at = format_roomy(world->format);
	struct page_table_op op = { .frames = world_frames(world), .leaf_sizes = size };
	struct page_mapping before, after;
	struct flushing f;

	flushing_init(&f, world);
	must(page_table_map(&world->table, at, 0, size, flags, &op), "map");
	before = world_query(world, at);
	op.gather = &f.gather;
	must(page_table_split(&world->table, at, size, world->format->level_size[level - 1], &op),
	     "split");
	after = world_query(world, at + size / 2);
	REQUIRE(after.phys == size / 2 && after.flags.type == flags.type, "0x%" PRIx64, after.phys);
	must(page_table_collapse(&world->table, at, size, &op), "collapse");
	tlb_gather_finish(&f.gather);
	after = world_query(world, at);
	REQUIRE(after.size == size && after.phys == before.phys &&
			page_flags_equal(after.flags, before.flags) &&
			after.flags.type == flags.type,
		"0x%" PRIx64 " of type %u", after.size, after.flags.type);
	world_resync(world);
	world_check(world);
	must(page_table_unmap(&world->table, at, size, &op), "unmap");
	tlb_gather_finish(&f.gather);
	world_resync(world);
}

/* Each memory type, which has its bits elsewhere in larger leaves. */
FORMAT_TEST(reshape, collapse_keeps_the_type)
{
	struct page_flags flags = format_plain_flags();
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int type = 0; type < MEMORY_TYPES; type++) {
		flags.type = type & 7;
		if (!format->expressible(format, flags))
			continue;
		for (unsigned int level = 1; level < format->levels; level++) {
			require_story_begin("type %u, level %u", type, level);
			if (format_has_leaf(format, format->level_size[level]))
				there_and_back(&world, level, flags);
		}
	}
	world_close(&world);
}

enum unlike {
	UNLIKE_RIGHTS,
	UNLIKE_HOLE,
	UNLIKES, /* below it, of one page */
	UNLIKE_UNALIGNED = UNLIKES,
	UNLIKE_LAST_LEFT_OUT,
	UNLIKE_FIRST_LEFT_OUT,
};

/* Page `odd` of a table's is not like the others; or all are where no leaf can lead, or are not all
 * in the range. */
static void collapse_with_one(const struct format_case *format, enum unlike what, uint64_t odd)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr at = addr_align_down(format_middle(format), span), from = at;
	struct page_flags other = format_plain_flags();
	struct page_table_op op = { .mode = PAGING_SPLIT, .leaf_sizes = granule };
	uint64_t size = span, tables;
	struct world world;

	other.execute = 0;
	if (!format->expressible(format, other)) {
		other = format_plain_flags();
		other.write = 0;
	}
	world_open(&world, format, MEMORY_BY_OFFSET);
	require_story("case %d, page %" PRIu64, (int)what, odd);
	op.frames = world_frames(&world);
	must(page_table_map(&world.table, at, what == UNLIKE_UNALIGNED ? granule : 0, span,
			    format_plain_flags(), &op),
	     "map");
	if (what == UNLIKE_RIGHTS)
		must(page_table_protect(&world.table, at + odd * granule, granule, other, &op),
		     "protect");
	if (what == UNLIKE_HOLE)
		must(page_table_unmap(&world.table, at + odd * granule, granule, &op), "unmap");
	if (what >= UNLIKE_LAST_LEFT_OUT)
		size -= granule;
	if (what == UNLIKE_FIRST_LEFT_OUT)
		from += granule;
	world_resync(&world);
	tables = world.table.tables;
	op.leaf_sizes = 0;
	must(page_table_collapse(&world.table, from, size, &op), "collapse");
	REQUIRE(world.table.tables == tables, "it was joined");
	same_meaning(&world);
	world_close(&world);
}

FORMAT_TEST(reshape, collapse_joins_only_what_is_alike)
{
	uint64_t last = format->level_size[1] / format_granule(format) - 1;
	const uint64_t odd[] = { 0, 1, 2, 3, last };

	for (int what = 0; what < UNLIKES; what++) {
		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
			collapse_with_one(format, (enum unlike)what, odd[i]);
	}
	for (int what = UNLIKES; what <= UNLIKE_FIRST_LEFT_OUT; what++)
		collapse_with_one(format, (enum unlike)what, 0);
}

/* Some have been accessed and some written to: as a leaf they are all of it. */
FORMAT_TEST(reshape, collapse_joins_what_hardware_marked)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr at = addr_align_down(format_middle(format), span);
	struct page_flags idle = format_plain_flags();
	struct page_table_op op = { .leaf_sizes = granule };
	struct world world;

	idle.idle = 1;
	if (!format->expressible(format, idle) || !format_has_leaf(format, span))
		return;
	for (unsigned int write = 0; write < 1u + format_has_dirty(format); write++) {
		world_open(&world, format, MEMORY_BY_OFFSET);
		op.frames = world_frames(&world);
		op.leaf_sizes = granule;
		must(page_table_map(&world.table, at, 0, span, idle, &op), "map");
		world_touch(&world, at + 3 * granule, write != 0);
		op.leaf_sizes = 0;
		must(page_table_collapse(&world.table, at, span, &op), "collapse");
		REQUIRE(world_query(&world, at).size == span &&
				!world_query(&world, at).flags.idle &&
				world_query(&world, at).flags.dirty == write,
			"0x%" PRIx64, world_query(&world, at).size);
		world_resync(&world);
		world_check(&world);
		world_close(&world);
	}
}

/* Nor a group that the range has but a part of. */
FORMAT_TEST(reshape, collapse_joins_no_group_in_part)
{
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t piece = format->level_size[level], size = format->group_size[level];
		virt_addr at = size == 0 ? 0 : addr_align_down(format_middle(format), size) + size;
		struct page_table_op op = { .frames = world_frames(&world), .leaf_sizes = piece };

		if (!format_has_leaf(format, size) || !format_has_leaf(format, piece))
			continue;
		must(page_table_map(&world.table, at, 0, size, format_plain_flags(), &op), "map");
		op.leaf_sizes = 0;
		must(page_table_collapse(&world.table, at + piece, size - piece, &op), "collapse");
		must(page_table_collapse(&world.table, at, size - piece, &op), "collapse");
		REQUIRE(world_query(&world, at).size == piece, "level %u: joined", level);
		must(page_table_collapse(&world.table, at, size, &op), "collapse");
		REQUIRE(world_query(&world, at).size == size, "level %u: not joined", level);
		must(page_table_unmap(&world.table, at, size, &op), "unmap");
	}
	world_close(&world);
}

/* Alike and in a row as they are, leaves stay single where the table has no groups: at every level,
 * the root's too. */
FORMAT_TEST(reshape, collapse_makes_no_groups_that_the_table_has_not)
{
	const uint64_t most = 128; /* entries of the largest group there is */
	struct input_range range = format_first_range(format);
	struct page_table_op op = { 0 };
	struct world world;

	if (format_has_groups(format))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	op.leaf_sizes = UINT64_MAX; /* whatever is asked for */
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t size = format->level_size[level];
		struct model_op what = { .kind = MODEL_MAP, .virt = range.first };

		what.size = most * size;
		what.leaf_sizes = size;
		what.flags = format_plain_flags();
		if (!format_has_leaf(format, size) || what.size > (range.last - range.first) / 4 ||
		    what.size > format_output_last(format))
			continue;
		world_must(&world, &what);
		must(page_table_collapse(&world.table, what.virt, what.size, &op), "collapse");
		for (uint64_t at = 0; at < what.size; at += size)
			REQUIRE(world_query(&world, what.virt + at).size == size,
				"level %u: 0x%" PRIx64, level,
				world_query(&world, what.virt + at).size);
		same_meaning(&world);
		world_unmap(&world, what.virt, what.size, 0);
	}
	world_close(&world);
}

FORMAT_TEST(reshape, collapse_of_a_live_table_needs_a_flush)
{
	struct tlb_gather gather = { 0 };
	struct page_table_op op = { .gather = &gather };
	enum paging_status status;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, format_roomy(format), 0, format_granule(format));
	status = page_table_collapse(&world.table, format_roomy(format), format_granule(format),
				     &op);
	REQUIRE(status == PAGING_NEEDS_FLUSH, "%s", status_name(status));
	world_check(&world);
	world_close(&world);
}

/* What the plan of such a change says it will come to, and what it then comes to: both are `size`
 * from `start` on. */
static void enlarge(struct world *world, enum model_kind kind, virt_addr virt, uint64_t bytes,
		    virt_addr start, uint64_t size)
{
	struct model_op what = { .kind = kind, .virt = virt, .size = bytes };
	struct page_table_op op = { .frames = world_frames(world) };
	struct memory_snapshot *before = memory_snapshot_take(world->memory);

	what.flags = format_plain_flags();
	what.flags.write = 0;
	what.mode = PAGING_ENLARGE | PAGING_SKIP_HOLES | PAGING_PLAN;
	must(world_do(world, &what, &op), "the plan");
	REQUIRE(op.enlarged == start && op.enlarged_size == size && op.done == 0,
		"planned 0x%" PRIx64 "+0x%" PRIx64 ", not 0x%" PRIx64 "+0x%" PRIx64, op.enlarged,
		op.enlarged_size, start, size);
	memory_snapshot_require(world->memory, before);
	memory_snapshot_drop(before);
	what.mode &= ~(uint32_t)PAGING_PLAN;
	must(world_do(world, &what, &op), "the operation");
	REQUIRE(op.enlarged == start && op.enlarged_size == size && op.done == bytes,
		"0x%" PRIx64 "+0x%" PRIx64 " was done, 0x%" PRIx64 "+0x%" PRIx64 " was planned",
		op.enlarged, op.enlarged_size, start, size);
	model_apply(&world->model, &what, bytes);
	world_check(world);
}

/* Part of one leaf, the end of one and the beginning of the next, from a hole into one. */
FORMAT_TEST(reshape, a_plan_says_what_enlarging_will_come_to)
{
	static const enum model_kind kinds[] = { MODEL_PROTECT, MODEL_SOFTWARE, MODEL_UNMAP };
	uint64_t granule = format_granule(format);
	virt_addr at = format_roomy(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			world_map(&world, at, 0, size);
			world_map(&world, at + size, 2 * size, size);
			enlarge(&world, kinds[i], at + size - granule, granule, at, size);
			if (kinds[i] != MODEL_UNMAP)
				enlarge(&world, kinds[i], at + size - granule, 2 * granule, at,
					2 * size);
			enlarge(&world, MODEL_UNMAP, at, size, at, size);
			enlarge(&world, kinds[i], at + size - granule, 2 * granule,
				at + size - granule, granule + size);
			world_unmap(&world, at, 2 * size, PAGING_SKIP_HOLES);
		}
	}
	world_close(&world);
}

/* What replacing must come to: unmapping whatever is there, and mapping. */
static void model_replace(struct world *world, const struct model_op *what)
{
	struct model_op unmap = *what;

	unmap.kind = MODEL_UNMAP;
	unmap.mode = PAGING_SPLIT | PAGING_SKIP_HOLES;
	model_apply(&world->model, &unmap, what->size);
	model_apply(&world->model, what, what->size);
}

static void replace_over(const struct format_case *format, const struct model_op *old,
			 const struct model_op *new, bool live)
{
	struct page_table_op op = { .mode = PAGING_REPLACE };
	struct memory_snapshot *before;
	struct model meant = { 0 };
	struct flushing f;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_must(&world, old);
	flushing_init(&f, &world);
	op.frames = world_frames(&world);
	op.gather = live ? &f.gather : NULL;
	op.leaf_sizes = new->leaf_sizes;
	/* First with too little memory, if it takes any. */
	before = memory_snapshot_take(world.memory);
	memory_fail_at(world.memory, 1, true);
	if (page_table_map(&world.table, new->virt, new->phys, new->size, new->flags, &op) ==
	    PAGING_NO_MEMORY) {
		memory_snapshot_require(world.memory, before);
		memory_fail_at(world.memory, 0, false);
		must(page_table_map(&world.table, new->virt, new->phys, new->size, new->flags, &op),
		     "replace");
	}
	memory_fail_at(world.memory, 0, false);
	memory_snapshot_drop(before);
	REQUIRE(op.done == new->size, "done 0x%" PRIx64, op.done);
	tlb_gather_finish(&f.gather);
	model_replace(&world, new);
	model_copy(&meant, &world.model);
	world_resync(&world);
	REQUIRE(model_same_translation(&meant, &world.model), "not what was asked for");
	model_drop(&meant);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(reshape, replace_puts_a_mapping_over_any_other)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	uint64_t largest = format_largest_leaf(format);
	virt_addr at = format_roomy(format);
	uint64_t sizes[] = { granule, 3 * granule, span, span + granule, largest };
	struct page_flags flags = format_plain_flags();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			struct model_op old = {
				.kind = MODEL_MAP, .virt = at, .size = sizes[i], .flags = flags
			};
			struct model_op new = old;

			new.phys = largest;
			new.size = sizes[j];
			replace_over(format, &old, &new, false);
			new.virt += granule;
			new.phys += granule;
			replace_over(format, &old, &new, true);
			/* A table gives way to a leaf. */
			old.leaf_sizes = granule;
			new.virt = at;
			new.phys = largest;
			if (sizes[i] <= span + granule)
				replace_over(format, &old, &new, true);
		}
	}
}

/* The sizes that a map may use: a group is made of leaves that are allowed too. */
Test(reshape, groups_are_allowed_with_their_leaves)
{
	const uint64_t size_32m = UINT64_C(1) << 25;
	const struct {
		uint64_t allowed, seen;
	} cases[] = {
		{ 0, size_32m },
		{ size_32m | PAGE_SIZE_2M, size_32m },
		{ size_32m, PAGE_SIZE_4K },
		{ PAGE_SIZE_2M, PAGE_SIZE_2M },
		{ PAGE_SIZE_64K, PAGE_SIZE_64K },
		{ PAGE_SIZE_16K, PAGE_SIZE_4K }, /* which the table has not */
	};
	struct world world;
	virt_addr at;

	world_open(&world, format_case_named("s1-4k-48-groups"), MEMORY_BY_OFFSET);
	at = format_middle(world.format);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_table_op op = { .frames = world_frames(&world) };

		op.leaf_sizes = cases[i].allowed;
		must(page_table_map(&world.table, at, 0, size_32m, format_plain_flags(), &op),
		     "map");
		REQUIRE(world_query(&world, at).size == cases[i].seen,
			"0x%" PRIx64 " with 0x%" PRIx64, world_query(&world, at).size,
			cases[i].allowed);
		must(page_table_unmap(&world.table, at, size_32m, &op), "unmap");
	}
	world_close(&world);
}

/* Split to the size of a group, a block becomes single pages; a group of that size stays. */
Test(reshape, split_makes_no_groups)
{
	struct world world;
	struct page_table_op op = { .gather = NULL };
	virt_addr at;

	world_open(&world, format_case_named("s1-4k-48-groups"), MEMORY_BY_OFFSET);
	at = format_middle(world.format);
	op.frames = world_frames(&world);
	world_map(&world, at, 0, PAGE_SIZE_2M);
	world_map(&world, at + PAGE_SIZE_2M, PAGE_SIZE_64K, PAGE_SIZE_64K);
	REQUIRE(world_query(&world, at + PAGE_SIZE_2M).size == PAGE_SIZE_64K, "no group");
	must(page_table_split(&world.table, at, PAGE_SIZE_2M + PAGE_SIZE_64K, PAGE_SIZE_64K, &op),
	     "split");
	REQUIRE(world_query(&world, at).size == PAGE_SIZE_4K, "0x%" PRIx64,
		world_query(&world, at).size);
	REQUIRE(world_query(&world, at + PAGE_SIZE_2M).size == PAGE_SIZE_64K, "0x%" PRIx64,
		world_query(&world, at + PAGE_SIZE_2M).size);
	must(page_table_collapse(&world.table, at, PAGE_SIZE_2M, &op), "collapse");
	REQUIRE(world_query(&world, at).size == PAGE_SIZE_2M, "0x%" PRIx64,
		world_query(&world, at).size);
	world_close(&world);
}

/* Leaves that code is fetched from can be kept small, whatever is beside them (iTLB multihit). */
FORMAT_TEST(reshape, executable_leaves_are_capped)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = addr_align_down(format_middle(format), 4 * span);
	struct page_flags data = format_plain_flags(), code = data;
	struct page_table_op op = { .leaf_sizes = granule };
	struct world world;

	data.execute = 0;
	code.write = 0;
	if (!format_has_leaf(format, span) || !format->expressible(format, data))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	REQUIRE(page_table_map(&world.table, virt, 0, 2 * span, code, &op) == PAGING_OK, "no map");
	op.leaf_sizes = 0;
	REQUIRE(page_table_map(&world.table, virt + 2 * span, 0, span, data, &op) == PAGING_OK,
		"no map");
	op.leaf_sizes = granule;
	REQUIRE(page_table_collapse(&world.table, virt, 2 * span, &op) == PAGING_OK, "collapse");
	world_resync(&world);
	for (size_t i = 0; i < world.model.count; i++)
		REQUIRE(world.model.leaves[i].size == granule ||
				!world.model.leaves[i].flags.execute,
			"an executable leaf of 0x%" PRIx64, world.model.leaves[i].size);
	REQUIRE(world.model.leaves[world.model.count - 1].size == span, "data is capped too");
	op.leaf_sizes = 0;
	REQUIRE(page_table_collapse(&world.table, virt, 2 * span, &op) == PAGING_OK, "collapse");
	world_resync(&world);
	REQUIRE(world.model.leaves[0].size >= span, "without the cap it stays 0x%" PRIx64,
		world.model.leaves[0].size);
	world_check(&world);
	world_close(&world);
}
