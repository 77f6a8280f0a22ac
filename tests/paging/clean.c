/* SPDX-License-Identifier: MIT */
/*
 * A walker that does not look into the caches (struct table_access, clean): it reads a copy of the
 * memory that gets what is cleaned and nothing else. After each clean it finds every address
 * translate as before or as afterwards; when the operation ends, or flushes, the copy is no older
 * than the tables are.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <twofold/page_batch.h>

#include "require.h"
#include "rng.h"
#include "suite.h"
#include "world.h"

#define PROBES 12
#define SIGHTS 8192 /* different ones, of one operation */
#define FRAMES 64
#define OPS    60
#define MANY   1100 /* entries in one operation; more takes too long */

struct sight {
	enum walk_fault fault;
	phys_addr phys;
};

struct cleaner {
	struct world world;
	uint64_t *shadow; /* what the walker reads */
	uint8_t *known;   /* by word: whether it was ever cleaned */
	uint64_t cleans;

	virt_addr probes[PROBES];
	size_t probe_count;
	struct sight (*sights)[PROBES];
	size_t seen;
	struct tlb_gather gather;
	struct frame frames[FRAMES];
	uint64_t state;
};

static uint64_t word_of(const struct cleaner *cleaner, uint64_t address)
{
	REQUIRE(address >= cleaner->world.memory->base &&
			address - cleaner->world.memory->base < MEMORY_BYTES,
		"the walker is led to 0x%" PRIx64, address);
	return (address - cleaner->world.memory->base) / 8;
}

static uint64_t read_shadow(void *context, uint64_t address)
{
	struct cleaner *cleaner = context;
	uint64_t word = word_of(cleaner, address);

	REQUIRE(cleaner->known[word], "the walker reads 0x%" PRIx64 ", which was never cleaned",
		address);
	return cleaner->shadow[word];
}

static struct sight look(struct cleaner *cleaner, virt_addr virt)
{
	struct walk_memory memory = { .read = read_shadow, .context = cleaner };
	const struct world *world = &cleaner->world;
	struct walk_result result = world->format->translate(world->format, world->table.root,
							     &memory, virt, world_accesses[0]);
	struct sight sight = { .fault = result.fault };

	/* A group that is made anew is whole when the last of its entries is. */
	REQUIRE(result.fault != WALK_RESERVED || format_has_groups(world->format),
		"0x%" PRIx64 ": the walker reads 0x%" PRIx64, virt, result.descriptor);
	if (result.fault == WALK_OK || result.fault == WALK_DENIED)
		sight.phys = result.phys;
	return sight;
}

static void look_at_all(struct cleaner *cleaner)
{
	bool changed = cleaner->seen == 0;

	REQUIRE(cleaner->seen < SIGHTS, "too many sights");
	for (size_t i = 0; i < cleaner->probe_count; i++) {
		struct sight now = look(cleaner, cleaner->probes[i]);

		cleaner->sights[cleaner->seen][i] = now;
		changed |= cleaner->seen != 0 &&
			   (now.fault != cleaner->sights[cleaner->seen - 1][i].fault ||
			    now.phys != cleaner->sights[cleaner->seen - 1][i].phys);
	}
	cleaner->seen += changed;
}

static void clean(void *context, const void *pointer, uint64_t size)
{
	struct cleaner *cleaner = context;
	const struct test_memory *memory = cleaner->world.memory;
	uint64_t offset = (uint64_t)((const uint8_t *)pointer - memory->tables);

	REQUIRE(offset < MEMORY_BYTES && size != 0 && size <= MEMORY_BYTES - offset &&
			(offset | size) % 8 == 0,
		"clean of 0x%" PRIx64 "+0x%" PRIx64, offset, size);
	memcpy(&cleaner->shadow[offset / 8], memory->bytes + offset, size);
	memset(&cleaner->known[offset / 8], 1, size / 8);
	cleaner->cleans++;
	if (cleaner->probe_count != 0)
		look_at_all(cleaner);
}

