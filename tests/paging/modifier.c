/* SPDX-License-Identifier: MIT */
/*
 * Address modifier bits: AMD's C-bit (APM vol. 2 15.34.1) in all entries, the shared bit of a TDX
 * guest (Intel TDX module base specification, 9.2) in leaves. Bit 47 and bit 51 here, by hand.
 */
#include <inttypes.h>

#include <criterion/criterion.h>

#include <twofold/x86_64.h>

#include "require.h"
#include "world.h"

#define C_BIT      (UINT64_C(1) << 47)
#define SHARED_BIT (UINT64_C(1) << 51)
#define SMALL_PHYS UINT64_C(0x123456000)
#define LARGE_PHYS UINT64_C(0x140200000)
#define SMALL_AT   UINT64_C(0x8040201000)
#define LARGE_AT   UINT64_C(0x8040400000)

/* SDM vol. 3A tables 4-15 to 4-20, vol. 3C tables 28-1 to 28-6; APM vol. 2 5.3. */
static const struct modified {
	struct page_table_config config;
	uint64_t small; /* normal RWX memory at SMALL_PHYS, and at LARGE_PHYS; without the bit */
	uint64_t large;
} modified[] = {
	{ { .format = &x86_64_stage1,
	    .output_bits = 43,
	    .features = X86_64_NX,
	    .memory_attributes = X86_64_PAT,
	    .modifier = C_BIT,
	    .modified_tables = true },
	  0x123456023,
	  0x1402000a3 },
	{ { .format = &x86_64_stage1,
	    .output_bits = 47,
	    .memory_attributes = X86_64_PAT,
	    .modifier = C_BIT },
	  0x123456023,
	  0x1402000a3 },
	{ { .format = &x86_64_ept, .output_bits = 46, .modifier = SHARED_BIT },
	  0x123456037,
	  0x1402000b7 },
	{ { .format = &x86_64_npt,
	    .output_bits = 47,
	    .features = NPT_NX,
	    .memory_attributes = X86_64_PAT,
	    .modifier = C_BIT,
	    .modified_tables = true },
	  0x123456027,
	  0x1402000a7 },
};

static struct page_table_config complete(const struct page_table_config *from,
					 struct test_memory *memory)
{
	struct page_table_config config = *from;

	config.input_bits = 48;
	config.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M;
	config.access = memory_access(memory);
	return config;
}

/* The entry of `level` on the way to `virt`; those above have the bit if tables are to. */
static uint64_t entry_at(struct test_memory *memory, const struct page_table *table,
			 const struct page_table_config *config, virt_addr virt, unsigned int level)
{
	phys_addr at = table->root;

	for (unsigned int i = 3;; i--) {
		uint64_t entry = memory_read(memory, at + 8 * (virt >> (12 + 9 * i) & 511));

		if (i == level)
			return entry;
		REQUIRE((entry & config->modifier) ==
				(config->modified_tables ? config->modifier : 0),
			"level %u: a table entry 0x%" PRIx64, i, entry);
		at = entry & UINT64_C(0x000ffffffffff000) & ~config->modifier;
	}
}

static void must(enum paging_status status, const char *what)
{
	REQUIRE(status == PAGING_OK, "%s: %s", what, status_name(status));
}

static void require_entry(uint64_t entry, uint64_t expected)
{
	REQUIRE(entry == expected, "0x%" PRIx64 ", not 0x%" PRIx64, entry, expected);
}

static void require_query(const struct page_table *table, virt_addr virt, phys_addr phys, bool bit)
{
	struct page_mapping mapping;

	must(page_table_query(table, virt, &mapping), "query");
	REQUIRE(mapping.phys == phys && mapping.flags.modified == bit,
		"query has 0x%" PRIx64 ", modified %u", mapping.phys, mapping.flags.modified);
}

static void small_leaves(struct test_memory *memory, struct page_table *table,
			 const struct modified *m)
{
	struct page_flags flags = format_plain_flags();
	struct page_table_op op = { .frames = &memory->allocator };
	virt_addr other = SMALL_AT + PAGE_SIZE_4K;

	must(page_table_map_to(table, other, SMALL_PHYS, flags, op.frames), "map_to");
	flags.modified = 1;
	must(page_table_map_to(table, SMALL_AT, SMALL_PHYS, flags, op.frames), "map_to");
	require_entry(entry_at(memory, table, &m->config, other, 0), m->small);
	require_entry(entry_at(memory, table, &m->config, SMALL_AT, 0),
		      m->small | m->config.modifier);
	require_query(table, other, SMALL_PHYS, false);
	require_query(table, SMALL_AT, SMALL_PHYS, true);
	must(page_table_write_protect(table, SMALL_AT, PAGE_SIZE_4K, &op), "write_protect");
	require_query(table, SMALL_AT, SMALL_PHYS, true);
	must(page_table_unmap(table, SMALL_AT, 2 * PAGE_SIZE_4K, &op), "unmap");
}

