/* SPDX-License-Identifier: MIT */
/* The checker: the shape of a table, the library's own books, and how a check ends. */
#include <inttypes.h>
#include <string.h>

#include "checked.h"
#include "require.h"
#include "suite.h"

/* Looking */

struct checked_memory {
	struct checked *checked;
	struct test_memory *memory;
};

static bool note(void *context, const struct page_violation *violation)
{
	struct checked_memory *memory = context;
	struct checked *checked = memory->checked;

	if (checked->count < CHECKED_MAX)
		checked->violations[checked->count] = *violation;
	checked->count++;
	REQUIRE(violation->rule < PAGE_RULES, "rule %d", (int)violation->rule);
	return checked->count != checked->stop_at;
}

static bool is_memory(void *context, phys_addr table, uint64_t size)
{
	struct checked_memory *memory = context;
	struct frame frame;
	uint64_t born;

	if (!memory_is_live(memory->memory, table))
		return false;
	frame = memory_frame(memory->memory, table, &born);
	return table - frame.start + size <= frame.size;
}

const struct checked *check_until(struct world *world, unsigned int classes, size_t n)
{
	static struct checked checked;
	struct checked_memory memory = { &checked, world->memory };

	checked.count = 0;
	checked.stop_at = n;
	checked.check = (struct page_check){
		.rules = classes, .report = note, .enter = is_memory, .context = &memory
	};
	checked.status = page_table_check(&world->table, &checked.check);
	REQUIRE(checked.check.broken == checked.count, "%" PRIu64 " broken, %zu reported",
		checked.check.broken, checked.count);
	REQUIRE(world->memory->held == 0, "%u tables are held", world->memory->held);
	return &checked;
}

const struct checked *check_world(struct world *world, unsigned int classes)
{
	const struct checked *checked = check_until(world, classes, 0);

	REQUIRE(checked->status == PAGING_OK, "%s", status_name(checked->status));
	return checked;
}

void require_stops(struct world *world, size_t reports)
{
	size_t count = check_world(world, 0)->count;

	REQUIRE(count >= reports && count <= CHECKED_MAX, "%zu reports", count);
	for (size_t n = 1; n <= count; n++) {
		const struct checked *checked = check_until(world, 0, n);

		REQUIRE(checked->status == PAGING_STOPPED && checked->count == n,
			"%s after %zu reports, not %zu", status_name(checked->status),
			checked->count, n);
	}
}

phys_addr entry_at(struct world *world, virt_addr virt, unsigned int level)
{
	const struct format_case *format = world->format;
	phys_addr table = world->table.root, slot = 0;

	for (unsigned int i = format->levels; i-- > level;) {
		uint64_t index = (virt / format->level_size[i]) % format_entries(format, i);

		slot = table + 8 * index;
		if (i > level)
			REQUIRE(format->entry(format, i, memory_read(world->memory, slot),
					      &table) == WALK_ENTRY_TABLE,
				"no table");
	}
	return slot;
}

uint64_t entry_read(struct world *world, phys_addr entry)
{
	return memory_read(world->memory, entry);
}

void entry_write(struct world *world, phys_addr entry, uint64_t descriptor)
{
	memcpy(memory_at(world->memory, entry, 8), &descriptor, 8);
}

uint64_t entry_redirect(const struct format_case *format, unsigned int level, uint64_t entry,
			phys_addr table)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t other = entry ^ UINT64_C(1) << bit;
		phys_addr now, then;

		format->entry(format, level, entry, &now);
		format->entry(format, level, other, &then);
		if (((now ^ then) & (now ^ table)) != 0)
			entry = other;
	}
	return entry;
}

/* One broken rule and no other. */
static void require_one(const struct checked *checked, enum page_rule rule, phys_addr entry,
			uint64_t found)
{
	const struct page_violation *v = &checked->violations[0];

	REQUIRE(checked->count == 1, "%zu reports, the first: %s", checked->count,
		page_rule_text(v->rule));
	REQUIRE(v->rule == rule && v->entry == entry && v->found == found,
		"%s at 0x%" PRIx64 ", %" PRIu64, page_rule_text(v->rule), v->entry, v->found);
}

/* Somewhere that takes a table of each level, with nothing else in them. */
static virt_addr page_of(const struct format_case *format)
{
	return format_middle(format) + format->level_size[1] + format_granule(format);
}

/* The shape */

