/* SPDX-License-Identifier: MIT */
/* A table with a gather that its operations fill and nobody flushes: for what becomes of gathers.
 */
#ifndef TESTS_GATHERING_H
#define TESTS_GATHERING_H

#include "world.h"

struct gathering {
	struct world world;
	struct tlb_range ranges[8];
	struct frame frames[16];
	struct tlb_gather gather;
	struct page_table_op op;
};

void gathering_open(struct gathering *g, const char *format);
void gathering_close(struct gathering *g);

/* Readable and writable, from output address 0 on; nothing is gathered. */
void gathering_map(struct gathering *g, virt_addr virt, uint64_t size, bool global);
/* Gathered. They must succeed. */
void gathering_unmap(struct gathering *g, virt_addr virt, uint64_t size);
void gathering_protect(struct gathering *g, virt_addr virt, uint64_t size);

#endif
