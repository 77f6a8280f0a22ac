/* SPDX-License-Identifier: MIT */
/*
 * Running out of memory at each single allocation of each operation: atomic, nothing has changed
 * and every frame is back; resumable, exactly `done` bytes are done and a retry does the rest.
 */
#include <inttypes.h>

#include "require.h"
#include "suite.h"
#include "world.h"

/* An operation, on a table that holds the mappings of a preparation. */
struct scenario {
	struct model_op before[3]; /* size 0: none */
	struct model_op op;
};

static void prepare(struct world *world, const struct scenario *scenario)
{
	for (size_t i = 0; i < 3 && scenario->before[i].size != 0; i++)
		world_must(world, &scenario->before[i]);
}

/* Does what is left of a resumable operation, with memory again. */
static void finish(struct world *world, const struct model_op *what, uint64_t done)
{
	struct model_op rest = *what;

	if (done == what->size)
		return;
	rest.virt += done;
	rest.phys += done;
	rest.size -= done;
	world_must(world, &rest);
}

static void require_part_done(struct world *world, const struct model_op *what, uint64_t done)
{
	struct model after = { 0 };

	REQUIRE(done < what->size, "no memory, yet done is 0x%" PRIx64, done);
	model_apply(&world->model, what, done);
	model_init(&after, world->format);
	world_read(world, &after);
	REQUIRE(model_same_translation(&world->model, &after),
		"the table is not what 0x%" PRIx64 " bytes done make", done);
	model_drop(&after);
	world_resync(world);
	world_check(world); /* no empty table, no table that is not in the tree */
}

/* Allocation `n` of the operation fails. False: it has fewer. */
static bool fail_at(const struct format_case *format, const struct scenario *scenario, uint64_t n,
		    bool after, uint32_t mode)
{
	struct model whole = { 0 };
	struct model_op what = scenario->op;
	struct page_table_op op = { 0 };
	struct memory_snapshot *before;
	enum paging_status status;
	struct world world;
	bool failed;

	what.mode |= mode;
	world_open(&world, format, MEMORY_BY_OFFSET);
	prepare(&world, scenario);
	model_init(&whole, format);
	model_copy(&whole, &world.model);
	model_apply(&whole, &what, what.size);
	before = memory_snapshot_take(world.memory);
	memory_fail_at(world.memory, n, after);
	op.frames = world_frames(&world);
	status = world_do(&world, &what, &op);
	failed = world.memory->failures != 0;
	memory_fail_at(world.memory, 0, false);
	REQUIRE(status == (failed ? PAGING_NO_MEMORY : PAGING_OK), "failing at %" PRIu64 ": %s", n,
		status_name(status));
	if (failed && !(mode & PAGING_RESUMABLE)) {
		REQUIRE(what.kind == MODEL_MAP_TO || op.done == 0, "done is 0x%" PRIx64, op.done);
		memory_snapshot_require(world.memory, before);
		world_check(&world);
		finish(&world, &what, 0);
	} else if (failed) {
		require_part_done(&world, &what, op.done);
		finish(&world, &what, op.done);
	} else {
		world_resync(&world);
	}
	REQUIRE(model_same_translation(&world.model, &whole), "the retry came to something else");
	memory_snapshot_drop(before);
	model_drop(&whole);
	world_close(&world);
	return failed;
}

/* At every allocation, alone and with all that follow. Returns how many there are. */
static uint64_t fail_everywhere(const struct format_case *format, const struct scenario *scenario,
				uint32_t mode)
{
	for (uint64_t n = 1;; n++) {
		bool once = fail_at(format, scenario, n, false, mode);
		bool on = fail_at(format, scenario, n, true, mode);

		REQUIRE(once == on, "allocation %" PRIu64 " is made or not", n);
		if (!once)
			return n - 1;
		REQUIRE(n < 100, "it does not end");
	}
}

static void every_mode(const struct format_case *format, const struct scenario *scenario,
		       uint64_t at_least)
{
	static const uint32_t modes[] = { 0, PAGING_RESUMABLE };

	for (size_t i = 0; i < 2; i++) {
		uint64_t count;

		if (scenario->op.kind == MODEL_MAP_TO && modes[i] != 0)
			continue;
		count = fail_everywhere(format, scenario, modes[i]);
		REQUIRE(count >= at_least, "only %" PRIu64 " allocations are made", count);
	}
}

static struct model_op operation(enum model_kind kind, virt_addr virt, phys_addr phys,
				 uint64_t size)
{
	struct model_op op = { .kind = kind, .virt = virt, .phys = phys, .size = size };

	op.flags = format_plain_flags();
	return op;
}

