/* SPDX-License-Identifier: MIT */
/*
 * The input is what lies in memory, for a table that the library did not write: a format, a place
 * to look at, and words to put somewhere. Every physical address leads into a small arena, so
 * tables point at each other and at themselves. Reading such a table must end, hold no pointer, and
 * answer as the independent walker does, rights too, wherever that finds nothing reserved.
 */
#include <inttypes.h>
#include <string.h>

#include <twofold/check.h>
#include <twofold/dump.h>

#include "dice.h"
#include "formats.h"
#include "fuzz.h"
#include "require.h"
#include "world.h"

#define ARENA_TABLES 8u
#define ARENA_MAX    (ARENA_TABLES * UINT64_C(0x40000))
/* A walk of tables that lead to themselves takes ages: after so many, the others are empty. */
#define OPENED_MAX   64u
#define VISITS_MAX   4096u
#define CHECKED_MAX  32u /* tables that one check reads, below the root */

struct arena {
	const struct format_case *format;
	uint64_t bytes; /* a power of two */
	unsigned int held;
	unsigned int opened;
	unsigned int visits;
	bool wary; /* refuses every other table to the check */
	uint64_t refused;
	uint64_t refusals; /* that the check reported */
};

static uint64_t words[ARENA_MAX / 8];
static const uint64_t empty[ARENA_MAX / ARENA_TABLES / 8];

static uint64_t *word_at(const struct arena *arena, uint64_t address)
{
	return &words[(address & (arena->bytes - 1)) / 8];
}

static void *arena_map(void *context, phys_addr table, uint64_t size)
{
	struct arena *arena = context;

	REQUIRE(addr_is_aligned(table, size), "a table at 0x%" PRIx64 " of 0x%" PRIx64 " bytes",
		table, size);
	arena->held++;
	arena->opened++;
	REQUIRE(arena->held <= PAGE_TABLE_MAX_LEVELS + 1, "%u pointers held", arena->held);
	if (arena->opened > OPENED_MAX)
		return (void *)(uintptr_t)empty;
	return word_at(arena, table);
}

static void arena_unmap(void *context, phys_addr table, void *pointer)
{
	struct arena *arena = context;

	REQUIRE(arena->held != 0, "unmap without map");
	REQUIRE(pointer == (const void *)empty || pointer == word_at(arena, table),
		"unmap(0x%" PRIx64 ") of another pointer", table);
	arena->held--;
}

static uint64_t arena_read(void *context, uint64_t address)
{
	return *word_at(context, address);
}

static bool root_frame(struct frame_allocator *self, enum frame_use use, uint64_t size,
		       struct frame *frame)
{
	(void)self;
	REQUIRE(use == FRAME_ROOT, "a frame for use %d", (int)use);
	*frame = (struct frame){ .start = 0, .size = size };
	return true;
}

static void open_table(struct arena *arena, struct page_table *table,
		       const struct format_case *format)
{
	struct frame_allocator frames = { .allocate = root_frame };
	struct page_table_config config = format->config;
	enum paging_status status;

	require_story_begin("%s", format->name);
	*arena = (struct arena){ .format = format };
	arena->bytes =
		ARENA_TABLES * (format->root_bytes > format->table_bytes ? format->root_bytes
									 : format->table_bytes);
	config.access =
		(struct table_access){ .map = arena_map, .unmap = arena_unmap, .context = arena };
	status = page_table_init(table, &config, &frames);
	REQUIRE(status == PAGING_OK, "page_table_init: %d", (int)status);
	memset(words, 0, arena->bytes);
}

/* Words one by one, or in rows that ascend. */
static void fill(struct arena *arena, struct dice *dice)
{
	while (dice->left >= 12) {
		uint64_t place = dice_below(dice, arena->bytes / 8);
		uint64_t count = dice_below(dice, 256);
		uint64_t word = 0;

		for (unsigned int i = 0; i < 8; i++)
			word |= dice_byte(dice) << (8 * i);
		for (uint64_t i = 0; i <= count; i++)
			*word_at(arena, 8 * (place + i)) =
				word + (count == 0 ? 0 : i * format_granule(arena->format));
	}
}

/* What the leaf and all the entries above it come to, whatever they take away. */
static void compare_rights(const struct arena *arena, const struct page_table *table,
			   const struct walk_memory *memory, virt_addr virt,
			   struct page_flags flags)
{
	const struct format_case *format = arena->format;

