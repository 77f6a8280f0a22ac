/* SPDX-License-Identifier: MIT */
/* Physical memory that is distrustful of those who use it. */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "require.h"

/* A window for the largest table, and as much between two that is never there. */
#define WINDOW_BYTES  (UINT64_C(1) << 20)
#define WINDOW_STRIDE (2 * WINDOW_BYTES)
#define NO_FRAME      UINT64_MAX

/* What a new frame holds: looks like present descriptors in every format, to no good place. */
static uint64_t fresh_word(phys_addr address)
{
	return (address * UINT64_C(0x9e3779b97f4a7c15)) | 7;
}

/* What a freed frame holds; a table walked after its time shows these. */
static uint64_t freed_word(phys_addr address)
{
	return UINT64_C(0xf7eedf7eed000007) ^ (address << 8);
}

static void fill(const struct test_memory *memory, phys_addr start, uint64_t size,
		 uint64_t (*word_at)(phys_addr))
{
	uint64_t *words = (uint64_t *)(void *)(memory->bytes + (start - memory->base));

	for (uint64_t i = 0; i < size / 8; i++)
		words[i] = word_at(start + 8 * i);
}

static bool contains(const struct test_memory *memory, phys_addr address)
{
	return address >= memory->base && address - memory->base < MEMORY_BYTES;
}

static size_t unit_of(const struct test_memory *memory, phys_addr address)
{
	REQUIRE(contains(memory, address), "0x%llx is outside of the memory",
		(unsigned long long)address);
	return (size_t)((address - memory->base) / MEMORY_UNIT);
}

static phys_addr unit_address(const struct test_memory *memory, size_t unit)
{
	return memory->base + unit * MEMORY_UNIT;
}

/* A small frame is put at the end of its unit: nothing may rely on more than it asked for. */
static phys_addr frame_address(const struct test_memory *memory, size_t unit)
{
	uint64_t size = memory->units[unit].size;

	return unit_address(memory, unit) + (size < MEMORY_UNIT ? MEMORY_UNIT - size : 0);
}

static void set_live(struct test_memory *memory, size_t unit, bool live)
{
	uint64_t bit = UINT64_C(1) << (unit % 64);

	if (live)
		memory->live_units[unit / 64] |= bit;
	else
		memory->live_units[unit / 64] &= ~bit;
}

/* Where the first live frame from there on begins; MEMORY_UNITS: there is none. */
static size_t next_live(const struct test_memory *memory, size_t unit)
{
	while (unit < MEMORY_UNITS) {
		uint64_t rest = memory->live_units[unit / 64] >> (unit % 64);

		if (rest != 0)
			return unit + (size_t)__builtin_ctzll(rest);
		unit = (unit / 64 + 1) * 64;
	}
	return MEMORY_UNITS;
}

static size_t units_for(uint64_t size)
{
	return (size_t)((size + MEMORY_UNIT - 1) / MEMORY_UNIT);
}

static bool run_is_unused(const struct test_memory *memory, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++) {
		if (memory->units[i].state == MEMORY_LIVE ||
		    memory->units[i].state == MEMORY_LIVE_TAIL)
			return false;
	}
	return true;
}

static size_t find_run(const struct test_memory *memory, size_t count)
{
	size_t start = (memory->next + count - 1) / count * count;

	for (size_t tried = 0; tried < MEMORY_UNITS; tried += count) {
		size_t unit = (start + tried) % (MEMORY_UNITS / count * count);

		if (run_is_unused(memory, unit, count))
			return unit;
	}
	REQUIRE(false, "the tests' memory of %u units is used up", MEMORY_UNITS);
	return 0;
}

static void require_undisturbed(const struct test_memory *memory, size_t unit)
{
	phys_addr start = unit_address(memory, unit);
	const uint64_t *words =
		(const uint64_t *)(const void *)(memory->bytes + unit * MEMORY_UNIT);

	if (memory->units[unit].state != MEMORY_FREED)
		return;
	for (uint64_t i = 0; i < MEMORY_UNIT / 8; i++)
		REQUIRE(words[i] == freed_word(start + 8 * i),
			"frame 0x%llx was written to at offset 0x%llx after it was freed",
			(unsigned long long)start, (unsigned long long)(8 * i));
}

static bool allocate(struct frame_allocator *self, enum frame_use use, uint64_t size,
		     struct frame *frame)
{
	struct test_memory *memory = (struct test_memory *)(void *)self;
	size_t count = units_for(size);
	size_t unit;

