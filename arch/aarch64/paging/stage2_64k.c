/* SPDX-License-Identifier: MIT */
/* AArch64 stage 2, 64K. */
#include "stage2.h"

STAGE2_FORMAT(aarch64_stage2_64k, "AArch64 stage 2, 64K", 16, false);
