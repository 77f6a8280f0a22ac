/* SPDX-License-Identifier: MIT */
/* Nanoseconds, and cycles by a hardware counter where the kernel lets us have one. */
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench.h"

static int counter = -1;

bool clock_begin(void)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	counter = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
	return counter >= 0;
}

static double cycles_now(void)
{
	uint64_t value;

	if (counter >= 0 && read(counter, &value, sizeof(value)) == (ssize_t)sizeof(value))
		return (double)value;
	/* All before it has been done when the counter is read, and nothing after it begun. */
	_mm_lfence();
	value = __rdtsc();
	_mm_lfence();
	return (double)value;
}

struct clock_reading clock_now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return (struct clock_reading){
		.ns = (double)time.tv_sec * 1e9 + (double)time.tv_nsec,
		.cycles = cycles_now(),
	};
}
