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

/* The calling loop, and whoever is asked for. */
static unsigned int count_all(struct run *run, const struct workload *workload,
			      const struct request *request)
{
	unsigned int done = 0;
	const struct subject *subjects[] = { run->format->naive, &subject_library,
					     &subject_vector };

	count(run, workload, &subject_empty);
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		if (!request_has(request->subjects, subjects[i]->name) ||
		    (subjects[i] == &subject_vector && !(workload->writes_runs && vector_runs())))
			continue;
		count(run, workload, subjects[i]);
		done++;
	}
	return done;
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
			done += count_all(run, &workloads[j], request);
		}
	}
	run_destroy(run);
	return request_status(done);
}
