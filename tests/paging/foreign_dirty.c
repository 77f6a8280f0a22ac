/* SPDX-License-Identifier: MIT */
/*
 * Leaves of others where hardware manages the dirty state (Arm): each way to set DBM, the write
 * permission and the bit that is software's, those too that the library never makes. What query
 * says of them, no change of permissions takes away.
 */
#include <string.h>

#include <twofold/aarch64.h>

#include "checked.h"
#include "foreign.h"
#include "require.h"
#include "suite.h"

/* D8.3.2; at stage 1 the middle one takes the permission away. */
#define DBM           (UINT64_C(1) << 51)
#define WRITE_OR_READ (UINT64_C(1) << 7)
#define WAS_DIRTY     (UINT64_C(1) << 55)

#define WAYS 8

static uint64_t with_way(uint64_t leaf, unsigned int way)
{
	leaf &= ~(DBM | WRITE_OR_READ | WAS_DIRTY);
	return leaf | ((way & 1) != 0 ? DBM : 0) | ((way & 2) != 0 ? WRITE_OR_READ : 0) |
	       ((way & 4) != 0 ? WAS_DIRTY : 0);
}

/* By hand: DBM is write permission, and with the permission itself it is dirty. */
static struct page_flags flags_of_way(const struct format_case *format, unsigned int way)
{
	bool dbm = (way & 1) != 0;
	bool permitted = ((way & 2) != 0) == (strncmp(format->name, "s2-", 3) == 0);
	struct page_flags flags = { .read = 1 };

	flags.write = (dbm || permitted) & 1;
	flags.dirty = ((dbm && permitted) || (way & 4) != 0) & 1;
	return flags;
}

static void require_flags(struct world *world, virt_addr virt, struct page_flags wanted)
{
	struct walk_result leaf = world_translate(world, virt, world_accesses[0]);
	struct page_mapping mapping;

	REQUIRE(page_table_query(&world->table, virt, &mapping) == PAGING_OK, "query");
	REQUIRE(mapping.flags.write == wanted.write && mapping.flags.dirty == wanted.dirty,
		"0x%llx: write %u, dirty %u", (unsigned long long)leaf.descriptor,
		mapping.flags.write, mapping.flags.dirty);
	REQUIRE(leaf.dirty == (wanted.dirty != 0), "the walker finds it %sdirty",
		leaf.dirty ? "" : "not ");
}

static void change(struct world *world, virt_addr virt, unsigned int how)
{
	struct page_table_op op = { .frames = world_frames(world) };
	struct page_flags flags = { .read = 1, .write = how == 1 };
	enum paging_status status;

	if (how == 2)
		status = page_table_write_protect(&world->table, virt, world->format->level_size[0],
						  &op);
	else
		status = page_table_protect(&world->table, virt, world->format->level_size[0],
					    flags, &op);
	REQUIRE(status == PAGING_OK, "it answers %s", status_name(status));
}

FORMAT_TEST(foreign, dirty_is_kept)
{
	struct world world;
	phys_addr entry;
	virt_addr virt;

	if (!foreign_is_arm(format) || (format->config.features & AARCH64_HARDWARE_DIRTY) == 0)
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	virt = format_middle(format);
	world_map_unseen(&world, virt, 0, format->level_size[0]);
	entry = entry_at(&world, virt, 0);
	for (unsigned int i = 0; i < 3 * WAYS; i++) {
		struct page_flags flags = flags_of_way(format, i % WAYS);

		entry_write(&world, entry, with_way(entry_read(&world, entry), i % WAYS));
		require_flags(&world, virt, flags);
		change(&world, virt, i / WAYS);
		flags.write = i / WAYS == 1;
		require_flags(&world, virt, flags);
	}
	world_close(&world);
}
