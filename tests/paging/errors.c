/* SPDX-License-Identifier: MIT */
/* Every refusal by its name, in every format; world_step sees to it that nothing has changed. */
#include <inttypes.h>

#include "require.h"
#include "suite.h"
#include "world.h"

static void expect(struct world *world, const struct model_op *what, enum paging_status expected)
{
	enum paging_status status = world_step(world, what);

	REQUIRE(status == expected, "%s, not %s", status_name(status), status_name(expected));
}

/* All four operations with these addresses, in every mode. */
static void expect_all(struct world *world, struct model_op what, enum paging_status expected)
{
	uint64_t size = what.size;

	what.flags = format_plain_flags();
	for (what.mode = 0; what.mode < 8; what.mode++) {
		for (what.kind = MODEL_MAP_TO; what.kind <= MODEL_PROTECT; what.kind++) {
			what.size =
				what.kind == MODEL_MAP_TO ? format_granule(world->format) : size;
			if (what.kind == MODEL_MAP_TO && size != what.size)
				continue;
			expect(world, &what, expected);
		}
	}
}

FORMAT_TEST(errors, unaligned)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct model_op what = { .virt = virt, .size = granule };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t off = 1; off < granule; off <<= 1) {
		what.virt = virt + off;
		expect_all(&world, what, PAGING_UNALIGNED);
	}
	what.virt = virt;
	for (uint64_t off = 1; off < granule; off <<= 1) {
		what.size = granule + off;
		expect_all(&world, what, PAGING_UNALIGNED);
		what.size = off;
		expect_all(&world, what, PAGING_UNALIGNED);
	}
	what.size = granule;
	what.flags = format_plain_flags();
	for (uint64_t off = 1; off < granule; off <<= 1) {
		what.phys = off;
		for (what.kind = MODEL_MAP_TO; what.kind <= MODEL_MAP; what.kind++)
			expect(&world, &what, PAGING_UNALIGNED);
	}
	world_close(&world);
}

FORMAT_TEST(errors, bad_size)
{
	uint64_t granule = format_granule(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < count; i++) {
		struct model_op what = { .virt = ranges[i].first };

		expect_all(&world, what, PAGING_BAD_SIZE);
		what.virt = ranges[i].last - granule + 1;
		expect_all(&world, what, PAGING_BAD_SIZE);
		what.virt = ranges[i].first + 2 * granule; /* around the whole space, and on */
		what.size = 0 - granule;
		expect_all(&world, what, PAGING_BAD_SIZE);
		what.virt = ranges[i].last - granule + 1;
		what.size = 2 * granule;
		expect_all(&world, what,
			   ranges[i].last == UINT64_MAX ? PAGING_BAD_SIZE : PAGING_INPUT_RANGE);
	}
	world_close(&world);
}

static void query_refused(struct world *world, virt_addr virt)
{
	struct page_mapping mapping;
	enum paging_status status = page_table_query(&world->table, virt, &mapping);

	REQUIRE(status == PAGING_INPUT_RANGE, "query of 0x%" PRIx64 ": %s", virt,
		status_name(status));
}

static bool visit_nothing(void *context, const struct page_visit *visit)
{
	(void)context;
	REQUIRE(false, "a visit to 0x%" PRIx64, visit->mapping.virt);
	return false;
}

static void walk_refused(struct world *world, virt_addr virt, uint64_t size,
			 enum paging_status expected)
{
	enum paging_status status = page_table_walk(
		&world->table, virt, size, PAGE_VISIT_LEAF | PAGE_VISIT_HOLE | PAGE_VISIT_TABLE,
		visit_nothing, NULL);

	REQUIRE(status == expected, "walk of 0x%" PRIx64 "+0x%" PRIx64 ": %s", virt, size,
		status_name(status));
}

