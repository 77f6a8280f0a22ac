/* SPDX-License-Identifier: MIT */
/* Runs the tests, and what they share. */
#include "parallel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../paging/require.h"

/* Present with all rights; in a table above the lowest it leads to a table. RISC-V's is a leaf. */
static const struct parallel_format formats[] = {
	{ "x86-48", 0x07, 0 },
	{ "ept-48", 0x07, 0 },
	{ "s1-4k-48-groups", 0x403, 0 },
	{ "s2-64k-48-groups", 0x7ff, 0 },
	{ "sv39", 0xcf, 2 },
	/* The others' own: address modifiers in tables, 5 levels, bit 10, LPA2, a root of 4 tables.
	 */
	{ "x86-48-encrypted", 0x07, 0 },
	{ "npt-57", 0x07, 0 },
	{ "ept-57-ve-modes", 0x407, 0 },
	{ "s1-16k-lpa2-52-groups", 0x403, 0 },
	{ "sv48x4", 0xdf, 2 },
};

static const struct {
	const char *name;
	void (*run)(const struct parallel_format *which);
} tests[] = {
	{ "overlapping maps: each leaf has one winner", test_contention },
	{ "the same with an allocator that fails", test_no_memory },
	{ "readers beside a writer never see a table that is used again", test_readers },
};

static unsigned int point;
static char current[128];

_Noreturn void require_stop(const char *heading, const char *file, int line, const char *text)
{
	(void)heading;
	printf("not ok %u - %s\n# %s:%d: %s\n", point, current, file, line, text);
	(void)fflush(stdout);
	_Exit(1);
}

struct arena *parallel_arena(const struct parallel_format *format)
{
	return arena_create(format->poison, format->poison_shift);
}

struct thread {
	void (*body)(void *context, unsigned int thread);
	void *context;
	unsigned int number;
	pthread_barrier_t *barrier;
	pthread_t id;
};

static void *thread_main(void *argument)
{
	const struct thread *thread = argument;

	(void)pthread_barrier_wait(thread->barrier);
	thread->body(thread->context, thread->number);
	return NULL;
}

void parallel_run(unsigned int threads, void (*body)(void *context, unsigned int thread),
		  void *context)
{
	struct thread list[MAPPERS + READERS];
	pthread_barrier_t barrier;

	REQUIRE(threads <= MAPPERS + READERS, "too many threads");
	REQUIRE(pthread_barrier_init(&barrier, NULL, threads) == 0, "no barrier");
	for (unsigned int i = 0; i < threads; i++) {
		list[i] = (struct thread){
			.body = body, .context = context, .number = i, .barrier = &barrier
		};
		REQUIRE(pthread_create(&list[i].id, NULL, thread_main, &list[i]) == 0, "no thread");
	}
	for (unsigned int i = 0; i < threads; i++)
		REQUIRE(pthread_join(list[i].id, NULL) == 0, "no end");
	(void)pthread_barrier_destroy(&barrier);
}

static uint64_t tables_from(const struct format_case *format, struct arena *arena, phys_addr start,
			    unsigned int level)
{
	uint64_t tables = 1, used = 0;

	for (uint64_t i = 0; i < format_entries(format, level); i++) {
		uint64_t entry = arena_read(arena, start + 8 * i);
		phys_addr next;
		enum walk_entry kind;

		if (entry == 0)
			continue;
		used++;
		kind = format->entry(format, level, entry, &next);
		/* Not present and not 0 is an annotation. */
		REQUIRE(kind != WALK_ENTRY_RESERVED, "level %u: 0x%" PRIx64 " is no good entry",
			level, entry);
		if (kind == WALK_ENTRY_TABLE)
			tables += tables_from(format, arena, next, level - 1);
	}
	REQUIRE(used != 0 || level == format->levels - 1, "table 0x%" PRIx64 " is empty", start);
	return tables;
}

uint64_t parallel_tables(const struct format_case *format, struct arena *arena, phys_addr root)
{
	return tables_from(format, arena, root, format->levels - 1);
}

int main(int count, char **arguments)
{
	const size_t test_count = sizeof(tests) / sizeof(tests[0]);
	const size_t format_count = sizeof(formats) / sizeof(formats[0]);

	/* For tests/parallel/run-tsan: can a program like this start at all? */
	if (count == 2 && strcmp(arguments[1], "--probe") == 0)
		return 0;
	printf("1..%zu\n", test_count * format_count);
	for (size_t t = 0; t < test_count; t++) {
		for (size_t f = 0; f < format_count; f++) {
			point++;
			(void)snprintf(current, sizeof(current), "%s: %s", formats[f].name,
				       tests[t].name);
			require_story_begin("%s", current);
			tests[t].run(&formats[f]);
			printf("ok %u - %s\n", point, current);
			(void)fflush(stdout);
		}
	}
	return 0;
}
