/* SPDX-License-Identifier: MIT */
/* Writing leaves side by side, where nothing is. */
#ifndef PAGING_ENGINE_MAP_FILL_H
#define PAGING_ENGINE_MAP_FILL_H

#include "mapping.h"
#include "memory.h"
#include "sabotage.h"

/* Leaves side by side, in a build that may use vector registers: as many of them as are done. */
#if defined(__SSE2__) || defined(__ARM_NEON)
typedef uint64_t __attribute__((vector_size(32), aligned(8), may_alias)) leaf_vector;

static ALWAYS_INLINE uint64_t fill_wide(uint64_t *entry, uint64_t count, uint64_t leaf,
					uint64_t step)
{
	leaf_vector some = { leaf, leaf + step, leaf + 2 * step, leaf + 3 * step };
	uint64_t n = 0;

	for (; count - n >= 4; n += 4, some += 4 * step)
		*(leaf_vector *)&entry[n] = some;
	return n;
}
#else
static ALWAYS_INLINE uint64_t fill_wide(uint64_t *entry, uint64_t count, uint64_t leaf,
					uint64_t step)
{
	(void)entry, (void)count, (void)leaf, (void)step;
	return 0;
}
#endif

/* A store, an addition: and the compiler is not to work out further ones ahead. */
static ALWAYS_INLINE uint64_t fill_one(uint64_t *entry, uint64_t leaf, uint64_t step)
{
	entry_write(entry, leaf);
	leaf += step;
	__asm__("" : "+r"(leaf));
	return leaf;
}

static ALWAYS_INLINE uint64_t fill_eight(uint64_t *entry, uint64_t leaf, uint64_t step)
{
	leaf = fill_one(&entry[0], leaf, step);
	leaf = fill_one(&entry[1], leaf, step);
	leaf = fill_one(&entry[2], leaf, step);
	leaf = fill_one(&entry[3], leaf, step);
	leaf = fill_one(&entry[4], leaf, step);
	leaf = fill_one(&entry[5], leaf, step);
	leaf = fill_one(&entry[6], leaf, step);
	return fill_one(&entry[7], leaf, step);
}

/* Writes `count` leaves, the first of them `leaf` and each next one larger by `step`. `linked`: a
 * walker may look, so that each is to be one store. */
static ALWAYS_INLINE void fill_steps(uint64_t *entry, uint64_t count, uint64_t leaf, uint64_t step,
				     bool linked)
{
	uint64_t *end = entry + count;
	uint64_t wide = linked ? 0 : fill_wide(entry, count, leaf, step);

	entry += wide;
	leaf += wide * step;
	for (uint64_t *whole = entry + ((count - wide) & ~UINT64_C(15)); entry != whole;
	     entry += 16) {
		leaf = fill_eight(entry, leaf, step);
		leaf = fill_eight(entry + 8, leaf, step);
	}
	for (; entry != end; entry++)
		leaf = fill_one(entry, leaf, step);
}

/* Writes `count` leaves for `phys` on; nothing was there. */
static inline void fill_leaves(const struct encoder *e, uint64_t *entry, uint64_t count,
			       uint64_t attributes, uint64_t group, phys_addr phys,
			       unsigned int level, bool linked)
{
	uint64_t size = level_size(e, level);
	uint64_t first, step, last;

	if (count == 0)
		return;
	/* Where a descriptor has its address in two pieces, the step is another one now and then.
	 */
	first = e->leaf(attributes, phys, level) | group;
	step = (e->leaf(attributes, phys + size, level) | group) - first;
	last = e->leaf(attributes, phys + (count - 1) * size, level) | group;
	if (!PAGING_SABOTAGED && last - first == (count - 1) * step) {
		fill_steps(entry, count, first, step, linked);
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint64_t leaf = e->leaf(attributes, phys + i * size, level) | group;

		entry_write(&entry[i], paging_sabotage(PAGING_SABOTAGE_LEAF, level, leaf));
	}
}

static inline void fill_notes(uint64_t *entry, uint64_t count, uint64_t note)
{
	for (uint64_t i = 0; i < count; i++)
		entry_write(&entry[i], note);
}

/* The run's whole groups get the contiguous hint. */
static inline void fill_run(const struct encoder *e, uint64_t *entry, uint64_t count,
			    const struct mapping *m, uint64_t input, unsigned int level,
			    bool linked)
{
	phys_addr phys = input + m->delta;
	uint64_t head = count;
	uint64_t body = 0;

	if (has_groups(e, level) && (m->group_levels >> level & 1) != 0) {
		unsigned int shift = level_shift(e, level);
		uint64_t skipped = addr_align_up(input, group_size(e, level)) - input;

		if (skipped >> shift < count) {
			head = skipped >> shift;
			body = addr_align_down(count - head, group_entries(e, level));
		}
	}
	fill_leaves(e, entry, head, m->attributes, 0, phys, level, linked);
	if (!has_groups(e, level))
		return;
	phys += head << level_shift(e, level);
	fill_leaves(e, entry + head, body, m->attributes, e->contiguous, phys, level, linked);
	phys += body << level_shift(e, level);
	fill_leaves(e, entry + head + body, count - head - body, m->attributes, 0, phys, level,
		    linked);
}

#endif
