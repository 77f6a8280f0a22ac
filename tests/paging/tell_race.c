/* SPDX-License-Identifier: MIT */
/*
 * Leaves are removed from a live table while the hardware marks them, each just before the library
 * stores to it: what is told of them (PAGING_TELL) has the mark. Of a group it is in the last
 * descriptor, when the others are gone already.
 */
#include <inttypes.h>
#include <string.h>

#include <twofold/page_cursor.h>

#include "require.h"
#include "suite.h"
#include "trap.h"
#include "world.h"

#define LEAVES 4

enum way {
	WAY_RANGE,
	WAY_ONE_BY_ONE,
	WAY_ANNOTATING,
	WAY_CURSOR,
	WAY_REPLACE,
	WAYS,
};

struct race {
	struct world *world;
	phys_addr entries[LEAVES]; /* of each leaf, the last */
	bool marked[LEAVES];
};

static void before_store(struct trap *trap, phys_addr address)
{
	struct race *race = trap->context;
	const struct format_case *format = race->world->format;

	for (unsigned int i = 0; i < LEAVES; i++) {
		uint64_t d = memory_read(race->world->memory, race->entries[i]);

		if (address != race->entries[i] || race->marked[i])
			continue;
		d = format->touch(format, d, true);
		memcpy(memory_at(race->world->memory, address, sizeof(d)), &d, sizeof(d));
		race->marked[i] = true;
	}
}

static void no_flush(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
}

static enum paging_status by_cursor(struct world *world, virt_addr virt, struct page_table_op *op)
{
	struct page_cursor cursor;
	enum paging_status status = page_cursor_open(&cursor, &world->table, virt, op);

	for (unsigned int i = 0; i < LEAVES && status == PAGING_OK; i++)
		status = page_cursor_unmap(&cursor);
	page_cursor_close(&cursor);
	return status;
}

static enum paging_status take_out(struct world *world, enum way way, virt_addr virt, uint64_t size,
				   struct page_table_op *op)
{
	struct page_table *table = &world->table;
	enum paging_status status = PAGING_OK;

	switch (way) {
	case WAY_CURSOR:
		return by_cursor(world, virt, op);
	case WAY_REPLACE:
		op->mode |= PAGING_REPLACE;
		op->leaf_sizes = format_leaf_cap(world->format, size);
		return page_table_map(table, virt, 0, LEAVES * size, format_plain_flags(), op);
	case WAY_ONE_BY_ONE:
		for (unsigned int i = 0; i < LEAVES && status == PAGING_OK; i++)
			status = page_table_unmap(table, virt + i * size, size, op);
		return status;
	default:
		op->annotation = way == WAY_ANNOTATING ? 3 : 0;
		return page_table_unmap(table, virt, LEAVES * size, op);
	}
}

static void require_told(const struct race *race, uint64_t size, enum way way)
{
	const struct model *told = &race->world->told;
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < LEAVES; i++)
		REQUIRE(race->marked[i], "leaf %u was not marked", i);
	for (size_t i = 0; i < told->count; i++) {
		REQUIRE(told->leaves[i].flags.dirty && !told->leaves[i].flags.idle,
			"way %d, size 0x%" PRIx64 ": the mark of 0x%" PRIx64 " is lost", (int)way,
			size, told->leaves[i].virt);
		bytes += told->leaves[i].size;
	}
	REQUIRE(bytes == LEAVES * size && (way == WAY_REPLACE || told->count == LEAVES),
		"0x%" PRIx64 " bytes are told of, in %zu leaves", bytes, told->count);
}

static void run(const struct format_case *format, enum way way, uint64_t size)
{
	virt_addr virt = addr_align_down(format_middle(format), LEAVES * size);
	struct tlb_range ranges[8];
	struct frame frames[8];
	struct tlb_gather gather = { .ranges = ranges,
				     .range_capacity = 8,
				     .frames = frames,
				     .frame_capacity = 8,
				     .flush = no_flush };
	struct page_table_op op = { .gather = &gather, .mode = PAGING_TELL, .visitor = world_hear };
	struct model_op what = { .kind = MODEL_MAP, .virt = virt, .size = LEAVES * size };
	struct trap trap = { .before = before_store };
	struct race race = { .world = NULL };
	enum paging_status status;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	what.flags = format_plain_flags();
	what.flags.idle = 1;
	what.leaf_sizes = format_leaf_cap(format, size);
	world_must(&world, &what);
	race.world = &world;
	for (unsigned int i = 0; i < LEAVES; i++)
		race.entries[i] =
			world_translate(&world, virt + (i + 1) * size - 1, world_accesses[0]).entry;
	gather.owner = op.frames = world_frames(&world);
	op.context = &world;
	trap.memory = world.memory;
	trap.format = format;
	trap.context = &race;
	trap_begin(&trap);
	status = take_out(&world, way, virt, size, &op);
	trap_end(&trap);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	require_told(&race, size, way);
	tlb_gather_finish(&gather);
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(tell_race, no_mark_is_lost)
{
	struct page_flags marked = format_plain_flags();

	marked.idle = marked.dirty = 1;
	if (!format->expressible(format, marked))
		return;
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		for (unsigned int way = 0; way < WAYS; way++)
			run(format, (enum way)way, size);
	}
}
