/* SPDX-License-Identifier: MIT */
/* AArch64 stage 1, 4K. */
#include "stage1.h"

STAGE1_FORMAT(aarch64_stage1_4k, "AArch64 stage 1, 4K", 12, false);
