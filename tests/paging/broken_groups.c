/* SPDX-License-Identifier: MIT */
/*
 * What changes a table leaves groups alone that are none (foreign.h): it says so, names the group,
 * and has changed nothing, or nothing from there on. Collapsing makes whole what can be. Whole
 * groups whose leaves differ in what the MMU ignores, or marks, are changed as any others.
 */
#include <inttypes.h>

#define SUITE_TIMEOUT 60
#include <twofold/check.h>
#include <twofold/page_cursor.h>

#include "checked.h"
#include "foreign.h"
#include "require.h"
#include "suite.h"

enum change {
	CHANGE_UNMAP,
	CHANGE_ENLARGE,
	CHANGE_LEAVE_NOTE,
	CHANGE_PROTECT,
	CHANGE_WRITE_PROTECT,
	CHANGE_SOFTWARE,
	CHANGE_SPLIT,
	CHANGE_REPLACE,
	CHANGE_RANGES, /* the ones above plan, and are all or nothing or resumable */
	CHANGE_ACCESSED = CHANGE_RANGES,
	CHANGE_DIRTY,
	CHANGE_CURSOR_UNMAP,
	CHANGE_CURSOR_PROTECT,
	CHANGES,
};

static const char *const change_names[CHANGES] = {
	"unmap", "enlarge", "unmap and annotate", "protect", "write_protect", "set_software",
	"split", "replace", "accessed",           "dirty",   "cursor unmap",  "cursor protect",
};

static const struct page_flags read_only = { .read = 1 };

static enum paging_status change_at_cursor(struct foreign *f, enum change change, virt_addr virt,
					   struct page_table_op *op)
{
	struct page_cursor cursor;
	enum paging_status status;

	REQUIRE(page_cursor_open(&cursor, &f->world.table, virt, op) == PAGING_OK, "open");
	if (change == CHANGE_CURSOR_UNMAP)
		status = page_cursor_unmap(&cursor);
	else
		status = page_cursor_protect(&cursor, read_only);
	page_cursor_close(&cursor);
	return status;
}

/* What leaves, or pages of a group, are split into. */
static uint64_t smaller_leaf(const struct foreign *f)
{
	return f->level == 0 ? f->piece : f->world.format->level_size[f->level - 1];
}

static enum paging_status change_range(struct foreign *f, enum change change, virt_addr virt,
				       uint64_t size, struct page_table_op *op)
{
	struct page_table *table = &f->world.table;

	op->annotation = change == CHANGE_LEAVE_NOTE ? 7 : 0;
	op->mode |= PAGING_SKIP_HOLES | (change == CHANGE_ENLARGE ? PAGING_ENLARGE : PAGING_SPLIT);
	switch (change) {
	case CHANGE_PROTECT:
		return page_table_protect(table, virt, size, read_only, op);
	case CHANGE_WRITE_PROTECT:
		return page_table_write_protect(table, virt, size, op);
	case CHANGE_SOFTWARE:
		return page_table_set_software(table, virt, size, 1, op);
	case CHANGE_SPLIT:
		return page_table_split(table, virt, size, smaller_leaf(f), op);
	case CHANGE_REPLACE:
		op->mode |= PAGING_REPLACE;
		return page_table_map(table, virt, 0, size, format_plain_flags(), op);
	case CHANGE_ACCESSED:
	case CHANGE_DIRTY:
		return page_table_harvest(table, virt, size,
					  change == CHANGE_DIRTY ? PAGE_MARK_DIRTY
								 : PAGE_MARK_ACCESSED,
					  NULL, NULL, op);
	case CHANGE_CURSOR_UNMAP:
	case CHANGE_CURSOR_PROTECT:
		return change_at_cursor(f, change, virt, op);
	default:
		return page_table_unmap(table, virt, size, op);
	}
}

/* How the operation is asked for. */
struct asking {
	enum change change;
	uint64_t start, size; /* in the group */
	uint32_t mode;
	bool live; /* there is a gather */
};

static void flush(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	++*(unsigned int *)context;
}

static void ask(struct foreign *f, const struct asking *a, struct page_table_op *op,
		enum paging_status expected, bool quiet)
{
	unsigned int flushes = 0;
	struct tlb_range ranges[4];
	struct frame frames[4];
	struct tlb_gather gather = { .ranges = ranges,
				     .range_capacity = 4,
				     .frames = frames,
				     .frame_capacity = 4,
				     .owner = world_frames(&f->world),
				     .flush = flush,
				     .context = &flushes };
	enum paging_status status;

