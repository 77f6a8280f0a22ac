/* SPDX-License-Identifier: MIT */
#include "gathering.h"

#include "require.h"

void gathering_open(struct gathering *g, const char *format)
{
	world_open(&g->world, format_case_named(format), MEMORY_BY_OFFSET);
	g->gather = (struct tlb_gather){ .ranges = g->ranges,
					 .range_capacity = 8,
					 .frames = g->frames,
					 .frame_capacity = 16,
					 .owner = world_frames(&g->world) };
	g->op = (struct page_table_op){ .frames = world_frames(&g->world), .gather = &g->gather };
}

void gathering_close(struct gathering *g)
{
	tlb_gather_finish(&g->gather);
	world_close(&g->world);
}

static void must(enum paging_status status)
{
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
}

void gathering_map(struct gathering *g, virt_addr virt, uint64_t size, bool global)
{
	struct page_flags flags = { .read = 1, .write = 1, .global = global };
	struct page_table_op op = { .frames = g->op.frames };

	must(page_table_map(&g->world.table, virt, 0, size, flags, &op));
}

void gathering_unmap(struct gathering *g, virt_addr virt, uint64_t size)
{
	must(page_table_unmap(&g->world.table, virt, size, &g->op));
}

void gathering_protect(struct gathering *g, virt_addr virt, uint64_t size)
{
	must(page_table_write_protect(&g->world.table, virt, size, &g->op));
}
