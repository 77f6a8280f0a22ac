/* SPDX-License-Identifier: MIT */
/*
 * The checker against the independent MMU: single bits of sound tables are flipped, and what the
 * one calls broken the other must, too.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "require.h"
#include "rng.h"
#include "suite.h"

struct place {
	phys_addr slot;
	virt_addr virt;
	unsigned int level;
};

struct places {
	struct world *world;
	struct place list[4096];
	size_t count;
};

static bool note_place(void *context, const struct page_visit *visit)
{
	struct places *places = context;
	uint64_t span = places->world->format->level_size[visit->level];

	/* Each of a group by itself. */
	for (uint64_t at = 0; at < visit->mapping.size && places->count < 4096; at += span) {
		struct place *place = &places->list[places->count++];

		place->virt = visit->mapping.virt + at;
		place->level = visit->level;
		place->slot = entry_at(places->world, place->virt, place->level);
	}
	return true;
}

static void furnish(struct world *world, uint64_t *random_state)
{
	const struct format_case *format = world->format;
	uint64_t granule = format_granule(format), largest = format_largest_leaf(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);

	world_map(world, format_middle(format) - 2 * granule, 4 * largest - 2 * granule,
		  2 * largest + 3 * granule);
	for (unsigned int i = 0; i < count; i++)
		world_map(world, ranges[i].last - granule + 1, 0, granule);
	for (uint64_t i = 0; i < 12; i++) {
		struct model_op what = { .kind = MODEL_MAP, .size = granule };

		what.virt = format_middle(format) + 5 * largest + i * granule;
		what.phys = rng_below(random_state, 64) * granule;
		what.flags = format_random_flags(format, random_state);
		world_must(world, &what);
	}
}

static bool is_mmu(const struct page_violation *v)
{
	return page_rule_class(v->rule) == PAGE_RULES_MMU;
}

static bool is_group(const struct page_violation *v)
{
	return v->rule == PAGE_RULE_GROUP_MIXED || v->rule == PAGE_RULE_GROUP_UNALIGNED ||
	       v->rule == PAGE_RULE_GROUP_SOFTWARE;
}

/* The MMU faults for some address of the group. */
static bool group_faults(struct world *world, const struct page_violation *v)
{
	for (uint64_t at = 0; at < v->size; at += world->format->level_size[v->level]) {
		if (world_translate(world, v->virt + at, world_accesses[0]).fault == WALK_RESERVED)
			return true;
	}
	return false;
}

/*
 * A rule of the MMU is broken: the MMU says so, too. But for leaf sizes: the walkers of RISC-V and
 * Arm know what the architecture has and not what the configuration leaves out.
 */
static void require_agreed(struct world *world, const struct page_violation *v)
{
	phys_addr next;

	if (!is_mmu(v))
		return;
	if (is_group(v)) {
		REQUIRE(group_faults(world, v), "%s at 0x%" PRIx64 ", the MMU does not mind",
			page_rule_text(v->rule), v->virt);
		return;
	}
	REQUIRE(world->format->entry(world->format, v->level, v->descriptor, &next) ==
				WALK_ENTRY_RESERVED ||
			(v->rule == PAGE_RULE_LEAF_SIZE &&
			 !format_has_leaf(world->format, world->format->level_size[v->level])),
		"%s: level %u, 0x%" PRIx64 ", the MMU does not mind", page_rule_text(v->rule),
		v->level, v->descriptor);
}

static void flip(struct world *world, const struct place *place, unsigned int bit)
{
	const struct format_case *format = world->format;
	uint64_t entry = entry_read(world, place->slot);
	const struct checked *checked;
	bool told = false, covered = false;
	enum walk_entry kind;
	phys_addr next;

	require_story("level %u, 0x%" PRIx64 ": 0x%" PRIx64 ", bit %u", place->level, place->virt,
		      entry, bit);
	entry_write(world, place->slot, entry ^ UINT64_C(1) << bit);
	kind = format->entry(format, place->level, entry ^ UINT64_C(1) << bit, &next);
	checked = check_world(world, 0);
	for (size_t i = 0; i < checked->count && i < CHECKED_MAX; i++) {
		const struct page_violation *v = &checked->violations[i];

		require_agreed(world, v);
		told |= v->entry == place->slot && is_mmu(v) && !is_group(v);
		covered |= (is_mmu(v) || is_group(v)) && place->virt - v->virt < v->size;
	}
	REQUIRE(told || kind != WALK_ENTRY_RESERVED, "the MMU has 0x%" PRIx64 " for broken",
		entry ^ UINT64_C(1) << bit);
	/* What may lead anywhere now is not followed here. */
	if (kind != WALK_ENTRY_TABLE &&
	    world_translate(world, place->virt, world_accesses[0]).fault == WALK_RESERVED)
		REQUIRE(covered, "the MMU faults at 0x%" PRIx64, place->virt);
	entry_write(world, place->slot, entry);
}

#define FLIPS 400UL

FORMAT_TEST(check, flipped_bits)
{
	struct places places;
	uint64_t random_state = 11;
	const char *ops = getenv("TWOFOLD_OPS");
	/* Fewer where all is to be quick. */
	unsigned long most = ops != NULL ? strtoul(ops, NULL, 10) : FLIPS;
	unsigned long flips = most < FLIPS ? most : FLIPS;
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	furnish(&world, &random_state);
	places.world = &world;
	places.count = 0;
	for (unsigned int i = 0; i < count; i++)
		page_table_walk(&world.table, ranges[i].first, ranges[i].last - ranges[i].first + 1,
				PAGE_VISIT_LEAF | PAGE_VISIT_TABLE, note_place, &places);
	REQUIRE(places.count != 0, "nothing to flip");
	for (unsigned long i = 0; i < flips; i++) {
		const struct place *place = &places.list[rng_below(&random_state, places.count)];

		/* Half of them in the few that are not pages. */
		for (unsigned int tries = 0; i % 2 == 0 && place->level == 0 && tries < 30; tries++)
			place = &places.list[rng_below(&random_state, places.count)];
		flip(&world, place, (unsigned int)rng_below(&random_state, 64));
	}
	world_check(&world);
	world_close(&world);
}
