/* SPDX-License-Identifier: MIT */
/* Operations that split within a budget: so many tables a call, and the same in the end. */
#include <inttypes.h>

#include "require.h"
#include "suite.h"
#include "world.h"

#define CALLS_MAX 40

enum change {
	CHANGE_UNMAP,
	CHANGE_PROTECT,
	CHANGE_WRITE_PROTECT,
	CHANGE_SET_SOFTWARE,
	CHANGE_ANNOTATION, /* taken away */
	CHANGES,
};

static enum paging_status change_range(struct world *world, enum change change, virt_addr virt,
				       uint64_t size, struct page_table_op *op)
{
	struct page_flags flags = { .read = 1, .execute = 1 };
	struct page_table *table = &world->table;

	switch (change) {
	case CHANGE_UNMAP:
		return page_table_unmap(table, virt, size, op);
	case CHANGE_PROTECT:
		return page_table_protect(table, virt, size, flags, op);
	case CHANGE_WRITE_PROTECT:
		return page_table_write_protect(table, virt, size, op);
	case CHANGE_SET_SOFTWARE:
		return page_table_set_software(table, virt, size, 0, op);
	default:
		return page_table_annotate(table, virt, size, 0, op);
	}
}

/* What it comes to. */
static struct model_op meant(enum change change, virt_addr virt, uint64_t size)
{
	static const enum model_kind kinds[CHANGES] = { MODEL_UNMAP, MODEL_PROTECT, MODEL_PROTECT,
							MODEL_SOFTWARE, MODEL_ANNOTATE };
	struct model_op what = { .kind = kinds[change], .virt = virt, .size = size };

	what.flags = format_plain_flags();
	what.flags.write = change == CHANGE_SET_SOFTWARE;
	return what;
}

/* Two large entries: leaves of the largest size, or annotations of the highest level but the
 * root's.
 */
static uint64_t furnish(struct world *world, enum change change, virt_addr virt)
{
	const struct format_case *format = world->format;
	struct model_op what = { .kind = MODEL_MAP, .virt = virt, .phys = 0 };

	what.flags = format_plain_flags();
	what.size = 2 * format_largest_leaf(format);
	if (change == CHANGE_ANNOTATION) {
		what.kind = MODEL_ANNOTATE;
		what.size = 2 * format->level_size[format->levels - 2];
		what.note = 77;
	}
	world_must(world, &what);
	return what.size / 2;
}

/* A range over the middle of both, a call after the other; each makes one table at most. */
static void change_within_budget(struct world *world, enum change change)
{
	uint64_t granule = format_granule(world->format);
	virt_addr virt = format_middle(world->format);
	uint64_t span = furnish(world, change, virt), left = 2 * granule;
	struct model_op what = meant(change, virt + span - granule, left);
	uint64_t tables = model_tables(&world->model), needed;
	enum paging_status status = PAGING_BUDGET;
	struct model before = { 0 };
	unsigned int calls = 0;

	model_copy(&before, &world->model);
	model_apply(&before, &what, what.size);
	needed = model_tables(&before);
	while (status == PAGING_BUDGET) {
		struct page_table_op op = { .frames = world_frames(world),
					    .mode = PAGING_RESUMABLE | PAGING_SPLIT,
					    .budget = 1 };
		uint64_t had = world->table.tables;

		status = change_range(world, change, what.virt + what.size - left, left, &op);
		REQUIRE(status != PAGING_BUDGET || world->table.tables == had + 1,
			"change %d: the budget was one, it made %" PRIu64, (int)change,
			world->table.tables - had);
		REQUIRE(addr_is_aligned(op.done, granule) && op.done <= left &&
				(status != PAGING_OK || op.done == left),
			"change %d: done 0x%" PRIx64, (int)change, op.done);
		REQUIRE(status != PAGING_BUDGET || (op.conflict_size > granule &&
						    addr_is_aligned(op.conflict, op.conflict_size)),
			"change %d: stopped at 0x%" PRIx64 "+0x%" PRIx64, (int)change, op.conflict,
			op.conflict_size);
		left -= op.done;
		REQUIRE(++calls < CALLS_MAX, "no progress");
	}
	REQUIRE(status == PAGING_OK, "change %d: %s", (int)change, status_name(status));
	REQUIRE(calls >= needed - tables, "change %d: %u calls for %" PRIu64 " tables", (int)change,
		calls, needed - tables);
	model_copy(&world->model, &before);
	model_drop(&before);
	world_check(world);
}

FORMAT_TEST(budget, comes_to_the_same)
{
	for (int change = CHANGE_UNMAP; change < CHANGES; change++) {
		struct world world;

		if (change != CHANGE_ANNOTATION &&
		    format_largest_leaf(format) == format_granule(format))
			continue;
		if (change == CHANGE_ANNOTATION && format->levels < 3)
			continue;
		world_open(&world, format, MEMORY_BY_HOOK);
		change_within_budget(&world, (enum change)change);
		world_close(&world);
	}
}

/* All or nothing, it has no meaning. */
FORMAT_TEST(budget, is_for_resumable_calls)
{
	virt_addr virt = format_middle(format);
	struct page_table_op op = { .mode = PAGING_SPLIT, .budget = 1 };
	struct model_op what;
	struct world world;

	if (format->levels < 3)
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	furnish(&world, CHANGE_ANNOTATION, virt);
	what = meant(CHANGE_ANNOTATION, virt, format_granule(format));
	REQUIRE(change_range(&world, CHANGE_ANNOTATION, what.virt, what.size, &op) == PAGING_OK,
		"it is limited");
	model_apply(&world.model, &what, what.size);
	world_check(&world);
	world_close(&world);
}
