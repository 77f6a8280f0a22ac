/* SPDX-License-Identifier: MIT */
/* Which pages were written to, round after round. */
#include "dirty_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* As many ranges as a line of text has; the file has them all. */
#define TEXT_RANGES 8

bool dirty_log_start(struct dirty_log *log, struct machine *machine, struct failure *failure)
{
	const struct config *config = machine->config;

	if (config->dirty_log == DIRTY_LOG_OFF)
		return true;
	if (config->dirty_log == DIRTY_LOG_JSON) {
		log->file = fopen(config->dirty_log_file, "we");
		if (!log->file)
			return fail(failure, STATUS_HOST, "--dirty-log: %s: cannot be written: %s",
				    config->dirty_log_file, strerror(errno));
	}
	log->machine = machine;
	return true;
}

static bool add_range(void *context, uint64_t address, uint64_t size)
{
	struct dirty_log *log = context;

	if (log->count == log->room) {
		size_t room = log->room == 0 ? 64 : 2 * log->room;
		void *ranges = realloc(log->ranges, room * sizeof(log->ranges[0]));

		if (!ranges)
			return false;
		log->ranges = ranges;
		log->room = room;
	}
	log->ranges[log->count++] = (struct dirty_range){ address, size };
	return true;
}

static uint64_t count_pages(const struct dirty_log *log)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < log->count; i++)
		pages += log->ranges[i].size / GUEST_PAGE;
	return pages;
}

static void report_text(const struct dirty_log *log)
{
	(void)fprintf(stderr, "vmm: dirty round %" PRIu64 ": %" PRIu64 " pages", log->round,
		      count_pages(log));
	for (size_t i = 0; i < log->count && i < TEXT_RANGES; i++)
		(void)fprintf(stderr, "%s 0x%" PRIx64 "-0x%" PRIx64, i == 0 ? ":" : ",",
			      log->ranges[i].address,
			      log->ranges[i].address + (log->ranges[i].size - 1));
	if (log->count > TEXT_RANGES)
		(void)fprintf(stderr, ", and %zu ranges more", log->count - TEXT_RANGES);
	(void)fputc('\n', stderr);
}

/* One object a line. */
static bool report_json(const struct dirty_log *log)
{
	(void)fprintf(log->file, "{\"round\": %" PRIu64 ", \"pages\": %" PRIu64 ", \"ranges\": [",
		      log->round, count_pages(log));
	for (size_t i = 0; i < log->count; i++)
		(void)fprintf(log->file, "%s{\"base\": \"0x%" PRIx64 "\", \"size\": %" PRIu64 "}",
			      i == 0 ? "" : ", ", log->ranges[i].address, log->ranges[i].size);
	(void)fputs("]}\n", log->file);
	return fflush(log->file) == 0 && !ferror(log->file);
}

bool dirty_log_round(struct dirty_log *log, struct failure *failure)
{
	struct guest_memory *memory = &log->machine->memory;

	log->count = 0;
	if (!memory_slots_take_log(&log->machine->slots, memory, failure))
		return false;
	if (!guest_memory_dirty(memory, add_range, log))
		return fail(failure, STATUS_HOST, "--dirty-log: out of memory");
	if (!guest_memory_clean(memory))
		return fail(failure, STATUS_HOST, "guest memory's table has no room");
	log->round++;
	if (!log->file)
		report_text(log);
	else if (!report_json(log))
		return fail(failure, STATUS_HOST, "--dirty-log: %s: cannot be written",
			    log->machine->config->dirty_log_file);
	return true;
}

bool dirty_log_end(struct dirty_log *log, struct failure *failure)
{
	return !log->machine || dirty_log_round(log, failure);
}

void dirty_log_destroy(struct dirty_log *log)
{
	if (log->file)
		(void)fclose(log->file);
	free(log->ranges);
	memset(log, 0, sizeof(*log));
}
