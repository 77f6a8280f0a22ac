/* SPDX-License-Identifier: MIT */
/* Annotations on entries that are not present, and software bits on those that are. */
#include <inttypes.h>
#include <string.h>

#include "require.h"
#include "suite.h"
#include "world.h"

#define NOTE       UINT64_C(0x5a5a5a5a5a)
/* The same as an entry of a table: bit 51, and the number from bit 12 on. */
#define NOTE_ENTRY UINT64_C(0x000a5a5a5a5a5000)
#define LARGEST    ((UINT64_C(1) << 39) - 1)

static struct model_op annotation(virt_addr virt, uint64_t size, uint64_t note)
{
	return (struct model_op){
		.kind = MODEL_ANNOTATE, .virt = virt, .size = size, .note = note
	};
}

static void annotate(struct world *world, virt_addr virt, uint64_t size, uint64_t note)
{
	struct model_op what = annotation(virt, size, note);

	world_must(world, &what);
}

static void refused(struct world *world, const struct model_op *what, enum paging_status status)
{
	enum paging_status seen = world_step(world, what);

	REQUIRE(seen == status, "it answers %s, not %s", status_name(seen), status_name(status));
}

static struct page_mapping hole(struct world *world, virt_addr virt)
{
	struct page_mapping mapping;

	REQUIRE(page_table_query(&world->table, virt, &mapping) == PAGING_NOT_MAPPED, "no hole");
	return mapping;
}

/* An entry of each level is annotated as such, is nothing to the MMU, and keeps its tables. */
FORMAT_TEST(annotations, in_entries_of_every_level)
{
	virt_addr virt = format_middle(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_HOOK);
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t span = format->level_size[level];
		struct walk_result seen;

		annotate(&world, virt, span, NOTE);
		seen = world_translate(&world, virt + span / 2, world_accesses[0]);
		REQUIRE(seen.fault == WALK_NOT_PRESENT && seen.page_size == span &&
				seen.descriptor == NOTE_ENTRY,
			"fault %d, 0x%" PRIx64 " stands in an entry of 0x%" PRIx64, (int)seen.fault,
			seen.descriptor, seen.page_size);
		REQUIRE(hole(&world, virt + span - 1).annotation == NOTE, "it is not shown");
		REQUIRE(world.memory->live == format->levels - level, "%" PRIu64 " tables",
			world.memory->live);
		annotate(&world, virt, span, LARGEST);
		annotate(&world, virt, span, 0);
		REQUIRE(world.memory->live == 1, "%" PRIu64 " tables stay", world.memory->live);
	}
	world_close(&world);
}

/* What a CPU with L1TF takes the entry for, for each MAXPHYADDR: an address in the upper half of
 * all there are, for numbers as large as page_table.h says. */
FORMAT_TEST(annotations, lead_to_no_memory)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int width = 36; width <= 51; width++) {
		const uint64_t limit = UINT64_C(1) << (width - 13);
		const uint64_t notes[] = { 1, 2, limit / 2, limit - 1 };

		for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
			struct walk_result seen;

			annotate(&world, virt, granule, notes[i]);
			seen = world_translate(&world, virt, world_accesses[0]);
			REQUIRE((seen.descriptor >> (width - 1) & 1) == 1,
				"%u bits: annotation 0x%" PRIx64 " is 0x%" PRIx64, width, notes[i],
				seen.descriptor);
			REQUIRE(hole(&world, virt).annotation == notes[i], "it is not shown");
			annotate(&world, virt, granule, 0);
		}
	}
	world_close(&world);
}

FORMAT_TEST(annotations, errors)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = format_middle(format);
	struct model_op what = annotation(virt, granule, LARGEST + 1);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	refused(&world, &what, PAGING_BAD_FLAGS);
	what.note = UINT64_MAX;
	refused(&world, &what, PAGING_BAD_FLAGS);
	annotate(&world, virt, span, NOTE);
	what = annotation(virt + granule, granule, 0);
	refused(&world, &what, PAGING_WOULD_SPLIT);
	what.mode = PAGING_ENLARGE; /* is about leaves */
	refused(&world, &what, PAGING_BAD_ARGUMENT);
	what.mode = PAGING_SPLIT;
	world_must(&world, &what);
	world_map(&world, virt + granule, 0, granule);
	what = annotation(virt, 2 * granule, 1);
	refused(&world, &what, PAGING_ALREADY_MAPPED);
	what.mode = PAGING_REPLACE;
	refused(&world, &what, PAGING_BAD_ARGUMENT);
	what = (struct model_op){ .kind = MODEL_UNMAP, .virt = virt, .size = 2 * granule };
	refused(&world, &what, PAGING_NOT_MAPPED);
	what.virt += granule;
	what.size = granule;
	what.note = LARGEST + 1;
	refused(&world, &what, PAGING_BAD_FLAGS);
	what.note = LARGEST;
	world_must(&world, &what);
	world_close(&world);
}