/* Every word that the tables have now is in the copy. */
static void require_clean(struct cleaner *cleaner, phys_addr table, unsigned int level)
{
	const struct format_case *format = cleaner->world.format;

	for (uint64_t i = 0; i < format_entries(format, level); i++) {
		uint64_t entry = memory_read(cleaner->world.memory, table + 8 * i);
		phys_addr next;

		REQUIRE(read_shadow(cleaner, table + 8 * i) == entry,
			"level %u, entry %" PRIu64 ": 0x%" PRIx64 " is not cleaned", level, i,
			entry);
		if (format->entry(format, level, entry, &next) == WALK_ENTRY_TABLE)
			require_clean(cleaner, next, level - 1);
	}
}

static void on_flush(const struct tlb_gather *gather, void *context)
{
	struct cleaner *cleaner = context;

	(void)gather;
	require_clean(cleaner, cleaner->world.table.root, cleaner->world.format->levels - 1);
}

static void open_as(struct cleaner *cleaner, const struct format_case *format, bool parallel)
{
	struct page_table_config config = format->config;
	enum paging_status status;

	memset(cleaner, 0, sizeof(*cleaner));
	world_open(&cleaner->world, format, MEMORY_BY_OFFSET);
	page_table_destroy(&cleaner->world.table, world_frames(&cleaner->world));
	cleaner->shadow = calloc(MEMORY_BYTES / 8, 8);
	cleaner->known = calloc(MEMORY_BYTES / 8, 1);
	cleaner->sights = calloc(SIGHTS, sizeof(*cleaner->sights));
	REQUIRE(cleaner->shadow && cleaner->known && cleaner->sights, "no memory");
	config.access = memory_access(cleaner->world.memory);
	config.access.clean = clean;
	config.parallel = parallel;
	config.access.context = cleaner;
	status = page_table_init(&cleaner->world.table, &config, world_frames(&cleaner->world));
	REQUIRE(status == PAGING_OK, "page_table_init: %s", status_name(status));
	REQUIRE(cleaner->cleans != 0, "the root is not cleaned");
	require_clean(cleaner, cleaner->world.table.root, format->levels - 1);
	cleaner->gather = (struct tlb_gather){ .frames = cleaner->frames,
					       .frame_capacity = FRAMES,
					       .owner = world_frames(&cleaner->world),
					       .flush = on_flush,
					       .context = cleaner };
}

static void open(struct cleaner *cleaner, const struct format_case *format)
{
	open_as(cleaner, format, false);
}

static void close(struct cleaner *cleaner)
{
	free(cleaner->shadow);
	free(cleaner->known);
	free(cleaner->sights);
	world_close(&cleaner->world);
}

static void add_probe(struct cleaner *cleaner, virt_addr virt)
{
	struct input_range ranges[2];
	unsigned int count = format_ranges(cleaner->world.format, ranges);

	for (unsigned int i = 0; i < count; i++) {
		if (virt >= ranges[i].first && virt <= ranges[i].last &&
		    cleaner->probe_count < PROBES)
			cleaner->probes[cleaner->probe_count++] = virt;
	}
}

static void begin(struct cleaner *cleaner, virt_addr virt, uint64_t size)
{
	uint64_t granule = format_granule(cleaner->world.format);

	cleaner->probe_count = cleaner->seen = 0;
	cleaner->cleans = 0;
	add_probe(cleaner, virt);
	add_probe(cleaner, virt - 1);
	add_probe(cleaner, virt + granule);
	add_probe(cleaner, virt + size / 2);
	add_probe(cleaner, virt + size - granule);
	add_probe(cleaner, virt + size);
	add_probe(cleaner, virt + 2 * size);
	look_at_all(cleaner);
}