/* Each table entry on the way to a page leads to its own table, and to each above it. */
FORMAT_TEST(check, loops)
{
	virt_addr virt = page_of(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, format_granule(format));
	for (unsigned int level = 1; level < format->levels; level++) {
		phys_addr slot = entry_at(&world, virt, level);
		uint64_t entry = entry_read(&world, slot);

		for (unsigned int up = level; up < format->levels; up++) {
			/* The root can be smaller than a table: the granule that it lies in. */
			phys_addr above = addr_align_down(up == format->levels - 1
								  ? world.table.root
								  : entry_at(&world, virt, up),
							  format->table_bytes);

			entry_write(&world, slot, entry_redirect(format, level, entry, above));
			require_one(check_world(&world, PAGE_RULES_TREE | PAGE_RULES_MMU),
				    PAGE_RULE_TABLE_LOOP, slot, 0);
			REQUIRE(check_world(&world, PAGE_RULES_MMU)->count == 0,
				"the MMU does not mind");
			entry_write(&world, slot, entry);
		}
	}
	world_check(&world);
	world_close(&world);
}

struct entered {
	struct world *world;
	phys_addr tables[16];
	size_t count;
};

static bool enter_once(void *context, phys_addr table, uint64_t size)
{
	struct entered *entered = context;

	REQUIRE(size == entered->world->format->table_bytes, "0x%" PRIx64 " bytes", size);
	for (size_t i = 0; i < entered->count; i++) {
		if (entered->tables[i] == table)
			return false;
	}
	REQUIRE(entered->count < 16, "too many tables");
	entered->tables[entered->count++] = table;
	return true;
}

/* Two entries of the root lead to the same table. */
FORMAT_TEST(check, shared_table)
{
	virt_addr virt = page_of(format);
	unsigned int top = format->levels - 1;
	struct entered entered = { 0 };
	struct page_check check = { .enter = enter_once, .context = &entered };
	phys_addr slot, other;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, format_granule(format));
	slot = entry_at(&world, virt, top);
	other = world.table.root == slot ? slot + 8 : world.table.root;
	entry_write(&world, other, entry_read(&world, slot));
	/* Each of the tables below the root is reached twice. */
	require_one(check_world(&world, 0), PAGE_RULE_TABLE_TOTAL, world.table.root,
		    2 * (uint64_t)format->levels - 1);
	entered.world = &world;
	check.rules = PAGE_RULES_TREE | PAGE_RULES_MMU;
	REQUIRE(page_table_check(&world.table, &check) == PAGING_OK && check.broken == 1,
		"%" PRIu64 " broken", check.broken);
	entry_write(&world, other, 0);
	world_check(&world);
	world_close(&world);
}

/* Tables that are not memory are not read, whatever the addresses in them. */
FORMAT_TEST(check, refused)
{
	virt_addr virt = page_of(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, format_granule(format));
	for (unsigned int level = 1; level < format->levels; level++) {
		phys_addr slot = entry_at(&world, virt, level);
		uint64_t entry = entry_read(&world, slot);
		const struct checked *checked;

		entry_write(&world, slot, entry_redirect(format, level, entry, 0));
		checked = check_world(&world, PAGE_RULES_TREE | PAGE_RULES_MMU);
		require_one(checked, PAGE_RULE_TABLE_REFUSED, slot, 0);
		REQUIRE(checked->violations[0].level == level &&
				checked->violations[0].size == format->level_size[level] &&
				checked->violations[0].virt ==
					addr_align_down(virt, format->level_size[level]),
			"0x%" PRIx64 "+0x%" PRIx64, checked->violations[0].virt,
			checked->violations[0].size);
		entry_write(&world, slot, entry);
	}
	world_close(&world);
}

/* The library's books */

FORMAT_TEST(check, empty_table)
{
	virt_addr virt = page_of(format);
	const struct checked *checked;
	bool counted = false;
	phys_addr leaf, slot;
	uint64_t page;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, format_granule(format));
	leaf = entry_at(&world, virt, 0);
	slot = entry_at(&world, virt, 1);
	page = entry_read(&world, leaf);
	entry_write(&world, leaf, 0);
	REQUIRE(check_world(&world, PAGE_RULES_TREE | PAGE_RULES_MMU)->count == 0, "no fault");
	checked = check_world(&world, 0);
	for (size_t i = 0; i < checked->count; i++) {
		const struct page_violation *v = &checked->violations[i];

		REQUIRE(v->entry == slot && v->found == 0, "0x%" PRIx64, v->entry);
		counted |= v->rule == PAGE_RULE_LIVE_COUNT;
		REQUIRE(v->rule == PAGE_RULE_TABLE_EMPTY || v->rule == PAGE_RULE_LIVE_COUNT, "%s",
			page_rule_text(v->rule));
	}
	/* RISC-V has no room for a count. */
	REQUIRE(counted == (strncmp(format->name, "sv", 2) != 0) &&
			checked->count == (counted ? 2 : 1),
		"%zu reports", checked->count);
	entry_write(&world, leaf, page);
	world_close(&world);
}