	REQUIRE(size != 0 && (size & (size - 1)) == 0 && size <= MEMORY_BYTES,
		"a frame of 0x%llx bytes is asked for", (unsigned long long)size);
	REQUIRE(use == FRAME_ROOT || use == FRAME_TABLE, "a frame for use %d is asked for",
		(int)use);
	REQUIRE(memory->root_bytes == 0 ||
			size == (use == FRAME_ROOT ? memory->root_bytes : memory->table_bytes),
		"a frame of 0x%llx bytes is asked for use %d", (unsigned long long)size, (int)use);
	memory->requests++;
	if (memory->fail_at != 0 && (memory->requests == memory->fail_at ||
				     (memory->fail_after && memory->requests > memory->fail_at))) {
		memory->failures++;
		return false;
	}
	unit = find_run(memory, count);
	memory->next = (unit + count) % MEMORY_UNITS;
	for (size_t i = unit; i < unit + count; i++) {
		require_undisturbed(memory, i);
		memory->units[i].state = i == unit ? MEMORY_LIVE : MEMORY_LIVE_TAIL;
	}
	memory->units[unit].use = use;
	memory->units[unit].size = (uint32_t)size;
	memory->units[unit].born = (uint32_t)memory->requests;
	memory->units[unit].may_free = false;
	memory->live++;
	set_live(memory, unit, true);
	*frame = (struct frame){ .start = frame_address(memory, unit), .size = size };
	fill(memory, unit_address(memory, unit), count * MEMORY_UNIT, fresh_word);
	return true;
}

static void release(struct frame_allocator *self, enum frame_use use, struct frame frame)
{
	struct test_memory *memory = (struct test_memory *)(void *)self;
	size_t unit = unit_of(memory, frame.start);
	struct memory_unit *record = &memory->units[unit];

	REQUIRE(record->state == MEMORY_LIVE && frame_address(memory, unit) == frame.start,
		"0x%llx is freed but is no live frame", (unsigned long long)frame.start);
	REQUIRE(record->size == frame.size, "0x%llx is freed with size 0x%llx, not 0x%llx",
		(unsigned long long)frame.start, (unsigned long long)frame.size,
		(unsigned long long)record->size);
	REQUIRE(record->use == use, "0x%llx is freed with use %d, not %d",
		(unsigned long long)frame.start, (int)use, (int)record->use);
	REQUIRE(record->born > memory->guarded || record->may_free,
		"0x%llx is freed while a walker may still read it",
		(unsigned long long)frame.start);
	for (unsigned int i = 0; i < MEMORY_WINDOWS; i++)
		REQUIRE(memory->reach != MEMORY_BY_HOOK || memory->window_of[i] != frame.start,
			"0x%llx is freed while it is mapped", (unsigned long long)frame.start);
	for (size_t i = unit; i < unit + units_for(frame.size); i++)
		memory->units[i].state = MEMORY_FREED;
	fill(memory, unit_address(memory, unit), units_for(frame.size) * MEMORY_UNIT, freed_word);
	memory->live--;
	set_live(memory, unit, false);
	memory->frees++;
}

static void release_many(struct frame_allocator *self, enum frame_use use,
			 const struct frame *frames, size_t count)
{
	REQUIRE(count != 0, "no frames are freed");
	for (size_t i = 0; i < count; i++)
		release(self, use, frames[i]);
}

/* The hook */

static uint8_t *window_address(const struct test_memory *memory, unsigned int window)
{
	return memory->windows + window * WINDOW_STRIDE;
}

static void *hook_map(void *context, phys_addr table, uint64_t size)
{
	struct test_memory *memory = context;
	phys_addr page = addr_align_down(table, MEMORY_UNIT);
	uint64_t length = units_for(size) * MEMORY_UNIT;
	unsigned int window = 0;
	void *pointer;

	REQUIRE(size <= WINDOW_BYTES, "0x%llx bytes are too many for a window",
		(unsigned long long)size);
	(void)memory_at(memory, table, size);
	while (window < MEMORY_WINDOWS && memory->window_of[window] != NO_FRAME)
		window++;
	REQUIRE(window < MEMORY_WINDOWS, "more than %d tables are held at once", MEMORY_WINDOWS);
	pointer = mmap(window_address(memory, window), length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, memory->file, (off_t)(page - memory->base));
	REQUIRE(pointer != MAP_FAILED, "mmap of a window failed");
	memory->window_of[window] = table;
	memory->held++;
	if (memory->held > memory->held_most)
		memory->held_most = memory->held;
	return (uint8_t *)pointer + (table - page);
}