/* [virt, virt + size) is not all input addresses, its first granule and its last are or not. */
static void not_an_input(struct world *world, virt_addr virt, uint64_t size)
{
	struct model_op what = { .virt = virt, .size = size };
	struct page_table_op op = { .mode = 0 };
	struct input_range ranges[2];
	unsigned int count = format_ranges(world->format, ranges);
	virt_addr bad = virt; /* the first that is none */

	for (unsigned int i = 0; i < count; i++) {
		if (virt >= ranges[i].first && virt <= ranges[i].last)
			bad = ranges[i].last + 1;
	}
	(void)page_table_protect(&world->table, virt, size, format_plain_flags(), &op);
	REQUIRE(op.conflict == bad && op.conflict_size == 0, "0x%" PRIx64 " is said to be none",
		op.conflict);
	expect_all(world, what, PAGING_INPUT_RANGE);
	walk_refused(world, virt, size, PAGING_INPUT_RANGE);
}

FORMAT_TEST(errors, input_range)
{
	uint64_t granule = format_granule(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < count; i++) {
		virt_addr after = ranges[i].last + 1, before = ranges[i].first - granule;

		if (ranges[i].last != UINT64_MAX) {
			not_an_input(&world, after, granule);
			not_an_input(&world, after - granule, 2 * granule);
			not_an_input(&world, ranges[i].first, after - ranges[i].first + granule);
			not_an_input(&world, ranges[i].first, 0 - ranges[i].first - granule);
			query_refused(&world, after);
			query_refused(&world, after + 1);
			query_refused(&world, UINT64_C(1) << 63 | (after & (after >> 1)));
		}
		if (ranges[i].first != 0) {
			not_an_input(&world, before, granule);
			not_an_input(&world, before, 2 * granule);
			not_an_input(&world, granule, 0 - granule);
			query_refused(&world, ranges[i].first - 1);
			query_refused(&world, before);
		}
	}
	if (count == 2) { /* from one half into the other */
		not_an_input(&world, ranges[0].last + 1 - granule,
			     ranges[1].first - ranges[0].last - 1 + 2 * granule);
		not_an_input(&world, 0, 0 - granule);
	}
	walk_refused(&world, format_middle(format), 0, PAGING_BAD_SIZE);
	walk_refused(&world, format_middle(format), 0 - format_middle(format) + 1, PAGING_BAD_SIZE);
	world_close(&world);
}

FORMAT_TEST(errors, output_range)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	phys_addr last = format_output_last(format);
	struct model_op what = { .virt = format_middle(format), .size = granule };
	struct world world;

	what.flags = format_plain_flags();
	world_open(&world, format, MEMORY_BY_OFFSET);
	for (what.kind = MODEL_MAP_TO; what.kind <= MODEL_MAP; what.kind++) {
		what.phys = last + 1;
		expect(&world, &what, PAGING_OUTPUT_RANGE);
		what.phys = 0 - granule;
		expect(&world, &what, PAGING_OUTPUT_RANGE);
		for (uint64_t bit = last + 1; bit != 0; bit <<= 1) {
			what.phys = bit;
			expect(&world, &what, PAGING_OUTPUT_RANGE);
		}
	}
	what.kind = MODEL_MAP;
	what.phys = last + 1 - granule; /* only the end is beyond */
	what.size = 2 * granule;
	expect(&world, &what, PAGING_OUTPUT_RANGE);
	what.phys = last + 1 - size;
	what.size = size + granule;
	expect(&world, &what, PAGING_OUTPUT_RANGE);
	what.phys = 0 - granule; /* the end wraps to something small */
	what.size = 4 * granule;
	expect(&world, &what, PAGING_OUTPUT_RANGE);
	world_close(&world);
}

/* `what` is in the way of `other`, whatever that maps to. */
static void in_the_way(struct world *world, struct model_op other)
{
	const struct model_leaf leaf = world->model.leaves[0];

	for (other.mode = 0; other.mode <= PAGING_RESUMABLE; other.mode++) {
		other.kind = MODEL_MAP;
		other.flags = leaf.flags;
		other.phys = leaf.phys - leaf.virt + other.virt; /* identical where they meet */
		if (other.phys <= format_output_last(world->format))
			expect(world, &other, PAGING_ALREADY_MAPPED);
		other.phys = 0;
		expect(world, &other, PAGING_ALREADY_MAPPED);
		other.flags.write = 0;
		expect(world, &other, PAGING_ALREADY_MAPPED);
		if (leaf.virt > other.virt) /* what a resumable one has done until then */
			world_unmap(world, other.virt, leaf.virt - other.virt, PAGING_SKIP_HOLES);
	}
}