FORMAT_TEST(oom, the_root)
{
	struct test_memory *memory = memory_create(0, MEMORY_BY_OFFSET);
	struct page_table_config config = format->config;
	enum paging_status status;
	struct page_table table;

	config.access = memory_access(memory);
	memory_fail_at(memory, 1, false);
	status = page_table_init(&table, &config, &memory->allocator);
	REQUIRE(status == PAGING_NO_MEMORY, "%s", status_name(status));
	memory_destroy(memory);
}

/* A root that the output width does not reach is given back. */
FORMAT_TEST(oom, the_root_out_of_reach)
{
	struct test_memory *memory;
	struct page_table_config config = format->config;
	enum paging_status status;
	struct page_table table;

	if (format->config.output_bits >= 52) /* wider than any descriptor: cannot be asked for */
		return;
	memory = memory_create(format_output_last(format) + 1, MEMORY_BY_OFFSET);
	config.access = memory_access(memory);
	status = page_table_init(&table, &config, &memory->allocator);
	REQUIRE(status == PAGING_OUTPUT_RANGE, "%s", status_name(status));
	REQUIRE(memory->requests == 1, "%" PRIu64 " frames were asked for", memory->requests);
	memory_destroy(memory);
}

FORMAT_TEST(oom, map_to)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct scenario scenario = { .op = operation(MODEL_MAP_TO, virt, granule, granule) };

	every_mode(format, &scenario, format->levels - 1);
	for (unsigned int level = 1; level < format->levels; level++) { /* some tables are there */
		scenario.before[0] =
			operation(MODEL_MAP, virt + format->level_size[level], 0, granule);
		every_mode(format, &scenario, level);
	}
}

/* Ranges that touch tables of every level on both sides of a border. */
FORMAT_TEST(oom, map)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (unsigned int level = 1; level < format->levels; level++) {
		virt_addr border = virt + format->level_size[level];
		struct scenario scenario = { .op = operation(MODEL_MAP, border - 3 * granule,
							     granule, 7 * granule) };

		every_mode(format, &scenario, level);
		scenario.before[0] = operation(MODEL_MAP, border + 4 * granule, 0, granule);
		every_mode(format, &scenario, 1);
	}
}

/* Small leaves, large leaves, small leaves. */
FORMAT_TEST(oom, map_mixed_leaves)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		struct scenario scenario = { .op = operation(MODEL_MAP, virt - 2 * granule,
							     4 * size - 2 * granule,
							     2 * size + 5 * granule) };

		every_mode(format, &scenario, 2);
	}
}

static void split_scenarios(const struct format_case *format, enum model_kind kind)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		/* A group of pages is split where it stands. */
		uint64_t tables = size > format->level_size[1] || !format_is_group(format, size);
		struct scenario scenario = { .op = operation(kind, virt, 0, granule) };

		scenario.before[0] = operation(MODEL_MAP, virt, 0, size);
		scenario.before[1] = operation(MODEL_MAP, virt + size, size, size);
		scenario.op.flags.write = 0;
		scenario.op.mode = PAGING_SPLIT;
		every_mode(format, &scenario, tables);
		scenario.op.virt = virt + size / 2 + granule; /* both leaves, in part */
		scenario.op.size = size;
		every_mode(format, &scenario, 2 * tables);
		scenario.op.virt = virt + granule; /* one, at both ends */
		scenario.op.size = size - 2 * granule;
		every_mode(format, &scenario, tables);
		scenario.op.virt = virt - 5 * granule; /* from a hole */
		scenario.op.size = size + 6 * granule;
		scenario.op.mode |= PAGING_SKIP_HOLES;
		every_mode(format, &scenario, tables);
	}
}

FORMAT_TEST(oom, unmap_with_split)
{
	split_scenarios(format, MODEL_UNMAP);
}

FORMAT_TEST(oom, protect_with_split)
{
	split_scenarios(format, MODEL_PROTECT);
}

FORMAT_TEST(oom, set_software_with_split)
{
	if (format->software_bits != 0)
		split_scenarios(format, MODEL_SOFTWARE);
}

static struct model_op annotation(virt_addr virt, uint64_t size, uint64_t note)
{
	struct model_op op = operation(MODEL_ANNOTATE, virt, 0, size);

	op.note = note;
	return op;
}

/* Annotations over the border of tables of each level, in nothing and in part of a larger one. */
FORMAT_TEST(oom, annotate)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (unsigned int level = 1; level < format->levels; level++) {
		virt_addr border = virt + format->level_size[level];
		struct scenario scenario = { .op = annotation(border - 3 * granule, 7 * granule,
							      0x5a) };

		every_mode(format, &scenario, level);
		scenario.before[0] = annotation(border, format->level_size[level], 0x77);
		every_mode(format, &scenario, level);
		scenario.before[0] = annotation(border + 4 * granule, granule, 0x77);
		every_mode(format, &scenario, 1);
	}
}