/* At both ends of each range of input addresses. */
FORMAT_TEST(annotations, at_the_ends_of_the_space)
{
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	uint64_t granule = format_granule(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < count; i++) {
		uint64_t size = ranges[i].last - ranges[i].first + 1;

		annotate(&world, ranges[i].first, granule, 1);
		annotate(&world, ranges[i].last - (granule - 1), granule, LARGEST);
		annotate(&world, ranges[i].first, granule, 0);
		annotate(&world, ranges[i].last - (granule - 1), granule, 0);
		annotate(&world, ranges[i].first, size, NOTE);
		world_map(&world, ranges[i].last - (granule - 1), 0, granule);
	}
	world_close(&world);
}

struct seen {
	uint64_t bytes[9]; /* by kind */
	virt_addr next;
	bool started;
};

static bool note_kind(void *context, const struct page_visit *visit)
{
	struct seen *seen = context;

	REQUIRE(seen->next == visit->mapping.virt || !seen->started,
		"0x%" PRIx64 " follows 0x%" PRIx64, visit->mapping.virt, seen->next);
	REQUIRE((visit->kind == PAGE_VISIT_ANNOTATION) == (visit->mapping.annotation != 0),
		"kind %d has annotation 0x%" PRIx64, (int)visit->kind, visit->mapping.annotation);
	seen->started = true;
	seen->next = visit->mapping.virt;
	if (visit->kind == PAGE_VISIT_TABLE)
		return true;
	seen->next += visit->mapping.size;
	seen->bytes[visit->kind] += visit->mapping.size;
	return true;
}

static uint64_t bytes_of(const struct world *world, virt_addr virt, uint64_t size,
			 unsigned int kinds, enum page_visit_kind kind)
{
	struct seen seen = { .started = false };
	enum paging_status status;

	status = page_table_walk(&world->table, virt, size, kinds, note_kind, &seen);
	REQUIRE(status == PAGING_OK, "walk: %s", status_name(status));
	return seen.bytes[kind];
}

/* What is mapped, annotated and neither adds up, whichever of them is asked for. */
FORMAT_TEST(annotations, walk_shows_each_entry_as_one_kind)
{
	static const enum page_visit_kind kinds[] = { PAGE_VISIT_LEAF, PAGE_VISIT_HOLE,
						      PAGE_VISIT_ANNOTATION };
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = format_middle(format);
	uint64_t wanted[3] = { 2 * granule, span - 5 * granule, 3 * granule };
	unsigned int all =
		PAGE_VISIT_LEAF | PAGE_VISIT_HOLE | PAGE_VISIT_ANNOTATION | PAGE_VISIT_TABLE;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, granule);
	annotate(&world, virt + granule, granule, 1);
	world_map(&world, virt + 2 * granule, 0, granule);
	annotate(&world, virt + span - 2 * granule, 2 * granule, NOTE);
	for (size_t i = 0; i < 3; i++) {
		uint64_t alone, among = bytes_of(&world, virt, span, all, kinds[i]);
		struct seen seen = { .started = false };

		REQUIRE(among == wanted[i], "kind %d: 0x%" PRIx64 " bytes", (int)kinds[i], among);
		for (uint64_t at = 0; at < span; at += granule) {
			seen.started = false;
			(void)page_table_walk(&world.table, virt + at, granule,
					      (unsigned int)kinds[i], note_kind, &seen);
		}
		alone = seen.bytes[kinds[i]];
		REQUIRE(alone == wanted[i], "kind %d alone: 0x%" PRIx64 " bytes", (int)kinds[i],
			alone);
	}
	world_close(&world);
}

