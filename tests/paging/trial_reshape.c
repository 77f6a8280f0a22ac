/* SPDX-License-Identifier: MIT */
/*
 * Operations that the model does not know: what they must come to is said here as pieces of what
 * the table meant before, and compared address by address, whatever the leaf sizes.
 */
#include <inttypes.h>
#include <string.h>

#include "require.h"
#include "trial.h"

enum reshape_kind {
	RESHAPE_REPLACE,
	RESHAPE_WRITE_PROTECT,
	RESHAPE_SPLIT,
	RESHAPE_COLLAPSE,
	RESHAPE_HARVEST,
	RESHAPE_TOUCH,
	RESHAPE_KINDS,
};

struct reshape {
	enum reshape_kind kind;
	struct model_op what; /* where, in which mode; REPLACE: all of it */
	uint64_t leaf_size;
	unsigned int marks;
};

struct reshape_run {
	struct world *world;
	struct flush_watch *watch;
	struct page_table_op op;
	struct model seen; /* by the harvest */
};

static void run_begin(struct reshape_run *run, struct trial *trial)
{
	size_t ranges = dice_one_in(&trial->dice, 2) ? dice_below(&trial->dice, 5) : WATCH_RANGES;

	memset(run, 0, sizeof(*run));
	run->world = &trial->world;
	run->watch = &trial->watch;
	run->op.frames = world_frames(run->world);
	run->op.visitor = world_hear;
	run->op.context = run->world;
	run->world->told.count = 0;
	flush_watch_begin(run->watch, run->world, ranges, dice_below(&trial->dice, 9),
			  !dice_one_in(&trial->dice, 3));
	if (!dice_one_in(&trial->dice, 3))
		run->op.gather = &run->watch->gather;
	else
		run->world->memory->guarded = 0;
}

/* world->model is up to date. */
static void run_end(const struct reshape_run *run, const struct model_op *what)
{
	if (run->op.gather != NULL)
		flush_watch_end(run->watch, what);
	else
		flush_watch_drop(run->watch);
}

/* Pieces */

static void append_part(struct model *to, const struct model_leaf *leaf, virt_addr first,
			virt_addr last, struct page_flags flags)
{
	if (first <= last)
		model_append(to, (struct model_leaf){ .virt = first,
						      .phys = leaf->phys + (first - leaf->virt),
						      .size = last - first + 1,
						      .flags = flags });
}

static struct page_flags changed_flags(const struct world *world, const struct reshape *reshape,
				       struct page_flags flags)
{
	struct page_flags old = flags, asked;

	if (reshape->kind == RESHAPE_WRITE_PROTECT)
		flags.write = 0;
	if (reshape->kind != RESHAPE_HARVEST)
		return flags;
	if (reshape->marks & PAGE_MARK_ACCESSED)
		flags.idle = 1;
	if (reshape->marks & PAGE_MARK_DIRTY)
		flags.dirty = 0;
	/* Where there are no such marks, the leaf stays as it is. It may grant nothing any more
	 * (write alone, write-protected), which nobody can ask for but which can be marked. */
	asked = flags;
	asked.read = 1;
	return world->format->expressible(world->format, asked) ? flags : old;
}

/* What the first `bytes` of the range done make of `before`. */
static void make_meant(const struct world *world, const struct reshape *reshape, uint64_t bytes,
		       struct model *meant)
{
	const struct model *before = &world->model;
	virt_addr first = reshape->what.virt, last = first + bytes - 1;
	bool whole = reshape->kind == RESHAPE_HARVEST;

	if (bytes == 0 || reshape->kind == RESHAPE_SPLIT || reshape->kind == RESHAPE_COLLAPSE) {
		model_copy(meant, before);
		return;
	}
	if (reshape->kind == RESHAPE_REPLACE) {
		struct model_op unmap = reshape->what;

		unmap.kind = MODEL_UNMAP;
		unmap.mode = PAGING_SPLIT | PAGING_SKIP_HOLES;
		model_copy(meant, before);
		model_apply(meant, &unmap, bytes);
		model_apply(meant, &reshape->what, bytes);
		return;
	}
	for (size_t i = 0; i < before->count; i++) {
		const struct model_leaf *leaf = &before->leaves[i];
		virt_addr end = leaf->virt + leaf->size - 1;
		virt_addr from = first > leaf->virt && !whole ? first : leaf->virt;
		virt_addr to = last < end && !whole ? last : end;

		if (leaf->virt > last || end < first || leaf->note != 0) {
			model_append(meant, *leaf);
			continue;
		}
		if (from != leaf->virt)
			append_part(meant, leaf, leaf->virt, from - 1, leaf->flags);
		append_part(meant, leaf, from, to, changed_flags(world, reshape, leaf->flags));
		if (to != end)
			append_part(meant, leaf, to + 1, end, leaf->flags);
	}
}

