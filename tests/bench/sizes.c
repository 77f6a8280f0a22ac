/* SPDX-License-Identifier: MIT */
/* What one call costs by how much it maps, from 1 page to 64 GiB, tables made anew. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../paging/require.h"
#include "bench.h"

#define COPIES_MAX 128
#define STRIDE     PAGE_SIZE_1G /* so that each call has to make all of its lower tables */

static const struct page_flags writable = { .read = 1, .write = 1 };

static void measure(struct run *run, const struct subject *subject, uint64_t size, uint64_t leaves,
		    int number)
{
	uint64_t copies = size < STRIDE ? COPIES_MAX : 1;
	struct clock_reading before, after;

	if (size > PAGE_SIZE_2M && copies != 1)
		copies = STRIDE / size;
	run->subject = subject;
	run_begin(run);
	run->op.leaf_sizes = leaves;
	before = clock_now();
	for (uint64_t i = 0; i < copies; i++)
		run->failures |= subject->map(&run->table, VIRT_BASE + i * STRIDE,
					      PHYS_BASE + i * STRIDE, size, writable, &run->op);
	after = clock_now();
	REQUIRE(run->failures == 0, "%s: a call failed", subject->name);
	for (uint64_t i = 0; i < copies; i++) {
		verify_reaches(run, i * STRIDE);
		verify_reaches(run, i * STRIDE + size - PAGE_SIZE_4K);
	}
	if (number == 0)
		return;
	printf("{\"size\":%" PRIu64 ",\"format\":\"%s\",\"subject\":\"%s\",\"leaves\":\"%s\","
	       "\"run\":%d,\"ns\":%.2f}\n",
	       size, run->format->name, subject->name, leaves == PAGE_SIZE_4K ? "4K" : "largest",
	       number, (after.ns - before.ns) / (double)copies);
	(void)fflush(stdout);
}

int bench_sizes(const struct request *request)
{
	struct run *run = calloc(1, sizeof(*run));
	unsigned int done = 0;

	REQUIRE(run != NULL, "no memory");
	run->sizes = &request->sizes;
	run->memory = memory_create(UINT64_C(192) << 20);
	for (unsigned int i = 0; i < BENCH_FORMATS; i++) {
		run->format = bench_format(i);
		if (!request_has(request->formats, run->format->name))
			continue;
		for (uint64_t size = PAGE_SIZE_4K; size <= request->sizes.large; size *= 4)
			for (int number = 0; number <= (int)request->runs; number++) {
				measure(run, run->format->naive, size, PAGE_SIZE_4K, number);
				measure(run, &subject_library, size, PAGE_SIZE_4K, number);
				measure(run, &subject_library, size,
					PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, number);
			}
		done++;
	}
	return request_status(done);
}
