/* SPDX-License-Identifier: MIT */
/* Guest memory: the accessor's verdicts, and the runs that memory slots are made of. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest_memory.h"
#include "memory_runs.h"
#include "number.h"

static struct config config;
static struct guest_memory memory;

static void add_region(uint64_t base, uint64_t size, enum region_kind kind)
{
	struct memory_region region = { .base = base, .size = size, .kind = kind };
	struct failure failure;

	cr_assert(config_add_region(&config, &region, &failure), "%s", failure.text);
}

/* 4 GiB of RAM around the MMIO hole; ROM at 1 MiB, a hole at 2 MiB; RAM just below the top of all
 * guest addresses; and RAM next to RAM that is elsewhere in the file. */
static void set_up(void)
{
	struct failure failure;

	config_init(&config);
	config.memory = 4 * GIB;
	add_region(0x100000, 0x2000, REGION_ROM);
	add_region(0x200000, 0x1000, REGION_HOLE);
	add_region((UINT64_C(1) << 48) - 0x1000, 0x1000, REGION_RAM);
	add_region(0x140000000, 0x1000, REGION_RAM);
	cr_assert(guest_memory_init(&memory, &config, 48, &failure), "%s", failure.text);
}

static void tear_down(void)
{
	guest_memory_destroy(&memory);
	config_free(&config);
}

TestSuite(guest_memory, .init = set_up, .fini = tear_down);

static void allowed(uint64_t address, uint64_t length, enum guest_access access)
{
	struct guest_fault fault;

	cr_expect(guest_memory_check(&memory, address, length, access, &fault),
		  "0x%" PRIx64 "+0x%" PRIx64 ": reason %d at 0x%" PRIx64, address, length,
		  fault.reason, fault.address);
}

static void refused(uint64_t address, uint64_t length, enum guest_access access,
		    enum guest_refusal reason, uint64_t where)
{
	struct guest_fault fault = { GUEST_OK, 0 };

	cr_expect(!guest_memory_check(&memory, address, length, access, &fault),
		  "0x%" PRIx64 "+0x%" PRIx64, address, length);
	cr_expect(fault.reason == reason && fault.address == where,
		  "0x%" PRIx64 "+0x%" PRIx64 ": reason %d at 0x%" PRIx64, address, length,
		  fault.reason, fault.address);
}

Test(guest_memory, ram)
{
	for (int access = GUEST_READ; access <= GUEST_LOAD; access++) {
		allowed(0, 1, (enum guest_access)access);
		allowed(0, 0x100000, (enum guest_access)access);
		allowed(0x201000, 3 * GIB - 0x201000, (enum guest_access)access);
		allowed(4 * GIB, GIB, (enum guest_access)access);
		allowed(5 * GIB - 1, 1, (enum guest_access)access);
	}
}

Test(guest_memory, nothing_there)
{
	refused(0x200000, 1, GUEST_READ, GUEST_NO_MEMORY, 0x200000);
	refused(0x1fffff, 2, GUEST_READ, GUEST_NO_MEMORY, 0x200000);
	refused(0x1fffff, 0x10000, GUEST_LOAD, GUEST_NO_MEMORY, 0x200000);
	refused(3 * GIB, 1, GUEST_WRITE, GUEST_NO_MEMORY, 3 * GIB);
	refused(3 * GIB - 1, 2, GUEST_WRITE, GUEST_NO_MEMORY, 3 * GIB);
	refused(4 * GIB - 1, 1, GUEST_READ, GUEST_NO_MEMORY, 4 * GIB - 1);
	refused(0x140001000, 1, GUEST_READ, GUEST_NO_MEMORY, 0x140001000);
	refused(UINT64_C(1) << 48, 1, GUEST_READ, GUEST_NO_MEMORY, UINT64_C(1) << 48);
	refused(UINT64_MAX, 1, GUEST_READ, GUEST_NO_MEMORY, UINT64_MAX);
}

