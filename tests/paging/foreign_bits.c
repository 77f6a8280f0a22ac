/* SPDX-License-Identifier: MIT */
/*
 * Leaves as others may have written them: any one bit, or any two that are no address, are other
 * than the library would have them. Where the independent MMU takes the descriptor for a leaf,
 * query says of it what the MMU does; and after an operation changed it, what was asked for, all
 * else as it was.
 */
#include <inttypes.h>
#include <string.h>

#include <twofold/page_batch.h>

#include "checked.h"
#include "foreign.h"
#include "require.h"
#include "suite.h"

/* Where no format has an address; what lies between is changed one bit at a time. */
static bool is_attribute(unsigned int bit)
{
	return bit < 12 || bit >= 48;
}

/* As the leaf is before. */
static const struct page_flags bases[] = {
	{ .read = 1, .write = 1, .execute = 1 },
	{ .read = 1, .idle = 1 },
	{ .read = 1, .write = 1, .dirty = 1, .user = 1, .software = 1 },
	{ .read = 1, .execute = 1, .user = 1, .type = MEMORY_DEVICE },
	{ .execute = 1 },
};

struct bits_leaf {
	struct world world;
	virt_addr virt;
	uint64_t size;
	phys_addr entry;
	uint64_t own; /* as the library wrote it, of these flags */
	struct page_flags flags;
	unsigned int level;
};

/* Flags like these that the format can express. */
static struct page_flags expressible(const struct format_case *format, struct page_flags flags)
{
	if (!format->expressible(format, flags))
		flags.read = 1;
	if (!format->expressible(format, flags))
		flags.user = flags.idle = flags.dirty = 0;
	if (!format->expressible(format, flags))
		flags.software = 0;
	if (!format->expressible(format, flags))
		flags.execute ^= 1;
	if (!format->expressible(format, flags))
		flags.type = MEMORY_NORMAL;
	REQUIRE(format->expressible(format, flags), "no flags like these");
	return flags;
}

/* Whether the MMU goes on from there as from a leaf of that level, and which. */
static bool mmu_has_leaf(struct bits_leaf *l)
{
	const struct format_case *format = l->world.format;
	phys_addr next;
	struct walk_result seen;

	if (format->entry(format, l->level, entry_read(&l->world, l->entry), &next) !=
	    WALK_ENTRY_LEAF)
		return false;
	/* A leaf of a contiguous group is none without the others. */
	seen = world_translate(&l->world, l->virt, world_accesses[0]);
	return seen.fault == WALK_OK || seen.fault == WALK_DENIED;
}

static struct page_flags flags_at(struct bits_leaf *l, virt_addr virt)
{
	struct page_mapping mapping;

	struct page_pair pair = { .virt = virt };
	phys_addr phys;
	size_t done;

	REQUIRE(page_table_query(&l->world.table, virt, &mapping) == PAGING_OK,
		"query finds nothing");
	world_probe_leaf(&l->world, virt, &mapping);
	REQUIRE(page_table_translate(&l->world.table, virt, &phys) == PAGING_OK &&
			phys == mapping.phys + (virt - mapping.virt),
		"translate");
	REQUIRE(page_table_translate_batch(&l->world.table, &pair, 1, &done) == PAGING_OK &&
			pair.phys == phys,
		"the batch");
	return mapping.flags;
}

static struct page_flags flags_now(struct bits_leaf *l)
{
	struct page_flags flags = flags_at(l, l->virt);

	REQUIRE(page_flags_equal(flags, flags_at(l, l->virt + l->size - 1)), "two flags");
	return flags;
}

static void require_now(struct bits_leaf *l, struct page_flags wanted, const char *after)
{
	struct page_flags flags = flags_now(l);
	char text[64], other[64];

	REQUIRE(page_flags_equal(flags, wanted), "after %s: %s, not %s", after,
		flags_text(flags, text), flags_text(wanted, other));
}