	require_story("%s of 0x%" PRIx64 "+0x%" PRIx64 ", mode %u, live %d",
		      change_names[a->change], a->start, a->size, a->mode, a->live);
	op->frames = world_frames(&f->world);
	op->gather = a->live ? &gather : NULL;
	op->mode = a->mode;
	op->done = 0x5555;
	status = change_range(f, a->change, f->virt + a->start, a->size, op);
	REQUIRE(status == expected, "%s", status_name(status));
	if (quiet)
		REQUIRE(flushes == 0 && gather.range_count == 0 && gather.frame_count == 0,
			"something is to be flushed");
	tlb_gather_finish(&gather);
}

/* Where the first leaf is that has the hint and that the range touches, from its start. */
static uint64_t first_hint(const struct asking *a, enum spoil how, uint64_t piece)
{
	if (how == SPOIL_OTHERS)
		return a->start == FOREIGN_UNHINTED * piece ? piece : 0;
	return how == SPOIL_ONE && a->start == 0 ? FOREIGN_HINTED * piece : 0;
}

static void require_refusal(struct foreign *f, const struct asking *a, enum spoil how)
{
	bool cursor = a->change == CHANGE_CURSOR_UNMAP || a->change == CHANGE_CURSOR_PROTECT;
	bool stepwise = ((a->mode & PAGING_RESUMABLE) != 0 || a->change >= CHANGE_RANGES) &&
			(a->mode & PAGING_PLAN) == 0;
	uint64_t done = stepwise ? first_hint(a, how, f->piece) : 0;
	struct memory_snapshot *before = memory_snapshot_take(f->world.memory);
	struct page_table_op op = { .mode = 0 };
	uint64_t entries[128] = { 0 };

	REQUIRE(f->leaves <= sizeof(entries) / sizeof(*entries), "%" PRIu64 " leaves", f->leaves);
	for (uint64_t i = 0; i < f->leaves; i++)
		entries[i] = entry_read(&f->world,
					entry_at(&f->world, f->virt + i * f->piece, f->level));
	ask(f, a, &op, PAGING_BROKEN_GROUP, done == 0);
	REQUIRE(op.conflict == f->virt && op.conflict_size == f->size,
		"it names 0x%" PRIx64 "+0x%" PRIx64, op.conflict, op.conflict_size);
	REQUIRE(cursor || op.done == done, "0x%" PRIx64 " is done, not 0x%" PRIx64, op.done, done);
	if (done == 0)
		memory_snapshot_require(f->world.memory, before);
	for (uint64_t i = 0; i < f->leaves; i++)
		REQUIRE(i * f->piece - a->start < done ||
				entry_read(&f->world, entry_at(&f->world, f->virt + i * f->piece,
							       f->level)) == entries[i],
			"entry %" PRIu64 " is another", i);
	memory_snapshot_drop(before);
}

/* All of the group, one of its leaves that has the hint, and a page in that; and where one leaf has
 * none, that and the next. */
static void refuse_change(struct foreign *f, const struct format_case *format, unsigned int level,
			  enum spoil how, enum change change)
{
	static const uint32_t modes[] = { 0, PAGING_PLAN, PAGING_RESUMABLE };
	bool cursor = change == CHANGE_CURSOR_UNMAP || change == CHANGE_CURSOR_PROTECT;

	for (unsigned int i = 0; i < 4 * 3 * 2; i++) {
		struct asking a = { change, 0, f->size, modes[i % 3], i / 3 % 2 != 0 };

		if (change >= CHANGE_RANGES && a.mode != 0)
			continue;
		if (i / 6 == 3 && (how != SPOIL_OTHERS || cursor))
			continue;
		if (i / 6 == 3) {
			a.start = FOREIGN_UNHINTED * f->piece;
			a.size = 2 * f->piece;
		} else if (i / 6 != 0 || cursor) {
			a.start = FOREIGN_HINTED * f->piece;
			a.size = i / 6 == 2 ? format_granule(format) : f->piece;
		}
		require_refusal(f, &a, how);
		if (first_hint(&a, how, f->piece) != 0) { /* what is before the hint may be done */
			world_close(&f->world);
			foreign_open(f, format, level, how);
		}
	}
}

FORMAT_TEST(broken_groups, refused)
{
	static struct foreign f;

	for (unsigned int level = 0; level < format->levels; level++) {
		if (!foreign_has(format, level))
			continue;
		for (int how = 0; how < SPOILS; how++) {
			if (!foreign_open(&f, format, level, (enum spoil)how))
				continue;
			for (int change = 0; change < CHANGES; change++)
				refuse_change(&f, format, level, (enum spoil)how,
					      (enum change)change);
			world_close(&f.world);
		}
	}
}

