/* SPDX-License-Identifier: MIT */
#include "bad_config.h"

#include "memory.h"
#include "require.h"
#include "world.h"

enum paging_status init_with(const struct page_table_config *config)
{
	struct test_memory *memory = memory_create(0, MEMORY_BY_OFFSET);
	struct page_table_config complete = *config;
	struct page_table table;
	enum paging_status status;

	complete.access = memory_access(memory);
	status = page_table_init(&table, &complete, &memory->allocator);
	if (status == PAGING_OK)
		page_table_destroy(&table, &memory->allocator);
	memory_destroy(memory);
	return status;
}

void bad_configs_require(const struct page_table_config *good, const struct bad_config *bad,
			 size_t count)
{
	REQUIRE(init_with(good) == PAGING_OK, "the good one is refused");
	for (size_t i = 0; i < count; i++) {
		enum paging_status status = init_with(&bad[i].config);

		REQUIRE(status == bad[i].status, "%s: %s", bad[i].what, status_name(status));
	}
}