/* Splitting and collapsing keep the bit, protecting sets it as it is told. */
static void large_leaves(struct test_memory *memory, struct page_table *table,
			 const struct modified *m)
{
	struct page_flags flags = format_plain_flags();
	struct page_table_op op = { .frames = &memory->allocator };
	uint64_t bit = m->config.modifier;

	flags.modified = 1;
	must(page_table_map(table, LARGE_AT, LARGE_PHYS, PAGE_SIZE_2M, flags, &op), "map");
	require_entry(entry_at(memory, table, &m->config, LARGE_AT, 1), m->large | bit);
	must(page_table_split(table, LARGE_AT, PAGE_SIZE_2M, PAGE_SIZE_4K, &op), "split");
	for (uint64_t at = 0; at < PAGE_SIZE_2M; at += PAGE_SIZE_4K) {
		require_entry(entry_at(memory, table, &m->config, LARGE_AT + at, 0),
			      (m->small - SMALL_PHYS + LARGE_PHYS + at) | bit);
		require_query(table, LARGE_AT + at, LARGE_PHYS + at, true);
	}
	must(page_table_collapse(table, LARGE_AT, PAGE_SIZE_2M, &op), "collapse");
	require_entry(entry_at(memory, table, &m->config, LARGE_AT, 1), m->large | bit);
	flags.modified = 0;
	must(page_table_protect(table, LARGE_AT, PAGE_SIZE_2M, flags, &op), "protect");
	require_entry(entry_at(memory, table, &m->config, LARGE_AT, 1), m->large);
	require_query(table, LARGE_AT, LARGE_PHYS, false);
	flags.modified = 1;
	must(page_table_protect(table, LARGE_AT, PAGE_SIZE_2M, flags, &op), "protect");
	require_entry(entry_at(memory, table, &m->config, LARGE_AT, 1), m->large | bit);
	must(page_table_set_software(table, LARGE_AT, PAGE_SIZE_2M, 0, &op), "set_software");
	require_entry(entry_at(memory, table, &m->config, LARGE_AT, 1), m->large | bit);
}

Test(modifier, descriptors)
{
	for (size_t i = 0; i < sizeof(modified) / sizeof(modified[0]); i++) {
		struct test_memory *memory = memory_create(0, MEMORY_BY_OFFSET);
		struct page_table_config config = complete(&modified[i].config, memory);
		struct page_table table;

		require_story_begin("configuration %zu", i);
		must(page_table_init(&table, &config, &memory->allocator), "init");
		small_leaves(memory, &table, &modified[i]);
		large_leaves(memory, &table, &modified[i]);
		page_table_destroy(&table, &memory->allocator);
		memory_destroy(memory);
	}
}

static void refused(const struct page_table_config *bad, struct test_memory *memory)
{
	struct page_table table;
	enum paging_status status = page_table_init(&table, bad, &memory->allocator);

	REQUIRE(status == PAGING_BAD_MODIFIER, "bit 0x%" PRIx64 ": %s", bad->modifier,
		status_name(status));
	REQUIRE(memory->requests == 0, "a frame was taken");
}

Test(modifier, bad_configurations)
{
	static const uint64_t bits[] = { UINT64_C(1) << 42,  UINT64_C(1) << 12, 1,
					 C_BIT | SHARED_BIT, UINT64_C(1) << 52, UINT64_C(1) << 63 };
	struct test_memory *memory = memory_create(0, MEMORY_BY_OFFSET);
	struct page_table_config config = complete(&modified[0].config, memory);

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		config.modifier = bits[i];
		refused(&config, memory);
	}
	config.modifier = 0; /* tables are to have a bit that there is not */
	refused(&config, memory);
	config = format_case_named("s1-4k-48")->config; /* Arm has none */
	config.access = memory_access(memory);
	config.modifier = UINT64_C(1) << config.output_bits;
	refused(&config, memory);
	memory_destroy(memory);
}

Test(modifier, a_flag_without_a_bit)
{
	struct page_flags flags = format_plain_flags();
	enum paging_status status;
	struct world world;

	flags.modified = 1;
	for (size_t i = 0; i < format_case_count(); i++) {
		if (format_case(i)->config.modifier != 0)
			continue;
		world_open(&world, format_case(i), MEMORY_BY_OFFSET);
		status = page_table_map_to(&world.table, format_middle(world.format), 0, flags,
					   world_frames(&world));
		REQUIRE(status == PAGING_BAD_FLAGS, "%s", status_name(status));
		world_close(&world);
	}
}
