/* SPDX-License-Identifier: MIT */
/*
 * What only looks at a table comes to an end in groups that are none (foreign.h) all the same,
 * translates each page to where its own descriptor says, and the checker objects.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#define SUITE_TIMEOUT 60
#include <twofold/aarch64.h>
#include <twofold/check.h>
#include <twofold/page_cursor.h>
#include <twofold/statistics.h>

#include "checked.h"
#include "foreign.h"
#include "require.h"
#include "suite.h"

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

/* DDI 0487 D8.7.1: by granule and level. */
static unsigned int group_entries(const struct format_case *format, unsigned int level)
{
	if (format_granule(format) == 0x4000)
		return level == 0 ? 128 : 32;
	return format_granule(format) == 0x1000 ? 16 : 32;
}

bool foreign_is_arm(const struct format_case *format)
{
	return strncmp(format->name, "s1-", 3) == 0 || strncmp(format->name, "s2-", 3) == 0;
}

bool foreign_has(const struct format_case *format, unsigned int level)
{
	uint64_t size = format->level_size[level] * group_entries(format, level);

	/* Two groups fit into what the leaves can lead to. */
	return foreign_is_arm(format) && level < format->levels &&
	       format_has_leaf(format, format->level_size[level]) &&
	       format_entries(format, level) >= group_entries(format, level) &&
	       format_output_last(format) / 2 >= size;
}

static bool is_hinted(const struct foreign *f, enum spoil how, uint64_t i)
{
	if (how == SPOIL_ONE)
		return i == FOREIGN_HINTED;
	if (how == SPOIL_OTHERS)
		return i != FOREIGN_UNHINTED;
	return how != SPOIL_HALF || i < f->leaves / 2;
}

static void spoil(struct foreign *f, enum spoil how)
{
	for (uint64_t i = 0; i < f->leaves; i++) {
		phys_addr slot = entry_at(&f->world, f->virt + i * f->piece, f->level);
		uint64_t leaf = entry_read(&f->world, slot);

		if (how == SPOIL_TABLE && i == 9)
			continue;
		if (how == SPOIL_ELSEWHERE && i == 5) {
			f->phys[i] += f->piece * f->leaves;
			leaf += f->piece * f->leaves;
		}
		if (how == SPOIL_MIXED && i == 7)
			leaf ^= UINT64_C(1) << 54; /* XN */
		if (is_hinted(f, how, i))
			leaf |= CONTIGUOUS;
		entry_write(&f->world, slot, how == SPOIL_HOLE && i == 9 ? 0 : leaf);
	}
}

bool foreign_open(struct foreign *f, const struct format_case *format, unsigned int level,
		  enum spoil how)
{
	struct page_table_op op = { .mode = 0 };
	phys_addr phys = 0;

	if (level == 0 && how == SPOIL_TABLE)
		return false;
	world_open(&f->world, format, MEMORY_BY_OFFSET);
	require_story("level %u, spoilt in way %d", level, (int)how);
	f->level = level;
	f->piece = format->level_size[level];
	f->leaves = group_entries(format, level);
	f->size = f->leaves * f->piece;
	f->virt = format_middle(format) & ~(f->size - 1);
	f->shown = 0;
	if (how == SPOIL_UNALIGNED)
		phys = f->piece;
	for (uint64_t i = 0; i < f->leaves; i++)
		f->phys[i] = phys + i * f->piece;
	op.frames = world_frames(&f->world);
	op.leaf_sizes = f->piece;
	REQUIRE(page_table_map(&f->world.table, f->virt, phys, f->size, format_plain_flags(),
			       &op) == PAGING_OK,
		"map");
	if (how == SPOIL_TABLE)
		REQUIRE(page_table_split(&f->world.table, f->virt + 9 * f->piece, f->piece,
					 format->level_size[level - 1], &op) == PAGING_OK,
			"split");
	spoil(f, how);
	return true;
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

	for (unsigned int level = 0; level < format->levels; level++) {
		if (!foreign_has(format, level))
			continue;
		for (int how = 0; how < SPOILS; how++) {
			if (!foreign_open(&f, format, level, (enum spoil)how))
				continue;
			look(&f);
			world_close(&f.world);
		}
	}
}

/* Roots that are smaller than a group of their level (DDI 0487 D8.7.1: 32 blocks), filled with
 * blocks that have the hint. Nothing lies behind them. */
static const struct page_table_config small_roots[] = {
	{ .format = &aarch64_stage1_16k,
	  .input_bits = 26,
	  .output_bits = 48,
	  .leaf_sizes = PAGE_SIZE_16K | (PAGE_SIZE_16K << 11),
	  .memory_attributes = AARCH64_MAIR },
	{ .format = &aarch64_stage1_64k,
	  .input_bits = 31,
	  .output_bits = 48,
	  .leaf_sizes = PAGE_SIZE_64K | (PAGE_SIZE_64K << 13),
	  .memory_attributes = AARCH64_MAIR },
	{ .format = &aarch64_stage2_64k,
	  .input_bits = 32,
	  .output_bits = 48,
	  .leaf_sizes = PAGE_SIZE_64K | (PAGE_SIZE_64K << 13) },
};

