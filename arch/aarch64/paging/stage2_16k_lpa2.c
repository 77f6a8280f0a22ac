/* SPDX-License-Identifier: MIT */
/* AArch64 stage 2, 16K, LPA2. */
#include "stage2.h"

STAGE2_FORMAT(aarch64_stage2_16k_lpa2, "AArch64 stage 2, 16K, LPA2", 14, true);
