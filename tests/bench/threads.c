/* SPDX-License-Identifier: MIT */
/*
 * A parallel table filled by 1 thread, by 2, 4 and 8 where there are as many CPUs, a call a page
 * and a call a range. What is to be mapped is in as many pieces as the most threads, each with
 * table memory of its own: 512 GiB apart (disjoint), or side by side (adjacent: they meet within
 * one lowest table). Speed-up is the time of one thread for all of them by the time of several.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../paging/require.h"
#include "bench.h"

#define THREADS_MAX 8

static const struct page_flags writable = { .read = 1, .write = 1 };

struct piece {
	struct page_table *table;
	struct memory *memory;
	virt_addr virt;
	phys_addr phys;
	uint64_t size;
	bool range;
	uint64_t failures;
};

/* A thread and its pieces. */
struct worker {
	pthread_t thread;
	struct piece *pieces;
	unsigned int count;
	unsigned int cpu;
	pthread_barrier_t *barrier;
	double ns;
};

/* The CPUs that this process may use; returns how many of them are of use. */
static unsigned int find_cpus(unsigned int cpus[THREADS_MAX])
{
	unsigned int count = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	(void)sched_getaffinity(0, sizeof(set), &set);
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE && count < THREADS_MAX; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[count++] = cpu;
	while ((count & (count - 1)) != 0)
		count--;
	return count;
}

/* Of this thread: when others run on its CPU meanwhile, that is not counted. What the threads do to
 * each other is, since waiting for a cache line takes CPU time. */
