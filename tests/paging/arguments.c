/* SPDX-License-Identifier: MIT */
/* Arguments of range operations that mean nothing, and what a plan says is in the way. */
#include <inttypes.h>
#include <string.h>

#include "require.h"
#include "suite.h"
#include "world.h"

/* What refuses a mode, by name. */
enum call {
	CALL_MAP,
	CALL_UNMAP,
	CALL_PROTECT,
	CALL_WRITE_PROTECT,
	CALL_SOFTWARE,
	CALL_UNANNOTATE,
	CALL_ANNOTATE,
	CALL_SPLIT,
	CALL_COLLAPSE,
	CALL_HARVEST,
	CALLS,
};

static enum paging_status call(struct world *world, enum call which, virt_addr virt, uint64_t size,
			       struct page_table_op *op)
{
	struct page_table *table = &world->table;
	struct page_flags flags = format_plain_flags();

	switch (which) {
	case CALL_MAP:
		return page_table_map(table, virt, 0, size, flags, op);
	case CALL_UNMAP:
		return page_table_unmap(table, virt, size, op);
	case CALL_PROTECT:
		return page_table_protect(table, virt, size, flags, op);
	case CALL_WRITE_PROTECT:
		return page_table_write_protect(table, virt, size, op);
	case CALL_SOFTWARE:
		return page_table_set_software(table, virt, size, 0, op);
	case CALL_UNANNOTATE:
		return page_table_annotate(table, virt, size, 0, op);
	case CALL_ANNOTATE:
		return page_table_annotate(table, virt, size, 1, op);
	case CALL_SPLIT:
		return page_table_split(table, virt, size, format_granule(world->format), op);
	case CALL_COLLAPSE:
		return page_table_collapse(table, virt, size, op);
	default:
		return page_table_harvest(table, virt, size, PAGE_MARK_DIRTY, NULL, NULL, op);
	}
}

static void refused(struct world *world, enum call which, virt_addr virt, uint64_t size,
		    struct page_table_op *op)
{
	struct memory_snapshot *before = memory_snapshot_take(world->memory);
	enum paging_status status = call(world, which, virt, size, op);

	REQUIRE(status == PAGING_BAD_ARGUMENT, "call %d, mode 0x%x: %s", (int)which,
		(unsigned int)op->mode, status_name(status));
	memory_snapshot_require(world->memory, before);
	memory_snapshot_drop(before);
}

FORMAT_TEST(arguments, modes_that_an_operation_does_not_have)
{
	uint64_t size = 2 * format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_table_op op = { .frames = NULL };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, virt, 0, size);
	for (enum call which = CALL_MAP; which < CALLS; which++) {
		for (unsigned int bit = 7; bit < 32; bit++) {
			op.mode = UINT32_C(1) << bit;
			refused(&world, which, virt, size, &op);
			op.mode |= PAGING_RESUMABLE;
			refused(&world, which, virt, size, &op);
			op.mode |= PAGING_PLAN;
			refused(&world, which, virt, size, &op);
		}
		op.mode = PAGING_REPLACE;
		if (which != CALL_MAP)
			refused(&world, which, virt, size, &op);
		op.mode = PAGING_ENLARGE;
		if (which == CALL_MAP || which >= CALL_ANNOTATE)
			refused(&world, which, virt, size, &op);
		op.mode = PAGING_ENLARGE | PAGING_SPLIT;
		refused(&world, which, virt, size, &op);
		op.mode = PAGING_TELL;
		op.visitor = NULL;
		refused(&world, which, virt, size, &op);
		op.mode |= which == CALL_MAP ? PAGING_REPLACE : 0;
		refused(&world, which, virt, size, &op);
		op.visitor = world_hear;
		op.context = &world;
		if (which != CALL_MAP && which != CALL_UNMAP)
			refused(&world, which, virt, size, &op);
	}
	REQUIRE(world.told.count == 0, "leaves are told of");
	world_check(&world);
	world_close(&world);
}

/* Sizes that no leaf has, one of each bit, and more than one of them. */
FORMAT_TEST(arguments, sizes_to_split_to)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_table_op op = { .frames = NULL };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, virt, 0, granule);
	for (unsigned int bit = 0; bit < 65; bit++) {
		uint64_t size = bit == 64 ? 0 : UINT64_C(1) << bit;
		bool good = format_has_leaf(format, size);
		enum paging_status status =
			page_table_split(&world.table, virt, granule, size, &op);

		REQUIRE(status == (good ? PAGING_OK : PAGING_BAD_SIZE), "0x%" PRIx64 ": %s", size,
			status_name(status));
		if (size == granule || !good)
			continue;
		status = page_table_split(&world.table, virt, granule, size | granule, &op);
		REQUIRE(status == PAGING_BAD_SIZE, "0x%" PRIx64 " and a page: %s", size,
			status_name(status));
	}
	world_check(&world);
	world_close(&world);
}

