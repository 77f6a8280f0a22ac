/* SPDX-License-Identifier: MIT */
/* The checker on contiguous groups of Arm's tables: bit 52, DDI 0487 D8.7.1. */
#include <inttypes.h>
#include <string.h>

#include "checked.h"
#include "require.h"
#include "suite.h"

#define CONTIGUOUS (UINT64_C(1) << 52)
#define MMU        (PAGE_RULES_MMU | PAGE_RULES_TREE)

struct group {
	struct world *world;
	virt_addr virt;
	uint64_t size, piece;
	unsigned int level;
	phys_addr first; /* its first entry */
};

/* One report, about the group and its member `odd`. */
static void require_group(const struct group *group, unsigned int classes, enum page_rule rule,
			  uint64_t odd)
{
	const struct checked *checked = check_world(group->world, classes);
	const struct page_violation *v = &checked->violations[0];

	REQUIRE(checked->count == 1, "%zu reports, the first: %s", checked->count,
		page_rule_text(v->rule));
	REQUIRE(v->rule == rule && v->virt == group->virt && v->size == group->size &&
			v->level == group->level && v->entry == group->first + 8 * odd &&
			v->descriptor == entry_read(group->world, v->entry),
		"%s, 0x%" PRIx64 "+0x%" PRIx64 ", entry 0x%" PRIx64, page_rule_text(v->rule),
		v->virt, v->size, v->entry);
}

/* Member `odd` with those bits changed breaks that rule, and with the others nothing. */
static void change_one(const struct group *group, uint64_t odd, uint64_t bits, unsigned int classes,
		       enum page_rule rule)
{
	phys_addr slot = group->first + 8 * odd;
	uint64_t entry = entry_read(group->world, slot);

	require_story("0x%" PRIx64 " xor 0x%" PRIx64, entry, bits);
	entry_write(group->world, slot, entry ^ bits);
	if (rule == PAGE_RULES)
		REQUIRE(check_world(group->world, classes)->count == 0, "not sound");
	else
		require_group(group, classes, rule, odd);
	entry_write(group->world, slot, entry);
}

static void move_all(const struct group *group, unsigned int address_bit)
{
	uint64_t count = group->size / group->piece;
	uint64_t entries[128];

	for (uint64_t i = 0; i < count; i++) {
		phys_addr slot = group->first + 8 * i;

		entries[i] = entry_read(group->world, slot);
		entry_write(group->world, slot, entries[i] + (UINT64_C(1) << address_bit));
	}
	require_group(group, MMU, PAGE_RULE_GROUP_UNALIGNED, 0);
	for (uint64_t i = 0; i < count; i++)
		entry_write(group->world, group->first + 8 * i, entries[i]);
}

static bool keep(void *context, const struct page_violation *violation)
{
	*(struct page_violation *)context = *violation;
	return true;
}

/* A range that has only one of them in it, and not the odd one. */
static void range_inside(const struct group *group)
{
	phys_addr slot = group->first + 8;
	uint64_t entry = entry_read(group->world, slot);
	struct page_violation last = { .rule = PAGE_RULES };
	struct page_check check = { .rules = MMU, .report = keep, .context = &last };

	entry_write(group->world, slot, entry ^ CONTIGUOUS);
	REQUIRE(page_table_check_range(&group->world->table, group->virt + 3 * group->piece, 1,
				       &check) == PAGING_OK &&
			check.broken == 1,
		"%" PRIu64 " broken", check.broken);
	REQUIRE(last.rule == PAGE_RULE_GROUP_MIXED && last.virt == group->virt &&
			last.size == group->size && last.entry == slot,
		"%s, 0x%" PRIx64 "+0x%" PRIx64, page_rule_text(last.rule), last.virt, last.size);
	entry_write(group->world, slot, entry);
}

static void flip(const struct group *group, uint64_t member, uint64_t bits)
{
	phys_addr slot = group->first + 8 * member;

	entry_write(group->world, slot, entry_read(group->world, slot) ^ bits);
}

/* Two members that are different: the first is named; but one with other rights goes before any
 * that differ in what the MMU ignores. */
static void two_odd_ones(const struct group *group)
{
	const uint64_t software = UINT64_C(1) << 56, xn = UINT64_C(1) << 54;

	flip(group, 1, software);
	flip(group, 3, software);
	require_group(group, 0, PAGE_RULE_GROUP_SOFTWARE, 1);
	flip(group, 3, software);
	flip(group, 3, xn);
	require_group(group, 0, PAGE_RULE_GROUP_MIXED, 3);
	flip(group, 1, software);
	flip(group, 3, xn);
}