/* One more entry than the count above it says, which is then wrong by that. */
FORMAT_TEST(check, live_count)
{
	virt_addr virt = page_of(format);
	const struct checked *checked;
	struct page_check twice = { .rules = 0 };
	phys_addr leaf, slot;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, format_granule(format));
	leaf = entry_at(&world, virt, 0);
	slot = entry_at(&world, virt, 1);
	entry_write(&world, leaf + 8, entry_read(&world, leaf));
	if (strncmp(format->name, "sv", 2) == 0)
		REQUIRE(check_world(&world, 0)->count == 0, "a count");
	else
		require_one(check_world(&world, 0), PAGE_RULE_LIVE_COUNT, slot, 2);
	entry_write(&world, leaf + 8, 0);
	world.table.tables++;
	checked = check_world(&world, 0);
	require_one(checked, PAGE_RULE_TABLE_TOTAL, world.table.root, format->levels);
	REQUIRE(checked->violations[0].level == format->levels - 1, "level %u",
		checked->violations[0].level);
	world.table.tables--;
	for (uint64_t i = 1; i <= 2; i++) /* what it counts adds up */
		REQUIRE(page_table_check(&world.table, &twice) == PAGING_OK && twice.broken == 0 &&
				twice.tables == i * (format->levels - 1),
			"%" PRIu64 " broken, %" PRIu64 " tables", twice.broken, twice.tables);
	world_check(&world);
	world_close(&world);
}

/* An annotation is no mapping and no fault; what only looks like one is a stray entry. */
FORMAT_TEST(check, annotations)
{
	virt_addr virt = page_of(format);
	uint64_t granule = format_granule(format);
	struct page_table_op op = { .mode = 0 };
	phys_addr slot;
	uint64_t entry;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, virt, 0, granule);
	REQUIRE(page_table_annotate(&world.table, virt + granule, granule, 0x1234, &op) ==
			PAGING_OK,
		"not annotated");
	REQUIRE(check_world(&world, 0)->count == 0, "an annotation");
	slot = entry_at(&world, virt + granule, 0);
	entry = entry_read(&world, slot);
	REQUIRE(entry != 0, "no annotation");
	entry_write(&world, slot, entry | UINT64_C(1) << 62);
	require_one(check_world(&world, 0), PAGE_RULE_STRAY, slot, 0);
	REQUIRE(check_world(&world, PAGE_RULES_MMU | PAGE_RULES_TREE)->count == 0,
		"the MMU does not mind");
	entry_write(&world, slot, UINT64_C(0xff) << 52); /* no mark at all */
	require_one(check_world(&world, 0), PAGE_RULE_STRAY, slot, 0);
	entry_write(&world, slot, entry);
	world_close(&world);
}

/* Bit 46 is not part of an address, and every entry that leads to a table has it. */
Test(check, address_modifier)
{
	const struct format_case *format = format_case_named("x86-48");
	virt_addr virt = page_of(format);
	struct page_table_config config = format->config;
	struct page_check check = { .rules = 0 };
	struct page_table table;
	phys_addr slot;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, PAGE_SIZE_4K);
	config.access = world.table.access;
	config.modifier = UINT64_C(1) << 46;
	cr_assert_eq(page_table_adopt(&table, &config, world.table.root), PAGING_OK);
	slot = entry_at(&world, virt, 0);
	entry_write(&world, slot, entry_read(&world, slot) | config.modifier);
	cr_assert_eq(page_table_check(&table, &check), PAGING_OK);
	cr_assert_eq(check.broken, 0);
	require_one(check_world(&world, 0), PAGE_RULE_LEAF_OUTPUT, slot, 0);

	config.modified_tables = true;
	cr_assert_eq(page_table_adopt(&table, &config, world.table.root), PAGING_OK);
	cr_assert_eq(page_table_check(&table, &check), PAGING_OK);
	cr_assert_eq(check.broken, 3);
	check.rules = PAGE_RULES_MMU | PAGE_RULES_TREE; /* who knows what the host does */
	cr_assert_eq(page_table_check(&table, &check), PAGING_OK);
	cr_assert_eq(check.broken, 3);
	cr_assert_eq(page_rule_class(PAGE_RULE_MODIFIER), PAGE_RULES_LIBRARY);
	world_close(&world);
}

