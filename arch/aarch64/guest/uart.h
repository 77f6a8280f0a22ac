/* SPDX-License-Identifier: MIT */
/* The console: a PL011 or a 16550 in memory, polled. */
#ifndef ARCH_AARCH64_GUEST_UART_H
#define ARCH_AARCH64_GUEST_UART_H

#include "device_tree.h"

/* Its registers are mapped at arch_layout.device_base. Until this is called, what is printed is
 * lost. */
void uart_start(const struct device_tree_console *found);
/* Switches it on again, after somebody else has had it. */
void uart_again(void);

#endif
