/* SPDX-License-Identifier: MIT */
/* What x86_64 stage 1 and EPT cannot say, by name and without help from the generic tests. */
#include <criterion/criterion.h>

#include <twofold/x86_64.h>

#include "bad_config.h"
#include "require.h"
#include "world.h"

struct refusal {
	const char *format;
	const char *what;
	struct page_flags flags;
	bool accepted;
};

#define RWX .read = 1, .write = 1, .execute = 1

static const struct refusal refusals[] = {
	{ "x86-48", "execute only", { .execute = 1 }, false },
	{ "x86-48", "no execute, with NX", { .read = 1 }, true },
	{ "x86-48-bare", "no execute, without NX", { .read = 1 }, false },
	{ "x86-48-bare", "execute, without NX", { .read = 1, .execute = 1 }, true },
	{ "x86-48", "global", { RWX, .global = 1 }, true },
	{ "x86-48-no-1g", "global without PGE", { RWX, .global = 1 }, false },
	{ "x86-48", "key", { RWX, .protection_key = 3 }, true },
	{ "x86-57-global", "key without PKE", { RWX, .protection_key = 3 }, false },
	{ "x86-48", "WP in the PAT", { RWX, .type = MEMORY_WRITE_PROTECTED }, true },
	{ "x86-48-no-1g", "WP not in the PAT", { RWX, .type = MEMORY_WRITE_PROTECTED }, false },
	{ "x86-48-no-1g", "WC not in the PAT", { RWX, .type = MEMORY_NONCACHEABLE }, false },
	{ "x86-48", "nGnRnE", { RWX, .type = MEMORY_DEVICE_STRICT }, false },
	{ "x86-48", "IPAT", { RWX, .ignore_pat = 1 }, false },
	{ "x86-48", "suppress #VE", { RWX, .suppress_ve = 1 }, false },
	{ "x86-48", "execute privileged", { .read = 1, .execute_privileged = 1 }, false },
	{ "x86-48", "execute user", { .read = 1, .user = 1, .execute_user = 1 }, false },
	{ "x86-48", "shareable", { RWX, .share = SHARE_OUTER }, true },
	{ "ept-48", "execute only", { .execute = 1 }, true },
	{ "ept-48-bare", "execute only without the capability", { .execute = 1 }, false },
	{ "ept-48", "write only", { .write = 1 }, false },
	{ "ept-48", "write and execute", { .write = 1, .execute = 1 }, false },
	{ "ept-48", "user", { RWX, .user = 1 }, false },
	{ "ept-48", "global", { RWX, .global = 1 }, false },
	{ "ept-48", "key", { RWX, .protection_key = 1 }, false },
	{ "ept-48", "UC-", { RWX, .type = MEMORY_DEVICE_WEAK }, false },
	{ "ept-48", "nGnRnE", { RWX, .type = MEMORY_DEVICE_STRICT }, false },
	{ "ept-48", "idle", { RWX, .idle = 1 }, true },
	{ "ept-48-bare", "idle without A/D", { RWX, .idle = 1 }, false },
	{ "ept-48-bare", "dirty without A/D", { RWX, .dirty = 1 }, false },
	{ "ept-48", "suppress #VE", { RWX, .suppress_ve = 1 }, true },
	{ "ept-48-dirty", "suppress #VE not in use", { RWX, .suppress_ve = 1 }, false },
	{ "ept-48", "execute privileged", { .read = 1, .execute_privileged = 1 }, false },
	{ "ept-48", "execute user", { .read = 1, .execute_user = 1 }, false },
};

Test(errors_x86_64, flags)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *refusal = &refusals[i];
		struct model_op what = { .kind = MODEL_MAP_TO, .size = PAGE_SIZE_4K };
		enum paging_status status;
		struct world world;

		world_open(&world, format_case_named(refusal->format), MEMORY_BY_OFFSET);
		require_story("%s", refusal->what);
		what.flags = refusal->flags;
		status = world_step(&world, &what);
		REQUIRE(status == (refusal->accepted ? PAGING_OK : PAGING_BAD_FLAGS), "%s",
			status_name(status));
		world_close(&world);
	}
}

/* Everything a stage-1 table may have, with one field after the other gone wrong. */
#define STAGE1(...)                                                                              \
	{                                                                                        \
		.format = &x86_64_stage1, .input_bits = 48, .output_bits = 46,                   \
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, .features = X86_64_NX, \
		.memory_attributes = X86_64_PAT, __VA_ARGS__                                     \
	}
#define NPT(...)                                                                              \
	{                                                                                     \
		.format = &x86_64_npt, .input_bits = 48, .output_bits = 48,                   \
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, .features = NPT_NX, \
		.memory_attributes = X86_64_PAT, __VA_ARGS__                                  \
	}
#define EPT(...)                                                                           \
	{                                                                                  \
		.format = &x86_64_ept, .input_bits = 48, .output_bits = 46,                \
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M, .features = EPT_ACCESSED_DIRTY, \
		__VA_ARGS__                                                                \
	}

