/* SPDX-License-Identifier: MIT */
/*
 * Contiguous hints (Arm, bit 52) where no whole group is, as others may leave them behind: in one
 * leaf, in half of a group, in a group with a hole or with a leaf that goes elsewhere. Whatever
 * only looks comes to an end all the same, translates each page to where its own descriptor says,
 * and the checker objects. (Who changes a table that the checker objects to is on his own.)
 */
#include <inttypes.h>
#include <string.h>

#define SUITE_TIMEOUT 60
#include <twofold/check.h>
#include <twofold/statistics.h>

#include "checked.h"
#include "require.h"
#include "suite.h"

#define CONTIGUOUS (UINT64_C(1) << 52)

struct foreign {
	struct world world;
	virt_addr virt;
	uint64_t leaves;      /* as many as a group has */
	uint64_t piece, size; /* a leaf, all of them */
	unsigned int level;
	phys_addr phys[128]; /* where each leaf leads */
	uint64_t shown;
};

/* More than that are no entries of this table. */
static bool count_visit(void *context, const struct page_visit *visit)
{
	struct foreign *f = context;

	(void)visit;
	REQUIRE(++f->shown < UINT64_C(1) << 20, "the walk does not end");
	return true;
}

static bool count_violation(void *context, const struct page_violation *violation)
{
	struct foreign *f = context;

	(void)violation;
	REQUIRE(++f->shown < UINT64_C(1) << 20, "the check does not end");
	return true;
}

enum spoil {
	SPOIL_ONE,
	SPOIL_HALF,
	SPOIL_HOLE,
	SPOIL_ELSEWHERE,
	SPOIL_MIXED,
	SPOILS
};

static void spoil(struct foreign *f, enum spoil how)
{
	static const uint64_t hinted[SPOILS] = { 0x0020, 0x00ff, 0xffff, 0xffff, 0xa5a5 };

	for (uint64_t i = 0; i < f->leaves; i++) {
		phys_addr slot = entry_at(&f->world, f->virt + i * f->piece, f->level);
		uint64_t leaf = entry_read(&f->world, slot);

		f->phys[i] = i * f->piece;
		if (how == SPOIL_ELSEWHERE && i == 5) {
			f->phys[i] += f->piece * f->leaves;
			leaf += f->piece * f->leaves;
		}
		if (how == SPOIL_MIXED && i == 7)
			leaf ^= UINT64_C(1) << 54; /* XN */
		if ((hinted[how] >> i % 16 & 1) != 0)
			leaf |= CONTIGUOUS;
		entry_write(&f->world, slot, how == SPOIL_HOLE && i == 9 ? 0 : leaf);
	}
}

/* DDI 0487 D8.7.1: by granule and level. */
static unsigned int group_entries(const struct format_case *format, unsigned int level)
{
	if (format_granule(format) == 0x4000)
		return level == 0 ? 128 : 32;
	return format_granule(format) == 0x1000 ? 16 : 32;
}

static void foreign_open(struct foreign *f, const struct format_case *format, unsigned int level,
			 enum spoil how)
{
	struct page_table_op op = { .mode = 0 };

	world_open(&f->world, format, MEMORY_BY_OFFSET);
	f->level = level;
	f->piece = format->level_size[level];
	f->leaves = group_entries(format, level);
	f->size = f->leaves * f->piece;
	f->virt = format_middle(format);
	f->shown = 0;
	op.frames = world_frames(&f->world);
	op.leaf_sizes = format_leaf_cap(format, f->piece);
	REQUIRE(page_table_map(&f->world.table, f->virt, 0, f->size, format_plain_flags(), &op) ==
			PAGING_OK,
		"map");
	spoil(f, how);
}

static void look(struct foreign *f)
{
	struct page_table *table = &f->world.table;
	struct page_check check = { .rules = PAGE_RULES_MMU | PAGE_RULES_TREE,
				    .report = count_violation,
				    .context = f };
	struct page_statistics statistics;
	struct page_mapping mapping;
	phys_addr phys;

	for (uint64_t i = 0; i < f->leaves; i++) {
		virt_addr at = f->virt + i * f->piece;
		uint64_t leaf = entry_read(&f->world, entry_at(&f->world, at, f->level));
		enum paging_status status = page_table_translate(table, at + 1, &phys);

		page_table_query(table, at, &mapping);
		REQUIRE(status == (leaf == 0 ? PAGING_NOT_MAPPED : PAGING_OK), "leaf %" PRIu64, i);
		REQUIRE(leaf == 0 || phys == f->phys[i] + 1, "leaf %" PRIu64 ": 0x%" PRIx64, i,
			phys);
	}
	page_table_walk(table, f->virt, f->size, ~0u, count_visit, f);
	page_table_check_range(table, f->virt, f->size, &check);
	REQUIRE(check.broken != 0, "the checker has no objection");
	page_table_statistics(table, &statistics);
}

FORMAT_TEST(foreign, hints)
{
	static struct foreign f;

	if (strncmp(format->name, "s1-", 3) != 0 && strncmp(format->name, "s2-", 3) != 0)
		return;
	for (unsigned int level = 0; level < format->levels; level++) {
		if (!format_has_leaf(format, format->level_size[level]) ||
		    format_entries(format, level) < group_entries(format, level) || level > 1)
			continue;
		for (unsigned int how = 0; how < SPOILS; how++) {
			foreign_open(&f, format, level, (enum spoil)how);
			require_story("level %u, spoilt in way %u", level, how);
			look(&f);
			world_close(&f.world);
		}
	}
}
