/* SPDX-License-Identifier: MIT */
/*
 * Contiguous hints (Arm, bit 52) where no whole group is, as others may leave them behind: in one
 * leaf, in half of a group, in all leaves but one, in a group with a hole or with a leaf that goes
 * elsewhere.
 */
#ifndef TESTS_FOREIGN_H
#define TESTS_FOREIGN_H

#include "world.h"

#define CONTIGUOUS (UINT64_C(1) << 52)

enum spoil {
	SPOIL_ONE, /* to SPOIL_OTHERS: only hints are missing */
	SPOIL_HALF,
	SPOIL_OTHERS, /* all have the hint but leaf FOREIGN_UNHINTED */
	SPOIL_HOLE,
	SPOIL_TABLE, /* not at level 0 */
	SPOIL_ELSEWHERE,
	SPOIL_MIXED,
	SPOIL_UNALIGNED,
	SPOILS,
	SPOIL_NONE = SPOILS, /* a whole group */
};

/* Leaf 5 has the hint in each of them. */
#define FOREIGN_HINTED   5
#define FOREIGN_UNHINTED 3

struct foreign {
	struct world world;
	virt_addr virt;
	uint64_t leaves;      /* as many as a group has */
	uint64_t piece, size; /* a leaf, all of them */
	unsigned int level;
	phys_addr phys[128]; /* where each leaf leads */
	uint64_t shown;
};

bool foreign_is_arm(const struct format_case *format);
/* Whether a table of that format can have groups of leaves of the level. */
bool foreign_has(const struct format_case *format, unsigned int level);
/* A table with such a group, spoilt. False: a group of that level cannot be. */
bool foreign_open(struct foreign *f, const struct format_case *format, unsigned int level,
		  enum spoil how);

#endif
