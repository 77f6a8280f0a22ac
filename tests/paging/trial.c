/* SPDX-License-Identifier: MIT */
/* One operation as the dice fall, and what may come of it. */
#include "trial.h"

#include <inttypes.h>

#include "require.h"

/* Above that many leaves or tables most is unmapped. */
#define LEAVES_MAX 1500
#define TABLES_MAX 256

/* A leaf size, or the span of an entry of any level. */
static uint64_t some_span(struct trial *trial)
{
	return trial->world.format
		->level_size[dice_below(&trial->dice, trial->world.format->levels)];
}

/* A small number of granules, mostly 0. */
static uint64_t nudge(struct trial *trial)
{
	uint64_t granule = format_granule(trial->world.format);

	return dice_one_in(&trial->dice, 2) ? 0 : (dice_below(&trial->dice, 5) - 2) * granule;
}

/* Where something interesting begins or ends. */
static virt_addr some_place(struct trial *trial)
{
	const struct model *model = &trial->world.model;
	struct input_range ranges[2];
	unsigned int count = format_ranges(trial->world.format, ranges);
	const struct input_range *range = &ranges[dice_below(&trial->dice, count)];

	switch (dice_below(&trial->dice, 8)) {
	case 0:
		return range->first;
	case 1:
		return range->last + 1 - some_span(trial);
	case 2: /* a few bases that come again and again, so that operations meet */
	case 3:
		return range->first + dice_below(&trial->dice, 3) * some_span(trial);
	case 4:
		return range->first + (dice_word(&trial->dice) & (range->last - range->first));
	default:
		if (model->count != 0) {
			const struct model_leaf *leaf =
				&model->leaves[dice_below(&trial->dice, model->count)];

			return leaf->virt + dice_below(&trial->dice, 5) * (leaf->size / 4);
		}
		return format_middle(trial->world.format);
	}
}

virt_addr trial_virt(struct trial *trial)
{
	uint64_t granule = format_granule(trial->world.format);
	virt_addr virt = addr_align_down(some_place(trial) + nudge(trial), granule);

	if (dice_one_in(&trial->dice, 3))
		virt = addr_align_down(virt, some_span(trial));
	if (dice_one_in(&trial->dice, 40))
		virt += dice_below(&trial->dice, granule);
	return virt;
}

uint64_t trial_size(struct trial *trial)
{
	uint64_t granule = format_granule(trial->world.format);
	uint64_t size;

	switch (dice_below(&trial->dice, 6)) {
	case 0:
		size = granule;
		break;
	case 1:
		size = (1 + dice_below(&trial->dice, 12)) * granule;
		break;
	default:
		size = some_span(trial) * (1 + dice_below(&trial->dice, 3)) + nudge(trial);
		break;
	}
	if (dice_one_in(&trial->dice, 60))
		size = 0 - size;
	if (dice_one_in(&trial->dice, 60))
		size += dice_below(&trial->dice, granule);
	return dice_one_in(&trial->dice, 100) ? 0 : size;
}

/* Often congruent to `virt`, so that large leaves are possible; sometimes out of reach. */
phys_addr trial_phys(struct trial *trial, virt_addr virt)
{
	const struct format_case *format = trial->world.format;
	phys_addr last = format_output_last(format);
	uint64_t granule = format_granule(format), span = some_span(trial);
	phys_addr phys = addr_align_down(dice_word(&trial->dice) & last, granule);

	if (!dice_one_in(&trial->dice, 4))
		phys = addr_align_down(phys, span) | (virt & (span - 1) & last);
	if (dice_one_in(&trial->dice, 12))
		phys = last + 1 - some_span(trial) + nudge(trial);
	if (dice_one_in(&trial->dice, 60))
		phys += dice_below(&trial->dice, granule);
	return phys;
}

struct page_flags trial_flags(struct trial *trial)
{
	uint64_t seed = dice_word(&trial->dice);
	struct page_flags flags = format_random_flags(trial->world.format, &seed);