/* A collapsed leaf is marked if one of the old ones was: left out of the comparison. */
static void ignore_marks(struct model *model)
{
	for (size_t i = 0; i < model->count; i++)
		model->leaves[i].flags.idle = model->leaves[i].flags.dirty = 0;
}

/* Answers */

/* What is wrong with it whatever memory and gather allow. */
static enum paging_status obvious_answer(const struct world *world, const struct reshape *reshape)
{
	struct model nothing = { .format = world->format };
	struct model_op what = reshape->what;
	bool looks = reshape->kind == RESHAPE_WRITE_PROTECT;

	if (reshape->kind == RESHAPE_REPLACE)
		return model_answer(&nothing, &what).status;
	what.kind = MODEL_UNMAP;
	if (!looks)
		what.mode = PAGING_SKIP_HOLES;
	return model_answer(looks ? &world->model : &nothing, &what).status;
}

static void require_excuse(const struct reshape_run *run, enum paging_status status)
{
	const struct tlb_gather *gather = run->op.gather;
	bool limited = gather != NULL && (gather->flush == NULL || gather->frame_capacity == 0);

	REQUIRE((status == PAGING_NO_MEMORY) == (run->world->memory->failures != 0),
		"%s after %" PRIu64 " failed allocations", status_name(status),
		run->world->memory->failures);
	if (status == PAGING_NO_MEMORY)
		return;
	if (status == PAGING_NEEDS_FLUSH)
		REQUIRE(gather != NULL && gather->flush == NULL, "nothing to break, or it could");
	else
		REQUIRE(status == PAGING_GATHER_FULL && limited, "%s without a reason",
			status_name(status));
}

static bool note_visit(void *context, const struct page_visit *visit)
{
	struct reshape_run *run = context;
	const struct model_leaf *leaf = model_find(&run->world->model, visit->mapping.virt);

	REQUIRE(visit->kind == PAGE_VISIT_LEAF && leaf != NULL, "a strange visit");
	REQUIRE(page_flags_equal(visit->mapping.flags, leaf->flags), "not as the leaf was");
	model_append(&run->seen, *leaf);
	return true;
}

/* The leaves shown are those that had one of the marks. */
static void check_seen(const struct reshape_run *run, const struct reshape *reshape)
{
	const struct model *model = &run->world->model;
	virt_addr last = reshape->what.virt + reshape->what.size - 1;
	size_t marked = 0;

	for (size_t i = model_index(model, reshape->what.virt); i < model->count; i++) {
		const struct model_leaf *leaf = &model->leaves[i];

		if (leaf->virt > last)
			break;
		marked += leaf->note == 0 &&
			  !page_flags_equal(changed_flags(run->world, reshape, leaf->flags),
					    leaf->flags);
	}
	REQUIRE(run->seen.count == marked, "%zu leaves shown, %zu had marks", run->seen.count,
		marked);
}

static enum paging_status do_it(struct reshape_run *run, const struct reshape *reshape)
{
	struct page_table *table = &run->world->table;
	const struct model_op *what = &reshape->what;
	struct page_table_op *op = &run->op;

	switch (reshape->kind) {
	case RESHAPE_REPLACE:
		return page_table_map(table, what->virt, what->phys, what->size, what->flags, op);
	case RESHAPE_WRITE_PROTECT:
		return page_table_write_protect(table, what->virt, what->size, op);
	case RESHAPE_SPLIT:
		return page_table_split(table, what->virt, what->size, reshape->leaf_size, op);
	case RESHAPE_COLLAPSE:
		return page_table_collapse(table, what->virt, what->size, op);
	default:
		return page_table_harvest(table, what->virt, what->size, reshape->marks, note_visit,
					  run, op);
	}
}

