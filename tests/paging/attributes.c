/* SPDX-License-Identifier: MIT */
/*
 * Every combination of semantic attributes, in leaves of every size: either it is refused because
 * the manual has no such descriptor, or query reports it back and the MMU acts on it.
 */
#include <inttypes.h>
#include <string.h>

#include "require.h"
#include "suite.h"
#include "world.h"

/* The protection keys to try: all, or where there are none enough to see them refused. */
static unsigned int keys_of(const struct format_case *format, uint8_t keys[16])
{
	static const uint8_t refused[] = { 0, 1, 8, 15 };
	struct page_flags flags = format_plain_flags();

	flags.protection_key = 1;
	if (!format->expressible(format, flags)) {
		memcpy(keys, refused, sizeof(refused));
		return sizeof(refused);
	}
	for (uint8_t key = 0; key < 16; key++)
		keys[key] = key;
	return 16;
}

/* Calls `body` for each combination of the attributes, with the software bits one by one, and the
 * address modifier where there is one. */
static void each_combination(struct world *world, uint64_t size,
			     void (*body)(struct world *, uint64_t, struct page_flags))
{
	static const uint16_t software[] = { 0,      1 << 0, 1 << 1, 1 << 2,  1 << 3,
					     1 << 4, 1 << 5, 1 << 9, 1 << 10, 1 << 15 };
	uint8_t keys[16];
	unsigned int key_count = keys_of(world->format, keys);

	for (uint32_t low = 0; low < (1 << 12); low++) { /* permissions, A/D and the type */
		for (uint32_t high = 0; high < 32 * key_count; high++) {
			struct page_flags flags = { 0 };
			uint64_t word = low | (high & 15) << 12; /* the first 16 bits */

			memcpy(&flags, &word, sizeof(flags));
			flags.guarded = (high >> 4) & 1;
			flags.protection_key = keys[high >> 5] & 15u;
			flags.software = software[(low ^ high) % 10];
			body(world, size, flags);
			if (world->format->config.modifier == 0)
				continue;
			flags.modified = 1;
			body(world, size, flags);
		}
	}
}

static void try_flags(struct world *world, uint64_t size, struct page_flags flags)
{
	const struct format_case *format = world->format;
	struct page_table_op op = { .frames = world_frames(world),
				    .leaf_sizes = format_leaf_cap(format, size) };
	virt_addr virt = format_middle(format) - 4 * size;
	phys_addr phys = format_output_last(format) + 1 - size;
	bool possible = format->expressible(format, flags);
	enum paging_status status;
	struct page_mapping mapping;
	char text[64], got[64];

	status = page_table_map(&world->table, virt, phys, size, flags, &op);
	REQUIRE(status == (possible ? PAGING_OK : PAGING_BAD_FLAGS), "map of %s: %s",
		flags_text(flags, text), status_name(status));
	if (!possible)
		return;
	world->model.leaves[0].flags = format->reported(format, flags);
	world_probe(world, virt + size / 2);
	status = page_table_query(&world->table, virt, &mapping);
	REQUIRE(status == PAGING_OK, "query: %s", status_name(status));
	REQUIRE(page_flags_equal(mapping.flags, world->model.leaves[0].flags),
		"%s comes back as %s", flags_text(flags, text), flags_text(mapping.flags, got));
	status = page_table_unmap(&world->table, virt, size, &op);
	REQUIRE(status == PAGING_OK, "unmap: %s", status_name(status));
}

FORMAT_TEST(attributes, every_combination_is_exact_or_refused)
{
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	/* The leaf that try_flags maps and unmaps; a neighbour keeps its tables alive. */
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		virt_addr virt = format_middle(format) - 4 * size;

		world_map(&world, virt + 2 * size, 0, size);
		model_append(&world.model, world.model.leaves[0]);
		world.model.leaves[0].virt = virt;
		world.model.leaves[0].phys = format_output_last(format) + 1 - size;
		each_combination(&world, size, try_flags);
		world_resync(&world);
		world_unmap(&world, virt + 2 * size, size, 0);
	}
	world_close(&world);
}