FORMAT_TEST(errors, already_mapped)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		struct model_op what = { .kind = MODEL_MAP_TO, .size = granule };

		what.flags = format_plain_flags();
		world_map(&world, virt, size, size);
		for (virt_addr page = virt; page < virt + size; page += size / 2 + granule) {
			what.virt = addr_align_down(page, granule);
			what.phys = size + what.virt - virt;
			expect(&world, &what, PAGING_ALREADY_MAPPED);
			what.phys = 0;
			expect(&world, &what, PAGING_ALREADY_MAPPED);
			in_the_way(&world, (struct model_op){ .virt = what.virt, .size = granule });
		}
		in_the_way(&world, (struct model_op){ .virt = virt, .size = size });
		in_the_way(&world, (struct model_op){ .virt = virt, .size = 2 * size });
		in_the_way(&world,
			   (struct model_op){ .virt = virt - granule, .size = 2 * granule });
		in_the_way(&world,
			   (struct model_op){ .virt = virt + size - granule, .size = 2 * granule });
		world_unmap(&world, virt, size, 0);
	}
	world_close(&world);
}

/* A single page deep below where a large leaf would go, at its start, middle and end. */
FORMAT_TEST(errors, already_mapped_larger_over_smaller)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		const uint64_t offsets[] = { 0, granule, size / 2, size - granule };

		for (size_t i = 0; i < 4; i++) {
			struct model_op what = { .kind = MODEL_MAP, .virt = virt, .size = size };

			what.flags = format_plain_flags();
			world_map(&world, virt + offsets[i], 0, granule);
			expect(&world, &what, PAGING_ALREADY_MAPPED);
			world_map(&world, virt + size, 0, granule);
			what.size = 2 * size; /* the first of two is named */
			expect(&world, &what, PAGING_ALREADY_MAPPED);
			world_unmap(&world, virt, 2 * size, PAGING_SKIP_HOLES);
		}
	}
	world_close(&world);
}

FORMAT_TEST(errors, not_mapped)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	virt_addr virt = format_middle(format);
	struct model_op what = { .virt = virt, .size = granule };
	struct world world;

	what.flags = format_plain_flags();
	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int round = 0; round < 2; round++) {
		for (what.kind = MODEL_UNMAP; what.kind <= MODEL_PROTECT; what.kind++) {
			for (what.mode = 0; what.mode < 4; what.mode++) {
				what.virt = virt;
				what.size = granule;
				expect(&world, &what, PAGING_NOT_MAPPED);
				what.size = 2 * size;
				expect(&world, &what, PAGING_NOT_MAPPED);
				what.virt = virt + size + granule;
				what.size = granule;
				expect(&world, &what, PAGING_NOT_MAPPED);
			}
		}
		if (round == 0) /* and now with neighbours in the same tables */
			world_map(&world, virt + size, 0, granule);
	}
	what.mode = 0;
	for (what.kind = MODEL_UNMAP; what.kind <= MODEL_PROTECT; what.kind++) {
		what.virt = virt + size; /* the hole is at the end */
		what.size = 2 * granule;
		expect(&world, &what, PAGING_NOT_MAPPED);
		what.virt = virt + size - granule; /* at the beginning */
		expect(&world, &what, PAGING_NOT_MAPPED);
		world_map(&world, virt + size + 2 * granule, 0, granule);
		what.virt = virt + size; /* in the middle */
		what.size = 3 * granule;
		expect(&world, &what, PAGING_NOT_MAPPED);
		world_unmap(&world, virt + size + 2 * granule, granule, 0);
	}
	world_close(&world);
}

