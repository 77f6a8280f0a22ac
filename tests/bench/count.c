/* SPDX-License-Identifier: MIT */
/*
 * Instructions, counted by callgrind: run under `valgrind --tool=callgrind --instr-atstart=no
 * --collect-atstart=no`, which writes a file for each measurement, with its name in it. The
 * subject "empty" is the calling loop.
 */
#include <inttypes.h>
#include <stdio.h>
#include <valgrind/callgrind.h>

#include "bench.h"

static void count(struct run *run, const struct workload *workload, const struct subject *subject)
{
	char name[128];

	/* On tables that are there, so that what is counted after an empty subject's is the same.
	 */
	run->subject = subject;
	run_begin(run);
	workload->prepare(run);
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
	CALLGRIND_TOGGLE_COLLECT;
	workload->measure(run);
	CALLGRIND_TOGGLE_COLLECT;
	(void)snprintf(name, sizeof(name), "bench %s %s %s %" PRIu64, workload->name,
		       run->format->name, subject->name, workload->operations(run->sizes));
	CALLGRIND_DUMP_STATS_AT(name);
	CALLGRIND_STOP_INSTRUMENTATION;
	if (subject != &subject_empty)
		workload->verify(run);
}

int bench_count(const struct request *request)
{
	struct run *run;
	unsigned int done = 0;

	if (RUNNING_ON_VALGRIND == 0) {
		(void)fprintf(stderr, "bench: count: only under valgrind --tool=callgrind\n");
		return 2;
	}
	run = run_create(&request->sizes);
	for (unsigned int i = 0; i < BENCH_FORMATS; i++) {
		run->format = bench_format(i);
		if (!request_has(request->formats, run->format->name))
			continue;
		for (size_t j = 0; j < workload_count; j++) {
			if (!request_has(request->workloads, workloads[j].name))
				continue;
			count(run, &workloads[j], &subject_empty);
			count(run, &workloads[j], run->format->naive);
			count(run, &workloads[j], &subject_library);
			done++;
		}
	}
	run_destroy(run);
	return done != 0 ? 0 : 2;
}
