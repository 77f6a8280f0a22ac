/* SPDX-License-Identifier: MIT */
/* AArch64 stage 2, 16K. */
#include "stage2.h"

STAGE2_FORMAT(aarch64_stage2_16k, "AArch64 stage 2, 16K", 14, false);
