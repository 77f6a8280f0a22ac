/* SPDX-License-Identifier: MIT */
/* AArch64 stage 2, 4K. */
#include "stage2.h"

STAGE2_FORMAT(aarch64_stage2_4k, "AArch64 stage 2, 4K", 12, false);