/* protect must reach the same descriptors, from any other, and leave accessed and dirty alone. */
FORMAT_TEST(attributes, protect_from_any_to_any)
{
	uint64_t state = 1;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		virt_addr virt = format_middle(format) + 5 * size;

		for (unsigned int i = 0; i < 300; i++) {
			struct model_op what = { .kind = MODEL_MAP, .virt = virt, .size = size };

			what.phys = addr_align_down(format_output_last(format), size);
			what.flags = format_random_flags(format, &state);
			world_must(&world, &what);
			what.kind = MODEL_PROTECT;
			what.flags = format_random_flags(format, &state);
			world_must(&world, &what);
			world_unmap(&world, virt, size, 0);
		}
	}
	world_close(&world);
}

/* Each output address bit by itself, and all together, come back at each size of leaf. */
FORMAT_TEST(attributes, every_output_address_bit)
{
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = format_largest_leaf(format); size != 0;
	     size = format_next_smaller_leaf(format, size)) {
		virt_addr virt = format_middle(format) + size;

		for (uint64_t bit = size; bit < format_output_last(format); bit <<= 1) {
			world_map(&world, virt, bit, size);
			world_unmap(&world, virt, size, 0);
		}
		world_map(&world, virt, format_output_last(format) + 1 - size, size);
		world_unmap(&world, virt, size, 0);
	}
	world_close(&world);
}

/* Each input address bit by itself: no two of them may lead to the same entry. */
FORMAT_TEST(attributes, every_input_address_bit)
{
	uint64_t granule = format_granule(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < count; i++) {
		virt_addr last = ranges[i].last - granule + 1;

		world_map_unseen(&world, ranges[i].first, 0, granule);
		world_map_unseen(&world, last, 0, granule);
		for (uint64_t bit = granule; bit < ranges[i].last - ranges[i].first; bit <<= 1) {
			world_map_unseen(&world, ranges[i].first ^ bit,
					 bit & format_output_last(format), granule);
			world_map_unseen(&world, last ^ bit, 0, granule);
		}
	}
	world_check(&world);
	world_close(&world);
}

/* Whatever the tables above say, query tells what the MMU grants: other people's tables do not
 * leave it all to the leaf. */
static void narrow_at(struct world *world, virt_addr virt, unsigned int level)
{
	const struct format_case *format = world->format;
	phys_addr table = world->table.root, slot = 0;
	uint64_t entry = 0, narrowed;

	for (unsigned int i = format->levels - 1; i >= level; i--) {
		slot = table + 8 * ((virt / format->level_size[i]) % format_entries(format, i));
		entry = memory_read(world->memory, slot);
		REQUIRE(format->entry(format, i, entry, &table) == WALK_ENTRY_TABLE, "no table");
	}
	for (unsigned int way = 0; (narrowed = format->narrow(format, entry, way)) != 0; way++) {
		struct page_mapping mapping;
		enum paging_status status;

		memcpy(memory_at(world->memory, slot, 8), &narrowed, 8);
		status = page_table_query(&world->table, virt, &mapping);
		REQUIRE(status == PAGING_OK, "level %u, way %u: %s", level, way,
			status_name(status));
		world_resync(world); /* walk must tell the same, or the probe fails */
		REQUIRE(page_flags_equal(mapping.flags, world->model.leaves[0].flags),
			"query and walk do not agree");
		REQUIRE(!(mapping.flags.write && mapping.flags.execute && mapping.flags.read &&
			  (format->second_stage || mapping.flags.user)),
			"level %u, way %u: all rights are left", level, way);
		world_probe(world, virt);
	}
	memcpy(memory_at(world->memory, slot, 8), &entry, 8);
}

FORMAT_TEST(attributes, rights_taken_by_the_tables_above)
{
	struct model_op what = { .kind = MODEL_MAP_TO, .size = format_granule(format) };
	struct world world;

	what.flags = format_plain_flags();
	what.flags.user = !format->second_stage;
	what.virt = format_middle(format) + format->level_size[1] + what.size;
	world_open(&world, format, MEMORY_BY_OFFSET);
	world_must(&world, &what);
	for (unsigned int level = 1; level < format->levels; level++)
		narrow_at(&world, what.virt, level);
	world_resync(&world);
	world_check(&world);
	world_close(&world);
}
