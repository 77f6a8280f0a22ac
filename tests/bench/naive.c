/* SPDX-License-Identifier: MIT */
/*
 * The walker that one writes in an afternoon, for each format: from the root for every page, a
 * table zeroed when it is missed, no check of arguments, attributes a constant, empty tables kept.
 * What the library does beyond that is to cost nothing.
 */
#include <string.h>

#include <twofold/page_table.h>

#include "bench.h"

#define INLINE static inline __attribute__((always_inline))

/* A format, to such a walker. */
struct bits {
	uint64_t present;
	uint64_t table;      /* of an entry that leads to a table */
	uint64_t page;       /* of a 4K leaf: readable, writable, normal memory */
	uint64_t large;      /* of a larger one */
	uint64_t leaf_mask;  /* an entry above the last level is a leaf if these... */
	uint64_t leaf_value; /* ... are so */
	uint64_t write;      /* set, or for Arm's stage 1 clear, in what may be written */
	bool write_is_clear;
};

#define ADDRESS UINT64_C(0x0000fffffffff000)

INLINE uint64_t *at(const struct page_table *table, uint64_t phys)
{
	return (uint64_t *)(uintptr_t)(phys + table->access.offset);
}

/* Not inlined: it would make every walk save registers. */
__attribute__((noinline)) static bool make_table(const struct page_table *table, uint64_t *entry,
						 uint64_t attributes,
						 struct frame_allocator *frames)
{
	struct frame frame;

	if (!frames->allocate(frames, FRAME_TABLE, PAGE_SIZE_4K, &frame))
		return false;
	memset(at(table, frame.start), 0, PAGE_SIZE_4K);
	*entry = frame.start | attributes;
	return true;
}

/*
 * The entry for `virt` whose leaf spans 2^last bytes, or NULL. With frames: tables are made. A
 * loop, since five levels or three are the same code then.
 */
INLINE uint64_t *entry_of(const struct bits *bits, const struct page_table *table, uint64_t virt,
			  unsigned int last, struct frame_allocator *frames)
{
	uint64_t *entries = at(table, table->root);
	unsigned int shift = 39;

#pragma GCC unroll 3
	for (; shift != last; shift -= 9) {
		uint64_t *entry = &entries[virt >> shift & 511];

		if ((*entry & bits->present) == 0) {
			if (frames == NULL || !make_table(table, entry, bits->table, frames))
				return NULL;
		} else if ((*entry & bits->leaf_mask) == bits->leaf_value) {
			return NULL;
		}
		entries = at(table, *entry & ADDRESS);
	}
	return &entries[virt >> last & 511];
}

INLINE enum paging_status naive_map_to(const struct bits *bits, const struct page_table *table,
				       uint64_t virt, uint64_t phys, unsigned int last,
				       struct frame_allocator *frames)
{
	uint64_t *entry = entry_of(bits, table, virt, last, frames);

	if (entry == NULL)
		return PAGING_NO_MEMORY;
	if ((*entry & bits->present) != 0)
		return PAGING_ALREADY_MAPPED;
	*entry = phys | (last == 12 ? bits->page : bits->large);
	return PAGING_OK;
}

/* Leaves of the largest size that is allowed, one walk each. */
INLINE enum paging_status naive_map(const struct bits *bits, const struct page_table *table,
				    uint64_t virt, uint64_t phys, uint64_t size,
				    const struct page_table_op *op)
{
	unsigned int last = op->leaf_sizes >= PAGE_SIZE_1G   ? 30
			    : op->leaf_sizes >= PAGE_SIZE_2M ? 21
							     : 12;
	uint64_t leaf = UINT64_C(1) << last;

	for (uint64_t done = 0; done < size; done += leaf) {
		enum paging_status status =
			naive_map_to(bits, table, virt + done, phys + done, last, op->frames);

		if (status != PAGING_OK)
			return status;
	}
	return PAGING_OK;
}

