/* SPDX-License-Identifier: MIT */
/* The run loop of a vCPU. */
#ifndef VMM_VCPU_LOOP_H
#define VMM_VCPU_LOOP_H

struct vcpu;

/* Runs until machine_ending(). */
void vcpu_loop(struct vcpu *vcpu);

#endif