/* What changes no leaf has no objection, and changes none. */
static void leave_alone(struct foreign *f)
{
	struct memory_snapshot *before = memory_snapshot_take(f->world.memory);
	struct page_table_op op = { .frames = world_frames(&f->world) };
	struct page_table *table = &f->world.table;

	REQUIRE(page_table_annotate(table, f->virt, f->size, 0, &op) == PAGING_OK, "annotate 0");
	REQUIRE(page_table_annotate(table, f->virt, f->size, 7, &op) == PAGING_ALREADY_MAPPED,
		"annotate 7");
	REQUIRE(page_table_map(table, f->virt, 0, f->size, format_plain_flags(), &op) ==
			PAGING_ALREADY_MAPPED,
		"map");
	if (format_has_leaf(f->world.format, f->size))
		REQUIRE(page_table_split(table, f->virt, f->size, f->size, &op) == PAGING_OK,
			"split");
	memory_snapshot_require(f->world.memory, before);
	memory_snapshot_drop(before);
}

/* Collapsing makes a leaf of the table and gives the hint to all leaves, if they are a group but
 * for that. */
static void collapse(struct foreign *f, enum spoil how)
{
	bool alike = how <= SPOIL_OTHERS || how == SPOIL_TABLE;
	bool heals = alike && format_has_leaf(f->world.format, f->size);
	struct memory_snapshot *before = memory_snapshot_take(f->world.memory);
	struct page_table_op op = { .frames = world_frames(&f->world) };
	const struct checked *checked;
	phys_addr phys;

	REQUIRE(page_table_collapse(&f->world.table, f->virt, f->size, &op) == PAGING_OK, "it");
	if (!heals && how != SPOIL_TABLE)
		memory_snapshot_require(f->world.memory, before);
	memory_snapshot_drop(before);
	checked = check_world(&f->world, PAGE_RULES_MMU);
	REQUIRE(heals == (checked->count == 0), "%zu rules are broken", checked->count);
	for (uint64_t i = 0; i < f->leaves && how != SPOIL_HOLE; i++)
		REQUIRE(page_table_translate(&f->world.table, f->virt + i * f->piece, &phys) ==
					PAGING_OK &&
				phys == f->phys[i],
			"leaf %" PRIu64 ": 0x%" PRIx64, i, phys);
}

FORMAT_TEST(broken_groups, not_touched)
{
	static struct foreign f;

	for (unsigned int level = 0; level < format->levels; level++) {
		if (!foreign_has(format, level))
			continue;
		for (int how = 0; how < SPOILS; how++) {
			if (!foreign_open(&f, format, level, (enum spoil)how))
				continue;
			leave_alone(&f);
			collapse(&f, (enum spoil)how);
			world_close(&f.world);
		}
	}
}

/* DDI 0487 D8.3.2: AF; what software has, of 58:55; PBHA, of 62:59. */
#define ACCESSED (UINT64_C(1) << 10)
#define SOFTWARE (UINT64_C(7) << 56)
#define PBHA     (UINT64_C(0xf) << 59)

/* A whole group, in which leaf 3 alone is accessed and each has software bits of its own. */
static void mixed_open(struct foreign *f, const struct format_case *format, unsigned int level)
{
	foreign_open(f, format, level, SPOIL_NONE);
	for (uint64_t i = 0; i < f->leaves; i++) {
		phys_addr slot = entry_at(&f->world, f->virt + i * f->piece, level);
		uint64_t leaf = entry_read(&f->world, slot) | i % 8 << 56 | i % 16 << 59;

		entry_write(&f->world, slot, i == 3 ? leaf : leaf & ~ACCESSED);
	}
}

/* What the change makes of leaf `i`, in those bits. */
static uint64_t mixed_expected(enum change change, uint64_t i)
{
	uint64_t own = i % 8 << 56 | i % 16 << 59;

	switch (change) {
	case CHANGE_PROTECT:
	case CHANGE_CURSOR_PROTECT:
		return CONTIGUOUS | ACCESSED;
	case CHANGE_WRITE_PROTECT:
		return CONTIGUOUS | ACCESSED | own;
	case CHANGE_SOFTWARE:
		return CONTIGUOUS | (i == 3 ? ACCESSED : 0) | (own & PBHA) | UINT64_C(1) << 56;
	case CHANGE_SPLIT:
		return ACCESSED | own;
	case CHANGE_REPLACE: /* leaf by leaf */
		return ACCESSED;
	case CHANGE_ACCESSED:
		return CONTIGUOUS | own;
	case CHANGE_DIRTY:
		return CONTIGUOUS | (i == 3 ? ACCESSED : 0) | own;
	default:
		return 0;
	}
}