/* What a call has come to is told of one that was refused, too. */
FORMAT_TEST(arguments, what_a_refused_call_has_done)
{
	uint64_t granule = format_granule(format);
	const struct {
		virt_addr virt;
		uint64_t size;
		enum paging_status status;
	} refusals[] = {
		{ format_middle(format), granule + 1, PAGING_UNALIGNED },
		{ format_middle(format) + 1, granule, PAGING_UNALIGNED },
		{ format_middle(format), 0, PAGING_BAD_SIZE },
	};
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (enum call which = CALL_MAP; which < CALLS; which++) {
		for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
			struct page_table_op op = { .frames = world_frames(&world),
						    .done = 1,
						    .tables = 2,
						    .conflict = 3,
						    .conflict_size = 4,
						    .enlarged = 5,
						    .enlarged_size = 6 };
			virt_addr virt = refusals[i].virt;
			enum paging_status status =
				call(&world, which, virt, refusals[i].size, &op);

			REQUIRE(status == refusals[i].status, "call %d: %s", (int)which,
				status_name(status));
			REQUIRE(op.done == 0 && op.tables == 0 && op.conflict == virt &&
					op.conflict_size == 0 && op.enlarged == virt &&
					op.enlarged_size == 0,
				"call %d: 0x%" PRIx64 " done, %" PRIu64
				" tables, conflict 0x%" PRIx64 "+0x%" PRIx64,
				(int)which, op.done, op.tables, op.conflict, op.conflict_size);
		}
	}
	world_check(&world);
	world_close(&world);
}

/* The output address is not aligned. */
FORMAT_TEST(arguments, what_an_unaligned_map_says)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_table_op op = { .conflict_size = 4 };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	REQUIRE(page_table_map(&world.table, virt, 1, granule, format_plain_flags(), &op) ==
				PAGING_UNALIGNED &&
			op.conflict == virt && op.conflict_size == 0,
		"conflict 0x%" PRIx64 "+0x%" PRIx64, op.conflict, op.conflict_size);
	world_close(&world);
}

/* A hole is the first thing in the way: nothing was done, enlarged or not. */
FORMAT_TEST(arguments, what_enlarging_nothing_comes_to)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_first_range(format).first + 8 * granule;
	struct page_table_op op = { .mode = PAGING_RESUMABLE | PAGING_ENLARGE };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, virt + granule, 0, granule);
	REQUIRE(page_table_unmap(&world.table, virt, 2 * granule, &op) == PAGING_NOT_MAPPED,
		"unmap");
	REQUIRE(op.done == 0 && op.enlarged == virt && op.enlarged_size == 0,
		"0x%" PRIx64 "+0x%" PRIx64, op.enlarged, op.enlarged_size);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(arguments, marks_that_there_are_not)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_table_op op = { .frames = NULL };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, granule);
	for (unsigned int bit = 0; bit < 33; bit++) {
		unsigned int marks = bit == 32 ? 0 : 1u << bit;
		bool good = marks == PAGE_MARK_ACCESSED || marks == PAGE_MARK_DIRTY;
		enum paging_status status =
			page_table_harvest(&world.table, virt, granule, marks, NULL, NULL, &op);

		REQUIRE(status == (good ? PAGING_OK : PAGING_BAD_ARGUMENT), "marks 0x%x: %s", marks,
			status_name(status));
	}
	world_resync(&world);
	world_close(&world);
}

FORMAT_TEST(arguments, neither_frames_nor_gather)
{
	static const enum call calls[] = { CALL_MAP, CALL_UNMAP, CALL_UNANNOTATE, CALL_COLLAPSE };
	uint64_t size = 2 * format_granule(format);
	virt_addr virt = format_middle(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, size);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		struct page_table_op op = { .frames = NULL };

		op.mode = calls[i] == CALL_MAP ? PAGING_REPLACE : 0;
		refused(&world, calls[i], virt, size, &op);
	}
	world_close(&world);
}

/* A gather that cannot flush, with room for one table. */
struct narrow {
	struct world world;
	struct tlb_range ranges[4];
	struct frame frame;
	struct tlb_gather gather;
	struct page_table_op op;
};

static void narrow_open(struct narrow *n, const struct format_case *format)
{
	memset(n, 0, sizeof(*n));
	world_open(&n->world, format, MEMORY_BY_OFFSET);
	n->gather.ranges = n->ranges;
	n->gather.range_capacity = 4;
	n->gather.frames = &n->frame;
	n->gather.frame_capacity = 1;
	n->gather.owner = world_frames(&n->world);
	n->op.frames = n->gather.owner;
	n->op.gather = &n->gather;
}

static void require_in_the_way(struct narrow *n, enum call which, virt_addr virt, uint64_t size,
			       enum paging_status expected, virt_addr conflict,
			       uint64_t conflict_size)
{
	enum paging_status status = call(&n->world, which, virt, size, &n->op);

	REQUIRE(status == expected, "%s", status_name(status));
	REQUIRE(n->op.conflict == conflict && n->op.conflict_size == conflict_size,
		"0x%" PRIx64 "+0x%" PRIx64 " is in the way, not 0x%" PRIx64 "+0x%" PRIx64,
		n->op.conflict, n->op.conflict_size, conflict, conflict_size);
	world_check(&n->world);
}

