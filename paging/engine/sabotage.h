/* SPDX-License-Identifier: MIT */
/*
 * A way for tests to break the encoders on purpose, to see that a check on a live MMU notices. In a
 * normal build every point is the identity and costs nothing.
 */
#ifndef PAGING_ENGINE_SABOTAGE_H
#define PAGING_ENGINE_SABOTAGE_H

#include <stdint.h>

enum paging_sabotage_point {
	PAGING_SABOTAGE_LEAF,   /* a leaf as encoded, before it is stored */
	PAGING_SABOTAGE_JOINED, /* the same, of a leaf in place of a table of leaves (collapse) */
	PAGING_SABOTAGE_TABLE,  /* a table entry as encoded, before it is stored */
	PAGING_SABOTAGE_CLEAR,  /* the value that empties an entry */
	PAGING_SABOTAGE_DECODE, /* a leaf, before query and walk decode it */
};

#ifdef PAGING_SABOTAGE
#define PAGING_SABOTAGED 1
/* The test build's own. `level` is the entry's; 0 has the granule-sized leaves. */
uint64_t paging_sabotage(enum paging_sabotage_point point, unsigned int level, uint64_t descriptor);
#else
#define PAGING_SABOTAGED 0
static inline uint64_t paging_sabotage(enum paging_sabotage_point point, unsigned int level,
				       uint64_t descriptor)
{
	(void)point;
	(void)level;
	return descriptor;
}
#endif

#endif
