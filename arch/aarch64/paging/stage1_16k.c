/* SPDX-License-Identifier: MIT */
/* AArch64 stage 1, 16K. */
#include "stage1.h"

STAGE1_FORMAT(aarch64_stage1_16k, "AArch64 stage 1, 16K", 14, false);