/* They belong together neither by their rights nor by where they lead. */
static void odd_and_unaligned(const struct group *group, unsigned int address_bit)
{
	uint64_t count = group->size / group->piece, rules = 0;
	const struct checked *checked;

	for (uint64_t i = 0; i < count; i++)
		entry_write(group->world, group->first + 8 * i,
			    entry_read(group->world, group->first + 8 * i) +
				    (UINT64_C(1) << address_bit));
	flip(group, 1, UINT64_C(1) << 54);
	checked = check_world(group->world, MMU);
	for (size_t i = 0; i < checked->count; i++)
		rules |= UINT64_C(1) << checked->violations[i].rule;
	REQUIRE(rules == (UINT64_C(1) << PAGE_RULE_GROUP_MIXED |
			  UINT64_C(1) << PAGE_RULE_GROUP_UNALIGNED),
		"rules 0x%" PRIx64, rules);
	flip(group, 1, UINT64_C(1) << 54);
	for (uint64_t i = 0; i < count; i++)
		entry_write(group->world, group->first + 8 * i,
			    entry_read(group->world, group->first + 8 * i) -
				    (UINT64_C(1) << address_bit));
}

static void group_with(const struct group *group)
{
	uint64_t last = group->size / group->piece - 1;
	unsigned int address_bit = (unsigned int)__builtin_ctzll(group->piece);

	for (uint64_t odd = 1; odd <= last; odd += last - 1) {
		change_one(group, odd, CONTIGUOUS, MMU, PAGE_RULE_GROUP_MIXED);
		change_one(group, odd, UINT64_C(1) << 54, MMU, PAGE_RULE_GROUP_MIXED); /* XN */
		change_one(group, odd, UINT64_C(1) << (address_bit + 9), MMU,
			   PAGE_RULE_GROUP_MIXED);
		change_one(group, odd, UINT64_C(1) << 10, 0, PAGE_RULES);
		change_one(group, odd, UINT64_C(1) << 56, MMU, PAGE_RULES);
		change_one(group, odd, UINT64_C(1) << 56, 0, PAGE_RULE_GROUP_SOFTWARE);
		change_one(group, odd, entry_read(group->world, group->first + 8 * odd), MMU,
			   PAGE_RULE_GROUP_MIXED); /* nothing there */
	}
	move_all(group, address_bit);
	range_inside(group);
	two_odd_ones(group);
	odd_and_unaligned(group, address_bit);
	flip(group, 0, CONTIGUOUS);
	require_stops(group->world, 1);
	flip(group, 0, CONTIGUOUS);
}

FORMAT_TEST(check, groups)
{
	virt_addr middle = format_middle(format);
	struct world world;

	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t size = format->group_size[level];
		struct group group = { &world, middle + size,
				       size,   format->level_size[level],
				       level,  0 };

		if (!format_has_leaf(format, size))
			continue;
		world_open(&world, format, MEMORY_BY_OFFSET);
		world_map(&world, group.virt, 0, size);
		group.first = entry_at(&world, group.virt, level);
		group_with(&group);
		world_check(&world);
		world_close(&world);
	}
}

/* The hint in a single leaf, also where the library makes no groups (1G with the 4K granule). */
Test(check, lone_hint, .timeout = SUITE_TIMEOUT)
{
	static const struct {
		const char *format;
		unsigned int level, entries;
	} rows[] = { { "s1-4k-48", 0, 16 },   { "s1-4k-48", 1, 16 },  { "s1-4k-48", 2, 16 },
		     { "s1-16k-47", 0, 128 }, { "s1-16k-47", 1, 32 }, { "s1-64k-48-upper", 0, 32 },
		     { "s2-4k-40", 1, 16 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct format_case *format = format_case_named(rows[i].format);
		uint64_t piece = format->level_size[rows[i].level];
		struct world world;
		struct group group = { &world, format_middle(format), piece * rows[i].entries,
				       piece,  rows[i].level,         0 };
		phys_addr slot;

		world_open(&world, format, MEMORY_BY_OFFSET);
		world_map(&world, group.virt + 2 * piece, 2 * piece, piece);
		group.first = entry_at(&world, group.virt, group.level);
		slot = group.first + 16;
		entry_write(&world, slot, entry_read(&world, slot) | CONTIGUOUS);
		require_group(&group, MMU, PAGE_RULE_GROUP_MIXED, 0);
		entry_write(&world, slot, entry_read(&world, slot) & ~CONTIGUOUS);
		world_close(&world);
	}
}
