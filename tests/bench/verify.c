/* SPDX-License-Identifier: MIT */
/* What was measured is right, says the walker that was written from the manual. */
#include <inttypes.h>

#include "../paging/require.h"
#include "bench.h"

static struct walk_result walk(struct run *run, uint64_t offset, enum walk_kind kind)
{
	const struct format_case *model = &run->format->model;
	struct walk_memory memory = memory_walk(run->memory);
	struct walk_result result;

	result = model->translate(model, run->table.root, &memory, VIRT_BASE + offset,
				  (struct walk_access){ .kind = kind });
	return result;
}

static void check(struct run *run, uint64_t offset, uint64_t leaf, bool write)
{
	struct walk_result read = walk(run, offset, WALK_READ);

	REQUIRE(read.fault == WALK_OK && read.phys == PHYS_BASE + offset && read.page_size == leaf,
		"%s: page 0x%" PRIx64 ": fault %d, to 0x%" PRIx64 " in a leaf of 0x%" PRIx64,
		run->subject->name, offset, (int)read.fault, read.phys, read.page_size);
	REQUIRE(run->format->model.type(read.type) == MEMORY_NORMAL, "a wrong memory type");
	REQUIRE(walk(run, offset, WALK_WRITE).fault == (write ? WALK_OK : WALK_DENIED),
		"%s: page 0x%" PRIx64 ": a wrong permission", run->subject->name, offset);
}

void verify_mapped(struct run *run, uint64_t offset, uint64_t bytes, uint64_t leaf, bool write)
{
	REQUIRE(run->failures == 0, "%s: a call failed", run->subject->name);
	for (uint64_t done = 0; done < bytes; done += leaf)
		check(run, offset + done, leaf, write);
	/* And nothing more than that. */
	REQUIRE(walk(run, offset + bytes, WALK_READ).fault == WALK_NOT_PRESENT, "more is mapped");
}

void verify_page(struct run *run, uint64_t offset, bool write)
{
	check(run, offset, PAGE_SIZE_4K, write);
}

void verify_reaches(struct run *run, uint64_t offset)
{
	struct walk_result read = walk(run, offset, WALK_READ);

	check(run, offset, read.page_size, true);
}

void verify_empty(struct run *run, uint64_t bytes)
{
	REQUIRE(run->failures == 0, "%s: a call failed", run->subject->name);
	for (uint64_t offset = 0; offset < bytes; offset += PAGE_SIZE_4K)
		REQUIRE(walk(run, offset, WALK_READ).fault == WALK_NOT_PRESENT,
			"%s: page 0x%" PRIx64 " is still there", run->subject->name, offset);
	REQUIRE(!run->subject->frees || run->memory->live == 1,
		"%s: %" PRIu64 " tables for nothing", run->subject->name, run->memory->live);
}

void verify_sum(const struct run *run, const uint64_t *offsets, uint64_t mask)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < run->sizes->random; i++)
		sum += PHYS_BASE + (offsets[i] & mask);
	REQUIRE(run->failures == 0 && run->sum == sum, "%s: a query was wrong", run->subject->name);
}