#pragma GCC diagnostic ignored "-Woverride-init"
static const struct bad_config bad_fields[] = {
	{ PAGING_BAD_FORMAT, "no format", STAGE1(.format = NULL) },
	{ PAGING_BAD_INPUT_BITS, "no input", STAGE1(.input_bits = 0) },
	{ PAGING_BAD_INPUT_BITS, "39 input bits", STAGE1(.input_bits = 39) },
	{ PAGING_BAD_INPUT_BITS, "47 input bits", STAGE1(.input_bits = 47) },
	{ PAGING_BAD_INPUT_BITS, "49 input bits", STAGE1(.input_bits = 49) },
	{ PAGING_BAD_INPUT_BITS, "64 input bits", STAGE1(.input_bits = 64) },
	{ PAGING_BAD_OUTPUT_BITS, "no output", STAGE1(.output_bits = 0) },
	{ PAGING_BAD_OUTPUT_BITS, "53 output bits", STAGE1(.output_bits = 53) },
	{ PAGING_BAD_OUTPUT_BITS, "64 output bits", STAGE1(.output_bits = 64) },
	{ PAGING_BAD_OUTPUT_BITS, "255 output bits", STAGE1(.output_bits = 255) },
	{ PAGING_BAD_LEAF_SIZES, "no leaves", STAGE1(.leaf_sizes = 0) },
	{ PAGING_BAD_LEAF_SIZES, "no granule", STAGE1(.leaf_sizes = PAGE_SIZE_2M | PAGE_SIZE_1G) },
	{ PAGING_BAD_LEAF_SIZES, "16K leaves", STAGE1(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_16K) },
	{ PAGING_BAD_LEAF_SIZES, "512G leaves",
	  STAGE1(.leaf_sizes = PAGE_SIZE_4K | UINT64_C(1) << 39) },
	{ PAGING_BAD_LEAF_SIZES, "1G leaves but no 2M",
	  STAGE1(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_1G) },
	{ PAGING_BAD_FEATURES, "unknown feature", STAGE1(.features = UINT32_C(1) << 31) },
	{ PAGING_BAD_FEATURES, "the next feature", STAGE1(.features = X86_64_PKU << 1) },
	{ PAGING_BAD_ATTRIBUTES, "PAT type 2",
	  STAGE1(.memory_attributes = X86_64_PAT & ~UINT64_C(4)) },
	{ PAGING_BAD_ATTRIBUTES, "PAT type 8",
	  STAGE1(.memory_attributes = X86_64_PAT_RESET | UINT64_C(8) << 56) },
	{ PAGING_BAD_ATTRIBUTES, "PAT reserved bits",
	  STAGE1(.memory_attributes = X86_64_PAT_RESET | UINT64_C(1) << 63) },
	{ PAGING_BAD_INPUT_BITS, "EPT: 39 input bits", EPT(.input_bits = 39) },
	{ PAGING_BAD_INPUT_BITS, "EPT: 52 input bits", EPT(.input_bits = 52) },
	{ PAGING_BAD_OUTPUT_BITS, "EPT: 53 output bits", EPT(.output_bits = 53) },
	{ PAGING_BAD_LEAF_SIZES, "EPT: no granule", EPT(.leaf_sizes = PAGE_SIZE_2M) },
	{ PAGING_BAD_LEAF_SIZES, "EPT: 1G leaves but no 2M",
	  EPT(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_1G) },
	{ PAGING_BAD_INPUT_BITS, "NPT: 39 input bits", NPT(.input_bits = 39) },
	{ PAGING_BAD_INPUT_BITS, "NPT: 52 input bits", NPT(.input_bits = 52) },
	{ PAGING_BAD_OUTPUT_BITS, "NPT: 31 output bits", NPT(.output_bits = 31) },
	{ PAGING_BAD_OUTPUT_BITS, "NPT: 53 output bits", NPT(.output_bits = 53) },
	{ PAGING_BAD_LEAF_SIZES, "NPT: no granule", NPT(.leaf_sizes = PAGE_SIZE_2M) },
	{ PAGING_BAD_LEAF_SIZES, "NPT: 1G leaves but no 2M",
	  NPT(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_1G) },
	{ PAGING_BAD_ATTRIBUTES, "NPT: PAT type 3",
	  NPT(.memory_attributes = X86_64_PAT | UINT64_C(2) << 8) },
	{ PAGING_BAD_FEATURES, "NPT: the next feature", NPT(.features = NPT_NX << 1) },
	{ PAGING_BAD_ATTRIBUTES, "EPT: a PAT", EPT(.memory_attributes = X86_64_PAT) },
	{ PAGING_BAD_FEATURES, "EPT: the next feature", EPT(.features = EPT_MODE_BASED << 1) },
};

Test(errors_x86_64, configurations)
{
	struct page_table_config good = STAGE1(.features = 0);
	struct page_table_config good_ept = EPT(.features = 0);
	struct page_table_config good_npt = NPT(.features = 0);

	bad_configs_require(&good, bad_fields, sizeof(bad_fields) / sizeof(bad_fields[0]));
	REQUIRE(init_with(&good_ept) == PAGING_OK, "the good EPT is refused");
	REQUIRE(init_with(&good_npt) == PAGING_OK, "the good NPT is refused");
}

static void never_unmapped(void *context, phys_addr table, void *pointer)
{
	(void)context;
	(void)pointer;
	REQUIRE(false, "0x%llx is unmapped", (unsigned long long)table);
}

static void *map_it(void *context, phys_addr table, uint64_t size)
{
	return memory_at(context, table, size);
}

/* A map that needs no unmap is fine; an unmap of what was never mapped is not. */
Test(errors_x86_64, table_access)
{
	struct test_memory *memory = memory_create(0, MEMORY_BY_OFFSET);
	struct page_table_config config = STAGE1(.access = { .map = map_it, .context = memory });
	struct page_table table;

	cr_assert_eq(page_table_init(&table, &config, &memory->allocator), PAGING_OK);
	cr_assert_eq(page_table_map_to(&table, 0, 0, (struct page_flags){ .read = 1 },
				       &memory->allocator),
		     PAGING_OK);
	page_table_destroy(&table, &memory->allocator);
	config.access = (struct table_access){ .unmap = never_unmapped };
	cr_assert_eq(page_table_init(&table, &config, &memory->allocator), PAGING_BAD_ACCESS);
	memory_destroy(memory);
}