Test(guest_memory, rom)
{
	allowed(0x100000, 0x2000, GUEST_READ);
	allowed(0xff000, 0x4000, GUEST_READ);
	allowed(0x100000, 0x2000, GUEST_LOAD);
	refused(0x100000, 1, GUEST_WRITE, GUEST_READ_ONLY, 0x100000);
	refused(0xfffff, 2, GUEST_WRITE, GUEST_READ_ONLY, 0x100000);
	refused(0x101fff, 2, GUEST_WRITE, GUEST_READ_ONLY, 0x101fff);
	allowed(0x102000, 2, GUEST_WRITE);
}

Test(guest_memory, ranges_at_the_edge)
{
	uint64_t top = UINT64_C(1) << 48;

	allowed(top - 0x1000, 0x1000, GUEST_WRITE);
	allowed(top - 1, 1, GUEST_WRITE);
	refused(top - 1, 2, GUEST_WRITE, GUEST_NO_MEMORY, top);
	refused(0, 0, GUEST_READ, GUEST_EMPTY, 0);
	refused(UINT64_MAX, 2, GUEST_READ, GUEST_WRAPS, UINT64_MAX);
	refused(1, UINT64_MAX, GUEST_READ, GUEST_NO_MEMORY, 0x200000);
	refused(2, UINT64_MAX, GUEST_READ, GUEST_WRAPS, 2);
	refused(0x1000, UINT64_MAX - 0xffe, GUEST_READ, GUEST_WRAPS, 0x1000);
}

Test(guest_memory, bytes)
{
	uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, seen[8] = { 0 };
	struct guest_fault fault;
	uint64_t run;
	void *pointer;

	/* From RAM over into ROM, which lies elsewhere in the file. */
	cr_assert(guest_memory_load(&memory, 0xffffc, bytes, 8, &fault));
	cr_assert(guest_memory_read(&memory, 0xffffc, seen, 8, &fault));
	cr_expect(memcmp(seen, bytes, 8) == 0);
	cr_assert(guest_memory_read(&memory, 0x100000, seen, 4, &fault));
	cr_expect(memcmp(seen, bytes + 4, 4) == 0);
	pointer = guest_memory_at(&memory, 0xffffc, 8, GUEST_READ, &run, &fault);
	cr_assert_not_null(pointer);
	cr_expect_eq(run, 4);
	pointer = guest_memory_at(&memory, 0x100000, 0x10, GUEST_READ, &run, &fault);
	cr_assert_not_null(pointer);
	cr_expect_eq(run, 0x10);
	cr_expect(memcmp(pointer, bytes + 4, 4) == 0);
	/* Two neighbours of 1 GiB and 4 KiB that are apart in the file. */
	cr_assert(guest_memory_load(&memory, 0x13ffffffc, bytes, 8, &fault));
	cr_assert(guest_memory_read(&memory, 0x140000000, seen, 4, &fault));
	cr_expect(memcmp(seen, bytes + 4, 4) == 0);
}

Test(guest_memory, all_or_nothing)
{
	uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, seen[4] = { 9, 9, 9, 9 };
	struct guest_fault fault;

	cr_expect(!guest_memory_load(&memory, 0x1ffffc, bytes, 8, &fault));
	cr_expect_eq(fault.address, 0x200000);
	cr_assert(guest_memory_read(&memory, 0x1ffffc, seen, 4, &fault));
	cr_expect(memcmp(seen, "\0\0\0\0", 4) == 0);
	memset(seen, 9, sizeof(seen));
	cr_expect(!guest_memory_read(&memory, 0x1ffffe, seen, 4, &fault));
	cr_expect_eq(seen[0], 9);
}

/* A file that is shorter than was said. */
Test(guest_memory, short_file)
{
	char path[] = "/tmp/vmm-short-XXXXXX";
	struct failure failure;
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	(void)unlink(path);
	cr_assert_eq(write(fd, "abc", 3), 3);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	cr_expect(!guest_memory_load_file(&memory, 0, 4, fd, "file", &failure));
	cr_expect_str_eq(failure.text, "file: 1 bytes fewer than it had a moment ago");
	(void)close(fd);
}

struct expected {
	const struct memory_run *runs;
	size_t count;
	size_t at;
	bool offsets;
};

