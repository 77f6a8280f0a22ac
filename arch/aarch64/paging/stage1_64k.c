/* SPDX-License-Identifier: MIT */
/* AArch64 stage 1, 64K. */
#include "stage1.h"

STAGE1_FORMAT(aarch64_stage1_64k, "AArch64 stage 1, 64K", 16, false);