/* Old, then new; where something must be broken, in between nothing. */
static void end(struct cleaner *cleaner)
{
	const struct format_case *format = cleaner->world.format;
	bool breaks = format_breaks(format) || format->break_flags != NULL;

	require_clean(cleaner, cleaner->world.table.root, format->levels - 1);
	for (size_t i = 0; i < cleaner->probe_count; i++) {
		const struct sight *old = &cleaner->sights[0][i];
		struct sight new = look(cleaner, cleaner->probes[i]);

		for (size_t t = 0; t < cleaner->seen; t++) {
			const struct sight *now = &cleaner->sights[t][i];

			REQUIRE((now->fault == old->fault && now->phys == old->phys) ||
					(now->fault == new.fault && now->phys == new.phys) ||
					(breaks && now->fault != WALK_OK &&
					 now->fault != WALK_DENIED),
				"0x%" PRIx64 ": the walker sees fault %d, 0x%" PRIx64,
				cleaner->probes[i], (int)now->fault, now->phys);
		}
	}
	cleaner->probe_count = 0;
	tlb_gather_finish(&cleaner->gather);
	world_resync(&cleaner->world);
	world_check(&cleaner->world);
}

/* One of the operations that the model does not know. */
static enum paging_status reshape(struct cleaner *cleaner, unsigned int which,
				  const struct model_op *what, struct page_table_op *op)
{
	struct page_table *table = &cleaner->world.table;
	uint64_t granule = format_granule(cleaner->world.format);

	op->mode = what->mode;
	switch (which) {
	case 0:
		op->mode |= PAGING_RESUMABLE;
		op->budget = 2;
		return page_table_split(table, what->virt, what->size, granule, op);
	case 1:
		return page_table_collapse(table, what->virt, what->size, op);
	case 2:
		return page_table_harvest(table, what->virt, what->size,
					  PAGE_MARK_ACCESSED | PAGE_MARK_DIRTY, NULL, NULL, op);
	default:
		return page_table_write_protect(table, what->virt, what->size, op);
	}
}

/* To start again with little. */
static struct model_op whole_range(const struct world *world)
{
	struct input_range range = format_first_range(world->format);

	return (struct model_op){ .kind = MODEL_UNMAP,
				  .virt = range.first,
				  .size = range.last - range.first + 1,
				  .mode = PAGING_SKIP_HOLES };
}

static void some_op(struct cleaner *cleaner, bool live)
{
	static const enum model_kind kinds[] = { MODEL_MAP_TO,   MODEL_MAP,      MODEL_MAP,
						 MODEL_PROTECT,  MODEL_SOFTWARE, MODEL_UNMAP,
						 MODEL_ANNOTATE, MODEL_ANNOTATE };
	struct world *world = &cleaner->world;
	uint64_t *state = &cleaner->state;
	uint64_t granule = format_granule(world->format);
	uint64_t size = format_largest_leaf(world->format);
	struct page_table_op op = { .frames = world_frames(world),
				    .gather = live ? &cleaner->gather : NULL };
	struct model_op what = { .mode = PAGING_SPLIT | PAGING_SKIP_HOLES };

	while (size > granule && rng_one_in(state, 2))
		size = format_next_smaller_leaf(world->format, size);
	what.kind = kinds[rng_below(state, sizeof(kinds) / sizeof(kinds[0]))];
	what.virt = format_middle(world->format) + rng_below(state, 3) * size;
	what.phys = rng_below(state, 3) * size;
	what.size = size + rng_below(state, 2) * 2 * granule;
	what.note = rng_below(state, 3);
	what.flags = format_random_flags(world->format, state);
	what.mode |= rng_one_in(state, 2) ? PAGING_RESUMABLE : 0;
	what.mode |= rng_one_in(state, 2) ? PAGING_REPLACE : 0;
	if (what.kind == MODEL_MAP_TO)
		what.size = granule;
	if (world->model.count > MANY)
		what = whole_range(world);
	else if (model_cost(&world->model, &what, MANY) >= MANY)
		return;
	begin(cleaner, what.virt, what.size);
	if (rng_one_in(state, 3))
		(void)reshape(cleaner, (unsigned int)rng_below(state, 4), &what, &op);
	else
		(void)world_do(world, &what, &op);
	end(cleaner);
}

FORMAT_TEST(clean, what_a_walker_reads_is_never_behind)
{
	static struct cleaner cleaner;

	for (unsigned int live = 0; live < 2; live++) {
		open(&cleaner, format);
		cleaner.state = 5 + live;
		for (unsigned int i = 0; i < OPS; i++)
			some_op(&cleaner, live != 0);
		close(&cleaner);
	}
}

