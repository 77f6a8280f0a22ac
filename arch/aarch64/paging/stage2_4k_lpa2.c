/* SPDX-License-Identifier: MIT */
/* AArch64 stage 2, 4K, LPA2. */
#include "stage2.h"

STAGE2_FORMAT(aarch64_stage2_4k_lpa2, "AArch64 stage 2, 4K, LPA2", 12, true);
