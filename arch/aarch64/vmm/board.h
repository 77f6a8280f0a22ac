/* SPDX-License-Identifier: MIT */
/* What is on the board of an AArch64 machine, and what can be known of it before the vCPU is made.
 */
#ifndef VMM_ARM_BOARD_H
#define VMM_ARM_BOARD_H

#include <stdbool.h>

#include "machine.h"

/* Version of the GIC that the guest is told of: 2 or 3, or 0 for none. */
unsigned int board_gic(const struct machine *machine);

/* After the vCPU was made: the GIC takes no changes any more. */
bool board_start(struct machine *machine, struct failure *failure);

#endif