/* Many pages in one call, and more one by one. */
static void batches(const struct format_case *format, bool parallel)
{
	static struct cleaner cleaner;
	uint64_t granule = format_granule(format);
	struct page_pair pages[40];
	enum paging_status status;
	size_t done;

	open_as(&cleaner, format, parallel);
	for (unsigned int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 40; i++) {
			pages[i].virt = format_middle(format) + (2 * i + round) * granule;
			pages[i].phys = (i + 1) * granule;
		}
		begin(&cleaner, pages[0].virt, 80 * granule);
		status = page_table_map_batch(&cleaner.world.table, pages, 40, format_plain_flags(),
					      world_frames(&cleaner.world), &done);
		REQUIRE(status == PAGING_OK && done == 40, "%s after %zu", status_name(status),
			done);
		end(&cleaner);
	}
	for (size_t i = 0; i < 3; i++) {
		begin(&cleaner, pages[39].virt, 80 * granule);
		status = page_table_map_to(&cleaner.world.table, pages[39].virt + (i + 1) * granule,
					   0, format_plain_flags(), world_frames(&cleaner.world));
		REQUIRE(status == PAGING_OK, "%s", status_name(status));
		end(&cleaner);
	}
	close(&cleaner);
}

FORMAT_TEST(clean, batches_are_not_behind)
{
	batches(format, false);
	batches(format, true);
}

/* Whole tables at once, and runs of them. */
FORMAT_TEST(clean, full_tables_are_not_behind)
{
	static struct cleaner cleaner;
	uint64_t span = format->level_size[1];
	struct model_op what = { .virt = format_middle(format) + span - format_granule(format),
				 .size = 3 * span + 2 * format_granule(format),
				 .leaf_sizes = format_granule(format) };

	if (format->levels < 2 || format_entries(format, 0) > 512)
		return;
	what.flags = format_plain_flags();
	for (unsigned int live = 0; live < 2; live++) {
		struct page_table_op op;

		open(&cleaner, format);
		op = (struct page_table_op){ .frames = world_frames(&cleaner.world),
					     .gather = live ? &cleaner.gather : NULL };
		begin(&cleaner, what.virt, what.size);
		what.kind = MODEL_MAP;
		REQUIRE(world_do(&cleaner.world, &what, &op) == PAGING_OK, "map");
		end(&cleaner);
		begin(&cleaner, what.virt, what.size);
		REQUIRE(reshape(&cleaner, 3, &what, &op) == PAGING_OK, "write_protect");
		end(&cleaner);
		begin(&cleaner, what.virt, what.size);
		what.kind = MODEL_UNMAP;
		REQUIRE(world_do(&cleaner.world, &what, &op) == PAGING_OK, "unmap");
		end(&cleaner);
		close(&cleaner);
	}
}

/* A table that was made where the walker looked into the caches, and goes on where it does not. */
FORMAT_TEST(clean, from_a_rebase_on)
{
	static struct cleaner cleaner;
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct table_access access;
	struct page_table *table;

	open(&cleaner, format);
	table = &cleaner.world.table;
	access = table->access;
	page_table_rebase(table, format->config.format,
			  &(struct table_access){ .offset = access.offset });
	world_map(&cleaner.world, virt, 0, granule);
	REQUIRE(page_table_map_to(table, virt + granule, 0, format_plain_flags(),
				  world_frames(&cleaner.world)) == PAGING_OK,
		"map_to before it");
	page_table_rebase(table, format->config.format, &access);
	/* What was written without the walker's knowing. */
	memcpy(cleaner.shadow, cleaner.world.memory->bytes, MEMORY_BYTES);
	memset(cleaner.known, 1, MEMORY_BYTES / 8);
	for (unsigned int i = 2; i < 5; i++) {
		begin(&cleaner, virt + i * granule, granule);
		REQUIRE(page_table_map_to(table, virt + i * granule, 0, format_plain_flags(),
					  world_frames(&cleaner.world)) == PAGING_OK,
			"map_to after it");
		end(&cleaner);
	}
	close(&cleaner);
}
