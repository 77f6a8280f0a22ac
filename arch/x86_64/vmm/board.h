/* SPDX-License-Identifier: MIT */
/* What is on the board of an x86_64 machine besides serial port and debug exit. */
#ifndef VMM_X86_BOARD_H
#define VMM_X86_BOARD_H

#include "machine.h"

/* KVM_EXIT_IO */
void board_port_io(struct vcpu *vcpu);

#endif