/* Part of an annotated entry of each level is mapped, or has its annotation taken away. */
FORMAT_TEST(oom, in_an_annotated_entry)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);

	for (unsigned int level = 1; level < format->levels; level++) {
		uint64_t span = format->level_size[level];
		struct scenario scenario = { .op = operation(MODEL_MAP, virt + span / 2, 0,
							     3 * granule) };

		scenario.before[0] = annotation(virt, 2 * span, 0x123456789);
		every_mode(format, &scenario, level);
		scenario.op.kind = MODEL_MAP_TO;
		scenario.op.size = granule;
		every_mode(format, &scenario, level);
		scenario.op = annotation(virt + span - granule, 2 * granule, 0);
		scenario.op.mode = PAGING_SPLIT;
		every_mode(format, &scenario, UINT64_C(2) * level);
		scenario.op = annotation(virt + granule, span - 2 * granule, 0);
		scenario.op.mode = PAGING_SPLIT;
		every_mode(format, &scenario, UINT64_C(2) * level - 1);
	}
}

/* What needs no table asks for none. */
FORMAT_TEST(oom, nothing_to_allocate)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	struct model_op what = operation(MODEL_PROTECT, format_middle(format), 0, size);
	struct world world;

	what.flags.write = 0;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, what.virt, 0, size);
	world_map(&world, what.virt + size, 0, granule);
	memory_fail_at(world.memory, 1, true);
	for (what.mode = 0; what.mode < 8; what.mode++)
		world_must(&world, &what);
	world_unmap(&world, what.virt + size, granule, PAGING_SPLIT);
	world_unmap(&world, what.virt, size, PAGING_SPLIT | PAGING_RESUMABLE);
	REQUIRE(world.memory->failures == 0, "%" PRIu64 " frames were asked for",
		world.memory->failures);
	world_close(&world);
}

/* The root, and one more table if two are not enough. */
static uint64_t bytes_within_reach(const struct format_case *format)
{
	uint64_t largest = format->table_bytes > MEMORY_UNIT ? format->table_bytes : MEMORY_UNIT;

	if (format->root_bytes > largest)
		return format->root_bytes;
	return format->levels > 2 ? 2 * largest : largest;
}

/* A table that no descriptor could point to is as good as none, and is given back. */
FORMAT_TEST(oom, tables_out_of_reach)
{
	struct model_op what =
		operation(MODEL_MAP_TO, format_middle(format), 0, format_granule(format));
	struct page_table_config config = format->config;
	struct page_table_op op = { 0 };
	struct page_table table;
	struct test_memory *memory;
	enum paging_status status;

	if (format->config.output_bits >= 52)
		return;
	memory = memory_create(format_output_last(format) + 1 - bytes_within_reach(format),
			       MEMORY_BY_OFFSET);
	config.access = memory_access(memory);
	op.frames = &memory->allocator;
	status = page_table_init(&table, &config, op.frames);
	REQUIRE(status == PAGING_OK, "init: %s", status_name(status));
	for (unsigned int mode = 0; mode <= PAGING_RESUMABLE; mode++) {
		op.mode = mode;
		status = page_table_map(&table, what.virt, 0, what.size, what.flags, &op);
		REQUIRE(status == PAGING_NO_MEMORY && op.done == 0, "%s", status_name(status));
		REQUIRE(memory->live == 1 && table.tables == 1, "%" PRIu64 " frames are out",
			memory->live);
	}
	page_table_destroy(&table, op.frames);
	memory_destroy(memory);
}

static void flush_nothing(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
	REQUIRE(false, "a flush without a change");
}

/* No allocator at all where one is needed. */
FORMAT_TEST(oom, no_allocator)
{
	struct model_op map =
		operation(MODEL_MAP_TO, format_middle(format), 0, format_granule(format));
	struct page_table_op op = { .frames = NULL };
	struct tlb_gather gather = { .ranges = NULL };
	struct memory_snapshot *before;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	before = memory_snapshot_take(world.memory);
	for (map.kind = MODEL_MAP_TO; map.kind <= MODEL_MAP; map.kind++) {
		REQUIRE(world_do(&world, &map, &op) == PAGING_NO_MEMORY, "it did something");
		memory_snapshot_require(world.memory, before);
	}
	memory_snapshot_drop(before);
	if (format_largest_leaf(format) != format_granule(format)) {
		struct model_op unmap = map;

		world_map(&world, map.virt, 0, format_largest_leaf(format));
		unmap.kind = MODEL_UNMAP;
		unmap.mode = PAGING_SPLIT;
		op.gather = &gather;
		gather.flush = flush_nothing;
		before = memory_snapshot_take(world.memory);
		REQUIRE(world_do(&world, &unmap, &op) == PAGING_NO_MEMORY, "it did something");
		memory_snapshot_require(world.memory, before);
		memory_snapshot_drop(before);
	}
	world_check(&world);
	world_close(&world);
}
