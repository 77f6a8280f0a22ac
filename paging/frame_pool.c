/* SPDX-License-Identifier: MIT */
/* A frame allocator over one region. */
#include "twofold/frame_pool.h"

#include "engine/memory.h"

#define SMALLEST_SHIFT 12u
#define CLASSES        (sizeof(((struct frame_pool *)0)->free) / sizeof(phys_addr))

static struct frame_pool *pool_of(struct frame_allocator *self)
{
	return (struct frame_pool *)((char *)self - offsetof(struct frame_pool, allocator));
}

/* The index of the list of frames of `size`, or CLASSES if the pool does not have that size. */
static unsigned int class_of(uint64_t size)
{
	unsigned int class = 0;

	while (class < CLASSES && UINT64_C(1) << (SMALLEST_SHIFT + class) != size)
		class ++;
	return class;
}

static void put(struct frame_pool *pool, unsigned int class, phys_addr start)
{
	uint64_t size = UINT64_C(1) << (SMALLEST_SHIFT + class);
	uint64_t *words = memory_open(&pool->access, start, size);

	words[0] = pool->free[class];
	memory_close(&pool->access, start, words);
	pool->free[class] = start;
}

static phys_addr take(struct frame_pool *pool, unsigned int class)
{
	uint64_t size = UINT64_C(1) << (SMALLEST_SHIFT + class);
	phys_addr start = pool->free[class];
	uint64_t *words = memory_open(&pool->access, start, size);

	pool->free[class] = words[0];
	memory_close(&pool->access, start, words);
	return start;
}

static bool pool_allocate(struct frame_allocator *self, enum frame_use use, uint64_t size,
			  struct frame *frame)
{
	struct frame_pool *pool = pool_of(self);
	uint64_t wanted = size < PAGE_SIZE_4K ? PAGE_SIZE_4K : size;
	unsigned int class = class_of(wanted);
	phys_addr start;

	(void)use;
	if (class == CLASSES)
		return false;
	if (pool->free[class] != FRAME_POOL_NONE) {
		start = take(pool, class);
	} else {
		start = addr_align_up(pool->next, wanted);
		if (start < pool->next || start >= pool->end || pool->end - start < wanted)
			return false;
		/* What alignment skips is not lost: it serves smaller frames. */
		while (pool->next != start) {
			put(pool, 0, pool->next);
			pool->next += PAGE_SIZE_4K;
		}
		pool->next = start + wanted;
	}
	pool->in_use++;
	*frame = (struct frame){ .start = start, .size = size };
	return true;
}

static void pool_free(struct frame_allocator *self, enum frame_use use, struct frame frame)
{
	struct frame_pool *pool = pool_of(self);
	uint64_t size = frame.size < PAGE_SIZE_4K ? PAGE_SIZE_4K : frame.size;

	(void)use;
	put(pool, class_of(size), frame.start);
	pool->in_use--;
}

static void pool_free_many(struct frame_allocator *self, enum frame_use use,
			   const struct frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pool_free(self, use, frames[i]);
}

void frame_pool_init(struct frame_pool *pool, phys_addr start, phys_addr end,
		     const struct table_access *access)
{
	pool->allocator = (struct frame_allocator){ .allocate = pool_allocate,
						    .free = pool_free,
						    .free_many = pool_free_many };
	pool->access = *access;
	pool->next = start;
	pool->end = end;
	for (unsigned int i = 0; i < CLASSES; i++)
		pool->free[i] = FRAME_POOL_NONE;
	pool->in_use = 0;
}
