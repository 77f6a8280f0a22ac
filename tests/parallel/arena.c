/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../paging/require.h"
#include "../paging/rng.h"

static uint64_t *words_at(const struct arena *arena, phys_addr address)
{
	REQUIRE(address >= ARENA_BASE && address - ARENA_BASE < ARENA_BYTES,
		"0x%llx is outside of the memory", (unsigned long long)address);
	return (uint64_t *)(void *)(arena->bytes + (address - ARENA_BASE));
}

/* Plain stores: ThreadSanitizer shall see them, if anyone reads here still. */
static void poison(const struct arena *arena, phys_addr start, uint64_t size)
{
	uint64_t *words = words_at(arena, start);

	for (uint64_t i = 0; i < size / sizeof(*words); i++)
		words[i] = arena->poison;
}

static size_t units_for(uint64_t size)
{
	return (size_t)((size + ARENA_UNIT - 1) / ARENA_UNIT);
}

/* The first frame of that size and alignment from `next` on; freed ones are used again late. */
static size_t find(struct arena *arena, size_t count)
{
	size_t tried = 0;
	size_t unit = (arena->next + count - 1) / count * count;

	while (tried < ARENA_UNITS) {
		size_t used = 0;

		if (unit + count > ARENA_UNITS)
			unit = 0;
		for (size_t i = unit; i < unit + count; i++)
			used += arena->owned[i] != 0;
		if (used == 0)
			break;
		unit += count;
		tried += count;
	}
	REQUIRE(tried < ARENA_UNITS, "the tests' memory is used up");
	return unit;
}

static bool allocate(struct frame_allocator *self, enum frame_use use, uint64_t size,
		     struct frame *frame)
{
	struct arena *arena = (struct arena *)(void *)self;
	size_t count = units_for(size);
	bool fails, yields;

	(void)use;
	(void)pthread_mutex_lock(&arena->lock);
	yields = rng_one_in(&arena->random, 2);
	fails = arena->fail_one_in != 0 && rng_one_in(&arena->random, arena->fail_one_in);
	if (fails) {
		arena->failures++;
	} else {
		size_t unit = find(arena, count);

		for (size_t i = unit; i < unit + count; i++)
			arena->owned[i] = size;
		arena->next = unit + count;
		arena->live++;
		*frame = (struct frame){ .start = ARENA_BASE + unit * ARENA_UNIT, .size = size };
	}
	(void)pthread_mutex_unlock(&arena->lock);
	/* Between seeing an empty entry and filling it: so that others come in between. */
	if (yields)
		(void)sched_yield();
	return !fails;
}

static void release(struct frame_allocator *self, enum frame_use use, struct frame frame)
{
	struct arena *arena = (struct arena *)(void *)self;
	size_t unit = (size_t)((frame.start - ARENA_BASE) / ARENA_UNIT);

	(void)use;
	poison(arena, frame.start, frame.size);
	(void)pthread_mutex_lock(&arena->lock);
	for (size_t i = unit; i < unit + units_for(frame.size); i++) {
		REQUIRE(arena->owned[i] == frame.size, "0x%llx is freed but is no live frame",
			(unsigned long long)frame.start);
		arena->owned[i] = 0;
	}
	arena->live--;
	arena->frees++;
	(void)pthread_mutex_unlock(&arena->lock);
}

struct arena *arena_create(uint64_t entry, unsigned int shift)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	REQUIRE(arena != NULL, "no memory");
	arena->bytes = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(arena->bytes != MAP_FAILED, "no memory");
	REQUIRE(pthread_mutex_init(&arena->lock, NULL) == 0, "no lock");
	arena->allocator.allocate = allocate;
	arena->allocator.free = release;
	/* The largest table there is fits into the trap. */
	arena->trap = ARENA_BASE;
	arena->poison = entry | arena->trap >> shift;
	for (size_t i = 0; i < units_for(PAGE_SIZE_64K); i++)
		arena->owned[i] = PAGE_SIZE_64K;
	poison(arena, arena->trap, PAGE_SIZE_64K);
	return arena;
}

void arena_destroy(struct arena *arena)
{
	REQUIRE(arena->live == 0, "%llu frames were never freed", (unsigned long long)arena->live);
	(void)pthread_mutex_destroy(&arena->lock);
	(void)munmap(arena->bytes, ARENA_BYTES);
	free(arena);
}

struct table_access arena_access(const struct arena *arena)
{
	return (struct table_access){ .offset = (uint64_t)(uintptr_t)arena->bytes - ARENA_BASE };
}

uint64_t arena_read(void *arena, uint64_t address)
{
	return *words_at(arena, address);
}

struct walk_memory arena_walk(struct arena *arena)
{
	return (struct walk_memory){ .read = arena_read, .context = arena };
}

bool arena_is_trap(const struct arena *arena, phys_addr address)
{
	return address >= arena->trap && address - arena->trap < PAGE_SIZE_64K;
}
