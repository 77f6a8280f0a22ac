/* SPDX-License-Identifier: MIT */
/*
 * Random operations against the model. TWOFOLD_SEED=n repeats a run, TWOFOLD_OPS=n sets how many
 * operations there are for each format; both are printed with a failure.
 */
#define SUITE_TIMEOUT 86400 /* as long as TWOFOLD_OPS asks for */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "flush_watch.h"
#include "require.h"
#include "rng.h"
#include "suite.h"

/* Operations, over all formats. */
#define DEFAULT_OPS 24000
/* An operation that would add more leaves than this takes too long to check. */
#define COST_MAX    700
/* Above that many leaves or tables most is unmapped. */
#define LEAVES_MAX  1500
#define TABLES_MAX  256

struct run {
	struct world world;
	uint64_t state;
	uint64_t ops;
	struct flush_watch watch;
};

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 0);
}

static uint64_t below(struct run *run, uint64_t bound)
{
	return rng_below(&run->state, bound);
}

static bool one_in(struct run *run, uint64_t n)
{
	return rng_one_in(&run->state, n);
}

/* A leaf size, or the span of an entry of any level. */
static uint64_t some_span(struct run *run)
{
	return run->world.format->level_size[below(run, run->world.format->levels)];
}

/* A small number of granules, mostly 0. */
static uint64_t nudge(struct run *run)
{
	uint64_t granule = format_granule(run->world.format);

	return one_in(run, 2) ? 0 : (below(run, 5) - 2) * granule;
}

/* Where something interesting begins or ends. */
static virt_addr some_place(struct run *run)
{
	const struct model *model = &run->world.model;
	struct input_range ranges[2];
	unsigned int count = format_ranges(run->world.format, ranges);
	const struct input_range *range = &ranges[below(run, count)];

	switch (below(run, 8)) {
	case 0:
		return range->first;
	case 1:
		return range->last + 1 - some_span(run);
	case 2: /* a few bases that come again and again, so that operations meet */
	case 3:
		return range->first + below(run, 3) * some_span(run);
	case 4:
		return range->first + (rng_next(&run->state) & (range->last - range->first));
	default:
		if (model->count != 0) {
			const struct model_leaf *leaf = &model->leaves[below(run, model->count)];

			return leaf->virt + below(run, 5) * (leaf->size / 4);
		}
		return format_middle(run->world.format);
	}
}

static virt_addr some_virt(struct run *run)
{
	uint64_t granule = format_granule(run->world.format);
	virt_addr virt = addr_align_down(some_place(run) + nudge(run), granule);

	if (one_in(run, 3))
		virt = addr_align_down(virt, some_span(run));
	if (one_in(run, 40))
		virt += below(run, granule);
	return virt;
}

static uint64_t some_size(struct run *run)
{
	uint64_t granule = format_granule(run->world.format);
	uint64_t size;

	switch (below(run, 6)) {
	case 0:
		size = granule;
		break;
	case 1:
		size = (1 + below(run, 12)) * granule;
		break;
	default:
		size = some_span(run) * (1 + below(run, 3)) + nudge(run);
		break;
	}
	if (one_in(run, 60))
		size = 0 - size;
	if (one_in(run, 60))
		size += below(run, granule);
	return one_in(run, 100) ? 0 : size;
}

/* Often congruent to `virt`, so that large leaves are possible; sometimes out of reach. */
static phys_addr some_phys(struct run *run, virt_addr virt)
{
	const struct format_case *format = run->world.format;
	phys_addr last = format_output_last(format);
	uint64_t granule = format_granule(format), span = some_span(run);
	phys_addr phys = addr_align_down(rng_next(&run->state) & last, granule);

	if (!one_in(run, 4))
		phys = addr_align_down(phys, span) | (virt & (span - 1) & last);
	if (one_in(run, 12))
		phys = last + 1 - some_span(run) + nudge(run);
	if (one_in(run, 60))
		phys += below(run, granule);
	return phys;
}

static struct page_flags some_flags(struct run *run)
{
	struct page_flags flags = format_random_flags(run->world.format, &run->state);

	if (one_in(run, 3))
		flags = format_plain_flags();
	if (one_in(run, 40))
		flags.execute_privileged = 1;
	if (one_in(run, 40))
		flags.type = below(run, 8) & 7;
	if (one_in(run, 40))
		flags.read = 0;
	return flags;
}

