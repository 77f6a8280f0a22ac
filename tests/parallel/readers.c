/* SPDX-License-Identifier: MIT */
/*
 * One writer, and readers that take no lock. Every address is mapped to one place only or not at
 * all; tables come and go, and the arena poisons them as soon as they are free. The readers
 * announce their sections to a small epoch, which the gather waits for.
 */
#include <inttypes.h>
#include <sched.h>

#include "../paging/require.h"
#include "../paging/rng.h"
#include "parallel.h"

#define CHANGES   250
#define PAGES_MAX 40 /* done one by one in a change */
#define SEERS     2

struct epoch {
	_Atomic uint64_t now;
	_Atomic uint64_t inside[SEERS]; /* the epoch that a reader entered in; 0: outside */
	uint64_t waits;
};

struct scene {
	const struct format_case *format;
	struct arena *arena;
	struct page_table table;
	struct epoch epoch;
	virt_addr window;
	uint64_t size;
	phys_addr phys; /* of the window */
	_Atomic bool over;
	_Atomic uint64_t seen; /* leaves that readers have seen */
};

static _Thread_local bool reads;

/* A reader dawdles on its way down. */
static void *dawdle(void *context, phys_addr table, uint64_t size)
{
	struct scene *scene = context;

	(void)size;
	if (reads)
		(void)sched_yield();
	return scene->arena->bytes + (table - ARENA_BASE);
}

static void epoch_enter(struct epoch *epoch, unsigned int reader)
{
	atomic_store(&epoch->inside[reader], atomic_load(&epoch->now));
}

static void epoch_leave(struct epoch *epoch, unsigned int reader)
{
	atomic_store(&epoch->inside[reader], 0);
}

static void epoch_wait(const struct tlb_gather *gather, void *context)
{
	struct scene *scene = context;
	struct epoch *epoch = &scene->epoch;
	uint64_t target = atomic_fetch_add(&epoch->now, 1) + 1;

	REQUIRE(gather->frame_count != 0, "a wait for nothing");
	epoch->waits++;
	for (unsigned int i = 0; i < SEERS; i++) {
		for (;;) {
			uint64_t entered = atomic_load(&epoch->inside[i]);

			if (entered == 0 || entered >= target)
				break;
			(void)sched_yield();
		}
	}
}

static void flush(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
}

static void check_seen(struct scene *scene, const struct page_mapping *mapping)
{
	REQUIRE(!arena_is_trap(scene->arena, mapping->phys),
		"0x%" PRIx64 " was looked up in a table that had been freed", mapping->virt);
	REQUIRE(mapping->phys - scene->phys == mapping->virt - scene->window,
		"0x%" PRIx64 " -> 0x%" PRIx64 " never was", mapping->virt, mapping->phys);
	(void)atomic_fetch_add(&scene->seen, 1);
}

static bool view(void *context, const struct page_visit *visit)
{
	check_seen(context, &visit->mapping);
	return true;
}

static void look(struct scene *scene, unsigned int reader)
{
	uint64_t random = reader;

	reads = true;
	while (!atomic_load(&scene->over)) {
		virt_addr virt = scene->window + rng_below(&random, scene->size);
		struct page_mapping mapping;
		enum paging_status status;

		epoch_enter(&scene->epoch, reader);
		if (rng_one_in(&random, 16)) {
			status = page_table_walk(&scene->table, scene->window, scene->size,
						 PAGE_VISIT_LEAF, view, scene);
		} else {
			status = page_table_query(&scene->table, virt, &mapping);
			if (status == PAGING_OK)
				check_seen(scene, &mapping);
		}
		epoch_leave(&scene->epoch, reader);
		REQUIRE(status == PAGING_OK || status == PAGING_NOT_MAPPED, "a reader is told %d",
			(int)status);
	}
}

/* As fault handlers do. What is there already, or is not, stays so. */
static enum paging_status page_by_page(struct scene *scene, virt_addr virt, uint64_t size,
				       struct page_flags flags, struct page_table_op *op,
				       uint64_t *random)
{
	uint64_t page = format_granule(scene->format);
	uint64_t which = rng_below(random, 3);
	phys_addr phys = scene->phys + (virt - scene->window);

	for (uint64_t at = 0; at < size && at < PAGES_MAX * page; at += page) {
		enum paging_status status;

		if (which == 0)
			status = page_table_map_to(&scene->table, virt + at, phys + at, flags,
						   op->frames);
		else if (which == 1)
			status = page_table_unmap(&scene->table, virt + at, page, op);
		else
			status = page_table_write_protect(&scene->table, virt + at, page, op);
		if (status != PAGING_OK && status != PAGING_ALREADY_MAPPED)
			return status;
	}
	return PAGING_OK;
}