/* A table entry can be wrong in that, and in what the CPU has not (NX). */
Test(check, address_modifier_and_more)
{
	const struct format_case *format = format_case_named("x86-48-bare");
	virt_addr virt = page_of(format);
	struct page_table_config config = format->config;
	const uint64_t nx = UINT64_C(1) << 63;
	struct page_check check = { .rules = PAGE_RULES_MMU };
	struct page_table table;
	phys_addr slot;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, PAGE_SIZE_4K);
	config.access = world.table.access;
	config.modifier = UINT64_C(1) << 46;
	config.modified_tables = true;
	cr_assert_eq(page_table_adopt(&table, &config, world.table.root), PAGING_OK);
	slot = entry_at(&world, virt, 1);
	entry_write(&world, slot, entry_read(&world, slot) | nx);
	cr_assert_eq(page_table_check(&table, &check), PAGING_OK);
	cr_assert_eq(check.broken, 1);
	check.rules = 0;
	check.broken = 0;
	cr_assert_eq(page_table_check(&table, &check), PAGING_OK);
	cr_assert_eq(check.broken, 4); /* and in each of three tables the modifier */
	entry_write(&world, slot, entry_read(&world, slot) & ~nx);
	world_close(&world);
}

/* How a check ends */

/* Three tables that are no memory. */
FORMAT_TEST(check, stopped)
{
	virt_addr virt = page_of(format);
	uint64_t span = format->level_size[1];
	phys_addr slots[3];
	uint64_t entries[3];
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < 3; i++) {
		world_map(&world, virt + i * span, 0, format_granule(format));
		slots[i] = entry_at(&world, virt + i * span, 1);
		entries[i] = entry_read(&world, slots[i]);
	}
	for (unsigned int i = 0; i < 3; i++)
		entry_write(&world, slots[i], entry_redirect(format, 1, entries[i], 0));
	for (size_t n = 1; n < 4; n++) {
		const struct checked *checked = check_until(&world, PAGE_RULES_TREE, n);

		REQUIRE(checked->status == PAGING_STOPPED && checked->count == n,
			"%s after %zu reports", status_name(checked->status), checked->count);
		REQUIRE(checked->violations[n - 1].entry == slots[n - 1], "not in order");
	}
	for (unsigned int i = 0; i < 3; i++)
		entry_write(&world, slots[i], entries[i]);
	world_check(&world);
	world_close(&world);
}

/* What is wrong with an entry, and what the library's books say. */
FORMAT_TEST(check, stopped_by_any_rule)
{
	virt_addr virt = page_of(format);
	uint64_t span = format->level_size[1];
	phys_addr slots[2];
	uint64_t pages[2];
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (unsigned int i = 0; i < 2; i++) {
		world_map(&world, virt + i * span, 0, format_granule(format));
		slots[i] = entry_at(&world, virt + i * span, 0);
		pages[i] = entry_read(&world, slots[i]);
	}
	entry_write(&world, slots[0], 0);
	for (unsigned int i = 0; i < 2; i++) /* stray entries */
		entry_write(&world, slots[1] + UINT64_C(8) * i, UINT64_C(0xff) << 52);
	require_stops(&world, 3);
	for (unsigned int i = 0; i < 2; i++)
		entry_write(&world, slots[i], pages[i]);
	entry_write(&world, slots[1] + 8, 0);
	world_check(&world);
	world_close(&world);
}

FORMAT_TEST(check, limited)
{
	virt_addr virt = page_of(format);
	uint64_t tables = format->levels + 2, granule = format_granule(format);
	struct world world;

	world_open(&world, format, MEMORY_BY_HOOK);
	for (unsigned int i = 0; i < 3; i++)
		world_map(&world, virt + i * format->level_size[1], 0, granule);
	for (uint64_t limit = 1; limit < tables + 2; limit++) {
		struct page_check check = { .limit = limit };
		enum paging_status status = page_table_check(&world.table, &check);

		REQUIRE(status == (limit < tables - 1 ? PAGING_BUDGET : PAGING_OK) &&
				check.tables == (limit < tables - 1 ? limit : tables - 1),
			"%s after %" PRIu64 " tables of %" PRIu64, status_name(status),
			check.tables, limit);
		REQUIRE(world.memory->held == 0, "%u tables are held", world.memory->held);
	}
	world_close(&world);
}