static void hook_unmap(void *context, phys_addr table, void *pointer)
{
	struct test_memory *memory = context;
	uint64_t distance = (uint64_t)((uint8_t *)pointer - memory->windows);
	uint64_t window = distance / WINDOW_STRIDE;

	REQUIRE(window < MEMORY_WINDOWS && memory->window_of[window] == table,
		"unmap(0x%llx, %p), which map did not give", (unsigned long long)table, pointer);
	REQUIRE(distance % WINDOW_STRIDE == table % MEMORY_UNIT,
		"unmap(0x%llx) with a pointer into the table", (unsigned long long)table);
	REQUIRE(mmap(window_address(memory, (unsigned int)window), WINDOW_BYTES, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED,
		"closing a window failed");
	memory->window_of[window] = NO_FRAME;
	memory->held--;
}

struct table_access memory_access(struct test_memory *memory)
{
	struct table_access access = { .offset = 0 };

	if (memory->reach == MEMORY_BY_HOOK) {
		access.offset = UINT64_C(0xdead000000000000); /* has no say then */
		access.map = hook_map;
		access.unmap = hook_unmap;
		access.context = memory;
	} else {
		access.offset = (uint64_t)(uintptr_t)memory->tables - memory->base;
	}
	return access;
}

/* Life and inspection */

struct test_memory *memory_create(phys_addr base, enum memory_reach reach)
{
	struct test_memory *memory = calloc(1, sizeof(*memory));

	REQUIRE(memory != NULL, "no memory");
	memory->units = calloc(MEMORY_UNITS, sizeof(*memory->units));
	memory->file = memfd_create("tables", 0);
	REQUIRE(memory->units != NULL && memory->file >= 0, "no memory");
	REQUIRE(ftruncate(memory->file, (off_t)MEMORY_BYTES) == 0, "no memory");
	memory->bytes =
		mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory->file, 0);
	memory->tables =
		mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory->file, 0);
	memory->windows = mmap(NULL, MEMORY_WINDOWS * WINDOW_STRIDE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(memory->bytes != MAP_FAILED && memory->tables != MAP_FAILED &&
			memory->windows != MAP_FAILED,
		"no memory");
	for (unsigned int i = 0; i < MEMORY_WINDOWS; i++)
		memory->window_of[i] = NO_FRAME;
	memory->allocator.allocate = allocate;
	memory->allocator.free = release;
	/* Both kinds of allocator are tested. */
	if (reach != MEMORY_BY_HOOK)
		memory->allocator.free_many = release_many;
	memory->base = base;
	memory->reach = reach;
	return memory;
}

void memory_destroy(struct test_memory *memory)
{
	for (size_t i = 0; i < MEMORY_UNITS; i++) {
		REQUIRE(memory->units[i].state != MEMORY_LIVE,
			"frame 0x%llx (use %d, allocation %u) was never freed",
			(unsigned long long)unit_address(memory, i), (int)memory->units[i].use,
			memory->units[i].born);
		require_undisturbed(memory, i);
	}
	REQUIRE(memory->live == 0 && memory->held == 0, "%llu frames live, %u held",
		(unsigned long long)memory->live, memory->held);
	(void)munmap(memory->bytes, MEMORY_BYTES);
	(void)munmap(memory->tables, MEMORY_BYTES);
	(void)munmap(memory->windows, MEMORY_WINDOWS * WINDOW_STRIDE);
	(void)close(memory->file);
	free(memory->units);
	free(memory);
}

void memory_fail_at(struct test_memory *memory, uint64_t n, bool after)
{
	memory->fail_at = n == 0 ? 0 : memory->requests + n;
	memory->fail_after = after;
	memory->failures = 0;
}

void memory_may_free(struct test_memory *memory, phys_addr address)
{
	(void)memory_at(memory, address, 1);
	memory->units[unit_of(memory, address)].may_free = true;
}

bool memory_has_gone(const struct test_memory *memory, phys_addr address)
{
	const struct memory_unit *unit;

	if (!contains(memory, address))
		return false;
	unit = &memory->units[unit_of(memory, address)];
	return unit->state == MEMORY_FREED || (unit->state == MEMORY_LIVE && unit->may_free);
}

void memory_walk_begin(struct test_memory *memory)
{
	memory->walks++;
}

void memory_walk_reach(struct test_memory *memory, phys_addr address)
{
	memory->units[unit_of(memory, address)].walk = memory->walks;
}