	for (unsigned int i = 0; i < WORLD_ACCESSES; i++) {
		struct walk_result seen =
			format->translate(format, table->root, memory, virt, world_accesses[i]);

		REQUIRE(seen.fault == (world_granted(format, flags, world_accesses[i])
					       ? WALK_OK
					       : WALK_DENIED),
			"0x%" PRIx64 ": access %u: the walker says %d, descriptor 0x%" PRIx64, virt,
			i, (int)seen.fault, seen.descriptor);
		REQUIRE(seen.accessed == !flags.idle && seen.global == flags.global &&
				seen.key == flags.protection_key &&
				seen.ignore_pat == flags.ignore_pat &&
				seen.suppress_ve == flags.suppress_ve &&
				seen.guarded == flags.guarded && seen.modified == flags.modified,
			"0x%" PRIx64 ": the walker reads 0x%" PRIx64 " otherwise", virt,
			seen.descriptor);
	}
}

static void compare(struct arena *arena, const struct page_table *table, virt_addr virt)
{
	const struct format_case *format = arena->format;
	struct walk_memory memory = { .read = arena_read, .context = arena };
	struct walk_access access = { WALK_READ, false };
	struct walk_result seen = format->translate(format, table->root, &memory, virt, access);
	struct page_mapping mapping = { 0 };
	enum paging_status status;

	arena->opened = 0;
	status = page_table_query(table, virt, &mapping);
	REQUIRE(arena->held == 0, "query holds %u tables", arena->held);
	REQUIRE((status == PAGING_INPUT_RANGE) == (seen.fault == WALK_BAD_ADDRESS),
		"0x%" PRIx64 ": query says %d, the walker %d", virt, (int)status, (int)seen.fault);
	/* The members of a contiguous group may contradict each other. */
	if (seen.fault == WALK_RESERVED || seen.fault == WALK_BAD_ADDRESS ||
	    format_has_groups(format))
		return;
	REQUIRE((status == PAGING_NOT_MAPPED) == (seen.fault == WALK_NOT_PRESENT),
		"0x%" PRIx64 ": query says %d, the walker %d", virt, (int)status, (int)seen.fault);
	REQUIRE(mapping.size == seen.page_size && virt - mapping.virt < mapping.size,
		"0x%" PRIx64 ": 0x%" PRIx64 "+0x%" PRIx64 ", the walker ends in 0x%" PRIx64, virt,
		mapping.virt, mapping.size, seen.page_size);
	if (status != PAGING_OK)
		return;
	REQUIRE(mapping.phys + (virt - mapping.virt) == seen.phys,
		"0x%" PRIx64 " goes to 0x%" PRIx64 ", the walker says 0x%" PRIx64, virt,
		mapping.phys + (virt - mapping.virt), seen.phys);
	compare_rights(arena, table, &memory, virt, mapping.flags);
}

static bool visit(void *context, const struct page_visit *visit)
{
	struct arena *arena = context;

	REQUIRE(visit->level < arena->format->levels && visit->mapping.size != 0,
		"a strange visit");
	return ++arena->visits < VISITS_MAX;
}

static void print(void *context, const char *line)
{
	(void)context;
	REQUIRE(strlen(line) < 200, "a line without an end");
}

static void write(void *context, const char *text)
{
	uint64_t *length = context;

	*length += strlen(text);
}

static void read_all(struct arena *arena, const struct page_table *table, unsigned int kinds)
{
	struct input_range ranges[2];
	unsigned int count = page_table_ranges(table, ranges);
	uint64_t length = 0;

	for (unsigned int i = 0; i < count; i++) {
		arena->opened = arena->visits = 0;
		(void)page_table_walk(table, ranges[i].first, ranges[i].last - ranges[i].first + 1,
				      kinds, visit, arena);
		REQUIRE(arena->held == 0, "walk holds %u tables", arena->held);
	}
	arena->opened = 0;
	(void)page_table_dump(table, print, NULL);
	REQUIRE(arena->held == 0, "dump holds %u tables", arena->held);
	arena->opened = 0;
	REQUIRE(page_table_dump_json(table, write, &length) == PAGING_OK && length != 0 &&
			arena->held == 0,
		"JSON: %" PRIu64 " bytes, it holds %u tables", length, arena->held);
}

