/* SPDX-License-Identifier: MIT */
/* What a run was made of: exits, times, memory. */
#include "stats.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"

static const char *const exit_names[STATS_EXIT_REASONS] = {
	[KVM_EXIT_UNKNOWN] = "unknown",
	[KVM_EXIT_EXCEPTION] = "exception",
	[KVM_EXIT_IO] = "io",
	[KVM_EXIT_HYPERCALL] = "hypercall",
	[KVM_EXIT_DEBUG] = "debug",
	[KVM_EXIT_HLT] = "hlt",
	[KVM_EXIT_MMIO] = "mmio",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq-window-open",
	[KVM_EXIT_SHUTDOWN] = "shutdown",
	[KVM_EXIT_FAIL_ENTRY] = "fail-entry",
	[KVM_EXIT_INTR] = "signal",
	[KVM_EXIT_SET_TPR] = "set-tpr",
	[KVM_EXIT_TPR_ACCESS] = "tpr-access",
	[KVM_EXIT_INTERNAL_ERROR] = "internal-error",
	[KVM_EXIT_SYSTEM_EVENT] = "system-event",
	[KVM_EXIT_IOAPIC_EOI] = "ioapic-eoi",
	[STATS_EXIT_REASONS - 1] = "other",
};

static uint64_t now(clockid_t clock)
{
	struct timespec time;

	(void)clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

/*
 * The kernel keeps the moment of exec in ticks of 10 ms only. What the process has computed so far
 * is known to the nanosecond, and up to here it did nothing else: exec and the dynamic linker.
 */
void stats_start(struct stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->exec_ns = now(CLOCK_MONOTONIC) - now(CLOCK_PROCESS_CPUTIME_ID);
}

bool stats_open(struct stats *stats, const struct config *config, struct failure *failure)
{
	if (config->stats != STATS_JSON)
		return true;
	stats->file = fopen(config->stats_file, "we");
	return stats->file || fail(failure, STATUS_HOST, "--stats: %s: cannot be written: %s",
				   config->stats_file, strerror(errno));
}

void stats_first_instruction(struct stats *stats)
{
	stats->first_instruction_ns = now(CLOCK_MONOTONIC);
}

void stats_end(struct stats *stats)
{
	stats->end_ns = now(CLOCK_MONOTONIC);
}

void stats_count_exit(struct stats *stats, uint32_t reason)
{
	if (reason >= STATS_EXIT_REASONS - 1)
		reason = STATS_EXIT_REASONS - 1;
	stats->exits[reason]++;
}

/* Memory of this process that is not the guest's, in bytes. */
static uint64_t own_resident(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	uint64_t sum = 0, kib;
	char line[128];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1 ||
		    sscanf(line, "RssFile: %" SCNu64, &kib) == 1)
			sum += kib * 1024;
	}
	(void)fclose(file);
	return sum;
}

static uint64_t total_exits(const struct stats *stats)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < STATS_EXIT_REASONS; i++)
		sum += stats->exits[i];
	return sum;
}

static void exit_name(unsigned int reason, char name[32])
{
	if (exit_names[reason])
		(void)snprintf(name, 32, "%s", exit_names[reason]);
	else
		(void)snprintf(name, 32, "reason-%u", reason);
}

static void report_text(const struct machine *machine)
{
	const struct stats *stats = &machine->stats;
	uint64_t start = stats->exec_ns;
	char name[32];

	(void)fprintf(stderr, "vmm: ended by %s, status %d\n", machine->ending.name,
		      machine->ending.status);
	(void)fprintf(stderr, "vmm: exits: %" PRIu64, total_exits(stats));
	for (unsigned int i = 0; i < STATS_EXIT_REASONS; i++) {
		exit_name(i, name);
		if (stats->exits[i])
			(void)fprintf(stderr, ", %s %" PRIu64, name, stats->exits[i]);
	}
	(void)fprintf(stderr,
		      "\nvmm: time from exec: first guest instruction %.3f ms, end %.3f ms\n",
		      (double)(stats->first_instruction_ns - start) / 1e6,
		      (double)(stats->end_ns - start) / 1e6);
	(void)fprintf(stderr,
		      "vmm: memory: guest %" PRIu64 " KiB in %" PRIu32 " slots, %" PRIu64
		      " KiB of it touched; vmm's own %" PRIu64 " KiB, %" PRIu64
		      " KiB of it page tables\n",
		      machine->memory.ram_size / 1024, machine->slots.count,
		      guest_memory_resident(&machine->memory) / 1024, own_resident() / 1024,
		      machine->memory.table.tables * 4);
	if (stats->rom_writes)
		(void)fprintf(stderr, "vmm: writes to read-only memory dropped: %" PRIu64 "\n",
			      stats->rom_writes);
}

static json_t *exits_json(const struct stats *stats)
{
	json_t *exits = json_object();
	char name[32];

	for (unsigned int i = 0; i < STATS_EXIT_REASONS; i++) {
		exit_name(i, name);
		if (stats->exits[i])
			(void)json_object_set_new(exits, name,
						  json_integer((json_int_t)stats->exits[i]));
	}
	return exits;
}

static json_t *whole_json(const struct machine *machine)
{
	const struct stats *stats = &machine->stats;
	uint64_t start = stats->exec_ns;

	return json_pack("{s:s, s:i, s:I, s:o, s:I, s:{s:I, s:I}, s:{s:I, s:i, s:I, s:I, s:I}}",
			 "ended_by", machine->ending.name, "status", machine->ending.status,
			 "exits_total", (json_int_t)total_exits(stats), "exits", exits_json(stats),
			 "rom_writes_dropped", (json_int_t)stats->rom_writes, "time_ns",
			 "first_instruction", (json_int_t)(stats->first_instruction_ns - start),
			 "end", (json_int_t)(stats->end_ns - start), "memory", "guest_bytes",
			 (json_int_t)machine->memory.ram_size, "guest_slots",
			 (int)machine->slots.count, "guest_touched_bytes",
			 (json_int_t)guest_memory_resident(&machine->memory), "vmm_resident_bytes",
			 (json_int_t)own_resident(), "page_table_bytes",
			 (json_int_t)(machine->memory.table.tables * GUEST_PAGE));
}

static bool report_json(const struct machine *machine, struct failure *failure)
{
	FILE *file = machine->stats.file;
	json_t *json = whole_json(machine);
	bool good = json && json_dumpf(json, file, JSON_INDENT(2)) == 0;

	json_decref(json);
	(void)fputc('\n', file);
	return (good && fflush(file) == 0 && !ferror(file)) ||
	       fail(failure, STATUS_HOST, "--stats: %s: cannot be written",
		    machine->config->stats_file);
}

bool stats_report(const struct machine *machine, struct failure *failure)
{
	switch (machine->config->stats) {
	case STATS_TEXT:
		report_text(machine);
		return true;
	case STATS_JSON:
		return report_json(machine, failure);
	case STATS_OFF:
	default:
		return true;
	}
}

void stats_destroy(struct stats *stats)
{
	if (stats->file)
		(void)fclose(stats->file);
	stats->file = NULL;
}
