/* SPDX-License-Identifier: MIT */
/* AArch64 stage 1, 4K, LPA2. */
#include "stage1.h"

STAGE1_FORMAT(aarch64_stage1_4k_lpa2, "AArch64 stage 1, 4K, LPA2", 12, true);