#define ROOT_AT UINT64_C(0x10000)

/* A cursor wants somewhere to give empty tables to. */
static bool no_frame(struct frame_allocator *self, enum frame_use use, uint64_t size,
		     struct frame *frame)
{
	(void)self;
	(void)use;
	(void)size;
	(void)frame;
	return false;
}

/* A root of `bytes` at the end of what can be reached. */
static uint64_t *guarded_root(uint64_t bytes, uint8_t **pages)
{
	*pages = mmap(NULL, 2 * PAGE_SIZE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	REQUIRE(*pages != MAP_FAILED, "mmap");
	REQUIRE(mprotect(*pages + PAGE_SIZE_4K, PAGE_SIZE_4K, PROT_NONE) == 0, "mprotect");
	return (uint64_t *)(void *)(*pages + PAGE_SIZE_4K - bytes);
}

static void small_root(const struct page_table_config *shape, uint64_t block)
{
	struct page_table_config config = *shape;
	uint64_t entries = (UINT64_C(1) << config.input_bits) / block;
	uint64_t bytes = entries < 8 ? 64 : entries * 8; /* TTBR is that aligned */
	struct frame_allocator frames = { .allocate = no_frame };
	struct page_table_op op = { .frames = &frames };
	struct foreign f = { .shown = 0 };
	struct page_statistics statistics;
	struct page_mapping mapping;
	struct page_cursor cursor;
	struct page_table table;
	uint8_t *pages;
	uint64_t *root = guarded_root(bytes, &pages);
	uint64_t steps = 0;
	phys_addr phys;

	config.access.offset = (uint64_t)(uintptr_t)root - ROOT_AT;
	REQUIRE(page_table_adopt(&table, &config, ROOT_AT) == PAGING_OK, "adopt");
	for (uint64_t i = 0; i < entries; i++) /* AF, a block, where it stands */
		root[i] = CONTIGUOUS | UINT64_C(0x401) | i * block;
	for (uint64_t i = 0; i < entries; i++) {
		REQUIRE(page_table_query(&table, i * block, &mapping) == PAGING_OK, "query");
		REQUIRE(mapping.virt == 0 && mapping.phys == 0 && mapping.size == entries * block,
			"0x%" PRIx64 " bytes", mapping.size);
		REQUIRE(page_table_translate(&table, i * block + 1, &phys) == PAGING_OK &&
				phys == i * block + 1,
			"0x%" PRIx64, phys);
	}
	root[1] ^= CONTIGUOUS;
	REQUIRE(page_table_unmap(&table, 0, entries * block, &op) == PAGING_BROKEN_GROUP &&
			op.conflict == 0 && op.conflict_size == entries * block,
		"0x%" PRIx64 "+0x%" PRIx64, op.conflict, op.conflict_size);
	root[1] ^= CONTIGUOUS;
	page_table_walk(&table, 0, entries * block, ~0u, count_visit, &f);
	REQUIRE(f.shown == 1, "%" PRIu64 " leaves", f.shown);
	page_table_statistics(&table, &statistics);
	REQUIRE(page_cursor_open(&cursor, &table, 0, &op) == PAGING_OK, "open");
	while (page_cursor_next(&cursor) == PAGING_OK)
		REQUIRE(++steps < entries, "the cursor does not come to the end");
	page_cursor_close(&cursor);
	op.mode = PAGING_SKIP_HOLES;
	REQUIRE(page_table_harvest(&table, 0, block, PAGE_MARK_ACCESSED, NULL, NULL, &op) ==
			PAGING_OK,
		"harvest");
	REQUIRE(page_table_set_software(&table, 0, entries * block, 1, &op) == PAGING_OK,
		"set_software");
	REQUIRE(page_table_write_protect(&table, 0, entries * block, &op) == PAGING_OK,
		"write_protect");
	for (uint64_t i = 0; i < entries; i++)
		REQUIRE((root[i] & ~UINT64_C(0x80)) ==
				(CONTIGUOUS | UINT64_C(1) << 56 | 1 | i * block),
			"entry %" PRIu64 ": 0x%" PRIx64, i, root[i]);
	REQUIRE(page_table_unmap(&table, 0, entries * block, &op) == PAGING_OK, "unmap");
	for (uint64_t i = 0; i < entries; i++)
		REQUIRE(root[i] == 0, "entry %" PRIu64 " is left", i);
	munmap(pages, 2 * PAGE_SIZE_4K);
}

Test(foreign, small_roots, .timeout = SUITE_TIMEOUT)
{
	for (size_t i = 0; i < sizeof(small_roots) / sizeof(*small_roots); i++) {
		uint64_t sizes = small_roots[i].leaf_sizes;

		small_root(&small_roots[i], sizes & (sizes - 1));
	}
}
