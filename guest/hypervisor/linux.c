/* SPDX-License-Identifier: MIT */
/* Linux as a guest: its memory, its faults, and what came of it. */
#include "linux.h"

#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "twofold/statistics.h"

static struct memory_range image, initrd; /* as they were loaded; empty: they were not */

static struct linux_guest run;

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

/* Hexadecimal, with 0x. */
static bool parse_number(const char **text, uint64_t *value)
{
	const char *c = *text;

	if (!text_starts(c, "0x"))
		return false;
	*value = 0;
	for (c += 2; (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'f'); c++)
		*value = *value << 4 | (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
	*text = c;
	return true;
}

static void parse_range(const char *key, const char *value, struct memory_range *range)
{
	const char *text = value;
	uint64_t size;

	if (!parse_number(&text, &range->start) || *text++ != '+' || !parse_number(&text, &size) ||
	    *text != '\0' || size == 0)
		panic("command line: %s=%s: expected START+SIZE, both hexadecimal", key, value);
	range->end = range->start + size;
	if (!memory_map_has_ram(&kernel.memory, range->start) ||
	    !memory_map_has_ram(&kernel.memory, range->end - 1))
		panic("command line: %s=%s: there is no RAM", key, value);
	if (!memory_map_reserve(&kernel.memory, range->start, size))
		panic("command line: %s=%s: too many reserved ranges", key, value);
}

bool linux_option(const char *key, const char *value)
{
	if (text_equal(key, "linux"))
		parse_range(key, value, &image);
	else if (text_equal(key, "initrd"))
		parse_range(key, value, &initrd);
	else
		return false;
	return true;
}

/* All that it may touch, and tables. */
static void demand_memory(uint64_t size, uint64_t available)
{
	if (size > LINUX_CHUNKS_MAX * LINUX_CHUNK)
		panic("Linux: more memory than 0x%lx chunks", (uint64_t)LINUX_CHUNKS_MAX);
	if (available < size + LINUX_TABLES_MAX)
		panic("Linux: %lu MiB in one piece are needed for it, there are %lu",
		      (size + LINUX_TABLES_MAX) >> 20, available >> 20);
}

static void prepare(void)
{
	struct inner_start start = { .how = INNER_BARE };

	arch_linux_prepare(&run, &image, &initrd, &start);
	demand_memory(run.ram.end - run.ram.start, kernel.pool.end - kernel.pool.next);
	guest_create(&run.guest, 0);
	run.vcpu.guest = &run.guest;
	if (!hypervisor.backend->vcpu_create(&run.vcpu, &start, &kernel.pool.allocator))
		panic("Linux: no memory");
	arch_linux_start(&run);
}

static void fill_part(uint8_t *to, phys_addr inner, const struct linux_part *part)
{
	phys_addr start = part->inner > inner ? part->inner : inner;
	phys_addr part_end = part->inner + part->size, end = inner + LINUX_CHUNK;

	if (end > part_end)
		end = part_end;
	if (start < end)
		memcpy(to + (start - inner), part->from + (start - part->inner), end - start);
}

static struct frame *chunk_of(size_t index)
{
	struct frame *chunk = &run.chunks[index];

	if (chunk->size != 0)
		return chunk;
	*chunk = test_frame(LINUX_CHUNK);
	memset(frame_bytes(*chunk), 0, LINUX_CHUNK);
	for (size_t i = 0; i < LINUX_PARTS; i++)
		fill_part(frame_bytes(*chunk), run.ram.start + index * LINUX_CHUNK, &run.parts[i]);
	inner_memory_ready(frame_bytes(*chunk), LINUX_CHUNK);
	return chunk;
}

static bool map_page(phys_addr inner, phys_addr phys, struct page_flags flags)
{
	return expect_status(
		"map_to",
		page_table_map_to(&run.guest.table, inner, phys, flags, &kernel.pool.allocator),
		PAGING_OK);
}

static bool touch_ram(phys_addr inner)
{
	size_t index = (size_t)((inner - run.ram.start) / LINUX_CHUNK);
	phys_addr start = run.ram.start + index * LINUX_CHUNK;

	if (!map_page(inner, chunk_of(index)->start + (inner - start), all))
		return false;
	run.touched[index] += page_size();
	if (run.touched[index] != LINUX_CHUNK)
		return true;
	run.collapsed++;
	return expect_status("collapse", guest_collapse(&run.guest, start, LINUX_CHUNK), PAGING_OK);
}

static bool fault(const struct inner_exit *exit)
{
	struct page_fault fault = hypervisor.backend->explain(&run.vcpu, exit);
	phys_addr page = addr_align_down(fault.phys, page_size()), phys;
	struct page_flags flags;

	run.faults++;
	if (fault.cause == FAULT_NOT_MAPPED && fault.phys_exact != 0) {
		if (arch_linux_device(&run, page, &phys, &flags))
			return map_page(page, phys, flags);
		if (page >= run.ram.start && page < run.ram.end)
			return touch_ram(page);
	}
	complain_exit("Linux", &run.vcpu, exit);
	return false;
}

static enum linux_state step(void)
{
	struct inner_exit exit;

	hypervisor.backend->run(&run.vcpu, &exit);
	if (exit.reason == INNER_FAULT)
		return fault(&exit) ? LINUX_RUNS : LINUX_LOST;
	return arch_linux_exit(&run, &exit);
}

static void report(const struct page_statistics *statistics)
{
	print("# Linux: %lu faults satisfied, %lu waits, %lu calls; second stage: %lu tables, "
	      "leaves:",
	      run.faults, run.waits, run.calls, statistics->tables);
	for (unsigned int i = 0; i < 64; i++) {
		char size[8];

		format_size(size, sizeof(size), UINT64_C(1) << i);
		if (statistics->leaves[i] != 0)
			print(" %lu of %s", statistics->leaves[i], size);
	}
	print("; %lu times collapsed; %lu of %lu KiB\n", run.collapsed, statistics->mapped >> 10,
	      (run.ram.end - run.ram.start) >> 10);
}

/* Its init switches the machine off; a kernel that cannot go on would start it again. */
static void check_linux(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	enum linux_state state = LINUX_RUNS;
	struct page_statistics statistics;
	const char *why = "";

	(void)check;
	if (image.start == image.end && initrd.start == initrd.end) {
		check_skip("no Linux has been loaded");
		return;
	}
	if (image.start == image.end || initrd.start == initrd.end)
		panic("command line: linux= and initrd=: one without the other");
	if (!arch_linux_possible(&why))
		panic("Linux: no way to run it here: %s", why);
	sabotage_enter(SABOTAGE_INNER);
	prepare();
	while (state == LINUX_RUNS)
		state = step();
	sabotage_enter(SABOTAGE_SELFTEST);
	hypervisor.backend->vcpu_destroy(&run.vcpu, &kernel.pool.allocator);
	arch_linux_end(&run);
	page_table_statistics(&run.guest.table, &statistics);
	report(&statistics);
	expect_equal("bytes that are mapped, each page by a fault", statistics.mapped,
		     run.faults * page_size());
	expect_true("it has waited for its timer", run.waits != 0);
	expect_true("its init has switched the machine off", state == LINUX_OFF);
	guest_destroy(&run.guest);
	for (size_t i = 0; i < LINUX_CHUNKS_MAX; i++) {
		if (run.chunks[i].size != 0)
			test_frame_free(run.chunks[i]);
	}
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

static const struct check checks[] = {
	{ .name = "linux: an unmodified kernel comes to its init, and ends", .run = check_linux },
};
const struct check_list hypervisor_linux_checks = CHECK_LIST(checks);