/* Only what touches the range is looked at. */
FORMAT_TEST(check, ranges)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = page_of(format);
	struct page_check check = { .limit = 0 };
	struct input_range range = format_first_range(format);
	phys_addr slot;
	uint64_t entry;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, granule);
	world_map(&world, virt + 2 * span, 0, granule);
	slot = entry_at(&world, virt, 1);
	entry = entry_read(&world, slot);
	entry_write(&world, slot,
		    entry_redirect(format, 1, entry, addr_align_down(slot, format->table_bytes)));
	REQUIRE(page_table_check_range(&world.table, virt + span, 2 * span, &check) == PAGING_OK &&
			check.broken == 0 && check.leaves == 1,
		"%" PRIu64 " broken", check.broken);
	REQUIRE(page_table_check_range(&world.table, virt + 5, 1, &check) == PAGING_OK &&
			check.broken == 1 && check.leaves == 1,
		"%" PRIu64 " broken", check.broken);
	check = (struct page_check){ .limit = 0 };
	REQUIRE(page_table_check_range(&world.table, virt + 2 * span - 1, 2, &check) == PAGING_OK &&
			check.broken == 0 && check.leaves == 1,
		"one byte of a page");
	REQUIRE(page_table_check_range(&world.table, virt, 0, &check) == PAGING_BAD_SIZE,
		"no size");
	REQUIRE(page_table_check_range(&world.table, UINT64_MAX - 1, 3, &check) == PAGING_BAD_SIZE,
		"it wraps");
	REQUIRE(range.last == UINT64_MAX || page_table_check_range(&world.table, range.last, 2,
								   &check) == PAGING_INPUT_RANGE,
		"beyond the last address");
	entry_write(&world, slot, entry);
	world_close(&world);
}

/* Other people's tables */

FORMAT_TEST(check, adopted)
{
	virt_addr virt = page_of(format);
	struct page_mapping mapping, expected;
	struct page_check check = { .rules = PAGE_RULES_MMU | PAGE_RULES_TREE };
	struct page_table_config config;
	struct page_table table;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, virt, 0, format_granule(format));
	config = format->config;
	config.access = world.table.access;
	memset(&table, 0xee, sizeof(table));
	REQUIRE(page_table_adopt(&table, &config, world.table.root) == PAGING_OK, "not adopted");
	REQUIRE(table.root == world.table.root && table.tables == 0, "root or tables");
	REQUIRE(page_table_query(&table, virt, &mapping) == PAGING_OK &&
			page_table_query(&world.table, virt, &expected) == PAGING_OK &&
			mapping.virt == expected.virt && mapping.phys == expected.phys &&
			mapping.size == expected.size &&
			page_flags_equal(mapping.flags, expected.flags),
		"query tells something else");
	REQUIRE(page_table_check(&table, &check) == PAGING_OK && check.broken == 0 &&
			check.leaves == 1 && check.tables == format->levels - 1,
		"%" PRIu64 " broken", check.broken);
	check.rules = 0; /* nor is a number of tables missed that nobody has told */
	REQUIRE(page_table_check(&table, &check) == PAGING_OK && check.broken == 0,
		"%" PRIu64 " broken", check.broken);
	REQUIRE(page_table_adopt(&table, &config, world.table.root + 8) == PAGING_UNALIGNED,
		"an odd root");
	REQUIRE(page_table_adopt(&table, &config, format_output_last(format) + 1) ==
			PAGING_OUTPUT_RANGE,
		"a root that is nowhere");
	config.input_bits = 11;
	REQUIRE(page_table_adopt(&table, &config, 0) == PAGING_BAD_INPUT_BITS, "11 bits");
	config.format = NULL;
	REQUIRE(page_table_adopt(&table, &config, 0) == PAGING_BAD_FORMAT, "no format");
	world_close(&world);
}

/* What the rules are called */

Test(check, texts)
{
	for (unsigned int i = 0; i < PAGE_RULES; i++) {
		const char *text = page_rule_text((enum page_rule)i);

		REQUIRE(text != NULL && strlen(text) > 4, "rule %u", i);
		for (unsigned int j = 0; j < i; j++)
			REQUIRE(strcmp(text, page_rule_text((enum page_rule)j)) != 0,
				"rules %u and %u: %s", i, j, text);
	}
	cr_assert_str_eq(page_rule_text(PAGE_RULES), "unknown rule");
	cr_assert_eq(page_rule_class(PAGE_RULE_ENTRY_TYPE), PAGE_RULES_MMU);
	cr_assert_eq(page_rule_class(PAGE_RULE_GROUP_UNALIGNED), PAGE_RULES_MMU);
	cr_assert_eq(page_rule_class(PAGE_RULE_TABLE_LOOP), PAGE_RULES_TREE);
	cr_assert_eq(page_rule_class(PAGE_RULE_TABLE_REFUSED), PAGE_RULES_TREE);
	cr_assert_eq(page_rule_class(PAGE_RULE_STRAY), PAGE_RULES_LIBRARY);
	cr_assert_eq(page_rule_class(PAGE_RULE_TABLE_TOTAL), PAGE_RULES_LIBRARY);
}
