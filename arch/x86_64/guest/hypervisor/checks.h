/* SPDX-License-Identifier: MIT */
/* The checks of what only x86_64's second stages have, and guests of SVM and VMX. */
#ifndef ARCH_X86_64_GUEST_CHECKS_H
#define ARCH_X86_64_GUEST_CHECKS_H

#include "guest/check.h"

/* device.c */
void check_device(const struct check *check);

/* descriptors.c */
void check_leaf_bits(const struct check *check);
void check_table_bits(const struct check *check);

#endif
