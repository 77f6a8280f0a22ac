/* SPDX-License-Identifier: MIT */
/* The run loop of a vCPU. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

struct machine;

/* Runs until machine_ending(). */
void vcpu_loop(struct machine *machine);

#endif
