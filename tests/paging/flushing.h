/* SPDX-License-Identifier: MIT */
/* A gather that can always flush, and counts how often it did. */
#ifndef TESTS_FLUSHING_H
#define TESTS_FLUSHING_H

#include "world.h"

struct flushing {
	struct tlb_gather gather;
	struct tlb_range ranges[8];
	struct frame frames[8];
	unsigned int flushes;
};

void flushing_init(struct flushing *f, struct world *world);

#endif
