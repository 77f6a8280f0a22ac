/* SPDX-License-Identifier: MIT */
/*
 * VMSAv8-64 descriptors: Arm ARM DDI 0487, D8.3.1 and D8.3.2.
 *
 *	58:55     54     53   52    51   50  47:12    11  10  9:8  7:6      5   4:2       1:0
 *	software  UXN    PXN  cont  DBM  GP  address  nG  AF  SH   AP       NS  AttrIndx  11 or 01
 *	software  XN[1:0]     cont  DBM  0   address  0   AF  SH   S2AP     MemAttr       11 or 01
 */
#include <string.h>

#include <criterion/criterion.h>

#include "layout.h"
#include "require.h"
#include "world.h"

#define RWX          .read = 1, .write = 1, .execute = 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PHYS         0x123456000

static const struct layout_leaf stage1[] = {
	{ "read", PAGE_SIZE_4K, PHYS, { .read = 1 }, 0x0060000123456f83 },
	{ "execute", PAGE_SIZE_4K, PHYS, { .read = 1, .execute = 1 }, 0x0040000123456f83 },
	{ "write", PAGE_SIZE_4K, PHYS, { .read = 1, .write = 1 }, 0x0068000123456f83 },
	{ "all", PAGE_SIZE_4K, PHYS, { RWX }, 0x0048000123456f83 },
	{ "all, dirty", PAGE_SIZE_4K, PHYS, { RWX, .dirty = 1 }, 0x0048000123456f03 },
	{ "user", PAGE_SIZE_4K, PHYS, { RWX, .user = 1 }, 0x0028000123456fc3 },
	{ "global", PAGE_SIZE_4K, PHYS, { RWX, .global = 1 }, 0x0048000123456783 },
	{ "idle", PAGE_SIZE_4K, PHYS, { RWX, .idle = 1 }, 0x0048000123456b83 },
	{ "WT",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .type = MEMORY_WRITE_THROUGH },
	  0x0060000123456f87 },
	{ "NC",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .type = MEMORY_NONCACHEABLE },
	  0x0060000123456f8b },
	{ "nGnRE", PAGE_SIZE_4K, PHYS, { .read = 1, .type = MEMORY_DEVICE }, 0x0060000123456e8f },
	{ "GRE",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .type = MEMORY_DEVICE_WEAK },
	  0x0060000123456e93 },
	{ "nGnRnE",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .type = MEMORY_DEVICE_STRICT },
	  0x0060000123456e97 },
	{ "outer", PAGE_SIZE_4K, PHYS, { .read = 1, .share = SHARE_OUTER }, 0x0060000123456e83 },
	{ "not shared",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .share = SHARE_NONE },
	  0x0060000123456c83 },
	{ "guarded",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .execute = 1, .guarded = 1 },
	  0x0044000123456f83 },
	{ "EL0 fetches from a page of EL1",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .execute_user = 1 },
	  0x0020000123456f83 },
	{ "software 0", PAGE_SIZE_4K, PHYS, { .read = 1, .software = 1 }, 0x0160000123456f83 },
	{ "software 2", PAGE_SIZE_4K, PHYS, { .read = 1, .software = 4 }, 0x0460000123456f83 },
	{ "dirty, read-only", PAGE_SIZE_4K, PHYS, { .read = 1, .dirty = 1 }, 0x00e0000123456f83 },
	{ "2M", PAGE_SIZE_2M, 0x140200000, { .read = 1 }, 0x0060000140200f81 },
	{ "1G", PAGE_SIZE_1G, 0x140000000, { .read = 1 }, 0x0060000140000f81 },
	{ "the last frame", PAGE_SIZE_4K, 0xfffffffff000, { .read = 1 }, 0x0060ffffffffff83 },
};

/* OA[51:48] are bits 15:12. */
static const struct layout_leaf stage1_64k[] = {
	{ "64K", PAGE_SIZE_64K, 0xf123456780000, { .read = 1 }, 0x006012345678ff83 },
	{ "512M", UINT64_C(1) << 29, 0xa123460000000, { .read = 1 }, 0x006012346000af81 },
	{ "4T", UINT64_C(1) << 42, 0x5800000000000, { .read = 1 }, 0x0060800000005f81 },
};

/* OA[49:12] are in place, OA[51:50] are bits 9:8. */
static const struct layout_leaf stage1_lpa2[] = {
	{ "bits 51:50", PAGE_SIZE_4K, 0xc000123456000, { .read = 1 }, 0x0060000123456f83 },
	{ "bit 50", PAGE_SIZE_4K, 0x4000123456000, { .read = 1 }, 0x0060000123456d83 },
	{ "bits 49:48", PAGE_SIZE_4K, 0x3000123456000, { .read = 1 }, 0x0063000123456c83 },
	{ "512G", UINT64_C(1) << 39, 0xa008000000000, { .read = 1 }, 0x0062008000000e81 },
};