/* Arm: EL1 never fetches from what EL0 can write. PXN says whether it may when EL0 no longer can.
 */
static struct page_flags without_write(const struct format_case *format, uint64_t descriptor,
				       struct page_flags flags)
{
	if (strncmp(format->name, "s1-", 3) == 0 && flags.user && flags.write &&
	    (descriptor >> 53 & 1) == 0) {
		flags.execute_user = flags.execute;
		flags.execute = 0;
		flags.execute_privileged = 1;
	}
	flags.write = 0;
	return flags;
}

static bool has_idle(const struct format_case *format)
{
	struct page_flags flags = { .read = 1, .execute = 1, .idle = 1 };

	return format->expressible(format, flags);
}

static void split(struct bits_leaf *l, struct page_flags before)
{
	struct page_table *table = &l->world.table;
	struct page_table_op op = { .frames = world_frames(&l->world) };

	if (page_table_split(table, l->virt, l->size, l->world.format->level_size[0], &op) !=
	    PAGING_OK)
		return;
	require_now(l, before, "split");
	REQUIRE(page_table_unmap(table, l->virt, l->size, &op) == PAGING_OK &&
			page_table_map(table, l->virt, 0, l->size, l->flags, &op) == PAGING_OK,
		"not as it was");
	l->entry = entry_at(&l->world, l->virt, l->level);
}

/* Nothing is put in its place, and nothing of it goes. */
static void require_there(struct bits_leaf *l)
{
	struct page_table *table = &l->world.table;
	uint64_t granule = format_granule(l->world.format), leaf = entry_read(&l->world, l->entry);
	struct page_table_op op = { .frames = world_frames(&l->world) };

	REQUIRE(page_table_map_to(table, l->virt + l->size - granule, 0, format_plain_flags(),
				  op.frames) == PAGING_ALREADY_MAPPED,
		"map_to");
	if (l->level != 0)
		REQUIRE(page_table_unmap(table, l->virt, granule, &op) == PAGING_WOULD_SPLIT,
			"unmap");
	REQUIRE(entry_read(&l->world, l->entry) == leaf, "it has become 0x%" PRIx64,
		entry_read(&l->world, l->entry));
}

/* The operations that change leaves, each on the descriptor as it is. */
static void change(struct bits_leaf *l, uint64_t descriptor, struct page_flags before)
{
	struct world *world = &l->world;
	struct page_table_op op = { .frames = world_frames(world) };
	struct page_flags wanted = without_write(world->format, descriptor, before);
	struct page_flags flags = { .read = 1 };

	if (page_table_write_protect(&world->table, l->virt, l->size, &op) == PAGING_OK)
		require_now(l, wanted, "write_protect");
	entry_write(world, l->entry, descriptor);
	wanted = before;
	wanted.software = 0;
	if (page_table_set_software(&world->table, l->virt, l->size, 0, &op) == PAGING_OK)
		require_now(l, wanted, "set_software");
	for (unsigned int write = 0; write < 2; write++) {
		entry_write(world, l->entry, descriptor);
		flags.write = write & 1;
		wanted = expressible(world->format, flags);
		if (page_table_protect(&world->table, l->virt, l->size, wanted, &op) != PAGING_OK)
			continue;
		wanted = world->format->reported(world->format, wanted);
		wanted.idle = before.idle;
		wanted.dirty = before.dirty;
		require_now(l, wanted, "protect");
	}
	entry_write(world, l->entry, descriptor);
	wanted = before;
	wanted.dirty = 0;
	if (has_idle(world->format))
		wanted.idle = 1;
	if (page_table_harvest(&world->table, l->virt, l->size,
			       PAGE_MARK_ACCESSED | PAGE_MARK_DIRTY, NULL, NULL, &op) == PAGING_OK)
		require_now(l, wanted, "harvest");
	entry_write(world, l->entry, descriptor);
	if (l->level != 0)
		split(l, before);
}

