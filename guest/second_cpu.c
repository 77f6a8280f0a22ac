/* SPDX-License-Identifier: MIT */
/* What the first CPU asks of the second one, and how that does it. */
#include "guest/second_cpu.h"

#include <stdatomic.h>

#include "cpu.h"

/* The answer is written before the atomic that announces it. */
static struct {
	_Atomic(enum second_cpu_task) task;
	virt_addr address;
	bool write;
	atomic_bool watching;
	uint32_t result;
} second;

void second_cpu_give(enum second_cpu_task task)
{
	atomic_store(&second.task, task);
	second_cpu_wake();
}

void second_cpu_join(void)
{
	while (atomic_load(&second.task) != TASK_NONE)
		cpu_pause();
}

static void begin(enum second_cpu_task task, virt_addr address)
{
	second.address = address;
	atomic_store(&second.watching, false);
	second_cpu_give(task);
	while (!atomic_load(&second.watching))
		cpu_pause();
}

uint32_t second_cpu_watch(virt_addr address, bool write)
{
	second.write = write;
	begin(TASK_WATCH, address);
	return second.result;
}

void second_cpu_stare(virt_addr address)
{
	begin(TASK_STARE, address);
}

uint32_t second_cpu_look(void)
{
	atomic_store(&second.task, TASK_LOOK);
	second_cpu_join();
	return second.result;
}

/* From here on: the second CPU. */

enum second_cpu_task second_cpu_task(void)
{
	return atomic_load(&second.task);
}

void second_cpu_done(void)
{
	atomic_store(&second.task, TASK_NONE);
}

static void watch(void)
{
	second.result = second_cpu_read(second.address);
	if (second.write)
		(void)second_cpu_write(second.address);
	atomic_store(&second.watching, true);
	while (atomic_load(&second.task) == TASK_WATCH)
		cpu_pause();
	second.result =
		second.write ? second_cpu_write(second.address) : second_cpu_read(second.address);
}

static void stare(void)
{
	volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)second.address;
	uint64_t first = *word;

	second.result = 0;
	atomic_store(&second.watching, true);
	while (atomic_load(&second.task) == TASK_STARE) {
		if (*word != first)
			second.result++;
	}
}

void second_cpu_do(void)
{
	if (atomic_load(&second.task) == TASK_STARE)
		stare();
	else
		watch();
	second_cpu_done();
}