INLINE enum paging_status naive_query(const struct bits *bits, const struct page_table *table,
				      uint64_t virt, struct page_mapping *mapping)
{
	const uint64_t *entries = at(table, table->root);

#pragma GCC unroll 4
	for (unsigned int shift = 39; shift >= 12; shift -= 9) {
		uint64_t entry = entries[virt >> shift & 511];

		if ((entry & bits->present) == 0)
			return PAGING_NOT_MAPPED;
		if (shift == 12 || (entry & bits->leaf_mask) == bits->leaf_value) {
			mapping->size = UINT64_C(1) << shift;
			mapping->virt = virt & ~(mapping->size - 1);
			mapping->phys = entry & ADDRESS & ~(mapping->size - 1);
			mapping->annotation = entry & ~ADDRESS;
			return PAGING_OK;
		}
		entries = at(table, entry & ADDRESS);
	}
	return PAGING_NOT_MAPPED; /* not reached: the last level ends the walk */
}

INLINE enum paging_status naive_translate(const struct bits *bits, const struct page_table *table,
					  uint64_t virt, uint64_t *phys)
{
	const uint64_t *entries = at(table, table->root);

#pragma GCC unroll 4
	for (unsigned int shift = 39; shift >= 12; shift -= 9) {
		uint64_t entry = entries[virt >> shift & 511];
		uint64_t inside = (UINT64_C(1) << shift) - 1;

		if ((entry & bits->present) == 0)
			return PAGING_NOT_MAPPED;
		if (shift == 12 || (entry & bits->leaf_mask) == bits->leaf_value) {
			*phys = (entry & ADDRESS & ~inside) | (virt & inside);
			return PAGING_OK;
		}
		entries = at(table, entry & ADDRESS);
	}
	return PAGING_NOT_MAPPED; /* not reached: the last level ends the walk */
}

INLINE enum paging_status naive_unmap(const struct bits *bits, const struct page_table *table,
				      uint64_t virt, uint64_t size)
{
	for (uint64_t done = 0; done < size; done += PAGE_SIZE_4K) {
		uint64_t *entry = entry_of(bits, table, virt + done, 12, NULL);

		if (entry == NULL || (*entry & bits->present) == 0)
			return PAGING_NOT_MAPPED;
		*entry = 0;
	}
	return PAGING_OK;
}

INLINE enum paging_status naive_protect(const struct bits *bits, const struct page_table *table,
					uint64_t virt, uint64_t size)
{
	for (uint64_t done = 0; done < size; done += PAGE_SIZE_4K) {
		uint64_t *entry = entry_of(bits, table, virt + done, 12, NULL);

		if (entry == NULL || (*entry & bits->present) == 0)
			return PAGING_NOT_MAPPED;
		if (bits->write_is_clear)
			*entry |= bits->write;
		else
			*entry &= ~bits->write;
	}
	return PAGING_OK;
}