/* One privilege level: AP[1] is RES1, bit 54 is XN, PXN and nG are RES0. */
static const struct layout_leaf stage1_el2[] = {
	{ "read", PAGE_SIZE_4K, PHYS, { .read = 1 }, 0x00400001234567c3 },
	{ "execute", PAGE_SIZE_4K, PHYS, { .read = 1, .execute = 1 }, 0x00000001234567c3 },
};

static const struct layout_leaf stage2[] = {
	{ "read", PAGE_SIZE_4K, PHYS, { .read = 1 }, 0x004000012345677f },
	{ "write only", PAGE_SIZE_4K, PHYS, { .write = 1 }, 0x00400001234567bf },
	{ "execute only", PAGE_SIZE_4K, PHYS, { .execute = 1 }, 0x000000012345673f },
	{ "all", PAGE_SIZE_4K, PHYS, { RWX }, 0x00000001234567ff },
	{ "EL1 fetches",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .execute_privileged = 1 },
	  0x006000012345677f },
	{ "EL0 fetches", PAGE_SIZE_4K, PHYS, { .read = 1, .execute_user = 1 }, 0x002000012345677f },
	{ "idle", PAGE_SIZE_4K, PHYS, { RWX, .idle = 1 }, 0x00000001234563ff },
	{ "WT",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .type = MEMORY_WRITE_THROUGH },
	  0x004000012345676b },
	{ "NC",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .type = MEMORY_NONCACHEABLE },
	  0x0040000123456757 },
	{ "nGnRE", PAGE_SIZE_4K, PHYS, { .read = 1, .type = MEMORY_DEVICE }, 0x0040000123456647 },
	{ "2M", PAGE_SIZE_2M, 0x140200000, { RWX }, 0x00000001402007fd },
	{ "1G", PAGE_SIZE_1G, 0x140000000, { RWX }, 0x00000001400007fd },
};

/* With FWB write-back is 6, and with hardware dirty state a clean leaf has DBM and no S2AP[1]. */
static const struct layout_leaf stage2_fwb[] = {
	{ "read", PAGE_SIZE_4K, PHYS, { .read = 1 }, 0x004000012345675b },
	{ "all", PAGE_SIZE_4K, PHYS, { RWX }, 0x000800012345675b },
	{ "all, dirty", PAGE_SIZE_4K, PHYS, { RWX, .dirty = 1 }, 0x00080001234567db },
	{ "dirty, read-only", PAGE_SIZE_4K, PHYS, { .read = 1, .dirty = 1 }, 0x00c000012345675b },
	{ "NC",
	  PAGE_SIZE_4K,
	  PHYS,
	  { .read = 1, .type = MEMORY_NONCACHEABLE },
	  0x0040000123456757 },
};

Test(layout_aarch64, stage1)
{
	layout_require("s1-4k-48", stage1, COUNT(stage1), 0);
}

Test(layout_aarch64, stage1_64k)
{
	layout_require("s1-64k-52-groups", stage1_64k, COUNT(stage1_64k), 0);
}

Test(layout_aarch64, stage1_lpa2)
{
	layout_require("s1-4k-lpa2-52-upper", stage1_lpa2, COUNT(stage1_lpa2), 0);
}

Test(layout_aarch64, stage1_el2)
{
	layout_require("s1-4k-48-el2", stage1_el2, COUNT(stage1_el2), 0);
}

Test(layout_aarch64, stage2)
{
	layout_require("s2-4k-40", stage2, COUNT(stage2), 0);
}

/* Without FEAT_XNX bit 53 is RES0: whoever may fetch, bit 54 alone says it. */
Test(layout_aarch64, stage2_bit_53_without_xnx)
{
	const uint64_t xn0 = UINT64_C(1) << 53;
	struct world world;
	virt_addr virt;

	world_open(&world, format_case_named("s2-4k-32"), MEMORY_BY_OFFSET);
	virt = format_middle(world.format);
	for (unsigned int execute = 0; execute < 2; execute++) {
		struct page_flags flags = { .read = 1, .execute = execute & 1 };
		struct page_mapping mapping;
		struct walk_result leaf;
		uint64_t d;

		cr_assert_eq(page_table_map_to(&world.table, virt, 0, flags, world_frames(&world)),
			     PAGING_OK);
		leaf = world_translate(&world, virt, world_accesses[0]);
		d = leaf.descriptor | xn0;
		memcpy(memory_at(world.memory, leaf.entry, sizeof(d)), &d, sizeof(d));
		cr_assert_eq(page_table_query(&world.table, virt, &mapping), PAGING_OK);
		cr_assert(page_flags_equal(mapping.flags, flags));
		virt += PAGE_SIZE_4K;
	}
	world_close(&world);
}

