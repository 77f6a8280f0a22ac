/* SPDX-License-Identifier: MIT */
#ifndef ARCH_X86_64_GUEST_UART_H
#define ARCH_X86_64_GUEST_UART_H

/* Sets the console up again, after somebody else has had it. */
void uart_again(void);

#endif