#define NAIVE(id, ...)                                                                             \
	static const struct bits id##_bits = __VA_ARGS__;                                          \
	static enum paging_status id##_map_to(struct page_table *t, virt_addr virt,                \
					      phys_addr phys, struct page_flags flags,             \
					      struct frame_allocator *frames)                      \
	{                                                                                          \
		(void)flags;                                                                       \
		return naive_map_to(&id##_bits, t, virt, phys, 12, frames);                        \
	}                                                                                          \
	static enum paging_status id##_query(const struct page_table *t, virt_addr virt,           \
					     struct page_mapping *mapping)                         \
	{                                                                                          \
		return naive_query(&id##_bits, t, virt, mapping);                                  \
	}                                                                                          \
	static enum paging_status id##_map(struct page_table *t, virt_addr virt, phys_addr phys,   \
					   uint64_t size, struct page_flags flags,                 \
					   struct page_table_op *op)                               \
	{                                                                                          \
		(void)flags;                                                                       \
		return naive_map(&id##_bits, t, virt, phys, size, op);                             \
	}                                                                                          \
	static enum paging_status id##_unmap(struct page_table *t, virt_addr virt, uint64_t size,  \
					     struct page_table_op *op)                             \
	{                                                                                          \
		(void)op;                                                                          \
		return naive_unmap(&id##_bits, t, virt, size);                                     \
	}                                                                                          \
	static enum paging_status id##_protect(struct page_table *t, virt_addr virt,               \
					       uint64_t size, struct page_table_op *op)            \
	{                                                                                          \
		(void)op;                                                                          \
		return naive_protect(&id##_bits, t, virt, size);                                   \
	}                                                                                          \
	static enum paging_status id##_translate(const struct page_table *t, virt_addr virt,       \
						 phys_addr *phys)                                  \
	{                                                                                          \
		return naive_translate(&id##_bits, t, virt, phys);                                 \
	}                                                                                          \
	static enum paging_status id##_map_batch(                                                  \
		struct page_table *t, const struct page_pair *pages, size_t count,                 \
		struct page_flags flags, struct frame_allocator *frames, size_t *done)             \
	{                                                                                          \
		for (*done = 0; *done < count; ++*done) {                                          \
			enum paging_status status = id##_map_to(t, pages[*done].virt,              \
								pages[*done].phys, flags, frames); \
			if (status != PAGING_OK)                                                   \
				return status;                                                     \
		}                                                                                  \
		return PAGING_OK;                                                                  \
	}                                                                                          \
	static enum paging_status id##_translate_batch(                                            \
		const struct page_table *t, struct page_pair *pages, size_t count, size_t *done)   \
	{                                                                                          \
		for (*done = 0; *done < count; ++*done) {                                          \
			enum paging_status status =                                                \
				id##_translate(t, pages[*done].virt, &pages[*done].phys);          \
			if (status != PAGING_OK)                                                   \
				return status;                                                     \
		}                                                                                  \
		return PAGING_OK;                                                                  \
	}                                                                                          \
	const struct subject id = { "naive",        id##_map_to,    id##_query,                    \
				    id##_map,       id##_unmap,     id##_protect,                  \
				    id##_translate, id##_map_batch, id##_translate_batch,          \
				    false }

#define NX (UINT64_C(1) << 63)

/* Intel SDM vol. 3A 4.5: P, R/W, U/S (of tables), A, PS, XD. */
NAIVE(naive_x86, { .present = 1,
		   .table = 0x27,
		   .page = NX | 0x23,
		   .large = NX | 0xa3,
		   .leaf_mask = 0x80,
		   .leaf_value = 0x80,
		   .write = 2 });
/* Intel SDM vol. 3C 28.3: R, W, X (of tables), type WB, A. */
NAIVE(naive_ept, { .present = 7,
		   .table = 0x107,
		   .page = 0x133,
		   .large = 0x1b3,
		   .leaf_mask = 0x80,
		   .leaf_value = 0x80,
		   .write = 2 });
/* AMD APM vol. 2 15.25: nested accesses are user accesses. */
NAIVE(naive_npt, { .present = 1,
		   .table = 0x27,
		   .page = NX | 0x27,
		   .large = NX | 0xa7,
		   .leaf_mask = 0x80,
		   .leaf_value = 0x80,
		   .write = 2 });
/* Arm ARM D8.3: valid, table or page; AF, inner shareable, AttrIndx 0; UXN, PXN; AP[2] is bit 7. */
NAIVE(naive_stage1, { .present = 1,
		      .table = 3,
		      .page = 0x0060000000000703,
		      .large = 0x0060000000000701,
		      .leaf_mask = 2,
		      .leaf_value = 0,
		      .write = 0x80,
		      .write_is_clear = true });
/* MemAttr 0b1111, S2AP read and write, XN; S2AP[1] is bit 7. */
NAIVE(naive_stage2, { .present = 1,
		      .table = 3,
		      .page = 0x00400000000007ff,
		      .large = 0x00400000000007fd,
		      .leaf_mask = 2,
		      .leaf_value = 0,
		      .write = 0x80 });