static void require_nothing(struct bits_leaf *l)
{
	struct page_pair pair = { .virt = l->virt };
	struct page_mapping mapping;
	phys_addr phys;
	size_t done;

	REQUIRE(page_table_query(&l->world.table, l->virt, &mapping) == PAGING_NOT_MAPPED, "query");
	REQUIRE(page_table_translate(&l->world.table, l->virt, &phys) == PAGING_NOT_MAPPED,
		"translate");
	REQUIRE(page_table_translate_batch(&l->world.table, &pair, 1, &done) == PAGING_NOT_MAPPED,
		"the batch");
}

static void look(struct bits_leaf *l, uint64_t bits, bool change_it)
{
	uint64_t descriptor = l->own ^ bits;
	struct page_flags flags;
	phys_addr next;

	entry_write(&l->world, l->entry, descriptor);
	require_story("0x%" PRIx64 " was 0x%" PRIx64 ", level %u", descriptor, l->own, l->level);
	if (l->world.format->entry(l->world.format, l->level, descriptor, &next) ==
	    WALK_ENTRY_EMPTY)
		require_nothing(l);
	if (!mmu_has_leaf(l))
		return;
	flags = flags_now(l);
	if (!change_it)
		return;
	if (l->level == 0 || (entry_read(&l->world, l->entry) & CONTIGUOUS) == 0)
		require_there(l);
	change(l, descriptor, flags);
}

static void look_at_all(struct bits_leaf *l)
{
	for (unsigned int i = 0; i < 64; i++) {
		look(l, UINT64_C(1) << i, true);
		for (unsigned int j = i + 1; j < 64 && is_attribute(i); j++) {
			if (is_attribute(j))
				look(l, UINT64_C(1) << i | UINT64_C(1) << j, false);
		}
	}
	entry_write(&l->world, l->entry, l->own);
}

/* Of the entry that leads to the leaf's table: what it grants and takes away is for all below. */
static void look_through(struct bits_leaf *l, phys_addr entry, unsigned int level, uint64_t bits)
{
	const struct format_case *format = l->world.format;
	uint64_t own = entry_read(&l->world, entry);
	phys_addr next, other;
	enum walk_entry kind;

	REQUIRE(format->entry(format, level, own, &next) == WALK_ENTRY_TABLE, "no table");
	require_story("0x%" PRIx64 " was 0x%" PRIx64 ", level %u", own ^ bits, own, level);
	entry_write(&l->world, entry, own ^ bits);
	kind = format->entry(format, level, own ^ bits, &other);
	if (kind == WALK_ENTRY_EMPTY)
		require_nothing(l);
	else if (kind == WALK_ENTRY_TABLE && other == next &&
		 world_translate(&l->world, l->virt, world_accesses[0]).fault != WALK_RESERVED)
		(void)flags_now(l);
	entry_write(&l->world, entry, own);
}

static void look_through_tables(struct bits_leaf *l)
{
	for (unsigned int level = l->level + 1; level < l->world.format->levels; level++) {
		phys_addr entry = entry_at(&l->world, l->virt, level);

		for (unsigned int i = 0; i < 64; i++) {
			for (unsigned int j = i; j < 64; j++)
				look_through(l, entry, level, UINT64_C(1) << i | UINT64_C(1) << j);
		}
	}
}

static void look_at_leaf(struct bits_leaf *l, struct page_flags flags)
{
	struct model_op what = { .kind = MODEL_MAP, .virt = l->virt, .size = l->size };

	what.flags = l->flags = expressible(l->world.format, flags);
	world_must(&l->world, &what);
	l->entry = entry_at(&l->world, l->virt, l->level);
	l->own = entry_read(&l->world, l->entry);
	look_at_all(l);
	look_through_tables(l);
	world_unmap(&l->world, l->virt, l->size, 0);
}

