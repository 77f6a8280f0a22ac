/* SPDX-License-Identifier: MIT */
/* The checks of what only Arm's second stages have. */
#ifndef ARCH_AARCH64_GUEST_CHECKS_H
#define ARCH_AARCH64_GUEST_CHECKS_H

#include "guest/check.h"

/* leaf_checks.c */
void check_execute(const struct check *check);
void check_types(const struct check *check);
void check_share(const struct check *check);
void check_software(const struct check *check);
void check_bits(const struct check *check);
void check_table_bits(const struct check *check);
void check_group(const struct check *check);

/* live_checks.c */
void check_access_flag(const struct check *check);
void check_break(const struct check *check);
void check_break_type(const struct check *check);
void check_stale(const struct check *check);
void check_own_walk(const struct check *check);
void check_device(const struct check *check);

#endif