/* A gather that can flush; nothing runs on this table. */
static void flush_nothing(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
}

/* A table with leaves and one annotation collapses to nothing else; one with leaves only does. */
FORMAT_TEST(annotations, collapse_and_harvest_pass_over_them)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = format_middle(format);
	struct page_table_op op = { .frames = NULL };
	struct world world;

	if (span / granule > 1024)
		return; /* each look at so many takes long */
	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t at = 0; at < span - granule; at += granule)
		world_map_unseen(&world, virt + at, at, granule);
	annotate(&world, virt + span - granule, granule, NOTE);
	op.frames = world_frames(&world);
	REQUIRE(page_table_collapse(&world.table, virt, span, &op) == PAGING_OK, "collapse");
	REQUIRE(page_table_harvest(&world.table, virt, span, PAGE_MARK_ACCESSED | PAGE_MARK_DIRTY,
				   NULL, NULL, &op) == PAGING_OK,
		"harvest");
	REQUIRE(hole(&world, virt + span - granule).annotation == NOTE, "the annotation is gone");
	REQUIRE(world.memory->live == format->levels, "%" PRIu64 " tables", world.memory->live);
	world_resync(&world); /* idle where that can be said; groups */
	world_check(&world);
	world_close(&world);
}

/* A leaf in place of a table that holds annotations: the table goes, and all they said. */
FORMAT_TEST(annotations, a_replacing_leaf_takes_their_table)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = format_middle(format);
	struct frame frames[4];
	struct tlb_gather gather = { .frames = frames, .frame_capacity = 4 };
	struct page_table_op op = { .mode = PAGING_REPLACE, .gather = &gather };
	struct world world;

	if (!format_has_leaf(format, span))
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	gather.owner = op.frames = world_frames(&world);
	gather.flush = flush_nothing;
	annotate(&world, virt + granule, granule, NOTE);
	REQUIRE(page_table_map(&world.table, virt, 0, span, format_plain_flags(), &op) == PAGING_OK,
		"map");
	tlb_gather_finish(&gather);
	world_resync(&world);
	REQUIRE(world.model.count == 1 && world.model.leaves[0].size == span,
		"no leaf of 0x%" PRIx64, span);
	world_check(&world);
	world_close(&world);
}

/* A table whose leaves become annotations stays, and goes with the last of these. */
FORMAT_TEST(annotations, unmap_leaves_them)
{
	uint64_t largest = format_largest_leaf(format), granule = format_granule(format);
	virt_addr virt = format_middle(format);
	uint64_t tables;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = largest; size != 0; size = format_next_smaller_leaf(format, size)) {
		struct model_op what = { .kind = MODEL_UNMAP, .virt = virt, .size = size };

		what.note = NOTE;
		world_map(&world, virt, 0, size);
		tables = world.memory->live;
		world_must(&world, &what);
		REQUIRE(world.memory->live == tables, "a table went");
		REQUIRE(hole(&world, virt + size - granule).annotation == NOTE, "no annotation");
		world_map(&world, virt, 0, granule); /* takes the place of a part */
		world_unmap(&world, virt, granule, 0);
		annotate(&world, virt, size, 0);
		REQUIRE(world.memory->live == 1, "%" PRIu64 " tables", world.memory->live);
	}
	world_close(&world);
}

static uint64_t entry_software(struct world *world, virt_addr virt)
{
	struct page_mapping mapping;

	REQUIRE(page_table_query(&world->table, virt, &mapping) == PAGING_OK, "not mapped");
	return mapping.flags.software;
}

/* A full table, one entry of which is annotated: what its count says is not that all is mapped. */
FORMAT_TEST(annotations, left_in_a_full_table)
{
	uint64_t span = format->level_size[1], granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct model_op left = { .kind = MODEL_UNMAP, .size = granule, .note = NOTE };
	struct model_op all = { .kind = MODEL_UNMAP, .virt = virt, .size = span };
	struct model_op pages = { .kind = MODEL_MAP, .virt = virt, .size = span };
	struct world world;

	pages.flags = (struct page_flags){ .read = 1, .write = 1, .execute = 1 };
	pages.leaf_sizes = granule;
	left.virt = virt + span / 2;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_must(&world, &pages);
	world_must(&world, &left);
	refused(&world, &all, PAGING_NOT_MAPPED);
	all.mode = PAGING_SKIP_HOLES;
	world_must(&world, &all);
	REQUIRE(hole(&world, left.virt).annotation == NOTE, "the annotation went");
	annotate(&world, left.virt, granule, 0);
	REQUIRE(world.memory->live == 1, "%" PRIu64 " tables", world.memory->live);
	world_close(&world);
}

