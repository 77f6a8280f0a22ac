/* SPDX-License-Identifier: MIT */
/* The console: a 16550 at port 0x3f8, polled. */
#include "cpu.h"
#include "guest/arch.h"
#include "uart.h"

enum {
	UART = 0x3f8,
	UART_DATA = UART + 0,
	UART_INTERRUPTS = UART + 1,
	UART_FIFO = UART + 2,
	UART_LINE = UART + 3,
	UART_STATUS = UART + 5,
	FIFO_ENABLE_AND_CLEAR = 0x07,
	LINE_8N1 = 0x03,
	STATUS_TRANSMITTER_EMPTY = 1 << 5, /* with the FIFO on: all of it is */
	FIFO_SIZE = 16,
};

static bool ready;

void uart_again(void)
{
	ready = false;
}

static void uart_init(void)
{
	out8(UART_INTERRUPTS, 0);
	out8(UART_LINE, LINE_8N1);
	out8(UART_FIFO, FIFO_ENABLE_AND_CLEAR);
	ready = true;
}

/* A whole FIFO at a time: in a virtual machine reading the status costs as much as sending. */
void arch_console_write(const char *text, size_t length)
{
	if (!ready)
		uart_init();
	while (length != 0) {
		size_t chunk = length < FIFO_SIZE ? length : FIFO_SIZE;

		while ((in8(UART_STATUS) & STATUS_TRANSMITTER_EMPTY) == 0)
			;
		out8_string(UART_DATA, text, chunk);
		text += chunk;
		length -= chunk;
	}
}
