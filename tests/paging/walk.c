/* SPDX-License-Identifier: MIT */
/* page_table_walk: what is shown of a table, in which order, and what is not. */
#include <inttypes.h>
#include <string.h>

#include "require.h"
#include "suite.h"
#include "world.h"

#define ALL_KINDS (PAGE_VISIT_LEAF | PAGE_VISIT_TABLE | PAGE_VISIT_HOLE)

struct visits {
	struct world *world;
	virt_addr start, last; /* the range walked */
	virt_addr next;        /* where the next leaf or hole must begin */
	bool complete;         /* it has come to `last` */
	unsigned int kinds;
	uint64_t leaves, tables, holes;
	virt_addr before_start; /* of the visit before */
	uint64_t before_size;
	bool any;
	uint64_t stop_after; /* visits; 0: never */
};

/* A hole is as large as the model says; a leaf is one of the model's. */
static void check_span(struct visits *visits, const struct page_visit *visit)
{
	const struct page_mapping *mapping = &visit->mapping;
	const struct model *model = &visits->world->model;
	const struct model_leaf *leaf = model_find(model, mapping->virt);
	virt_addr start;
	uint64_t size;

	if (visit->kind == PAGE_VISIT_LEAF) {
		REQUIRE(leaf != NULL && leaf->virt == mapping->virt &&
				leaf->size == mapping->size && leaf->phys == mapping->phys &&
				page_flags_equal(leaf->flags, mapping->flags),
			"a leaf at 0x%" PRIx64, mapping->virt);
	} else {
		REQUIRE(leaf == NULL, "a hole at 0x%" PRIx64, mapping->virt);
		model_hole(model, mapping->virt, &start, &size);
		REQUIRE(start == mapping->virt && size == mapping->size && mapping->phys == 0,
			"a hole at 0x%" PRIx64 "+0x%" PRIx64, mapping->virt, mapping->size);
		REQUIRE(visit->descriptor == 0, "a hole holds 0x%" PRIx64, visit->descriptor);
	}
	if (visits->kinds == ALL_KINDS) { /* then they tile the range */
		REQUIRE(visits->any || (mapping->virt <= visits->start &&
					visits->start - mapping->virt < mapping->size),
			"it begins at 0x%" PRIx64, mapping->virt);
		REQUIRE(!visits->any || mapping->virt == visits->next,
			"0x%" PRIx64 " comes after 0x%" PRIx64, mapping->virt, visits->next);
		visits->complete = visits->last - mapping->virt < mapping->size;
		visits->any = true;
		visits->next = mapping->virt + mapping->size;
	}
}

static void check_table(const struct visits *visits, const struct page_visit *visit)
{
	const struct format_case *format = visits->world->format;
	phys_addr next = 0;

	REQUIRE(model_has_table(&visits->world->model, visit->mapping.virt, visit->mapping.size),
		"a table for 0x%" PRIx64, visit->mapping.virt);
	REQUIRE(format->entry(format, visit->level, visit->descriptor, &next) == WALK_ENTRY_TABLE,
		"0x%" PRIx64 " is no table", visit->descriptor);
	REQUIRE(visit->mapping.phys == next && memory_is_live(visits->world->memory, next),
		"a table at 0x%" PRIx64 ", the entry says 0x%" PRIx64, visit->mapping.phys, next);
}

static bool visitor(void *context, const struct page_visit *visit)
{
	struct visits *visits = context;
	const struct page_mapping *mapping = &visit->mapping;

	REQUIRE((visit->kind & visits->kinds) != 0, "kind %d was not asked for", (int)visit->kind);
	REQUIRE(visit->level < visits->world->format->levels &&
			(mapping->size == visits->world->format->level_size[visit->level] ||
			 (visit->kind == PAGE_VISIT_LEAF &&
			  mapping->size == visits->world->format->group_size[visit->level])),
		"size 0x%" PRIx64 " at level %u", mapping->size, visit->level);
	REQUIRE(mapping->virt <= visits->last &&
			mapping->virt + (mapping->size - 1) >= visits->start,
		"0x%" PRIx64 " is not in the range", mapping->virt);
	/* Ascending, and a table before what is in it. */
	REQUIRE(visits->leaves + visits->tables + visits->holes == 0 ||
			mapping->virt > visits->before_start ||
			(mapping->virt == visits->before_start &&
			 mapping->size < visits->before_size),
		"0x%" PRIx64 " comes after 0x%" PRIx64, mapping->virt, visits->before_start);
	visits->before_start = mapping->virt;
	visits->before_size = mapping->size;
	if (visit->kind == PAGE_VISIT_TABLE) {
		visits->tables++;
		check_table(visits, visit);
	} else {
		check_span(visits, visit);
		visits->leaves += visit->kind == PAGE_VISIT_LEAF;
		visits->holes += visit->kind == PAGE_VISIT_HOLE;
	}
	return visits->leaves + visits->tables + visits->holes != visits->stop_after;
}