/* Makes it a part of a large leaf, if there is one: what splits. */
static void aim_at_a_part(struct run *run, struct model_op *what)
{
	const struct model *model = &run->world.model;
	uint64_t granule = format_granule(run->world.format);

	for (unsigned int tries = 0; tries < 20 && model->count != 0; tries++) {
		const struct model_leaf *leaf = &model->leaves[below(run, model->count)];

		if (leaf->size == granule)
			continue;
		what->virt = leaf->virt + below(run, leaf->size / granule) * granule;
		what->size = (1 + below(run, 4)) * granule;
		what->mode |= PAGING_SPLIT;
		return;
	}
}

/* A few that come again and again, any, one that is too large, none. */
static uint64_t some_note(struct run *run)
{
	if (one_in(run, 40))
		return UINT64_C(1) << (39 + below(run, 25));
	return one_in(run, 3) ? rng_next(&run->state) >> 25 : below(run, 3);
}

static enum model_kind some_kind(struct run *run)
{
	/* Mapping and unmapping is what brings the others their work. */
	static const enum model_kind kinds[] = { MODEL_MAP_TO,   MODEL_MAP,     MODEL_MAP,
						 MODEL_UNMAP,    MODEL_UNMAP,   MODEL_PROTECT,
						 MODEL_SOFTWARE, MODEL_ANNOTATE };

	if (run->world.model.count > LEAVES_MAX || run->world.table.tables > TABLES_MAX)
		return one_in(run, 2) ? MODEL_UNMAP : MODEL_ANNOTATE;
	return kinds[below(run, sizeof(kinds) / sizeof(kinds[0]))];
}

/* A whole half of the space is cleared, of mappings or of annotations. */
static void clear_much(struct run *run, struct model_op *what)
{
	struct input_range range = format_first_range(run->world.format);

	what->virt = range.first;
	what->size = range.last - range.first + 1;
	what->mode = (what->mode | PAGING_SKIP_HOLES) & ~(uint32_t)PAGING_ENLARGE;
	what->note = 0;
}

static struct model_op some_op(struct run *run)
{
	const struct format_case *format = run->world.format;
	struct model_op what = { .kind = some_kind(run) };
	bool changes;

	what.virt = some_virt(run);
	what.phys = some_phys(run, what.virt);
	what.size = what.kind == MODEL_MAP_TO ? format_granule(format) : some_size(run);
	what.flags = some_flags(run);
	what.mode = (uint32_t)below(run, 8);
	if (one_in(run, 3)) /* a cap; the granule always remains */
		what.leaf_sizes = format_granule(format) | rng_next(&run->state);
	if (what.kind == MODEL_ANNOTATE || (what.kind == MODEL_UNMAP && one_in(run, 4)))
		what.note = some_note(run);
	changes = what.kind != MODEL_MAP_TO && what.kind != MODEL_MAP;
	if (one_in(run, 4) && changes)
		aim_at_a_part(run, &what);
	if (one_in(run, 5) && changes) {
		what.mode |= PAGING_ENLARGE;
		if (!one_in(run, 8))
			what.mode &= ~(uint32_t)PAGING_SPLIT;
	}
	if (one_in(run, 20) && (what.kind == MODEL_UNMAP || what.kind == MODEL_ANNOTATE))
		clear_much(run, &what);
	return what;
}

/* How many frames the gather has to take. */
static uint64_t tables_gone(const struct run *run, const struct model_op *what)
{
	const struct model *before = &run->world.model;
	struct model after = { 0 };
	uint64_t gone;

	model_init(&after, before->format);
	model_copy(&after, before);
	model_apply(&after, what, what->size);
	gone = model_tables_gone(before, &after, NULL, NULL);
	model_drop(&after);
	return gone;
}

/* Something must be made invalid and flushed on the way, and the gather cannot flush. */
static bool refuses_to_break(const struct run *run, const struct model_op *what,
			     enum paging_status expected, enum paging_status status,
			     const struct tlb_gather *gather)
{
	bool resumable = (what->mode & PAGING_RESUMABLE) != 0;
	bool must = gather != NULL && gather->flush == NULL &&
		    (expected == PAGING_OK || resumable) && model_breaks(&run->world.model, what);

	REQUIRE(must || status != PAGING_NEEDS_FLUSH, "nothing has to be broken");
	REQUIRE(!must || resumable || status == PAGING_NEEDS_FLUSH, "%s, it has to break something",
		status_name(status));
	return status == PAGING_NEEDS_FLUSH;
}