FORMAT_TEST(errors, would_split)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		struct model_op what = { .mode = 0 };

		what.flags = format_plain_flags();
		world_map(&world, virt, 0, 2 * size);
		for (what.kind = MODEL_UNMAP; what.kind <= MODEL_PROTECT; what.kind++) {
			what.virt = virt;
			what.size = size - granule;
			expect(&world, &what, PAGING_WOULD_SPLIT);
			what.size = size + granule; /* the second one, not the first */
			expect(&world, &what, PAGING_WOULD_SPLIT);
			what.virt = virt + granule;
			what.size = size - granule;
			expect(&world, &what, PAGING_WOULD_SPLIT);
			what.size = granule;
			expect(&world, &what, PAGING_WOULD_SPLIT);
		}
		world_unmap(&world, virt, 2 * size, 0);
	}
	world_close(&world);
}

/* Resumable, the same obstacles leave what was done before them. */
FORMAT_TEST(errors, obstacles_when_resumable)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct model_op what = { .mode = PAGING_RESUMABLE, .virt = virt };
	struct world world;

	what.flags = format_plain_flags();
	what.size = 8 * granule;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt + 4 * granule, 0, granule);
	what.kind = MODEL_MAP;
	expect(&world, &what, PAGING_ALREADY_MAPPED);
	REQUIRE(world.model.count == 5, "%zu leaves, not the four before and the obstacle",
		world.model.count);
	what.kind = MODEL_PROTECT;
	what.flags.write = 0;
	expect(&world, &what, PAGING_NOT_MAPPED);
	REQUIRE(!world.model.leaves[4].flags.write,
		"the last page before the hole kept its rights");
	what.kind = MODEL_UNMAP;
	expect(&world, &what, PAGING_NOT_MAPPED);
	REQUIRE(world.model.count == 0, "%zu leaves are left before the hole", world.model.count);
	world_close(&world);
}

/* Each thing wrong at once; put right one after the other, the next one is reported. */
FORMAT_TEST(errors, order_of_checks)
{
	uint64_t granule = format_granule(format);
	struct input_range range = format_first_range(format);
	virt_addr wrong = range.last == UINT64_MAX ? range.first - granule : range.last + 1;
	phys_addr wide = format_output_last(format) + 1;
	struct model_op what = { .kind = MODEL_MAP_TO };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, format_middle(format), 0, granule);
	for (what.kind = MODEL_MAP_TO; what.kind <= MODEL_PROTECT; what.kind++) {
		bool maps = what.kind <= MODEL_MAP;

		memory_fail_at(world.memory, 1, true);
		what.flags = (struct page_flags){ 0 };
		what.virt = wrong + 1;
		what.phys = wide + 1;
		what.size = what.kind == MODEL_MAP_TO ? granule : 1;
		expect(&world, &what, PAGING_UNALIGNED);
		what.virt = wrong;
		if (maps)
			expect(&world, &what, PAGING_UNALIGNED);
		what.phys = wide;
		if (what.kind != MODEL_MAP_TO) {
			expect(&world, &what, PAGING_UNALIGNED);
			what.size = 0;
			expect(&world, &what, PAGING_BAD_SIZE);
			what.size = granule;
		}
		expect(&world, &what, PAGING_INPUT_RANGE);
		what.virt = format_middle(format);
		if (maps)
			expect(&world, &what, PAGING_OUTPUT_RANGE);
		what.phys = granule;
		if (what.kind != MODEL_UNMAP)
			expect(&world, &what, PAGING_BAD_FLAGS);
		what.flags = format_plain_flags();
		if (maps)
			expect(&world, &what, PAGING_ALREADY_MAPPED);
		memory_fail_at(world.memory, 0, false);
	}
	world_close(&world);
}

