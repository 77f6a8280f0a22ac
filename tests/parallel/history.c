/* SPDX-License-Identifier: MIT */
/*
 * Mappers on overlapping ranges, with readers beside. What each call asked for, what it was told
 * and when it began and ended are written down; afterwards the answers must be what some order of
 * the calls' single leaves gives. Every page is won at most once, so for a page that order is
 * simple: the winner began before anyone was told, or saw, that the page is mapped; and it had not
 * ended before anyone began who then found the page not mapped. In half of the rounds the walker
 * does not look into the caches, and has all in the end that was cleaned by then.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <twofold/page_batch.h>

#include "../paging/require.h"
#include "../paging/rng.h"
#include "parallel.h"

#define CALLS    32 /* of each mapper, in a round */
#define READS    4096
#define ROUNDS   24
#define SPANS    3       /* of level 1 that the mappers fight for */
#define SEEDS    1000003 /* from one round's to the next */
#define NO_OWNER UINT32_MAX
#define NOTE     0x1234567

struct call {
	virt_addr virt;
	uint64_t size;
	phys_addr phys;
	uint64_t leaf_sizes;
	struct page_flags flags; /* some global, where there is such a thing */
	bool page;               /* by map_to */
	bool batch;              /* by map_batch, from the first page to the last */
	/* What came of it. */
	uint64_t began, ended;
	enum paging_status status;
	uint64_t done;
	virt_addr conflict;
	uint64_t conflict_size;
};

struct sight {
	uint64_t began, ended;
	virt_addr virt;
	uint64_t size;
	phys_addr phys; /* 0: not mapped */
};

struct round {
	const struct format_case *format;
	struct arena *arena;
	struct page_table table;
	virt_addr window;
	uint64_t window_size;
	uint64_t stride; /* between the output addresses of two calls */
	_Atomic uint64_t clock;
	_Atomic unsigned int mapping; /* mappers at work */
	struct call calls[MAPPERS][CALLS];
	struct sight sights[READS];
	size_t sight_count;
	uint64_t noted; /* bytes from `noted_at` on that are annotated where they are not mapped */
	virt_addr noted_at;
	uint32_t *owner; /* by page: number of the call */
	uint64_t seed;
	uint64_t fail_one_in;
	uint64_t lost;    /* frames that mappers gave back */
	uint64_t *memory; /* as a walker has it that does not look into the caches */
	pthread_mutex_t cleaning;
};

static uint64_t granule(const struct round *round)
{
	return format_granule(round->format);
}

static struct call *call_numbered(struct round *round, uint64_t number)
{
	REQUIRE(number < UINT64_C(1) * MAPPERS * CALLS, "a mapping that nobody asked for");
	return &round->calls[number / CALLS][number % CALLS];
}

static uint64_t now(struct round *round)
{
	return atomic_fetch_add(&round->clock, 1);
}