/* The first table that the gather has no room for: of a few pages, and of a run of full tables. */
FORMAT_TEST(arguments, the_table_that_finds_no_room)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = addr_align_down(format_middle(format), 4 * span);
	struct page_table_op op = { .leaf_sizes = granule };
	struct narrow n;

	narrow_open(&n, format);
	op.frames = n.op.frames;
	world_map(&n.world, virt + granule, 0, granule);
	world_map(&n.world, virt + span + 3 * granule, 0, granule);
	n.op.mode = PAGING_SKIP_HOLES;
	require_in_the_way(&n, CALL_UNMAP, virt, 4 * span, PAGING_GATHER_FULL, virt + span, span);
	REQUIRE(page_table_map(&n.world.table, virt + 2 * span, 0, 2 * span, format_plain_flags(),
			       &op) == PAGING_OK,
		"no map");
	world_resync(&n.world);
	n.op.mode = 0;
	require_in_the_way(&n, CALL_UNMAP, virt + 2 * span, 2 * span, PAGING_GATHER_FULL,
			   virt + 3 * span, span);
	if (format_has_leaf(format, span) && format->break_flags == NULL) {
		n.op.mode = PAGING_REPLACE;
		require_in_the_way(&n, CALL_MAP, virt, 4 * span, PAGING_GATHER_FULL, virt + span,
				   span);
	}
	world_close(&n.world);
}

/* The first leaf that takes break-before-make. */
FORMAT_TEST(arguments, the_leaf_that_takes_a_break)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = addr_align_down(format_middle(format), 4 * span);
	struct page_table_op op = { .leaf_sizes = span };
	struct narrow n;

	if (format->break_flags == NULL)
		return;
	narrow_open(&n, format);
	op.frames = n.op.frames;
	world_map(&n.world, virt + span - granule, 0, granule);
	n.op.mode = PAGING_REPLACE;
	require_in_the_way(&n, CALL_MAP, virt, span - granule + granule, PAGING_NEEDS_FLUSH,
			   format_has_leaf(format, span) ? virt : virt + span - granule,
			   format_has_leaf(format, span) ? span : granule);
	require_in_the_way(&n, CALL_MAP, virt + granule, span - granule, PAGING_NEEDS_FLUSH,
			   virt + span - granule, granule);
	if (format->break_sizes && format_has_leaf(format, span)) {
		REQUIRE(page_table_map(&n.world.table, virt + span, 0, span, format_plain_flags(),
				       &op) == PAGING_OK,
			"no map");
		world_resync(&n.world);
		n.op.mode = PAGING_SPLIT;
		require_in_the_way(&n, CALL_WRITE_PROTECT, virt + span - granule, 2 * granule,
				   PAGING_NEEDS_FLUSH, virt + span, span);
	}
	world_close(&n.world);
}

/* An allocator whose frames are not aligned: they go back, and are as good as none. */
struct askew {
	struct frame_allocator allocator;
	struct frame_allocator *source;
	uint64_t off;
	unsigned int out;
};

static bool askew_allocate(struct frame_allocator *self, enum frame_use use, uint64_t size,
			   struct frame *frame)
{
	struct askew *askew = (struct askew *)self;

	if (!askew->source->allocate(askew->source, use, size, frame))
		return false;
	frame->start += askew->off;
	askew->out++;
	return true;
}

static void askew_free(struct frame_allocator *self, enum frame_use use, struct frame frame)
{
	struct askew *askew = (struct askew *)self;

	REQUIRE(askew->out != 0, "more goes back than came");
	frame.start -= askew->off;
	askew->source->free(askew->source, use, frame);
	askew->out--;
}

FORMAT_TEST(arguments, frames_that_are_not_aligned)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_flags flags = format_plain_flags();
	struct page_table_op op = { .frames = NULL };
	struct page_table_config config = format->config;
	struct page_table other;
	struct askew askew = { .allocator = { .allocate = askew_allocate, .free = askew_free } };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	askew.source = world_frames(&world);
	config.access = world.table.access;
	op.frames = &askew.allocator;
	for (askew.off = 8; askew.off < granule; askew.off <<= 1) {
		enum paging_status status;

		status = page_table_map_to(&world.table, virt, 0, flags, &askew.allocator);
		REQUIRE(status == PAGING_NO_MEMORY, "map_to: %s", status_name(status));
		status = page_table_map(&world.table, virt, 0, granule, flags, &op);
		REQUIRE(status == PAGING_NO_MEMORY, "map: %s", status_name(status));
		if (askew.off < format->root_bytes) {
			status = page_table_init(&other, &config, &askew.allocator);
			REQUIRE(status == PAGING_UNALIGNED, "init: %s", status_name(status));
		}
		REQUIRE(askew.out == 0, "%u frames are not back", askew.out);
	}
	world_check(&world);
	world_close(&world);
}