static struct visits walk(struct world *world, virt_addr start, virt_addr last, unsigned int kinds,
			  uint64_t stop_after)
{
	struct visits visits = { .world = world,
				 .start = start,
				 .last = last,
				 .kinds = kinds,
				 .stop_after = stop_after };
	enum paging_status status =
		page_table_walk(&world->table, start, last - start + 1, kinds, visitor, &visits);
	uint64_t count = visits.leaves + visits.tables + visits.holes;

	REQUIRE(status == (stop_after != 0 && count == stop_after ? PAGING_STOPPED : PAGING_OK),
		"%s after %" PRIu64 " visits", status_name(status), count);
	REQUIRE(stop_after == 0 || count <= stop_after, "%" PRIu64 " visits", count);
	REQUIRE(world->memory->held == 0, "%u tables are held", world->memory->held);
	return visits;
}

/* Leaves of all sizes with holes of all sizes between them. */
static void furnish(struct world *world)
{
	const struct format_case *format = world->format;
	uint64_t granule = format_granule(format), size = format_largest_leaf(format);
	virt_addr virt = format_middle(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);

	world_map(world, virt, 0, 2 * size + 3 * granule);
	world_map(world, virt + 7 * size - granule, size - granule, size + 2 * granule);
	for (unsigned int i = 0; i < count; i++) {
		world_map(world, ranges[i].first, 0, granule);
		world_map(world, ranges[i].last - granule + 1, 0, granule);
	}
}

static void walk_everything(struct world *world)
{
	struct input_range ranges[2];
	unsigned int count = format_ranges(world->format, ranges);
	struct visits sum = { .world = world }, one;

	for (unsigned int i = 0; i < count; i++) {
		one = walk(world, ranges[i].first, ranges[i].last, ALL_KINDS, 0);
		REQUIRE(one.complete, "it ends at 0x%" PRIx64, one.next);
		sum.leaves += one.leaves;
		sum.tables += one.tables;
		one = walk(world, ranges[i].first, ranges[i].last, PAGE_VISIT_TABLE, 0);
		sum.holes += one.tables;
		one = walk(world, ranges[i].first, ranges[i].last, 0, 0);
		REQUIRE(one.leaves + one.tables + one.holes == 0, "visits of no kind");
	}
	REQUIRE(sum.leaves == world->model.count, "%" PRIu64 " leaves", sum.leaves);
	REQUIRE(sum.tables == model_tables(&world->model) - 1 && sum.holes == sum.tables,
		"%" PRIu64 " tables", sum.tables);
}

FORMAT_TEST(walk, everything)
{
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	walk_everything(&world); /* nothing but holes */
	furnish(&world);
	walk_everything(&world);
	world_close(&world);
}

FORMAT_TEST(walk, everything_through_the_hook)
{
	struct world world;

	world_open(&world, format, MEMORY_BY_HOOK);
	furnish(&world);
	walk_everything(&world);
	world_close(&world);
}

/* Ranges that begin and end at, before and after every border, down to the byte. */
FORMAT_TEST(walk, parts)
{
	const struct model_leaf *leaves;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	furnish(&world);
	leaves = world.model.leaves;
	for (size_t i = 0; i < world.model.count; i++) {
		virt_addr last = leaves[i].virt + (leaves[i].size - 1);

		REQUIRE(walk(&world, leaves[i].virt, leaves[i].virt, ALL_KINDS, 0).leaves == 1,
			"the first byte");
		REQUIRE(walk(&world, last, last, ALL_KINDS, 0).leaves == 1, "the last byte");
		REQUIRE(walk(&world, leaves[i].virt, last, ALL_KINDS, 0).leaves == 1, "all of it");
		REQUIRE(walk(&world, leaves[i].virt + 1, last - 1, PAGE_VISIT_LEAF, 0).leaves == 1,
			"the inside");
	}
	REQUIRE(walk(&world, format_middle(format),
		     format_middle(format) + 4 * format_largest_leaf(format), ALL_KINDS, 0)
			.complete,
		"not complete");
	world_close(&world);
}

FORMAT_TEST(walk, stopped)
{
	struct input_range range = format_first_range(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	furnish(&world);
	for (uint64_t n = 1; n < 20; n++) {
		struct visits visits = walk(&world, range.first, range.last, ALL_KINDS, n);

		REQUIRE(visits.leaves + visits.tables + visits.holes == n, "it did not stop");
	}
	world_close(&world);
}

/* The ranges of input addresses, by the library and by hand. */
FORMAT_TEST(walk, input_ranges)
{
	struct input_range by_hand[2], told[2];
	unsigned int count = format_ranges(format, by_hand);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	REQUIRE(page_table_ranges(&world.table, told) == count, "not %u ranges", count);
	for (unsigned int i = 0; i < count; i++)
		REQUIRE(told[i].first == by_hand[i].first && told[i].last == by_hand[i].last,
			"[0x%" PRIx64 ", 0x%" PRIx64 "]", told[i].first, told[i].last);
	world_close(&world);
}