void memory_may_free_unlinked(struct test_memory *memory)
{
	for (size_t i = next_live(memory, 0); i < MEMORY_UNITS; i = next_live(memory, i + 1)) {
		struct memory_unit *unit = &memory->units[i];

		/* What is newer may be linked yet. */
		if (unit->walk != memory->walks && unit->born <= memory->guarded)
			unit->may_free = true;
	}
}

bool memory_is_live(const struct test_memory *memory, phys_addr address)
{
	size_t unit;

	if (!contains(memory, address))
		return false;
	unit = unit_of(memory, address);
	return memory->units[unit].state == MEMORY_LIVE_TAIL ||
	       (memory->units[unit].state == MEMORY_LIVE && address >= frame_address(memory, unit));
}

struct frame memory_frame(const struct test_memory *memory, phys_addr address, uint64_t *born)
{
	size_t unit;

	(void)memory_at(memory, address, 1);
	unit = unit_of(memory, address);
	while (memory->units[unit].state == MEMORY_LIVE_TAIL)
		unit--;
	*born = memory->units[unit].born;
	return (struct frame){ .start = frame_address(memory, unit),
			       .size = memory->units[unit].size };
}

uint8_t *memory_at(const struct test_memory *memory, phys_addr address, uint64_t size)
{
	REQUIRE(memory_is_live(memory, address) && memory_is_live(memory, address + size - 1),
		"0x%llx, 0x%llx bytes: not a live frame", (unsigned long long)address,
		(unsigned long long)size);
	return memory->bytes + (address - memory->base);
}

uint64_t memory_read(void *memory, uint64_t address)
{
	uint64_t word;

	memcpy(&word, memory_at(memory, address, sizeof(word)), sizeof(word));
	return word;
}

struct walk_memory memory_walk(struct test_memory *memory)
{
	return (struct walk_memory){ .read = memory_read, .context = memory };
}

/* Snapshots */

struct memory_snapshot {
	uint64_t count;
	struct {
		phys_addr start;
		uint64_t size;
		uint32_t born;
		uint8_t *bytes;
	} frames[];
};

struct memory_snapshot *memory_snapshot_take(const struct test_memory *memory)
{
	struct memory_snapshot *snapshot =
		malloc(sizeof(*snapshot) + memory->live * sizeof(snapshot->frames[0]));

	REQUIRE(snapshot != NULL, "no memory");
	snapshot->count = 0;
	for (size_t i = next_live(memory, 0); i < MEMORY_UNITS; i = next_live(memory, i + 1)) {
		uint64_t size = memory->units[i].size;
		uint8_t *bytes = malloc(size);

		REQUIRE(bytes != NULL, "no memory");
		memcpy(bytes, memory_at(memory, frame_address(memory, i), size), size);
		snapshot->frames[snapshot->count].start = frame_address(memory, i);
		snapshot->frames[snapshot->count].size = size;
		snapshot->frames[snapshot->count].born = memory->units[i].born;
		snapshot->frames[snapshot->count++].bytes = bytes;
	}
	return snapshot;
}

void memory_snapshot_drop(struct memory_snapshot *snapshot)
{
	for (uint64_t i = 0; i < snapshot->count; i++)
		free(snapshot->frames[i].bytes);
	free(snapshot);
}

const uint8_t *memory_snapshot_find(const struct memory_snapshot *snapshot, phys_addr start)
{
	for (uint64_t i = 0; i < snapshot->count; i++) {
		if (snapshot->frames[i].start == start)
			return snapshot->frames[i].bytes;
	}
	return NULL;
}

void memory_snapshot_require(const struct test_memory *memory,
			     const struct memory_snapshot *snapshot)
{
	REQUIRE(memory->live == snapshot->count, "%llu frames are live, %llu were before",
		(unsigned long long)memory->live, (unsigned long long)snapshot->count);
	for (uint64_t i = 0; i < snapshot->count; i++) {
		phys_addr start = snapshot->frames[i].start;
		uint64_t size = snapshot->frames[i].size;
		const uint8_t *now = memory_at(memory, start, size);
		uint64_t at = 0;

		REQUIRE(memory->units[unit_of(memory, start)].born == snapshot->frames[i].born,
			"frame 0x%llx went away and came back", (unsigned long long)start);
		if (memcmp(now, snapshot->frames[i].bytes, size) == 0)
			continue;
		while (now[at] == snapshot->frames[i].bytes[at])
			at++;
		REQUIRE(false, "table 0x%llx changed in entry %llu", (unsigned long long)start,
			(unsigned long long)(at / 8));
	}
}
