/* SPDX-License-Identifier: MIT */
/*
 * The input is what lies in memory, for a table that the library did not write: a format, a place
 * to look at, and words to put somewhere. Every physical address leads into a small arena, so
 * tables point at each other and at themselves. Reading such a table must end, hold no pointer, and
 * answer as the independent walker does wherever that finds nothing reserved.
 */
#include <inttypes.h>
#include <string.h>

#include <twofold/dump.h>

#include "dice.h"
#include "formats.h"
#include "fuzz.h"
#include "require.h"

#define ARENA_TABLES 8u
#define ARENA_MAX    (ARENA_TABLES * UINT64_C(0x40000))
/* A walk of tables that lead to themselves takes ages: after so many, the others are empty. */
#define OPENED_MAX   64u
#define VISITS_MAX   4096u

struct arena {
	const struct format_case *format;
	uint64_t bytes; /* a power of two */
	unsigned int held;
	unsigned int opened;
	unsigned int visits;
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

static void open_table(struct arena *arena, struct page_table *table, uint8_t choice)
{
	const struct format_case *format = format_case(choice % format_case_count());
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
	if (status == PAGING_OK)
		REQUIRE(mapping.phys + (virt - mapping.virt) == seen.phys,
			"0x%" PRIx64 " goes to 0x%" PRIx64 ", the walker says 0x%" PRIx64, virt,
			mapping.phys + (virt - mapping.virt), seen.phys);
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

static void read_all(struct arena *arena, const struct page_table *table, unsigned int kinds)
{
	struct input_range ranges[2];
	unsigned int count = page_table_ranges(table, ranges);

	for (unsigned int i = 0; i < count; i++) {
		arena->opened = arena->visits = 0;
		(void)page_table_walk(table, ranges[i].first, ranges[i].last - ranges[i].first + 1,
				      kinds, visit, arena);
		REQUIRE(arena->held == 0, "walk holds %u tables", arena->held);
	}
	arena->opened = 0;
	(void)page_table_dump(table, print, NULL);
	REQUIRE(arena->held == 0, "dump holds %u tables", arena->held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dice dice = { .bytes = data, .left = size };
	struct input_range ranges[2];
	struct page_table table;
	struct arena arena;
	virt_addr virt = 0;
	unsigned int kinds;

	if (size < 10)
		return 0;
	open_table(&arena, &table, (uint8_t)dice_byte(&dice));
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
	return 0;
}