/* Under a lock, so that what is read last is what stays. */
static void clean(void *context, const void *pointer, uint64_t size)
{
	struct round *round = context;
	const uint64_t *from = pointer;
	uint64_t first = (uint64_t)((const uint8_t *)pointer - round->arena->bytes) / 8;

	REQUIRE(first < ARENA_BYTES / 8 && size <= ARENA_BYTES - 8 * first && size % 8 == 0,
		"0x%" PRIx64 " bytes from word 0x%" PRIx64 " on are cleaned", size, first);
	(void)pthread_mutex_lock(&round->cleaning);
	for (uint64_t i = 0; i < size / 8; i++)
		round->memory[first + i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	(void)pthread_mutex_unlock(&round->cleaning);
}

static void require_clean(const struct round *round)
{
	const struct arena *arena = round->arena;

	for (size_t unit = PAGE_SIZE_64K / ARENA_UNIT; unit < ARENA_UNITS; unit++) {
		uint64_t used = arena->owned[unit] < ARENA_UNIT ? arena->owned[unit] : ARENA_UNIT;

		REQUIRE(memcmp(arena->bytes + unit * ARENA_UNIT,
			       (const uint8_t *)round->memory + unit * ARENA_UNIT, used) == 0,
			"something in the table at 0x%" PRIx64 " was not cleaned",
			ARENA_BASE + unit * ARENA_UNIT);
	}
}

/* The call that maps to `phys`; where it has `virt`. */
static uint32_t number_of(struct round *round, virt_addr virt, phys_addr phys)
{
	uint64_t number = (phys - (virt - round->window)) / round->stride - 1;
	const struct call *call = call_numbered(round, number);

	REQUIRE(phys == call->phys + (virt - call->virt) && virt >= call->virt &&
			virt - call->virt < call->size,
		"0x%" PRIx64 " -> 0x%" PRIx64 ", which nobody asked for", virt, phys);
	return (uint32_t)number;
}

static void plan_call(struct round *round, uint64_t number, uint64_t *random)
{
	struct call *call = call_numbered(round, number);
	uint64_t large = round->format->level_size[1];
	uint64_t pages = round->window_size / granule(round);
	uint64_t first = rng_below(random, pages);
	uint64_t count = 1 + rng_below(random, 12);

	memset(call, 0, sizeof(*call));
	switch (rng_below(random, 8)) {
	case 0: /* large leaves */
		first = rng_below(random, SPANS) * (large / granule(round));
		count = large / granule(round);
		break;
	case 1: /* with ends that are not aligned */
		count = 1 + rng_below(random, pages);
		break;
	case 2:
	case 3:
		call->page = true;
		count = 1;
		break;
	case 4:
		call->batch = true;
		break;
	case 5: /* where tables meet */
		first = large / granule(round) * (1 + rng_below(random, SPANS - 1)) -
			rng_below(random, count);
		break;
	default:
		break;
	}
	if (count > pages - first)
		count = pages - first;
	if (rng_one_in(random, 3))
		call->leaf_sizes = granule(round);
	call->flags = format_plain_flags();
	call->flags.global = rng_one_in(random, 2);
	if (!round->format->expressible(round->format, call->flags))
		call->flags.global = 0;
	call->virt = round->window + first * granule(round);
	call->size = count * granule(round);
	/* 0 is no output address, so that it can stand for none. */
	call->phys = (number + 1) * round->stride + (call->virt - round->window);
}

/* As many as plan_call makes of pages by themselves; what is in the way of one is a page, or more.
 */
static void map_pages(struct round *round, struct call *call)
{
	struct page_pair pages[12];
	size_t count = 0;
	size_t done;

	for (uint64_t at = 0; at < call->size; at += granule(round), count++)
		pages[count] =
			(struct page_pair){ .virt = call->virt + at, .phys = call->phys + at };
	call->began = now(round);
	call->status = page_table_map_batch(&round->table, pages, count, call->flags,
					    &round->arena->allocator, &done);
	call->ended = now(round);
	call->done = done * granule(round);
}

static void map_one(struct round *round, struct call *call)
{
	struct page_table_op op = { .frames = &round->arena->allocator,
				    .mode = PAGING_RESUMABLE,
				    .leaf_sizes = call->leaf_sizes };

	if (call->batch) {
		map_pages(round, call);
		return;
	}
	call->began = now(round);
	if (call->page)
		call->status = page_table_map_to(&round->table, call->virt, call->phys, call->flags,
						 &round->arena->allocator);
	else
		call->status = page_table_map(&round->table, call->virt, call->phys, call->size,
					      call->flags, &op);
	call->ended = now(round);
	call->done = op.done;
	if (call->page)
		call->done = call->status == PAGING_OK ? call->size : 0;
	call->conflict = op.conflict;
	call->conflict_size = op.conflict_size;
}

static void see(struct round *round, uint64_t began, const struct page_mapping *mapping)
{
	if (round->sight_count < READS)
		round->sights[round->sight_count++] = (struct sight){ .began = began,
								      .ended = now(round),
								      .virt = mapping->virt,
								      .size = mapping->size,
								      .phys = mapping->phys };
}

struct viewer {
	struct round *round;
	uint64_t began;
	virt_addr next; /* nothing below is to come any more */
};

static bool view_leaf(void *context, const struct page_visit *visit)
{
	struct viewer *viewer = context;

	REQUIRE(visit->mapping.virt >= viewer->next, "a walk goes back to 0x%" PRIx64,
		visit->mapping.virt);
	viewer->next = visit->mapping.virt + visit->mapping.size;
	see(viewer->round, viewer->began, &visit->mapping);
	return true;
}

static void read_on(struct round *round, uint64_t *random)
{
	while (atomic_load(&round->mapping) != 0) {
		virt_addr virt = round->window + rng_below(random, round->window_size);
		struct viewer viewer = { .round = round, .began = now(round) };
		struct page_table_op op = { .frames = NULL };
		struct page_mapping mapping;
		enum paging_status status;

		switch (rng_below(random, 16)) {
		case 0:
			status = page_table_walk(&round->table, round->window, round->window_size,
						 PAGE_VISIT_LEAF, view_leaf, &viewer);
			break;
		case 1:
			status =
				page_table_harvest(&round->table, round->window, round->window_size,
						   PAGE_MARK_ACCESSED, view_leaf, &viewer, &op);
			break;
		default:
			status = page_table_query(&round->table, virt, &mapping);
			mapping.phys += status == PAGING_OK ? virt - mapping.virt : 0;
			mapping.virt = virt;
			mapping.size = 1;
			see(round, viewer.began, &mapping);
			break;
		}
		REQUIRE(status == PAGING_OK || status == PAGING_NOT_MAPPED, "a reader is told %d",
			(int)status);
	}
}

static void work(void *context, unsigned int thread)
{
	struct round *round = context;
	uint64_t random = round->seed + thread;

	if (thread >= MAPPERS) {
		read_on(round, &random);
		return;
	}
	for (size_t i = 0; i < CALLS; i++)
		map_one(round, &round->calls[thread][i]);
	(void)atomic_fetch_sub(&round->mapping, 1);
}

/* Looking back */

static struct walk_result translate(struct round *round, virt_addr virt)
{
	struct walk_memory memory = arena_walk(round->arena);

	return round->format->translate(round->format, round->table.root, &memory, virt,
					(struct walk_access){ .kind = WALK_READ });
}

static bool own_leaf(void *context, const struct page_visit *visit)
{
	struct round *round = context;
	const struct page_mapping *leaf = &visit->mapping;
	virt_addr last = leaf->virt + leaf->size - 1;
	uint32_t number = number_of(round, leaf->virt, leaf->phys);
	const struct call *call = call_numbered(round, number);
	uint64_t first = (leaf->virt - round->window) / granule(round);
	struct page_flags flags;

	REQUIRE(last - call->virt < call->done,
		"0x%" PRIx64 " is mapped, but its call was told 0x%" PRIx64 " bytes are",
		leaf->virt, call->done);
	flags = leaf->flags;
	/* Harvesting takes the mark. */
	flags.idle = call->flags.idle;
	REQUIRE(page_flags_equal(flags, call->flags), "0x%" PRIx64 " has not its call's flags",
		leaf->virt);
	REQUIRE(translate(round, leaf->virt).phys == leaf->phys &&
			translate(round, last).phys == leaf->phys + (leaf->size - 1),
		"the independent MMU differs about 0x%" PRIx64, leaf->virt);
	for (uint64_t i = 0; i < leaf->size / granule(round); i++)
		round->owner[first + i] = number;
	return true;
}

static uint32_t owner_of(const struct round *round, virt_addr virt)
{
	return round->owner[(virt - round->window) / granule(round)];
}

/* The call was told that someone else is at `at`. */
static void check_loser(struct round *round, const struct call *call, virt_addr at)
{
	uint32_t winner = owner_of(round, at);
	struct page_mapping leaf;

	REQUIRE(winner != NO_OWNER, "0x%" PRIx64 " is in the way but not mapped", at);
	REQUIRE(call_numbered(round, winner)->began < call->ended,
		"0x%" PRIx64 " was in the way before its winner began", at);
	REQUIRE(page_table_query(&round->table, at, &leaf) == PAGING_OK, "no leaf at 0x%" PRIx64,
		at);
	REQUIRE(call->page || call->batch ||
			(call->conflict == leaf.virt && call->conflict_size == leaf.size),
		"the conflict is 0x%" PRIx64 "+0x%" PRIx64 ", the leaf 0x%" PRIx64 "+0x%" PRIx64,
		call->conflict, call->conflict_size, leaf.virt, leaf.size);
}

static void check_call(struct round *round, uint32_t number)
{
	const struct call *call = call_numbered(round, number);
	virt_addr at = call->virt + call->done;

	for (uint64_t i = 0; i < call->done; i += granule(round))
		REQUIRE(owner_of(round, call->virt + i) == number,
			"0x%" PRIx64 ": two calls were told that they mapped it", call->virt + i);
	REQUIRE((call->status == PAGING_OK) == (call->done == call->size),
		"status %d, 0x%" PRIx64 " of 0x%" PRIx64 " done", (int)call->status, call->done,
		call->size);
	if (call->status == PAGING_ALREADY_MAPPED) {
		check_loser(round, call, at);
	} else if (call->status == PAGING_NO_MEMORY) {
		REQUIRE(round->arena->failures != 0, "no memory");
		REQUIRE(call->page || call->batch ||
				(call->conflict == at && call->conflict_size == 0),
			"no memory at 0x%" PRIx64 ", not 0x%" PRIx64, call->conflict, at);
	} else {
		REQUIRE(call->status == PAGING_OK, "status %d", (int)call->status);
	}
}

static void check_sight(struct round *round, const struct sight *sight)
{
	uint32_t winner = owner_of(round, sight->virt);

	if (sight->phys == 0) {
		REQUIRE(winner == NO_OWNER || call_numbered(round, winner)->ended > sight->began,
			"0x%" PRIx64 " was not seen, though its call had ended", sight->virt);
		return;
	}
	REQUIRE(winner == number_of(round, sight->virt, sight->phys),
		"0x%" PRIx64 " was seen, but another call won", sight->virt);
	REQUIRE(call_numbered(round, winner)->began < sight->ended,
		"0x%" PRIx64 " was seen before its call began", sight->virt);
}

/* What is not mapped is annotated as it was before, to the page. */
static bool check_hole(void *context, const struct page_visit *visit)
{
	const struct round *round = context;
	virt_addr first = visit->mapping.virt < round->window ? round->window : visit->mapping.virt;
	bool noted = first - round->noted_at < round->noted;

	REQUIRE(visit->mapping.annotation == (noted ? NOTE : 0),
		"0x%" PRIx64 " has annotation 0x%" PRIx64, visit->mapping.virt,
		visit->mapping.annotation);
	REQUIRE(!noted || (visit->mapping.virt == first &&
			   visit->mapping.size <= round->noted - (first - round->noted_at)),
		"the annotation at 0x%" PRIx64 " spans 0x%" PRIx64, first, visit->mapping.size);
	return true;
}

static void check_round(struct round *round)
{
	uint64_t pages = round->window_size / granule(round);
	uint64_t tables;

	for (uint64_t i = 0; i < pages; i++)
		round->owner[i] = NO_OWNER;
	REQUIRE(page_table_walk(&round->table, round->window, round->window_size, PAGE_VISIT_LEAF,
				own_leaf, round) == PAGING_OK,
		"the walk failed");
	for (uint32_t number = 0; number < MAPPERS * CALLS; number++)
		check_call(round, number);
	for (size_t i = 0; i < round->sight_count; i++)
		check_sight(round, &round->sights[i]);
	REQUIRE(page_table_walk(&round->table, round->window, round->window_size,
				PAGE_VISIT_HOLE | PAGE_VISIT_ANNOTATION, check_hole,
				round) == PAGING_OK,
		"the walk failed");
	tables = parallel_tables(round->format, round->arena, round->table.root);
	REQUIRE(tables == round->table.tables, "%" PRIu64 " tables, the library counts %" PRIu64,
		tables, round->table.tables);
	REQUIRE(tables == round->arena->live, "%" PRIu64 " tables, %" PRIu64 " frames are out",
		tables, round->arena->live);
}

/* The counts in the entries are right if every table goes with its last leaf, and none before. */
static void take_down(struct round *round, uint64_t *random)
{
	uint64_t pages = round->window_size / granule(round);
	struct page_table_op op = { .frames = &round->arena->allocator,
				    .mode = PAGING_SKIP_HOLES | PAGING_SPLIT };
	enum paging_status status;

	for (unsigned int i = 0; i < 12; i++) {
		uint64_t first = rng_below(random, pages);
		uint64_t count = 1 + rng_below(random, pages - first);

		if (i == 11) {
			first = 0;
			count = pages;
		} else if (rng_one_in(random, 2)) {
			count = 1;
		}
		status = page_table_unmap(&round->table, round->window + first * granule(round),
					  count * granule(round), &op);
		REQUIRE(status == PAGING_OK, "unmap: %d", (int)status);
		REQUIRE(parallel_tables(round->format, round->arena, round->table.root) ==
				round->arena->live,
			"a table was freed too early or too late");
	}
	op.mode = PAGING_SPLIT;
	status = page_table_annotate(&round->table, round->window, round->window_size, 0, &op);
	REQUIRE(status == PAGING_OK, "annotate: %d", (int)status);
	REQUIRE(round->arena->live == 1 && round->table.tables == 1,
		"%" PRIu64 " frames are left of an empty table", round->arena->live);
}

/* A whole entry of level 1, and half of the table beside it. */
static void annotate(struct round *round)
{
	uint64_t large = round->format->level_size[1];
	struct page_table_op op = { .frames = &round->arena->allocator };

	round->noted_at = round->window + large;
	round->noted = large + large / 2;
	REQUIRE(page_table_annotate(&round->table, round->noted_at, round->noted, NOTE, &op) ==
			PAGING_OK,
		"annotate failed");
}

static void one_round(struct round *round, struct arena *arena, uint64_t seed)
{
	struct page_table_config config = round->format->config;
	uint64_t random = seed;
	uint64_t frees;

	config.access = arena_access(arena);
	if (seed / SEEDS % 4 >= 2) { /* odd ones are annotated, too */
		config.access.clean = clean;
		config.access.context = round;
	}
	config.parallel = true;
	arena->fail_one_in = 0;
	arena->random = seed;
	round->seed = seed;
	round->sight_count = 0;
	atomic_store(&round->clock, 1);
	atomic_store(&round->mapping, MAPPERS);
	REQUIRE(page_table_init(&round->table, &config, &arena->allocator) == PAGING_OK,
		"no table");
	REQUIRE(round->table.format == config.format, "the table is of another format");
	round->noted = 0;
	if (seed % 2 != 0)
		annotate(round);
	for (uint64_t i = 0; i < UINT64_C(1) * MAPPERS * CALLS; i++)
		plan_call(round, i, &random);
	arena->fail_one_in = round->fail_one_in;
	frees = arena->frees;
	parallel_run(MAPPERS + READERS, work, round);
	round->lost += arena->frees - frees;
	arena->fail_one_in = 0;
	check_round(round);
	if (config.access.clean != NULL)
		require_clean(round);
	take_down(round, &random);
	page_table_destroy(&round->table, &arena->allocator);
}

static void rounds(const struct parallel_format *which, uint64_t fail_one_in)
{
	struct arena *arena = parallel_arena(which);
	struct round *round = calloc(1, sizeof(*round));
	const struct format_case *format = format_case_named(which->name);
	uint64_t large = format->level_size[1];

	REQUIRE(round != NULL, "no memory");
	round->format = format;
	round->arena = arena;
	round->fail_one_in = fail_one_in;
	/* Around the border of two entries of the root. */
	round->window = format_middle(format) - large;
	round->window_size = SPANS * large;
	round->stride = 4 * large;
	round->owner = calloc(round->window_size / format_granule(format), sizeof(*round->owner));
	round->memory = calloc(1, ARENA_BYTES);
	REQUIRE(round->owner != NULL && round->memory != NULL &&
			pthread_mutex_init(&round->cleaning, NULL) == 0,
		"no memory");
	for (uint64_t i = 0; i < ROUNDS; i++) {
		require_story_begin("%s, round %" PRIu64, which->name, i);
		one_round(round, arena, i * SEEDS);
	}
	REQUIRE(round->lost != 0, "no mapper ever lost: nothing was tried here");
	REQUIRE((arena->failures != 0) == (fail_one_in != 0), "%" PRIu64 " allocations failed",
		arena->failures);
	arena_destroy(arena);
	(void)pthread_mutex_destroy(&round->cleaning);
	free(round->memory);
	free(round->owner);
	free(round);
}

void test_contention(const struct parallel_format *which)
{
	rounds(which, 0);
}

void test_no_memory(const struct parallel_format *which)
{
	rounds(which, 3);
}