static bool enter(void *context, phys_addr table, uint64_t size)
{
	struct arena *arena = context;
	bool well = !arena->wary || (table / size) % 2 == 0;

	REQUIRE(size == arena->format->table_bytes && addr_is_aligned(table, size),
		"asked for 0x%" PRIx64 "+0x%" PRIx64, table, size);
	arena->refused += !well;
	return well;
}

static bool report(void *context, const struct page_violation *violation)
{
	struct arena *arena = context;

	REQUIRE(violation->rule < PAGE_RULES && page_rule_text(violation->rule) != NULL, "rule %d",
		(int)violation->rule);
	REQUIRE(violation->level < arena->format->levels, "level %u", violation->level);
	if (violation->rule != PAGE_RULE_TABLE_TOTAL)
		REQUIRE(violation->descriptor == *word_at(arena, violation->entry),
			"0x%" PRIx64 " stands at 0x%" PRIx64, violation->descriptor,
			violation->entry);
	arena->refusals += violation->rule == PAGE_RULE_TABLE_REFUSED;
	return ++arena->visits < VISITS_MAX;
}

/* Ends, within its limit; and where nothing is broken the walker finds nothing reserved. */
static void check(struct arena *arena, const struct page_table *table, unsigned int rules,
		  virt_addr virt)
{
	const unsigned int all = PAGE_RULES_MMU | PAGE_RULES_TREE;
	struct walk_memory memory = { .read = arena_read, .context = arena };
	struct page_check check = { .rules = rules,
				    .report = report,
				    .enter = enter,
				    .context = arena,
				    .limit = CHECKED_MAX };
	struct walk_access access = { WALK_READ, false };
	enum paging_status status;

	arena->opened = arena->visits = 0;
	arena->refused = arena->refusals = 0;
	status = page_table_check(table, &check);
	REQUIRE(arena->held == 0, "check holds %u tables", arena->held);
	REQUIRE(check.tables <= CHECKED_MAX, "%" PRIu64 " tables read", check.tables);
	REQUIRE(status == PAGING_OK || status == PAGING_STOPPED || status == PAGING_BUDGET,
		"check: %d", (int)status);
	REQUIRE((status == PAGING_STOPPED) == (arena->visits == VISITS_MAX), "check: %d",
		(int)status);
	REQUIRE(check.broken == arena->visits, "%" PRIu64 " broken, %u reported", check.broken,
		arena->visits);
	REQUIRE((rules != 0 && (rules & PAGE_RULES_TREE) == 0) || arena->refusals == arena->refused,
		"%" PRIu64 " refused, %" PRIu64 " reported", arena->refused, arena->refusals);
	if (status == PAGING_OK && check.broken == 0 && (rules & all) == all)
		REQUIRE(arena->format->translate(arena->format, table->root, &memory, virt, access)
					.fault != WALK_RESERVED,
			"0x%" PRIx64 ": nothing is broken, the walker faults", virt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct format_case *format = size < 10 ? NULL : fuzz_format(data[0]);
	struct input_range ranges[2];
	struct page_table table;
	struct arena arena;
	struct dice dice;
	virt_addr virt = 0;
	unsigned int kinds;

	if (format == NULL)
		return 0;
	dice = (struct dice){ .bytes = data + 1, .left = size - 1 };
	open_table(&arena, &table, format);
	kinds = (unsigned int)dice_byte(&dice);
	for (unsigned int i = 0; i < 8; i++)
		virt |= dice_byte(&dice) << (8 * i);
	fill(&arena, &dice);
	compare(&arena, &table, virt);
	for (unsigned int i = 0; i < page_table_ranges(&table, ranges); i++) {
		for (uint64_t step = 0; step < 8; step++)
			compare(&arena, &table,
				ranges[i].first + ((virt + step * 0x1234567) &
						   (ranges[i].last - ranges[i].first)) /
							  (UINT64_C(1) << (8 * (step / 2))));
	}
	read_all(&arena, &table, kinds);
	arena.wary = kinds / 16 % 2 != 0;
	check(&arena, &table, kinds % 8, virt);
	check(&arena, &table, PAGE_RULES_MMU | PAGE_RULES_TREE, virt);
	return 0;
}
