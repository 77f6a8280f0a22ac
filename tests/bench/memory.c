/* SPDX-License-Identifier: MIT */
/* Table memory that is there before anything is measured. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../paging/require.h"
#include "bench.h"

static bool allocate(struct frame_allocator *self, enum frame_use use, uint64_t size,
		     struct frame *frame)
{
	struct memory *memory = (struct memory *)(void *)self;

	(void)use;
	if (size != PAGE_SIZE_4K)
		return false;
	if (memory->freed_count != 0) {
		frame->start = memory->freed[--memory->freed_count];
	} else {
		if (memory->next == memory->size)
			return false;
		frame->start = memory->next;
		memory->next += size;
	}
	frame->size = size;
	memory->live++;
	return true;
}

static void release(struct frame_allocator *self, enum frame_use use, struct frame frame)
{
	struct memory *memory = (struct memory *)(void *)self;

	(void)use;
	memory->freed[memory->freed_count++] = frame.start;
	memory->live--;
}

static void release_many(struct frame_allocator *self, enum frame_use use,
			 const struct frame *frames, size_t count)
{
	struct memory *memory = (struct memory *)(void *)self;

	(void)use;
	for (uint64_t *freed = memory->freed + memory->freed_count, *end = freed + count;
	     freed != end; freed++, frames++)
		*freed = frames->start;
	memory->freed_count += count;
	memory->live -= count;
}

struct memory *memory_create(uint64_t size)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	void *bytes = mmap(NULL, size + PAGE_SIZE_2M, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	REQUIRE(memory != NULL && bytes != MAP_FAILED, "no memory");
	memory->mapping = bytes;
	memory->bytes = bytes;
	memory->bytes += -(uintptr_t)bytes & (PAGE_SIZE_2M - 1);
	memory->size = size;
	memory->freed = malloc(size / PAGE_SIZE_4K * sizeof(*memory->freed));
	REQUIRE(memory->freed != NULL, "no memory");
	memory->allocator.allocate = allocate;
	memory->allocator.free = release;
	memory->allocator.free_many = release_many;
	(void)madvise(memory->bytes, size, MADV_HUGEPAGE);
	/* Neither a page fault nor a lucky zero is measured. */
	memset(memory->bytes, 0xa5, size);
	memset(memory->freed, 0, size / PAGE_SIZE_4K * sizeof(*memory->freed));
	memory_reset(memory);
	return memory;
}

void memory_destroy(struct memory *memory)
{
	(void)munmap(memory->mapping, memory->size + PAGE_SIZE_2M);
	free(memory->freed);
	free(memory);
}

void memory_reset(struct memory *memory)
{
	memory->next = PAGE_SIZE_4K;
	memory->freed_count = 0;
	memory->live = 0;
}

static uint64_t read_word(void *context, uint64_t address)
{
	const struct memory *memory = context;
	uint64_t word;

	REQUIRE(address < memory->next, "a walk to 0x%llx, where no table is",
		(unsigned long long)address);
	memcpy(&word, memory->bytes + address, sizeof(word));
	return word;
}

struct walk_memory memory_walk(struct memory *memory)
{
	return (struct walk_memory){ .read = read_word, .context = memory };
}