/*
 * What may be the matter besides the operation: no memory, or no room in the gather. Atomic, it is
 * certain what the room must be; resumable, some is kept in hand.
 */
static bool circumstances_allow(struct run *run, const struct model_op *what,
				enum paging_status expected, enum paging_status status,
				const struct tlb_gather *gather)
{
	bool endless = gather == NULL || (gather->flush != NULL && gather->frame_capacity != 0);
	uint64_t room = endless ? UINT64_MAX : gather->frame_capacity;

	REQUIRE((status == PAGING_NO_MEMORY) == (run->world.memory->failures != 0),
		"%s after %" PRIu64 " failed allocations", status_name(status),
		run->world.memory->failures);
	if (status == PAGING_NO_MEMORY)
		return true;
	if (refuses_to_break(run, what, expected, status, gather))
		return true;
	if (!model_op_empties(what) || endless)
		return false;
	if (what->mode & PAGING_RESUMABLE)
		return status == PAGING_GATHER_FULL;
	if (expected == PAGING_OK && tables_gone(run, what) > room) {
		REQUIRE(status == PAGING_GATHER_FULL, "%s, the gather has room for %" PRIu64,
			status_name(status), room);
		return true;
	}
	return false;
}

static void settle(struct run *run, const struct model_op *what, enum paging_status status,
		   const struct page_table_op *op)
{
	struct world *world = &run->world;
	struct model after = { 0 };

	if (status == PAGING_OK) {
		model_apply(&world->model, what, what->size);
		return;
	}
	if (what->kind == MODEL_MAP_TO || !(what->mode & PAGING_RESUMABLE)) {
		memory_snapshot_require(world->memory, run->watch.before);
		return;
	}
	model_apply(&world->model, what, op->done);
	model_init(&after, world->format);
	world_read(world, &after);
	REQUIRE(model_same_translation(&world->model, &after),
		"the table is not what 0x%" PRIx64 " bytes done make", op->done);
	model_drop(&after);
	world_resync(world); /* what was split may be in smaller leaves than need be */
}

/* What it was told to enlarge to, exactly. */
static void require_enlarged(const struct run *run, const struct model_op *what,
			     enum paging_status status, const struct page_table_op *op)
{
	virt_addr start = what->virt;
	uint64_t size = 0;

	if (what->kind == MODEL_MAP_TO)
		return;
	if (what->mode & PAGING_ENLARGE && !model_op_adds(what) &&
	    (status == PAGING_OK || what->mode & PAGING_RESUMABLE))
		model_enlarge(&run->world.model, what, op->done, &start, &size);
	REQUIRE(op->enlarged_size == size && (size == 0 || op->enlarged == start),
		"enlarged to 0x%" PRIx64 "+0x%" PRIx64 ", the model to 0x%" PRIx64 "+0x%" PRIx64,
		op->enlarged, op->enlarged_size, start, size);
}

/* What the operation would do, before it does: the table is not touched, no frame is taken, the
 * gather stays empty. Returns the frames it says the operation needs. */
static uint64_t plan(struct run *run, const struct model_op *what, struct page_table_op *op,
		     enum paging_status *status)
{
	struct test_memory *memory = run->world.memory;
	struct model_op planned = *what;
	uint64_t requests = memory->requests;

	planned.mode |= PAGING_PLAN;
	*status = world_do(&run->world, &planned, op);
	REQUIRE(memory->requests == requests, "the plan takes frames");
	REQUIRE(op->done == 0 && op->enlarged_size == 0, "the plan does something");
	REQUIRE(!tlb_gather_needed(&run->watch.gather) && run->watch.flushes == 0,
		"the plan asks for a flush");
	memory_snapshot_require(memory, run->watch.before);
	return op->tables;
}

/* The operation, which is all or nothing, took what its plan said, or failed as it said. */
static void require_planned(const struct run *run, enum paging_status status, uint64_t took,
			    const struct page_table_op *op, enum paging_status planned,
			    uint64_t tables)
{
	if (status == PAGING_NO_MEMORY)
		status = PAGING_OK;
	REQUIRE(status == planned, "planned %s", status_name(planned));
	if (run->world.memory->failures != 0 || status != PAGING_OK)
		return;
	REQUIRE(took == tables && op->tables == tables,
		"it takes %" PRIu64 " frames, says %" PRIu64 ", planned %" PRIu64, took, op->tables,
		tables);
}