/* What hardware has marked in single leaves of a group stays there. */
FORMAT_TEST(annotations, software_bits_of_groups)
{
	uint16_t software = (uint16_t)((1u << format->software_bits) - 1);
	virt_addr virt = format_middle(format);
	struct frame frames[4];
	struct tlb_gather gather = { .frames = frames, .frame_capacity = 4 };
	struct page_table_op op = { .gather = &gather };
	struct world world;

	if (software == 0)
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	gather.owner = world_frames(&world);
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		struct walk_result leaf;
		uint64_t before, after;

		world_map(&world, virt, 0, size);
		leaf = world_translate(&world, virt + size - 1, world_accesses[0]);
		before = world_mark(&world, &leaf, true);
		REQUIRE(page_table_set_software(&world.table, virt, size, software, &op) ==
				PAGING_OK,
			"set_software");
		REQUIRE(!tlb_gather_needed(&gather), "it asks for a flush");
		REQUIRE(entry_software(&world, virt + size - 1) == software,
			"not all bits are set");
		REQUIRE(page_table_set_software(&world.table, virt, size, 0, &op) == PAGING_OK,
			"set_software");
		after = memory_read(world.memory, leaf.entry);
		REQUIRE(after == before, "0x%" PRIx64 " became 0x%" PRIx64, before, after);
		REQUIRE(world_translate(&world, virt, world_accesses[0]).page_size == size,
			"the group fell apart");
		world_resync(&world);
		world_unmap(&world, virt, size, 0);
	}
	world_close(&world);
}

/* What was annotated was all that there is in its tables, and the gather has no room for them. */
FORMAT_TEST(annotations, tables_that_can_go_nowhere)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct tlb_gather gather = { .range_capacity = 0 };
	struct page_table_op op = { .mode = 0 };
	struct memory_snapshot *before;
	enum paging_status status;
	struct world world;

	for (unsigned int pages = 1; pages < 3; pages++) {
		world_open(&world, format, MEMORY_BY_OFFSET);
		op = (struct page_table_op){ .frames = world_frames(&world) };
		gather.owner = op.frames;
		REQUIRE(page_table_annotate(&world.table, virt, pages * granule, 7, &op) ==
				PAGING_OK,
			"annotate");
		before = memory_snapshot_take(world.memory);
		op.gather = &gather;
		status = page_table_annotate(&world.table, virt, pages * granule, 0, &op);
		REQUIRE(status == PAGING_GATHER_FULL, "%s", status_name(status));
		memory_snapshot_require(world.memory, before);
		memory_snapshot_drop(before);
		op.gather = NULL;
		REQUIRE(page_table_annotate(&world.table, virt, pages * granule, 0, &op) ==
				PAGING_OK,
			"annotate");
		world_check(&world);
		world_close(&world);
	}
}

/* A page takes an annotation's place, and others follow in the same table. */
FORMAT_TEST(annotations, give_way_to_pages_one_by_one)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_table_op op = { .mode = 0 };
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	REQUIRE(page_table_annotate(&world.table, virt, granule, 7, &op) == PAGING_OK, "annotate");
	for (uint64_t i = 0; i < 4; i++) {
		REQUIRE(page_table_map_to(&world.table, virt + i * granule, i * granule,
					  format_plain_flags(), op.frames) == PAGING_OK,
			"page %" PRIu64, i);
		REQUIRE(world_query(&world, virt + i * granule).phys == i * granule,
			"page %" PRIu64 " leads elsewhere", i);
		world_resync(&world);
		world_check(&world);
	}
	for (uint64_t i = 0; i < 3; i++) {
		REQUIRE(page_table_unmap(&world.table, virt + i * granule, granule, &op) ==
				PAGING_OK,
			"page %" PRIu64, i);
		world_resync(&world);
		world_check(&world);
	}
	world_close(&world);
}
