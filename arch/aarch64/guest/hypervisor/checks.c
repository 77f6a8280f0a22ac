/* SPDX-License-Identifier: MIT */
/* What only Arm's second stages have. */
#include "checks.h"

#include "hypervisor/hypervisor.h"

/* clang-format off */
#define SIZES(text, function)                                        \
	{ .name = text " @", .run = function, .rank = LEAF_PAGE },   \
	{ .name = text " @", .run = function, .rank = LEAF_BLOCK },  \
	{ .name = text " @", .run = function, .rank = LEAF_LARGE }
#define GROUPS(text, function)                                       \
	{ .name = text " @", .run = function, .rank = LEAF_PAGE },   \
	{ .name = text " @", .run = function, .rank = LEAF_BLOCK }

static const struct check checks[] = {
	SIZES("stage 2: execution by EL0 and EL1 apart,", check_execute),
	SIZES("stage 2: memory types in PAR_EL1,", check_types),
	SIZES("stage 2: shareability in PAR_EL1,", check_share),
	SIZES("stage 2: software bits,", check_software),
	SIZES("stage 2: descriptors bit by bit,", check_bits),
	{ .name = "stage 2: descriptors of tables, bit by bit", .run = check_table_bits },
	GROUPS("stage 2: a contiguous group of", check_group),
	SIZES("stage 2: an idle leaf faults where no hardware marks it,", check_access_flag),
	{ .name = "stage 2: break-before-make, a leaf split and joined, @",
	  .run = check_break, .rank = LEAF_BLOCK },
	GROUPS("stage 2: break-before-make, another memory type,", check_break_type),
	GROUPS("stage 2: TLBI ends a stale translation,", check_stale),
	{ .name = "stage 2: the guest's own walk reads and marks", .run = check_own_walk },
	{ .name = "stage 2: a hole is a device that is emulated", .run = check_device },
};
/* clang-format on */
const struct check_list arch_hypervisor_checks = CHECK_LIST(checks);