static void mixed_change(struct foreign *f, const struct asking *a)
{
	const uint64_t mask = CONTIGUOUS | ACCESSED | SOFTWARE | PBHA;
	struct page_table_op op = { .mode = 0 };
	phys_addr phys;

	ask(f, a, &op, PAGING_OK, false);
	for (uint64_t i = 0; i < f->leaves; i++) {
		virt_addr virt = f->virt + i * f->piece;
		enum paging_status status = page_table_translate(&f->world.table, virt, &phys);
		uint64_t entry, expected = mixed_expected(a->change, i);

		if (expected == 0) {
			REQUIRE(status == PAGING_NOT_MAPPED, "leaf %" PRIu64, i);
			continue;
		}
		REQUIRE(status == PAGING_OK && phys == f->phys[i], "leaf %" PRIu64, i);
		if (a->change == CHANGE_SPLIT && f->level != 0)
			continue;
		entry = entry_read(&f->world, entry_at(&f->world, virt, f->level));
		REQUIRE((entry & mask) == expected, "leaf %" PRIu64 ": 0x%" PRIx64, i, entry);
	}
	REQUIRE(check_world(&f->world, PAGE_RULES_MMU)->count == 0, "a rule is broken");
}

FORMAT_TEST(broken_groups, mixed_but_whole)
{
	static struct foreign f;

	for (unsigned int level = 0; level < format->levels; level++) {
		if (!foreign_has(format, level))
			continue;
		for (int i = 0; i < 2 * CHANGES; i++) {
			struct asking a = { .change = (enum change)(i / 2), .live = i % 2 != 0 };

			mixed_open(&f, format, level);
			a.size = f.size;
			if (level != 0 && a.change == CHANGE_SPLIT)
				a.size = format_granule(format);
			mixed_change(&f, &a);
			world_close(&f.world);
		}
	}
}

/* Of a whole group, one leaf alone will be another than it is: any of them. */
FORMAT_TEST(broken_groups, one_leaf_will_be_another)
{
	static struct foreign f;
	struct asking a = { .change = CHANGE_PROTECT };
	phys_addr slot;

	for (unsigned int level = 0; level < format->levels; level++) {
		if (!foreign_has(format, level))
			continue;
		for (unsigned int way = 0; way < 6; way++) {
			struct page_table_op op = { .mode = 0 };
			uint64_t odd;

			foreign_open(&f, format, level, SPOIL_NONE);
			odd = way / 2 == 2 ? f.leaves - 1 : way / 2;
			a.live = way % 2 != 0;
			a.size = f.size;
			ask(&f, &a, &op, PAGING_OK, false); /* all are as they will be */
			slot = entry_at(&f.world, f.virt + odd * f.piece, level);
			entry_write(&f.world, slot, entry_read(&f.world, slot) | UINT64_C(1) << 56);
			ask(&f, &a, &op, PAGING_OK, false);
			REQUIRE((entry_read(&f.world, slot) & SOFTWARE) == 0,
				"leaf %" PRIu64 " is as it was", odd);
			world_close(&f.world);
		}
	}
}

/* What one leaf of a group says of hardware's marks, all say. */
FORMAT_TEST(broken_groups, marks_of_all)
{
	static struct foreign f;

	for (unsigned int level = 0; level < format->levels; level++) {
		if (!foreign_has(format, level))
			continue;
		mixed_open(&f, format, level);
		for (uint64_t i = 0; i < f.leaves; i++)
			REQUIRE(!world_query(&f.world, f.virt + i * f.piece).flags.idle,
				"leaf %" PRIu64 " is idle", i);
		world_close(&f.world);
	}
}

/* A leaf without the hint is none of the group, nor is one with other rights: what hardware has
 * marked in it is said of it alone. */
FORMAT_TEST(broken_groups, marks_of_others)
{
	static const enum spoil ways[] = { SPOIL_OTHERS, SPOIL_MIXED };
	static struct foreign f;

	for (unsigned int level = 0; level < format->levels; level++) {
		if (!foreign_has(format, level))
			continue;
		for (unsigned int way = 0; way < 2; way++) {
			uint64_t odd = way == 0 ? FOREIGN_UNHINTED : 7;

			foreign_open(&f, format, level, ways[way]);
			for (uint64_t i = 0; i < f.leaves; i++) {
				phys_addr slot = entry_at(&f.world, f.virt + i * f.piece, level);
				uint64_t leaf = entry_read(&f.world, slot);

				entry_write(&f.world, slot,
					    i == odd ? leaf | ACCESSED : leaf & ~ACCESSED);
			}
			for (uint64_t i = 0; i < f.leaves; i++) {
				struct page_mapping mapping =
					world_query(&f.world, f.virt + i * f.piece);

				REQUIRE(mapping.flags.idle == (i != odd),
					"leaf %" PRIu64 ": idle %d", i, mapping.flags.idle);
			}
			world_close(&f.world);
		}
	}
}
