/* SPDX-License-Identifier: MIT */
#include "shortage.h"

#include <inttypes.h>

#include "require.h"

/* One trial of it. */
struct attempt {
	const struct shortage *shortage;
	struct world world;
	struct tlb_gather gather;
	struct tlb_range ranges[4];
	struct frame frames[PAGE_TABLE_MAX_LEVELS];
	unsigned int flushes;
};

static void count_flush(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	((struct attempt *)context)->flushes++;
}

/* Other tests look at what comes of that. */
static void prepare(struct world *world, const struct model_op *what)
{
	struct page_table_op op = { .frames = world_frames(world) };
	enum paging_status status = world_do(world, what, &op);

	REQUIRE(status == PAGING_OK, "it answers %s", status_name(status));
	model_apply(&world->model, what, what->size);
}

static void attempt_begin(struct attempt *attempt, const struct format_case *format,
			  const struct shortage *shortage)
{
	*attempt = (struct attempt){ .shortage = shortage };
	world_open(&attempt->world, format, MEMORY_BY_OFFSET);
	attempt->gather = (struct tlb_gather){ .ranges = attempt->ranges,
					       .range_capacity = 4,
					       .frames = attempt->frames,
					       .frame_capacity = PAGE_TABLE_MAX_LEVELS,
					       .owner = world_frames(&attempt->world),
					       .flush = count_flush,
					       .context = attempt };
	for (size_t i = 0; i < 3 && shortage->before[i].size != 0; i++)
		prepare(&attempt->world, &shortage->before[i]);
}

static enum paging_status call(struct attempt *attempt, const struct model_op *what,
			       struct page_table_op *op)
{
	const struct shortage *shortage = attempt->shortage;

	op->frames = world_frames(&attempt->world);
	op->gather = shortage->live ? &attempt->gather : NULL;
	op->mode = what->mode;
	if (shortage->way != NULL)
		return shortage->way->call(&attempt->world, what, op);
	return world_do(&attempt->world, what, op);
}

static void apply(const struct shortage *shortage, struct model *model, const struct model_op *what,
		  uint64_t bytes)
{
	if (shortage->way != NULL)
		shortage->way->apply(model, what, bytes);
	else
		model_apply(model, what, bytes);
}

/* Does what is left of the operation, with memory again. */
static void finish(struct attempt *attempt, const struct model_op *what, uint64_t done)
{
	struct model_op rest = *what;
	struct page_table_op op = { 0 };
	enum paging_status status;

	if (done == what->size)
		return;
	rest.virt += done;
	rest.phys += done;
	rest.size -= done;
	status = call(attempt, &rest, &op);
	REQUIRE(status == PAGING_OK, "the retry answers %s", status_name(status));
}

static void require_part_done(struct attempt *attempt, const struct model_op *what, uint64_t done)
{
	struct world *world = &attempt->world;
	struct model after = { 0 };

	REQUIRE(done < what->size, "no memory, yet done is 0x%" PRIx64, done);
	tlb_gather_finish(&attempt->gather);
	apply(attempt->shortage, &world->model, what, done);
	model_init(&after, world->format);
	world_read(world, &after);
	REQUIRE(model_same_translation(&world->model, &after),
		"the table is not what 0x%" PRIx64 " bytes done make", done);
	model_drop(&after);
	world_resync(world);
	world_check(world); /* no empty table, no table that is not in the tree */
}

static void require_untouched(struct attempt *attempt, const struct memory_snapshot *before,
			      uint64_t tables)
{
	const struct tlb_gather *gather = &attempt->gather;

	REQUIRE(!tlb_gather_needed(gather) && gather->frame_count == 0 && attempt->flushes == 0,
		"nothing is done, and something is to be flushed");
	memory_snapshot_require(attempt->world.memory, before);
	REQUIRE(attempt->world.table.tables == tables, "it counts %" PRIu64 " tables, not %" PRIu64,
		attempt->world.table.tables, tables);
}