/* Planned first, it changes nothing and says how many tables it takes. */
static enum paging_status planned_first(struct reshape_run *run, const struct reshape *reshape)
{
	uint64_t requests = run->world->memory->requests, planned;
	uint64_t had = run->world->table.tables;
	enum paging_status plan, status;

	run->op.mode |= PAGING_PLAN;
	plan = do_it(run, reshape);
	planned = run->op.tables;
	memory_snapshot_require(run->world->memory, run->watch->before);
	REQUIRE(run->world->memory->requests == requests, "a plan takes frames");
	REQUIRE(run->world->told.count == 0, "a plan tells of leaves that stay");
	run->op.mode &= ~(uint32_t)PAGING_PLAN;
	status = do_it(run, reshape);
	REQUIRE(status == plan, "%s, planned was %s", status_name(status), status_name(plan));
	if (status == PAGING_OK)
		REQUIRE(run->world->memory->requests - requests == planned,
			"%" PRIu64 " tables planned, %" PRIu64 " taken", planned,
			run->world->memory->requests - requests);
	/* What was taken is a table now: it was not too many. */
	if (status == PAGING_OK &&
	    (reshape->kind == RESHAPE_SPLIT || reshape->kind == RESHAPE_WRITE_PROTECT))
		REQUIRE(run->world->table.tables - had == planned, "%" PRIu64 " tables more",
			run->world->table.tables - had);
	return status;
}

static void require_small_leaves(struct world *world, const struct reshape *reshape)
{
	virt_addr last = reshape->what.virt + reshape->what.size - 1;

	for (size_t i = model_index(&world->model, reshape->what.virt); i < world->model.count;
	     i++) {
		if (world->model.leaves[i].virt > last)
			return;
		REQUIRE(world->model.leaves[i].note != 0 ||
				world->model.leaves[i].size <= reshape->leaf_size,
			"a leaf of 0x%" PRIx64 " at 0x%" PRIx64, world->model.leaves[i].size,
			world->model.leaves[i].virt);
	}
}

/* What is told of a replacement is what was there. Of which size a leaf is told does not count
 * here: a group may go as a whole or leaf by leaf. */
static void require_told(const struct reshape_run *run, const struct reshape *reshape,
			 uint64_t bytes)
{
	struct model wanted = { .format = run->world->format };

	if (reshape->what.mode & PAGING_TELL)
		model_told(&run->world->model, &reshape->what, bytes, &wanted);
	REQUIRE(model_same_translation(&wanted, &run->world->told),
		"it tells of %zu leaves, which are not the %zu that went", run->world->told.count,
		wanted.count);
	model_drop(&wanted);
}

static void settle(struct reshape_run *run, const struct reshape *reshape,
		   enum paging_status status)
{
	struct world *world = run->world;
	bool resumable = (reshape->what.mode & PAGING_RESUMABLE) != 0;
	struct model meant = { .format = world->format };
	struct model after = { .format = world->format };

	memory_fail_at(world->memory, 0, false);
	require_told(run, reshape, status == PAGING_OK || resumable ? run->op.done : 0);
	if (status != PAGING_OK && !resumable) {
		memory_snapshot_require(world->memory, run->watch->before);
		run_end(run, &reshape->what);
		return;
	}
	make_meant(world, reshape, status == PAGING_OK ? reshape->what.size : run->op.done, &meant);
	world_resync(world);
	model_copy(&after, &world->model);
	if (reshape->kind == RESHAPE_COLLAPSE) {
		ignore_marks(&meant);
		ignore_marks(&after);
	}
	REQUIRE(model_same_translation(&meant, &after), "the table is not what it should be");
	if (reshape->kind == RESHAPE_SPLIT && status == PAGING_OK)
		require_small_leaves(world, reshape);
	run_end(run, &reshape->what);
	model_drop(&meant);
	model_drop(&after);
}

/* The hardware reads or writes somewhere. */
static void touch(struct trial *trial)
{
	struct world *world = &trial->world;
	size_t index = world->model.count == 0 ? 0 : dice_below(&trial->dice, world->model.count);
	bool write = dice_one_in(&trial->dice, 2);
	struct walk_result leaf;
	uint64_t d;

	if (world->model.count == 0 || world->model.leaves[index].note != 0)
		return;
	leaf = world_translate(world, world->model.leaves[index].virt, world_accesses[0]);
	d = leaf.descriptor;
	if (!write || world->model.leaves[index].flags.write)
		d = world->format->touch(world->format, d, write);
	memcpy(memory_at(world->memory, leaf.entry, sizeof(d)), &d, sizeof(d));
	world_resync(world);
}

