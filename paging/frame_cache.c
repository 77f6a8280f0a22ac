/* SPDX-License-Identifier: MIT */
/* A frame allocator that is filled ahead. */
#include "twofold/frame_cache.h"

#include "engine/memory.h"

static struct frame_cache *cache_of(struct frame_allocator *self)
{
	return (struct frame_cache *)((char *)self - offsetof(struct frame_cache, allocator));
}

static void put(struct frame_cache *cache, phys_addr start)
{
	uint64_t *words = memory_open(&cache->access, start, cache->frame_size);

	words[0] = cache->head;
	memory_close(&cache->access, start, words);
	cache->head = start;
	cache->count++;
}

/* There is one. */
static phys_addr take(struct frame_cache *cache)
{
	phys_addr start = cache->head;
	uint64_t *words = memory_open(&cache->access, start, cache->frame_size);

	cache->head = words[0];
	memory_close(&cache->access, start, words);
	cache->count--;
	return start;
}

static bool serves(const struct frame_cache *cache, enum frame_use use, uint64_t size)
{
	return use == FRAME_TABLE && size == cache->frame_size;
}

static bool cache_allocate(struct frame_allocator *self, enum frame_use use, uint64_t size,
			   struct frame *frame)
{
	struct frame_cache *cache = cache_of(self);

	if (!serves(cache, use, size) || cache->count == 0)
		return false;
	*frame = (struct frame){ .start = take(cache), .size = size };
	return true;
}

static void cache_free(struct frame_allocator *self, enum frame_use use, struct frame frame)
{
	struct frame_cache *cache = cache_of(self);

	if (serves(cache, use, frame.size))
		put(cache, frame.start);
	else
		cache->source->free(cache->source, use, frame);
}

/* Gives frames back until `count` are left. */
static void shrink(struct frame_cache *cache, uint64_t count)
{
	while (cache->count > count) {
		struct frame frame = { .start = take(cache), .size = cache->frame_size };

		cache->source->free(cache->source, FRAME_TABLE, frame);
	}
}

enum paging_status frame_cache_init(struct frame_cache *cache, struct frame_allocator *source,
				    uint64_t frame_size, const struct table_access *access)
{
	if (!source)
		return PAGING_BAD_ARGUMENT;
	if (frame_size < sizeof(uint64_t) || !addr_is_aligned(frame_size, frame_size))
		return PAGING_BAD_SIZE;
	cache->allocator =
		(struct frame_allocator){ .allocate = cache_allocate, .free = cache_free };
	cache->source = source;
	cache->access = *access;
	cache->frame_size = frame_size;
	cache->count = 0;
	cache->head = 0;
	return PAGING_OK;
}

enum paging_status frame_cache_top_up(struct frame_cache *cache, uint64_t count)
{
	uint64_t before = cache->count;

	while (cache->count < count) {
		struct frame frame;

		if (!cache->source->allocate(cache->source, FRAME_TABLE, cache->frame_size,
					     &frame)) {
			shrink(cache, before);
			return PAGING_NO_MEMORY;
		}
		put(cache, frame.start);
	}
	return PAGING_OK;
}

void frame_cache_drain(struct frame_cache *cache)
{
	shrink(cache, 0);
}