FORMAT_TEST(foreign, bits)
{
	static struct bits_leaf l;

	world_open(&l.world, format, MEMORY_BY_OFFSET);
	for (l.level = 0; l.level < 2; l.level++) {
		l.size = format->level_size[l.level];
		l.virt = format_middle(format) + l.size;
		if (!format_has_leaf(format, l.size))
			continue;
		for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
			look_at_leaf(&l, bases[i]);
	}
	world_close(&l.world);
}

/* What is a group to the MMU is one to query, and what is none is not changed as one. */
static void look_at_group(struct world *world, virt_addr virt, uint64_t size)
{
	struct page_table_op op = { .frames = world_frames(world) };
	struct walk_result seen = world_translate(world, virt, world_accesses[0]);
	struct page_mapping mapping;
	enum paging_status status;

	if (seen.fault == WALK_RESERVED) {
		REQUIRE(page_table_protect(&world->table, virt, size, format_plain_flags(), &op) ==
				PAGING_BROKEN_GROUP,
			"it is taken for whole");
		return;
	}
	REQUIRE(page_table_query(&world->table, virt, &mapping) == PAGING_OK, "no leaf");
	world_probe_leaf(world, virt, &mapping);
	status = page_table_set_software(&world->table, virt, size, 0, &op);
	REQUIRE(status == (size == seen.page_size ? PAGING_OK : PAGING_WOULD_SPLIT),
		"it is not taken for whole: %s", status_name(status));
}

/* Bits that the MMU ignores, and that software may use for each leaf by itself. */
static bool is_ignored(unsigned int bit)
{
	return bit >= 56;
}

static void require_whole(struct world *world, virt_addr virt, uint64_t size)
{
	struct page_table_op op = { .frames = world_frames(world) };
	struct page_mapping mapping;

	REQUIRE(page_table_query(&world->table, virt, &mapping) == PAGING_OK &&
			mapping.size == size,
		"query has 0x%" PRIx64 " bytes", mapping.size);
	REQUIRE(page_table_set_software(&world->table, virt, size, 0, &op) == PAGING_OK,
		"it is not taken for whole");
}

/* Each leaf as it was, but for these bits. */
static void write_group(struct foreign *f, const uint64_t *own, uint64_t bits)
{
	for (uint64_t i = 0; i < f->leaves; i++)
		entry_write(&f->world, entry_at(&f->world, f->virt + i * f->piece, 0),
			    own[i] ^ bits);
}

FORMAT_TEST(foreign, one_of_a_group)
{
	/* Of all leaves: DBM, write permission, dirty. */
	static const uint64_t alike[] = { 0, UINT64_C(1) << 51, UINT64_C(1) << 51 | 1 << 7,
					  UINT64_C(1) << 55 };
	static struct foreign f;
	static uint64_t own[128];
	struct world *world = &f.world;

	if (!foreign_has(format, 0) || !foreign_open(&f, format, 0, SPOIL_NONE))
		return;
	for (unsigned int i = 0; i < f.leaves; i++)
		own[i] = entry_read(world, entry_at(world, f.virt + i * f.piece, 0));
	for (size_t a = 0; a < sizeof(alike) / sizeof(alike[0]); a++) {
		write_group(&f, own, alike[a]);
		/* Not valid, a table's, not of the group: each is broken in a way of its own. */
		for (unsigned int bit = 2; bit < 64; bit++) {
			virt_addr virt = f.virt + FOREIGN_HINTED * f.piece;
			phys_addr entry = entry_at(world, virt, 0);
			uint64_t was = entry_read(world, entry);

			if (was & UINT64_C(1) << bit & CONTIGUOUS)
				continue;
			require_story("0x%" PRIx64 ", bit %u of one", was, bit);
			entry_write(world, entry, was ^ UINT64_C(1) << bit);
			if (is_ignored(bit)) {
				require_whole(world, f.virt, f.size);
			} else {
				look_at_group(world, f.virt, f.size);
				look_at_group(world, virt, f.piece);
			}
			entry_write(world, entry, was);
		}
	}
	write_group(&f, own, 0);
	world_close(world);
}