	if (dice_one_in(&trial->dice, 3))
		flags = format_plain_flags();
	if (dice_one_in(&trial->dice, 40))
		flags.execute_privileged = 1;
	if (dice_one_in(&trial->dice, 40))
		flags.type = dice_below(&trial->dice, 8) & 7;
	if (dice_one_in(&trial->dice, 40))
		flags.read = 0;
	return flags;
}

void trial_aim_at_a_part(struct trial *trial, struct model_op *what)
{
	const struct model *model = &trial->world.model;
	uint64_t granule = format_granule(trial->world.format);

	for (unsigned int tries = 0; tries < 20 && model->count != 0; tries++) {
		const struct model_leaf *leaf =
			&model->leaves[dice_below(&trial->dice, model->count)];

		if (leaf->size == granule)
			continue;
		what->virt = leaf->virt + dice_below(&trial->dice, leaf->size / granule) * granule;
		what->size = (1 + dice_below(&trial->dice, 4)) * granule;
		what->mode |= PAGING_SPLIT;
		return;
	}
}

/* A few that come again and again, any, one that is too large, none. */
static uint64_t some_note(struct trial *trial)
{
	if (dice_one_in(&trial->dice, 40))
		return UINT64_C(1) << (39 + dice_below(&trial->dice, 25));
	return dice_one_in(&trial->dice, 3) ? dice_word(&trial->dice) >> 25
					    : dice_below(&trial->dice, 3);
}

static enum model_kind some_kind(struct trial *trial)
{
	/* Mapping and unmapping is what brings the others their work. */
	static const enum model_kind kinds[] = { MODEL_MAP_TO,   MODEL_MAP,     MODEL_MAP,
						 MODEL_UNMAP,    MODEL_UNMAP,   MODEL_PROTECT,
						 MODEL_SOFTWARE, MODEL_ANNOTATE };

	if (trial->world.model.count > LEAVES_MAX || trial->world.table.tables > TABLES_MAX)
		return dice_one_in(&trial->dice, 2) ? MODEL_UNMAP : MODEL_ANNOTATE;
	return kinds[dice_below(&trial->dice, sizeof(kinds) / sizeof(kinds[0]))];
}

/* A whole half of the space is cleared, of mappings or of annotations. */
static void clear_much(struct trial *trial, struct model_op *what)
{
	struct input_range range = format_first_range(trial->world.format);

	what->virt = range.first;
	what->size = range.last - range.first + 1;
	what->mode = (what->mode | PAGING_SKIP_HOLES) & ~(uint32_t)PAGING_ENLARGE;
	what->note = 0;
}

uint32_t trial_mode(struct trial *trial, bool may_tell)
{
	uint32_t roll = (uint32_t)dice_below(&trial->dice, 64);
	uint32_t mode = roll & (PAGING_RESUMABLE | PAGING_SPLIT | PAGING_SKIP_HOLES);

	/* Whatever may not is refused: of that a few times are enough. */
	if ((roll & 8) != 0 && (may_tell || roll >= 60))
		mode |= PAGING_TELL;
	return mode;
}

static struct model_op some_op(struct trial *trial)
{
	const struct format_case *format = trial->world.format;
	struct model_op what = { .kind = some_kind(trial) };
	bool changes;

	what.virt = trial_virt(trial);
	what.phys = trial_phys(trial, what.virt);
	what.size = what.kind == MODEL_MAP_TO ? format_granule(format) : trial_size(trial);
	what.flags = trial_flags(trial);
	what.mode = trial_mode(trial, what.kind == MODEL_UNMAP || what.kind == MODEL_MAP);
	if (dice_one_in(&trial->dice, 3)) /* a cap; the granule always remains */
		what.leaf_sizes = format_granule(format) | dice_word(&trial->dice);
	if (what.kind == MODEL_ANNOTATE ||
	    (what.kind == MODEL_UNMAP && dice_one_in(&trial->dice, 4)))
		what.note = some_note(trial);
	changes = what.kind != MODEL_MAP_TO && what.kind != MODEL_MAP;
	if (dice_one_in(&trial->dice, 4) && changes)
		trial_aim_at_a_part(trial, &what);
	if (dice_one_in(&trial->dice, 5) && changes &&
	    (what.kind != MODEL_ANNOTATE || dice_one_in(&trial->dice, 8))) {
		what.mode |= PAGING_ENLARGE;
		if (!dice_one_in(&trial->dice, 8))
			what.mode &= ~(uint32_t)PAGING_SPLIT;
	}
	if (dice_one_in(&trial->dice, 20) &&
	    (what.kind == MODEL_UNMAP || what.kind == MODEL_ANNOTATE))
		clear_much(trial, &what);
	return what;
}

