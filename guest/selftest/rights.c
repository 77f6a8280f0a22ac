/* SPDX-License-Identifier: MIT */
/* Every combination of rights, on leaves of every size: what does the CPU let through? */
#include "guest/selftest.h"

static void check_rights(const struct check *check)
{
	struct page_mapping m;
	virt_addr at;

	if (!test_leaf_possible(check->leaf) || !test_flags_possible(check->flags))
		return;
	at = test_map_leaf(landing_page, check->leaf, check->flags);
	if (at == 0)
		return;
	if (expect_status("query", kernel_query(at, &m), PAGING_OK)) {
		expect_equal("size of the leaf", m.size, check->leaf);
		expect_equal("where it leads", m.phys + (at - m.virt), landing_page.start);
	}
	expect_rights("leaf", at, &check->flags);
	expect_landing_page(at);
	test_unmap_leaf(check->leaf);
}

/* clang-format off */
#define RIGHTS(rank_, text, ...)                                                 \
	{                                                                        \
		.name = "rights: @ " text, .run = check_rights, .rank = (rank_), \
		.flags = { .read = 1, __VA_ARGS__ },                             \
	}
#define RIGHTS_OF(rank)                                                \
	RIGHTS(rank, "r--", .write = 0),                               \
	RIGHTS(rank, "rw-", .write = 1),                               \
	RIGHTS(rank, "r-x", .execute = 1),                             \
	RIGHTS(rank, "rwx", .write = 1, .execute = 1),                 \
	RIGHTS(rank, "r-- user", .user = 1),                           \
	RIGHTS(rank, "rw- user", .write = 1, .user = 1),               \
	RIGHTS(rank, "r-x user", .execute = 1, .user = 1),             \
	RIGHTS(rank, "rwx user", .write = 1, .execute = 1, .user = 1)

static const struct check checks[] = {
	RIGHTS_OF(LEAF_PAGE),
	RIGHTS_OF(LEAF_BLOCK),
	RIGHTS_OF(LEAF_LARGE),
};
/* clang-format on */
const struct check_list rights_checks = CHECK_LIST(checks);