/* However it came to it. To look at everything takes long, and is done if `thorough`. */
static void require_whole(struct attempt *attempt, const struct model *whole, bool thorough)
{
	struct world *world = &attempt->world;

	tlb_gather_finish(&attempt->gather);
	world_resync(world);
	REQUIRE(model_same_translation(&world->model, whole), "it came to something else");
	if (thorough)
		world_check(world);
}

/* What was to be split when a frame was missing is named, and nothing else; all or nothing, nothing
 * was yet. */
static void require_named(const struct world *world, const struct page_table_op *op, bool resumable)
{
	struct page_mapping mapping;

	if (op->conflict_size == 0)
		return;
	(void)page_table_query(&world->table, op->conflict, &mapping);
	REQUIRE(resumable && mapping.virt == op->conflict && mapping.size == op->conflict_size,
		"0x%" PRIx64 "+0x%" PRIx64 " is named, there is 0x%" PRIx64 "+0x%" PRIx64,
		op->conflict, op->conflict_size, mapping.virt, mapping.size);
}

/* Allocation `n` of the operation fails. False: it has fewer. */
static bool fail_at(const struct format_case *format, const struct shortage *shortage, uint64_t n,
		    bool after, uint32_t mode)
{
	struct attempt attempt;
	struct world *world = &attempt.world;
	struct model whole = { 0 };
	struct model_op what = shortage->op;
	struct page_table_op op = { 0 };
	struct memory_snapshot *before;
	enum paging_status status;
	uint64_t tables;
	bool failed;

	what.mode |= mode;
	attempt_begin(&attempt, format, shortage);
	model_init(&whole, format);
	model_copy(&whole, &world->model);
	apply(shortage, &whole, &what, what.size);
	before = memory_snapshot_take(world->memory);
	tables = world->table.tables;
	memory_fail_at(world->memory, n, after);
	status = call(&attempt, &what, &op);
	failed = world->memory->failures != 0;
	memory_fail_at(world->memory, 0, false);
	REQUIRE(status == (failed ? PAGING_NO_MEMORY : PAGING_OK), "failing at %" PRIu64 ": %s", n,
		status_name(status));
	if (failed && what.kind != MODEL_MAP_TO)
		require_named(world, &op, (mode & PAGING_RESUMABLE) != 0);
	if (failed && !(mode & PAGING_RESUMABLE)) {
		REQUIRE(what.kind == MODEL_MAP_TO || op.done == 0, "done is 0x%" PRIx64, op.done);
		require_untouched(&attempt, before, tables);
		finish(&attempt, &what, 0);
	} else if (failed) {
		require_part_done(&attempt, &what, op.done);
		finish(&attempt, &what, op.done);
	}
	require_whole(&attempt, &whole, !after);
	memory_snapshot_drop(before);
	model_drop(&whole);
	world_close(world);
	return failed;
}

void shortage_in_mode(const struct format_case *format, const struct shortage *shortage,
		      uint32_t mode, uint64_t at_least)
{
	/* Both of what is most often called; a little of the rest tells as much. */
	bool both = shortage->way == NULL && !format->config.parallel;

	for (uint64_t n = 1;; n++) {
		bool failed = fail_at(format, shortage, n, shortage->live, mode);

		if (both)
			REQUIRE(fail_at(format, shortage, n, !shortage->live, mode) == failed,
				"allocation %" PRIu64 " is made or not", n);
		REQUIRE(failed || n > at_least, "only %" PRIu64 " allocations are made", n - 1);
		if (!failed)
			return;
		REQUIRE(n < 100, "it does not end");
	}
}

void shortage_in_every_mode(const struct format_case *format, const struct shortage *shortage,
			    uint64_t at_least)
{
	shortage_in_mode(format, shortage, 0, at_least);
	if (shortage->op.kind != MODEL_MAP_TO)
		shortage_in_mode(format, shortage, PAGING_RESUMABLE, at_least);
}