static bool compare_run(void *context, const struct memory_run *run)
{
	struct expected *expected = context;
	const struct memory_run *wanted = &expected->runs[expected->at];

	cr_assert(expected->at < expected->count, "one more at 0x%" PRIx64, run->address);
	cr_expect(run->address == wanted->address && run->size == wanted->size &&
			  run->writable == wanted->writable,
		  "run %zu: 0x%" PRIx64 "+0x%" PRIx64 " %d", expected->at, run->address, run->size,
		  run->writable);
	if (expected->offsets)
		cr_expect(run->offset == wanted->offset, "run %zu: offset 0x%" PRIx64, expected->at,
			  run->offset);
	expected->at++;
	return true;
}

#define TOP_PAGE ((UINT64_C(1) << 48) - 0x1000)

Test(guest_memory, slots)
{
	/* The file: 4 GiB of RAM, the ROM, then regions aligned as their leaves want it. */
	static const struct memory_run runs[] = {
		{ 0x0, 0x0, 0x100000, true },
		{ 0x100000, 4 * GIB, 0x2000, false },
		{ 0x102000, 0x102000, 0x200000 - 0x102000, true },
		{ 0x201000, 0x201000, 3 * GIB - 0x201000, true },
		{ 4 * GIB, 3 * GIB, GIB, true },
		{ 5 * GIB, 4 * GIB + 0x3000, 0x1000, true },
		{ TOP_PAGE, 4 * GIB + 0x2000, 0x1000, true },
	};
	struct expected expected = { runs, sizeof(runs) / sizeof(runs[0]), 0, true };

	cr_expect(memory_runs(&memory, false, compare_run, &expected));
	cr_expect_eq(expected.at, expected.count);
}

Test(guest_memory, map)
{
	static const struct memory_run runs[] = {
		{ 0x0, 0, 0x100000, true },
		{ 0x100000, 0, 0x2000, false },
		{ 0x102000, 0, 0x200000 - 0x102000, true },
		{ 0x201000, 0, 3 * GIB - 0x201000, true },
		{ 4 * GIB, 0, GIB + 0x1000, true },
		{ TOP_PAGE, 0, 0x1000, true },
	};
	struct expected expected = { runs, sizeof(runs) / sizeof(runs[0]), 0, false };

	cr_expect(memory_runs(&memory, true, compare_run, &expected));
	cr_expect_eq(expected.at, expected.count);
	cr_expect_eq(memory.ram_size, 4 * GIB - 0x1000 + 0x2000);
}

static bool stop_at_once(void *context, const struct memory_run *run)
{
	(void)run;
	(*(int *)context)++;
	return false;
}

Test(guest_memory, a_visitor_can_stop)
{
	int calls = 0;

	cr_expect(!memory_runs(&memory, false, stop_at_once, &calls));
	cr_expect_eq(calls, 1);
}

static bool count_run(void *context, const struct memory_run *run)
{
	(void)run;
	(*(int *)context)++;
	return true;
}

/* Many leaves of every size, and one slot. */
Test(guest_memory_sizes, one_slot)
{
	static const uint64_t sizes[] = { 1, 2, 3, 511, 513, 1023, 1025, 3071, 3072 };
	struct failure failure;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int slots = 0;

		config_init(&config);
		config.memory = sizes[i] * MIB;
		cr_assert(guest_memory_init(&memory, &config, 48, &failure), "%s", failure.text);
		cr_expect(memory_runs(&memory, false, count_run, &slots));
		cr_expect_eq(slots, 1, "%d slots for %" PRIu64 " MiB", slots, sizes[i]);
		cr_expect_eq(memory.ram_size, sizes[i] * MIB);
		guest_memory_destroy(&memory);
		config_free(&config);
	}
}

/* As large as -m allows. */
Test(guest_memory_sizes, huge)
{
	struct failure failure;

	config_init(&config);
	config.memory = 64 * TIB;
	if (guest_memory_init(&memory, &config, 48, &failure)) {
		cr_expect_eq(memory.ram_size, 64 * TIB);
	} else {
		/* Some hosts have not that much address space; then it is said, and that is all. */
		cr_expect_eq(failure.status, STATUS_HOST);
	}
	guest_memory_destroy(&memory);
	config_free(&config);
}
