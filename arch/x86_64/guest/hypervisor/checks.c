/* SPDX-License-Identifier: MIT */
/* What only x86_64's second stages have, and guests of SVM and VMX. */
#include "checks.h"

#include "hypervisor/hypervisor.h"

/* clang-format off */
static const struct check checks[] = {
	{ .name = "device: a hole in memory, emulated by instruction", .run = check_device },
	{ .name = "descriptors: bit by bit, @", .run = check_leaf_bits, .rank = LEAF_PAGE },
	{ .name = "descriptors: bit by bit, @", .run = check_leaf_bits, .rank = LEAF_BLOCK },
	{ .name = "descriptors: bit by bit, @", .run = check_leaf_bits, .rank = LEAF_LARGE },
	{ .name = "descriptors: those of tables, bit by bit", .run = check_table_bits },
};
/* clang-format on */
const struct check_list arch_hypervisor_checks = CHECK_LIST(checks);
