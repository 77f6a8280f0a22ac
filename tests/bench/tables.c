/* SPDX-License-Identifier: MIT */
/* Table memory for a GiB, beside the least that the format can do with. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../paging/require.h"
#include "bench.h"

/* The root; a table a level for the 512 GiB and the GiB; and with 4K leaves one for each 2 MiB. */
static uint64_t least_tables(uint64_t bytes, uint64_t leaf)
{
	uint64_t tables = 1 + (bytes + (UINT64_C(1) << 39) - 1) / (UINT64_C(1) << 39);

	if (leaf <= PAGE_SIZE_2M)
		tables += bytes / PAGE_SIZE_1G;
	if (leaf == PAGE_SIZE_4K)
		tables += bytes / PAGE_SIZE_2M;
	return tables;
}

static void count_tables(struct run *run, const char *leaf_name, uint64_t bytes, uint64_t leaf)
{
	run->subject = &subject_library;
	run_begin(run);
	run->op.leaf_sizes = leaf | PAGE_SIZE_4K;
	run->failures |= page_table_map(&run->table, VIRT_BASE, PHYS_BASE, bytes,
					(struct page_flags){ .read = 1, .write = 1 }, &run->op);
	verify_mapped(run, 0, bytes, leaf, true);
	printf("{\"format\":\"%s\",\"leaf\":\"%s\",\"bytes\":%" PRIu64 ",\"table_bytes\":%" PRIu64
	       ",\"least_bytes\":%" PRIu64 "}\n",
	       run->format->name, leaf_name, bytes, run->memory->live * PAGE_SIZE_4K,
	       least_tables(bytes, leaf) * PAGE_SIZE_4K);
}

int bench_tables(const struct request *request)
{
	struct run *run = calloc(1, sizeof(*run));
	unsigned int done = 0;

	REQUIRE(run != NULL, "no memory");
	run->sizes = &request->sizes;
	run->memory = memory_create(UINT64_C(16) << 20);
	for (unsigned int i = 0; i < BENCH_FORMATS; i++) {
		run->format = bench_format(i);
		if (!request_has(request->formats, run->format->name))
			continue;
		count_tables(run, "4K", PAGE_SIZE_1G, PAGE_SIZE_4K);
		count_tables(run, "2M", 64 * PAGE_SIZE_1G, PAGE_SIZE_2M);
		count_tables(run, "1G", 64 * PAGE_SIZE_1G, PAGE_SIZE_1G);
		done++;
	}
	return request_status(done);
}
