/* SPDX-License-Identifier: MIT */
/*
 * A parallel table filled by 1 thread and by 2, a call a page and a call a range; each thread on
 * memory of its own (disjoint: 512 GiB apart), or side by side (adjacent: the ranges meet within
 * one lowest table). Speed-up is the time of one thread for all of it by the time of both.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../paging/require.h"
#include "bench.h"

#define THREADS 2

static const struct page_flags writable = { .read = 1, .write = 1 };

struct piece {
	struct page_table *table;
	struct memory *memory;
	virt_addr virt;
	phys_addr phys;
	uint64_t size;
	bool range;
	unsigned int cpu;
	pthread_barrier_t *barrier;
	double began, ns;
	uint64_t failures;
};

/* Of this thread: when others run on its CPU meanwhile, that is not counted. What the threads do to
 * each other is, since waiting for a cache line takes CPU time. */
static double cpu_ns(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void map_piece(struct piece *piece)
{
	struct page_table_op op = { .frames = &piece->memory->allocator,
				    .mode = PAGING_RESUMABLE,
				    .leaf_sizes = PAGE_SIZE_4K };

	piece->began = cpu_ns();
	if (piece->range)
		piece->failures |= page_table_map(piece->table, piece->virt, piece->phys,
						  piece->size, writable, &op);
	else
		for (uint64_t done = 0; done < piece->size; done += PAGE_SIZE_4K)
			piece->failures |= page_table_map_to(piece->table, piece->virt + done,
							     piece->phys + done, writable,
							     &piece->memory->allocator);
	piece->ns = cpu_ns() - piece->began;
}

static void *thread_main(void *argument)
{
	struct piece *piece = argument;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(piece->cpu, &cpus);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	(void)pthread_barrier_wait(piece->barrier);
	map_piece(piece);
	return NULL;
}

/* The time of the one that took longest. */
static double run_pieces(struct piece *pieces, unsigned int count)
{
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];
	double longest = 0;

	REQUIRE(pthread_barrier_init(&barrier, NULL, count) == 0, "no barrier");
	for (unsigned int i = 0; i < count; i++) {
		pieces[i].barrier = &barrier;
		REQUIRE(pthread_create(&threads[i], NULL, thread_main, &pieces[i]) == 0,
			"no thread");
	}
	for (unsigned int i = 0; i < count; i++) {
		(void)pthread_join(threads[i], NULL);
		REQUIRE(pieces[i].failures == 0, "a call failed");
		if (pieces[i].ns > longest)
			longest = pieces[i].ns;
	}
	(void)pthread_barrier_destroy(&barrier);
	return longest;
}

/* Both take frames from one region, each from a half of its own. */
struct halves {
	struct run *run;
	struct memory *memory[THREADS];
};

static double measure(struct halves *halves, unsigned int threads, bool range, bool adjacent)
{
	struct run *run = halves->run;
	struct page_table_config config = run->format->model.config;
	/* Not a multiple of a table's span: the pieces meet within a table. */
	uint64_t size = run->sizes->bytes / 2 + 256 * PAGE_SIZE_4K;
	struct piece pieces[THREADS];
	double ns;

	for (unsigned int i = 0; i < THREADS; i++) {
		uint64_t offset = adjacent ? i * size : (uint64_t)i << 39;

		memory_reset(halves->memory[i]);
		halves->memory[i]->next = run->memory->size / THREADS * i + PAGE_SIZE_4K;
		pieces[i] = (struct piece){ .table = &run->table,
					    .memory = halves->memory[i],
					    .virt = VIRT_BASE + offset,
					    .phys = PHYS_BASE + offset,
					    .size = size,
					    .range = range,
					    .cpu = i };
	}
	config.parallel = true;
	config.access.offset = (uint64_t)(uintptr_t)run->memory->bytes;
	REQUIRE(page_table_init(&run->table, &config, &halves->memory[0]->allocator) == PAGING_OK,
		"no table");
	run->failures = 0;
	run->subject = &subject_library;
	if (threads == THREADS) {
		ns = run_pieces(pieces, THREADS);
	} else {
		ns = run_pieces(&pieces[0], 1);
		ns += run_pieces(&pieces[1], 1);
	}
	run->memory->next = run->memory->size;
	for (unsigned int i = 0; i < THREADS; i++)
		for (uint64_t done = 0; done < size; done += PAGE_SIZE_4K)
			verify_page(run, pieces[i].virt - VIRT_BASE + done, true);
	return ns / ((double)(THREADS * size) / PAGE_SIZE_4K);
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

static void measure_format(struct halves *halves, int number)
{
	for (unsigned int kind = 0; kind < 4; kind++) {
		bool range = (kind & 1) != 0, adjacent = (kind & 2) != 0;

		for (unsigned int threads = 1; threads <= THREADS; threads++) {
			double ns = measure(halves, threads, range, adjacent);

			if (number != 0)
				report(halves->run, threads, range, adjacent, number, ns);
		}
	}
}

int bench_threads(const struct request *request)
{
	struct halves halves = { .run = calloc(1, sizeof(*halves.run)) };
	unsigned int done = 0;

	REQUIRE(halves.run != NULL, "no memory");
	halves.run->sizes = &request->sizes;
	halves.run->memory = memory_create(UINT64_C(16) << 20);
	for (unsigned int i = 0; i < THREADS; i++) {
		halves.memory[i] = calloc(1, sizeof(*halves.memory[i]));
		REQUIRE(halves.memory[i] != NULL, "no memory");
		*halves.memory[i] = *halves.run->memory;
		halves.memory[i]->size = halves.run->memory->size / THREADS * (i + 1);
	}
	for (unsigned int i = 0; i < BENCH_FORMATS; i++) {
		halves.run->format = bench_format(i);
		if (!request_has(request->formats, halves.run->format->name))
			continue;
		for (int number = 0; number <= (int)request->runs; number++)
			measure_format(&halves, number);
		done++;
	}
	return done != 0 ? 0 : 2;
}