/* Where no table is needed, no allocator is. */
FORMAT_TEST(errors, no_allocator_where_none_is_needed)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_flags flags = format_plain_flags();
	struct page_table_op op = { .frames = NULL };
	enum paging_status status;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, granule);
	status = page_table_map_to(&world.table, virt + granule, 0, flags, NULL);
	REQUIRE(status == PAGING_OK, "map_to: %s", status_name(status));
	status = page_table_map(&world.table, virt + 2 * granule, 0, 2 * granule, flags, &op);
	REQUIRE(status == PAGING_OK, "map: %s", status_name(status));
	flags.write = 0;
	status = page_table_protect(&world.table, virt + granule, granule, flags, &op);
	REQUIRE(status == PAGING_OK, "protect: %s", status_name(status));
	status = page_table_unmap(&world.table, virt + granule, granule, &op);
	REQUIRE(status == PAGING_BAD_ARGUMENT, "unmap without anyone to free to: %s",
		status_name(status));
	world_resync(&world);
	REQUIRE(world.model.count == 4, "%zu leaves", world.model.count);
	world_check(&world);
	world_close(&world);
}

/* Flags that a live leaf with plain ones cannot get in place. False: the format has none. */
static bool breaking_flags(const struct format_case *format, struct page_flags *flags)
{
	uint64_t state = 3;

	if (format->break_flags == NULL)
		return false;
	do
		*flags = format_random_flags(format, &state);
	while (!format->break_flags(format_plain_flags(), *flags));
	return true;
}

/* Whole tables of pages need no look into them, but where their leaves would have to be made
 * invalid first and nobody flushes: that is told before anything is changed. */
FORMAT_TEST(errors, whole_tables_that_cannot_be_broken)
{
	struct model_op what = { .kind = MODEL_MAP, .virt = format_middle(format) };
	struct tlb_gather gather = { .frames = NULL };
	struct page_table_op op = { .gather = &gather };
	struct memory_snapshot *before;
	struct page_flags flags;
	struct world world;

	if (!breaking_flags(format, &flags))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	what.size = 2 * format->level_size[1];
	what.leaf_sizes = format_granule(format);
	what.flags = format_plain_flags();
	world_must(&world, &what);
	what.kind = MODEL_PROTECT;
	what.flags = flags;
	before = memory_snapshot_take(world.memory);
	for (unsigned int i = 0; i < 4; i++) {
		what.mode = (i & 1 ? PAGING_PLAN : 0u) | (i & 2 ? PAGING_SKIP_HOLES : 0u);
		REQUIRE(world_do(&world, &what, &op) == PAGING_NEEDS_FLUSH, "mode %u", what.mode);
		memory_snapshot_require(world.memory, before);
	}
	memory_snapshot_drop(before);
	REQUIRE(!tlb_gather_needed(&gather), "something is to be flushed");
	world_check(&world);
	world_close(&world);
}

/* Type, shareability and global, the nth combination of them; false: not expressible. */
static bool nth_flags(const struct format_case *format, unsigned int n, struct page_flags *flags)
{
	*flags = (struct page_flags){ .read = 1, .execute = 1 };
	flags->type = n & 7;
	flags->share = (n >> 3) & 3;
	flags->global = (n >> 5) & 1;
	return format->expressible(format, *flags);
}

/* The same of permissions, software bits and who has the page. */
static bool nth_permissions(const struct format_case *format, unsigned int n,
			    struct page_flags *flags)
{
	*flags = (struct page_flags){ .read = n & 1 };
	flags->write = (n >> 1) & 1;
	flags->execute = (n >> 2) & 1;
	flags->user = (n >> 3) & 1;
	flags->software = (n >> 4) & 1;
	flags->execute_user = (n >> 5) & 1;
	return format->expressible(format, *flags);
}

/* One that must be made invalid first cannot be changed where nobody flushes, and every other can:
 * a page and two. */
static void require_breaks(struct world *world, virt_addr virt, struct page_flags from,
			   struct page_flags to)
{
	const struct format_case *format = world->format;
	uint64_t granule = format_granule(format);
	struct tlb_range ranges[1];
	struct tlb_gather gather = { .ranges = ranges, .range_capacity = 1 };
	struct page_table_op offline = { .frames = world_frames(world) }, op = offline;
	bool breaks =
		format->break_flags != NULL &&
		format->break_flags(format->reported(format, from), format->reported(format, to));