static void require_right_answer(const struct model_op *what, enum paging_status status,
				 const struct page_table_op *op,
				 const struct model_answer *expected)
{
	REQUIRE(status == expected->status, "%s, the model says %s", status_name(status),
		status_name(expected->status));
	if (what->kind == MODEL_MAP_TO)
		return;
	REQUIRE(status != PAGING_OK || op->done == what->size, "done is 0x%" PRIx64, op->done);
	if (status == PAGING_ALREADY_MAPPED || status == PAGING_NOT_MAPPED ||
	    status == PAGING_WOULD_SPLIT)
		REQUIRE(op->conflict == expected->conflict &&
				op->conflict_size == expected->conflict_size,
			"conflict 0x%" PRIx64 "+0x%" PRIx64 ", the model says 0x%" PRIx64
			"+0x%" PRIx64,
			op->conflict, op->conflict_size, expected->conflict,
			expected->conflict_size);
}

static void one_operation(struct run *run)
{
	struct world *world = &run->world;
	struct model_op what = some_op(run);
	struct page_table_op op = { .frames = world_frames(world) };
	bool flush = one_in(run, 2);
	size_t room = one_in(run, 3) ? below(run, 8) : WATCH_FRAMES;
	struct model_answer expected = model_answer(&world->model, &what);
	bool planned = what.kind != MODEL_MAP_TO && !(what.mode & PAGING_RESUMABLE);
	enum paging_status status, foreseen = PAGING_OK;
	uint64_t tables = 0, requests;

	if (expected.status == PAGING_OK || (what.mode & PAGING_RESUMABLE)) {
		if (model_cost(&world->model, &what, COST_MAX + 1) > COST_MAX)
			return;
	}
	flush_watch_begin(&run->watch, world, one_in(run, 4) ? below(run, 4) : WATCH_RANGES, room,
			  flush);
	op.gather = one_in(run, 4) ? NULL : &run->watch.gather;
	if (op.gather == NULL)
		world->memory->guarded = 0;
	if (planned)
		tables = plan(run, &what, &op, &foreseen);
	if (one_in(run, 8))
		memory_fail_at(world->memory, 1 + below(run, 4), one_in(run, 2));
	requests = world->memory->requests;
	status = world_do(world, &what, &op);
	require_story("  -> %s", status_name(status));
	if (planned)
		require_planned(run, status, world->memory->requests - requests, &op, foreseen,
				tables);
	require_enlarged(run, &what, status, &op);
	if (!circumstances_allow(run, &what, expected.status, status, op.gather))
		require_right_answer(&what, status, &op, &expected);
	settle(run, &what, status, &op);
	memory_fail_at(world->memory, 0, false);
	if (op.gather == NULL)
		flush_watch_drop(&run->watch);
	else
		flush_watch_end(&run->watch, &what);
	world_check(world);
}

/* Addresses of any kind, canonical or not. */
static void some_queries(struct run *run)
{
	for (unsigned int i = 0; i < 8; i++)
		world_probe(&run->world, some_place(run) + below(run, 3) - 1);
	world_probe(&run->world, rng_next(&run->state));
}

/* A `share`th of the operations. */
static void random_run(const struct format_case *format, enum memory_reach reach, uint64_t share)
{
	static struct run run;
	uint64_t seed = from_environment("TWOFOLD_SEED", (uint64_t)time(NULL));

	run.state = seed;
	run.ops = from_environment("TWOFOLD_OPS", DEFAULT_OPS / format_case_count());
	world_open(&run.world, format, reach);
	require_story_begin("%s (TWOFOLD_SEED=%" PRIu64 " TWOFOLD_OPS=%" PRIu64 ")", format->name,
			    seed, run.ops);
	for (uint64_t i = 0; i < run.ops / share; i++) {
		one_operation(&run);
		some_queries(&run);
	}
	world_close(&run.world);
}

FORMAT_TEST(random, operations)
{
	random_run(format, MEMORY_BY_OFFSET, 1);
}

FORMAT_TEST(random, operations_through_the_hook)
{
	random_run(format, MEMORY_BY_HOOK, 20);
}
