/* SPDX-License-Identifier: MIT */
#include "flushing.h"

#include <string.h>

static void count_flush(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	((struct flushing *)context)->flushes++;
}

void flushing_init(struct flushing *f, struct world *world)
{
	memset(f, 0, sizeof(*f));
	f->gather = (struct tlb_gather){ .ranges = f->ranges,
					 .range_capacity = 8,
					 .frames = f->frames,
					 .frame_capacity = 8,
					 .owner = world_frames(world),
					 .flush = count_flush,
					 .context = f };
}