static double cpu_ns(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The piece is this thread's own copy: its neighbours, in the same cache lines, are others'. */
static uint64_t map_piece(struct piece piece)
{
	struct page_table_op op = { .frames = &piece.memory->allocator,
				    .mode = PAGING_RESUMABLE,
				    .leaf_sizes = PAGE_SIZE_4K };
	uint64_t failures = 0;

	if (piece.range)
		return page_table_map(piece.table, piece.virt, piece.phys, piece.size, writable,
				      &op);
	for (uint64_t done = 0; done < piece.size; done += PAGE_SIZE_4K)
		failures |= page_table_map_to(piece.table, piece.virt + done, piece.phys + done,
					      writable, op.frames);
	return failures;
}

static void *thread_main(void *argument)
{
	struct worker *worker = argument;
	cpu_set_t cpus;
	double began;

	CPU_ZERO(&cpus);
	CPU_SET(worker->cpu, &cpus);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	(void)pthread_barrier_wait(worker->barrier);
	began = cpu_ns();
	for (unsigned int i = 0; i < worker->count; i++)
		worker->pieces[i].failures = map_piece(worker->pieces[i]);
	worker->ns = cpu_ns() - began;
	return NULL;
}

/* The time of the one that took longest. */
static double run_threads(struct worker *workers, unsigned int count)
{
	pthread_barrier_t barrier;
	double longest = 0;

	REQUIRE(pthread_barrier_init(&barrier, NULL, count) == 0, "no barrier");
	for (unsigned int i = 0; i < count; i++) {
		workers[i].barrier = &barrier;
		REQUIRE(pthread_create(&workers[i].thread, NULL, thread_main, &workers[i]) == 0,
			"no thread");
	}
	for (unsigned int i = 0; i < count; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		if (workers[i].ns > longest)
			longest = workers[i].ns;
	}
	(void)pthread_barrier_destroy(&barrier);
	return longest;
}

/* All take frames from one region, each from a part of its own. */
struct parts {
	struct run *run;
	unsigned int count; /* the most threads */
	unsigned int cpus[THREADS_MAX];
	/* Each in cache lines of its own, as its thread writes to it. */
	struct {
		_Alignas(128) struct memory memory;
	} of[THREADS_MAX];
};

static uint64_t prepare(struct parts *parts, struct piece *pieces, bool range, bool adjacent)
{
	struct run *run = parts->run;
	/* Not a multiple of a table's span: the pieces meet within a table. */
	uint64_t size = run->sizes->bytes / parts->count + 256 * PAGE_SIZE_4K;
	struct page_table_config config = run->format->model.config;

	for (unsigned int i = 0; i < parts->count; i++) {
		uint64_t offset = adjacent ? i * size : (uint64_t)i << 39;

		memory_reset(&parts->of[i].memory);
		parts->of[i].memory.next = run->memory->size / parts->count * i + PAGE_SIZE_4K;
		pieces[i] = (struct piece){ .table = &run->table,
					    .memory = &parts->of[i].memory,
					    .virt = VIRT_BASE + offset,
					    .phys = PHYS_BASE + offset,
					    .size = size,
					    .range = range };
	}
	config.parallel = true;
	config.access.offset = (uint64_t)(uintptr_t)run->memory->bytes;
	REQUIRE(page_table_init(&run->table, &config, &parts->of[0].memory.allocator) == PAGING_OK,
		"no table");
	return size;
}

static double measure(struct parts *parts, unsigned int threads, bool range, bool adjacent)
{
	struct run *run = parts->run;
	struct piece pieces[THREADS_MAX];
	struct worker workers[THREADS_MAX];
	uint64_t size = prepare(parts, pieces, range, adjacent);
	unsigned int each = parts->count / threads;
	double ns;

	run->failures = 0;
	run->subject = &subject_library;
	for (unsigned int i = 0; i < threads; i++)
		workers[i] = (struct worker){ .pieces = &pieces[(size_t)i * each],
					      .count = each,
					      .cpu = parts->cpus[i] };
	ns = run_threads(workers, threads);
	run->memory->next = run->memory->size;
	for (unsigned int i = 0; i < parts->count; i++) {
		REQUIRE(pieces[i].failures == 0, "a call failed");
		for (uint64_t done = 0; done < size; done += PAGE_SIZE_4K)
			verify_page(run, pieces[i].virt - VIRT_BASE + done, true);
	}
	return ns / ((double)(parts->count * size) / PAGE_SIZE_4K);
}

static void report(const struct run *run, unsigned int threads, bool range, bool adjacent,
		   int number, double ns)
{
	printf("{\"threads\":%u,\"format\":\"%s\",\"workload\":\"%s\",\"ranges\":\"%s\","
	       "\"run\":%d,\"ns\":%.4f}\n",
	       threads, run->format->name, range ? "W2" : "W1", adjacent ? "adjacent" : "disjoint",
	       number, ns);
	(void)fflush(stdout);
}

static void measure_format(struct parts *parts, int number)
{
	for (unsigned int kind = 0; kind < 4; kind++) {
		bool range = (kind & 1) != 0, adjacent = (kind & 2) != 0;

		for (unsigned int threads = 1; threads <= parts->count; threads *= 2) {
			double ns = measure(parts, threads, range, adjacent);

			if (number != 0)
				report(parts->run, threads, range, adjacent, number, ns);
		}
	}
}

int bench_threads(const struct request *request)
{
	static struct parts parts;
	struct run *run = calloc(1, sizeof(*run));
	unsigned int done = 0;

	REQUIRE(run != NULL, "no memory");
	run->sizes = &request->sizes;
	run->memory = memory_create(UINT64_C(16) << 20);
	parts.run = run;
	parts.count = find_cpus(parts.cpus);
	for (unsigned int i = 0; i < parts.count; i++) {
		parts.of[i].memory = *run->memory;
		parts.of[i].memory.size = run->memory->size / parts.count * (i + 1);
	}
	for (unsigned int i = 0; i < BENCH_FORMATS; i++) {
		run->format = bench_format(i);
		if (!request_has(request->formats, run->format->name))
			continue;
		for (int number = 0; number <= (int)request->runs && parts.count > 1; number++)
			measure_format(&parts, number);
		done++;
	}
	return request_status(done);
}