static struct reshape some_reshape(struct trial *trial)
{
	const struct format_case *format = trial->world.format;
	struct reshape reshape = { 0 };

	reshape.kind = (enum reshape_kind)dice_below(&trial->dice, RESHAPE_KINDS);
	reshape.what.kind = reshape.kind == RESHAPE_REPLACE ? MODEL_MAP : MODEL_PROTECT;
	reshape.what.virt = trial_virt(trial);
	reshape.what.phys = trial_phys(trial, reshape.what.virt);
	reshape.what.size = trial_size(trial);
	reshape.what.flags = trial_flags(trial);
	reshape.what.mode = trial_mode(trial, reshape.kind == RESHAPE_REPLACE);
	if (reshape.kind != RESHAPE_REPLACE) /* tests/paging/arguments.c knows who has it */
		reshape.what.mode &= ~(uint32_t)PAGING_TELL;
	if (dice_one_in(&trial->dice, 4))
		trial_aim_at_a_part(trial, &reshape.what);
	if (reshape.kind == RESHAPE_REPLACE)
		reshape.what.mode |= PAGING_REPLACE;
	/* Of a small size, or splitting goes on for very long. */
	reshape.leaf_size = format->level_size[reshape.what.size < format->level_size[1] ? 0 : 1];
	reshape.marks = (unsigned int)(1 + dice_below(&trial->dice, 3));
	return reshape;
}

static bool too_much(const struct trial *trial, const struct reshape *reshape)
{
	const struct world *world = &trial->world;
	const struct format_case *format = world->format;

	if (world->model.count > TRIAL_COST_MAX)
		return true;
	if (reshape->kind == RESHAPE_SPLIT)
		return !format_has_leaf(format, reshape->leaf_size) ||
		       reshape->what.size > 2 * format->level_size[1] ||
		       format_largest_leaf(format) > 512 * format->level_size[1];
	return model_cost(&world->model, &reshape->what, TRIAL_COST_MAX + 1) > TRIAL_COST_MAX;
}

void trial_reshape(struct trial *trial)
{
	struct reshape reshape = some_reshape(trial);
	struct world *world = &trial->world;
	enum paging_status obvious, status;
	struct reshape_run run;
	bool plan = dice_one_in(&trial->dice, 4);

	if (reshape.kind == RESHAPE_TOUCH) {
		touch(trial);
		return;
	}
	obvious = obvious_answer(world, &reshape);
	if ((obvious == PAGING_OK || (reshape.what.mode & PAGING_RESUMABLE)) &&
	    too_much(trial, &reshape))
		return;
	require_story("reshape %d virt 0x%" PRIx64 " phys 0x%" PRIx64 " size 0x%" PRIx64
		      " leaf 0x%" PRIx64 " marks %u mode %u",
		      (int)reshape.kind, reshape.what.virt, reshape.what.phys, reshape.what.size,
		      reshape.leaf_size, reshape.marks, reshape.what.mode);
	run_begin(&run, trial);
	run.op.mode = reshape.what.mode;
	plan = plan && (reshape.what.mode & PAGING_RESUMABLE) == 0 &&
	       reshape.kind < RESHAPE_COLLAPSE;
	if (!plan && dice_one_in(&trial->dice, 6))
		memory_fail_at(world->memory, 1 + dice_below(&trial->dice, 3), true);
	status = plan ? planned_first(&run, &reshape) : do_it(&run, &reshape);
	require_story("  -> %s", status_name(status));
	/* A resumable one may stop for another reason before it comes to what is obvious. */
	if (status == PAGING_OK ||
	    (obvious != PAGING_OK && (reshape.what.mode & PAGING_RESUMABLE) == 0))
		REQUIRE(status == obvious, "%s, not %s", status_name(status), status_name(obvious));
	else if (status != obvious)
		require_excuse(&run, status);
	if (reshape.kind == RESHAPE_HARVEST && status == PAGING_OK)
		check_seen(&run, &reshape);
	settle(&run, &reshape, status);
	model_drop(&run.seen);
	world_check(world);
}