Test(layout_aarch64, stage2_with_fwb)
{
	layout_require("s2-4k-48", stage2_fwb, COUNT(stage2_fwb), 0);
}

/* Valid, a table, and nothing taken away by bits 63:59. */
Test(layout_aarch64, table_entries)
{
	layout_require_tables("s1-4k-48", 0xf800000000000003, 0x3);
	layout_require_tables("s2-4k-48", 0xf800000000000003, 0x3);
}

/* Each MemAttr that another writer may have put there, those that are reserved too. */
static void require_memattr(const char *name)
{
	struct page_mapping mapping;
	struct world world;
	phys_addr entry;
	uint64_t d;

	world_open(&world, format_case_named(name), MEMORY_BY_OFFSET);
	world_map(&world, 0, PAGE_SIZE_4K, PAGE_SIZE_4K);
	entry = world_translate(&world, 0, world_accesses[0]).entry;
	d = memory_read(world.memory, entry) & ~UINT64_C(0x3c);
	for (unsigned int i = 0; i < 16; i++) {
		uint64_t other = d | i << 2;

		memcpy(memory_at(world.memory, entry, 8), &other, 8);
		REQUIRE(page_table_query(&world.table, 0, &mapping) == PAGING_OK &&
				mapping.flags.type == (unsigned int)world.format->type(i),
			"MemAttr %u is type %u", i, mapping.flags.type);
	}
	world_close(&world);
}

Test(layout_aarch64, stage2_types_of_others)
{
	require_memattr("s2-4k-40");
	require_memattr("s2-4k-48");
}

/* nT, bit 16 of a block (FEAT_BBM), and what is reserved beside it are no part of the address. */
static void require_block(const char *name)
{
	const struct format_case *format = format_case_named(name);
	uint64_t size = format->level_size[1];
	struct page_mapping mapping;
	struct world world;
	virt_addr virt;
	phys_addr entry;
	uint64_t block;

	world_open(&world, format, MEMORY_BY_OFFSET);
	virt = format_middle(format);
	world_map(&world, virt, size, size);
	entry = world_translate(&world, virt, world_accesses[0]).entry;
	block = memory_read(world.memory, entry);
	for (uint64_t bit = format->level_size[0]; bit != size; bit <<= 1) {
		uint64_t other = block | bit;

		memcpy(memory_at(world.memory, entry, 8), &other, 8);
		REQUIRE(page_table_query(&world.table, virt + 1, &mapping) == PAGING_OK &&
				mapping.phys == size && mapping.size == size,
			"bit 0x%llx makes it 0x%llx", (unsigned long long)bit,
			(unsigned long long)mapping.phys);
	}
	memcpy(memory_at(world.memory, entry, 8), &block, 8);
	world_close(&world);
}

Test(layout_aarch64, below_a_block)
{
	require_block("s1-4k-48");
	require_block("s1-64k-52-groups");
	require_block("s2-16k-48");
}

/* A reader beside a writer: an entry that is another leaf by now says nothing about the group. */
Test(layout_aarch64, group_in_change)
{
	const uint64_t dirty_page = 0x0048000123456f03;
	struct page_flags flags = { .read = 1 };
	struct page_mapping mapping;
	struct world world;
	uint64_t before;
	virt_addr virt;
	phys_addr entry;

	world_open(&world, format_case_named("s1-4k-48-groups"), MEMORY_BY_OFFSET);
	virt = format_middle(world.format);
	world_must(&world, &(struct model_op){ .kind = MODEL_MAP,
					       .virt = virt,
					       .phys = 0x140000000,
					       .size = PAGE_SIZE_64K,
					       .flags = flags });
	entry = world_translate(&world, virt + PAGE_SIZE_4K, world_accesses[0]).entry;
	before = memory_read(world.memory, entry);
	memcpy(memory_at(world.memory, entry, 8), &dirty_page, 8);
	REQUIRE(page_table_query(&world.table, virt, &mapping) == PAGING_OK &&
			mapping.size == PAGE_SIZE_64K && page_flags_equal(mapping.flags, flags),
		"the rest of the group is something else");
	memcpy(memory_at(world.memory, entry, 8), &before, 8);
	world_close(&world);
}
