/* SPDX-License-Identifier: MIT */
/*
 * Time. One run is the floor, the naive walker and the library, built with general registers and
 * with vector ones, one right after the other, so that whatever else the machine does hits all of
 * them; who is first changes from run to run.
 */
#include <stdio.h>

#include "bench.h"

static void report(const struct run *run, const struct workload *workload, const char *subject,
		   int number, struct clock_reading before, struct clock_reading after)
{
	double operations = (double)workload->operations(run->sizes);

	printf("{\"workload\":\"%s\",\"format\":\"%s\",\"subject\":\"%s\",\"run\":%d,\"ns\":%.4f,"
	       "\"cycles\":%.4f}\n",
	       workload->name, run->format->name, subject, number,
	       (after.ns - before.ns) / operations, (after.cycles - before.cycles) / operations);
	(void)fflush(stdout);
}

static void measure(struct run *run, const struct workload *workload, const struct subject *subject,
		    int number)
{
	struct clock_reading before, after;

	run->subject = subject;
	run_begin(run);
	workload->prepare(run);
	before = clock_now();
	workload->measure(run);
	after = clock_now();
	workload->verify(run);
	/* The first one warms up. */
	if (number != 0)
		report(run, workload, subject->name, number, before, after);
}

static void measure_floor(const struct run *run, const struct workload *workload, int number)
{
	struct clock_reading before, after;

	if (workload->floor == NULL)
		return;
	before = clock_now();
	workload->floor(run);
	after = clock_now();
	if (number != 0)
		report(run, workload, "floor", number, before, after);
}

static unsigned int measure_all(struct run *run, const struct workload *workload,
				const struct request *request, int number)
{
	unsigned int done = 0;
	/* NULL: the floor. */
	const struct subject *subjects[] = { NULL, run->format->naive, &subject_vector,
					     &subject_library };

	for (int i = 0; i < 4; i++) {
		const struct subject *subject = subjects[(i + number) % 4];

		if (!request_has(request->subjects, subject == NULL ? "floor" : subject->name) ||
		    (subject == &subject_vector && !(workload->writes_runs && vector_runs())))
			continue;
		if (subject == NULL)
			measure_floor(run, workload, number);
		else
			measure(run, workload, subject, number);
		done++;
	}
	return done;
}

int bench_time(const struct request *request)
{
	struct run *run;
	unsigned int done = 0;

	printf("{\"cycles_by\":\"%s\",\"floor_stores\":\"%s\",\"vector_build\":%s}\n",
	       clock_begin() ? "hardware counter" : "time-stamp counter",
	       vector_runs() ? "AVX2" : "64-bit", vector_runs() ? "true" : "false");
	run = run_create(&request->sizes);
	for (unsigned int i = 0; i < BENCH_FORMATS; i++) {
		run->format = bench_format(i);
		if (!request_has(request->formats, run->format->name))
			continue;
		for (size_t j = 0; j < workload_count; j++) {
			if (!request_has(request->workloads, workloads[j].name))
				continue;
			for (int number = 0; number <= (int)request->runs; number++)
				done += measure_all(run, &workloads[j], request, number);
		}
	}
	run_destroy(run);
	return request_status(done);
}