	op.gather = &gather;
	for (uint64_t size = granule; size <= 2 * granule; size += granule) {
		enum paging_status status;
		char text[64], other[64];

		status = page_table_map(&world->table, virt, 0, size, from, &offline);
		REQUIRE(status == PAGING_OK, "map: %s", status_name(status));
		status = page_table_protect(&world->table, virt, size, to, &op);
		REQUIRE(status == (breaks ? PAGING_NEEDS_FLUSH : PAGING_OK), "%s to %s: %s",
			flags_text(from, text), flags_text(to, other), status_name(status));
		tlb_gather_finish(&gather);
		status = page_table_unmap(&world->table, virt, size, &offline);
		REQUIRE(status == PAGING_OK, "unmap: %s", status_name(status));
	}
}

/* From each to each. */
FORMAT_TEST(errors, what_must_be_broken_and_what_need_not)
{
	virt_addr virt = format_middle(format);
	struct page_flags from, to;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	/* Keeps the tables. */
	world_map(&world, virt + 4 * format_granule(format), 0, format_granule(format));
	for (unsigned int n = 0; n < 64 * 64; n++) {
		if (nth_flags(format, n % 64, &from) && nth_flags(format, n / 64, &to))
			require_breaks(&world, virt, from, to);
		if (nth_permissions(format, n % 64, &from) && nth_permissions(format, n / 64, &to))
			require_breaks(&world, virt, from, to);
	}
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(errors, flags_that_cannot_be_expressed)
{
	static const struct {
		const char *what;
		struct page_flags flags;
	} bad[] = {
		{ "nothing at all", { .read = 0 } },
		{ "no access", { .user = 1, .type = MEMORY_DEVICE, .software = 1 } },
		{ "write only", { .write = 1 } },
		{ "write and execute", { .write = 1, .execute = 1 } },
		{ "no such type", { .read = 1, .execute = 1, .type = MEMORY_TYPES } },
		{ "reserved bits", { .read = 1, .execute = 1, .reserved0 = 1 } },
		{ "the last reserved bit", { .read = 1, .execute = 1, .reserved0 = 0x200 } },
		{ "more reserved bits", { .read = 1, .execute = 1, .reserved1 = 1 } },
		{ "the very last bit", { .read = 1, .execute = 1, .reserved1 = 0x8000 } },
	};
	struct model_op what = { .virt = format_middle(format), .size = format_granule(format) };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (format->expressible(format, bad[i].flags))
			continue; /* Arm's stage 2 can grant writing without reading */
		require_story("%s", bad[i].what);
		what.flags = bad[i].flags;
		for (what.kind = MODEL_MAP_TO; what.kind <= MODEL_MAP; what.kind++)
			expect(&world, &what, PAGING_BAD_FLAGS);
		what.kind = MODEL_MAP;
		what.flags = format_plain_flags();
		world_must(&world, &what);
		what.flags = bad[i].flags;
		what.kind = MODEL_PROTECT;
		expect(&world, &what, PAGING_BAD_FLAGS);
		world_unmap(&world, what.virt, what.size, 0);
	}
	world_close(&world);
}

/* More software bits than there is room for, one by one. */
FORMAT_TEST(errors, software_bits_beyond_the_room)
{
	struct model_op what = { .virt = format_middle(format), .size = format_granule(format) };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	what.flags = format_plain_flags();
	for (unsigned int bit = 0; bit < 16; bit++) {
		what.kind = MODEL_MAP_TO;
		what.flags.software = (uint16_t)(1u << bit);
		expect(&world, &what, bit < format->software_bits ? PAGING_OK : PAGING_BAD_FLAGS);
		if (bit < format->software_bits)
			world_unmap(&world, what.virt, what.size, 0);
	}
	world_close(&world);
}