/* How many frames the gather has to take. */
static uint64_t tables_gone(const struct trial *trial, const struct model_op *what)
{
	const struct model *before = &trial->world.model;
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
static bool refuses_to_break(const struct trial *trial, const struct model_op *what,
			     enum paging_status expected, enum paging_status status,
			     const struct tlb_gather *gather)
{
	bool resumable = (what->mode & PAGING_RESUMABLE) != 0;
	bool must = gather != NULL && gather->flush == NULL &&
		    (expected == PAGING_OK || resumable) && model_breaks(&trial->world.model, what);

	REQUIRE(must || status != PAGING_NEEDS_FLUSH, "nothing has to be broken");
	REQUIRE(!must || resumable || status == PAGING_NEEDS_FLUSH, "%s, it has to break something",
		status_name(status));
	return status == PAGING_NEEDS_FLUSH;
}

/*
 * What may be the matter besides the operation: no memory, or no room in the gather. Atomic, it is
 * certain what the room must be; resumable, some is kept in hand.
 */
static bool circumstances_allow(struct trial *trial, const struct model_op *what,
				enum paging_status expected, enum paging_status status,
				const struct tlb_gather *gather)
{
	bool endless = gather == NULL || (gather->flush != NULL && gather->frame_capacity != 0);
	uint64_t room = endless ? UINT64_MAX : gather->frame_capacity;

	REQUIRE((status == PAGING_NO_MEMORY) == (trial->world.memory->failures != 0),
		"%s after %" PRIu64 " failed allocations", status_name(status),
		trial->world.memory->failures);
	if (status == PAGING_NO_MEMORY)
		return true;
	if (refuses_to_break(trial, what, expected, status, gather))
		return true;
	if (!model_op_empties(what) || endless)
		return false;
	if (what->mode & PAGING_RESUMABLE)
		return status == PAGING_GATHER_FULL;
	if (expected == PAGING_OK && tables_gone(trial, what) > room) {
		REQUIRE(status == PAGING_GATHER_FULL, "%s, the gather has room for %" PRIu64,
			status_name(status), room);
		return true;
	}
	return false;
}

static void settle(struct trial *trial, const struct model_op *what, enum paging_status status,
		   const struct page_table_op *op)
{
	struct world *world = &trial->world;
	struct model after = { 0 };

	if (status == PAGING_OK) {
		model_apply(&world->model, what, what->size);
		return;
	}
	if (what->kind == MODEL_MAP_TO || !(what->mode & PAGING_RESUMABLE)) {
		memory_snapshot_require(world->memory, trial->watch.before);
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

/* What it was told to enlarge to, exactly, with `bytes` of it done or planned. */
static void require_enlarged(const struct trial *trial, const struct model_op *what, uint64_t bytes,
			     const struct page_table_op *op)
{
	virt_addr start = what->virt;
	uint64_t size = 0;

	if (what->kind == MODEL_MAP_TO || (what->mode & PAGING_ENLARGE) == 0)
		return;
	if (!model_op_adds(what))
		model_enlarge(&trial->world.model, what, bytes, &start, &size);
	REQUIRE(op->enlarged_size == size && (size == 0 || op->enlarged == start),
		"enlarged to 0x%" PRIx64 "+0x%" PRIx64 ", the model to 0x%" PRIx64 "+0x%" PRIx64,
		op->enlarged, op->enlarged_size, start, size);
}

/* What the operation would do, before it does: the table is not touched, no frame is taken, the
 * gather stays empty. Returns the frames it says the operation needs. */
static uint64_t plan(struct trial *trial, const struct model_op *what, struct page_table_op *op,
		     enum paging_status *status)
{
	struct test_memory *memory = trial->world.memory;
	struct model_op planned = *what;
	uint64_t requests = memory->requests;

	planned.mode |= PAGING_PLAN;
	*status = world_do(&trial->world, &planned, op);
	REQUIRE(memory->requests == requests, "the plan takes frames");
	REQUIRE(op->done == 0, "the plan does something");
	require_enlarged(trial, what, *status == PAGING_OK ? what->size : 0, op);
	REQUIRE(!tlb_gather_needed(&trial->watch.gather) && trial->watch.flushes == 0,
		"the plan asks for a flush");
	memory_snapshot_require(memory, trial->watch.before);
	return op->tables;
}

/* The operation, which is all or nothing, took what its plan said, or failed as it said. */
static void require_planned(const struct trial *trial, enum paging_status status, uint64_t took,
			    const struct page_table_op *op, enum paging_status planned,
			    uint64_t tables)
{
	if (status == PAGING_NO_MEMORY)
		status = PAGING_OK;
	REQUIRE(status == planned, "planned %s", status_name(planned));
	if (trial->world.memory->failures != 0 || status != PAGING_OK)
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

void trial_operation(struct trial *trial)
{
	struct world *world = &trial->world;
	struct model_op what = some_op(trial);
	struct page_table_op op = { .frames = world_frames(world) };
	bool flush = dice_one_in(&trial->dice, 2);
	size_t room = dice_one_in(&trial->dice, 3) ? dice_below(&trial->dice, 8) : WATCH_FRAMES;
	struct model_answer expected = model_answer(&world->model, &what);
	bool planned = what.kind != MODEL_MAP_TO && !(what.mode & PAGING_RESUMABLE);
	enum paging_status status, foreseen = PAGING_OK;
	uint64_t tables = 0, requests, had = world->table.tables;

	if (expected.status == PAGING_OK || (what.mode & PAGING_RESUMABLE)) {
		if (model_cost(&world->model, &what, TRIAL_COST_MAX + 1) > TRIAL_COST_MAX)
			return;
	}
	flush_watch_begin(&trial->watch, world,
			  dice_one_in(&trial->dice, 4) ? dice_below(&trial->dice, 4) : WATCH_RANGES,
			  room, flush);
	op.gather = dice_one_in(&trial->dice, 4) ? NULL : &trial->watch.gather;
	if (op.gather == NULL)
		world->memory->guarded = 0;
	if (planned)
		tables = plan(trial, &what, &op, &foreseen);
	if (dice_one_in(&trial->dice, 8))
		memory_fail_at(world->memory, 1 + dice_below(&trial->dice, 4),
			       dice_one_in(&trial->dice, 2));
	requests = world->memory->requests;
	status = world_do(world, &what, &op);
	require_story("  -> %s", status_name(status));
	if (planned)
		require_planned(trial, status, world->memory->requests - requests, &op, foreseen,
				tables);
	/* Where no table goes, each frame that was taken is one now: none was too many. */
	if (planned && status == PAGING_OK &&
	    (what.kind == MODEL_PROTECT || what.kind == MODEL_SOFTWARE))
		REQUIRE(world->table.tables - had == tables, "%" PRIu64 " tables more",
			world->table.tables - had);
	require_enlarged(trial, &what, op.done, &op);
	if (!circumstances_allow(trial, &what, expected.status, status, op.gather))
		require_right_answer(&what, status, &op, &expected);
	settle(trial, &what, status, &op);
	memory_fail_at(world->memory, 0, false);
	if (op.gather == NULL)
		flush_watch_drop(&trial->watch);
	else
		flush_watch_end(&trial->watch, &what);
	world_check(world);
}

/* Addresses of any kind, canonical or not. */
void trial_queries(struct trial *trial)
{
	for (unsigned int i = 0; i < 8; i++)
		world_probe(&trial->world, some_place(trial) + dice_below(&trial->dice, 3) - 1);
	world_probe(&trial->world, dice_word(&trial->dice));
}