static enum paging_status change(struct scene *scene, virt_addr virt, uint64_t size,
				 struct page_table_op *op, uint64_t *random)
{
	struct page_flags flags = format_plain_flags();
	phys_addr phys = scene->phys + (virt - scene->window);

	flags.write = rng_one_in(random, 2);
	op->mode = PAGING_SKIP_HOLES | PAGING_SPLIT;
	op->leaf_sizes = rng_one_in(random, 2) ? format_granule(scene->format) : 0;
	if (rng_one_in(random, 4))
		return page_by_page(scene, virt, size, flags, op, random);
	switch (rng_below(random, 8)) {
	case 0:
		op->mode = PAGING_RESUMABLE;
		return page_table_map(&scene->table, virt, phys, size, flags, op);
	case 1:
		op->mode = PAGING_REPLACE;
		return page_table_map(&scene->table, virt, phys, size, flags, op);
	case 2:
		return page_table_protect(&scene->table, virt, size, flags, op);
	case 3:
		return page_table_collapse(&scene->table, virt, size, op);
	case 4:
		return page_table_split(&scene->table, virt, size, format_granule(scene->format),
					op);
	case 5:
		return page_table_write_protect(&scene->table, virt, size, op);
	case 6:
		return page_table_harvest(&scene->table, virt, size, PAGE_MARK_ACCESSED, NULL, NULL,
					  op);
	default:
		return page_table_unmap(&scene->table, virt, size, op);
	}
}

static void write_on(struct scene *scene)
{
	uint64_t granule = format_granule(scene->format);
	struct tlb_range ranges[4];
	struct frame frames[8];
	struct tlb_gather gather = { .ranges = ranges,
				     .range_capacity = 4,
				     .frames = frames,
				     .frame_capacity = 8,
				     .owner = &scene->arena->allocator,
				     .flush = flush,
				     .wait_for_readers = epoch_wait,
				     .context = scene };
	struct page_table_op op = { .frames = &scene->arena->allocator, .gather = &gather };
	uint64_t random = 1;

	for (unsigned int i = 0; i < CHANGES; i++) {
		uint64_t pages = scene->size / granule;
		uint64_t first = rng_one_in(&random, 2) ? 0 : rng_below(&random, pages);
		uint64_t count = rng_one_in(&random, 2) ? pages - first
							: 1 + rng_below(&random, pages - first);
		enum paging_status status = change(scene, scene->window + first * granule,
						   count * granule, &op, &random);

		REQUIRE(status == PAGING_OK || status == PAGING_ALREADY_MAPPED, "change: %d",
			(int)status);
		tlb_gather_finish(&gather);
		if (rng_one_in(&random, 4))
			(void)sched_yield();
	}
	atomic_store(&scene->over, true);
}

static void act(void *context, unsigned int thread)
{
	if (thread == SEERS)
		write_on(context);
	else
		look(context, thread);
}

/* `hooked`: readers dawdle; else the library may remember where the page before was. */
static void beside_a_writer(const struct parallel_format *which, bool hooked)
{
	static struct scene scene; /* too large for a stack */
	struct page_table_config config = format_case_named(which->name)->config;

	scene = (struct scene){ .format = format_case_named(which->name) };
	scene.arena = parallel_arena(which);
	scene.window = format_middle(scene.format) - scene.format->level_size[1];
	scene.size = 2 * scene.format->level_size[1];
	scene.phys = scene.size * 1024;
	atomic_store(&scene.epoch.now, 1);
	config.access = arena_access(scene.arena);
	if (hooked) {
		config.access.map = dawdle;
		config.access.context = &scene;
	}
	REQUIRE(page_table_init(&scene.table, &config, &scene.arena->allocator) == PAGING_OK,
		"no table");
	parallel_run(SEERS + 1, act, &scene);
	REQUIRE(scene.epoch.waits != 0 && atomic_load(&scene.seen) != 0,
		"%" PRIu64 " waits, %" PRIu64 " leaves seen: nothing was tried here",
		scene.epoch.waits, atomic_load(&scene.seen));
	REQUIRE(parallel_tables(scene.format, scene.arena, scene.table.root) == scene.arena->live,
		"a frame was lost");
	page_table_destroy(&scene.table, &scene.arena->allocator);
	arena_destroy(scene.arena);
}

void test_readers(const struct parallel_format *which)
{
	beside_a_writer(which, true);
	beside_a_writer(which, false);
}
