/* SPDX-License-Identifier: MIT */
#include "uart.h"

#include "guest/arch.h"
#include "layout.h"

enum {
	DATA = 0, /* of both */

	PL011_FLAGS = 0x18,
	PL011_CONTROL = 0x30,
	FLAGS_TRANSMIT_FULL = 1 << 5,
	CONTROL_ON = 1 << 0 | 1 << 8 | 1 << 9, /* UART, transmitter, receiver */

	STATUS_TRANSMITTER_EMPTY = 1 << 5,
};

#define NS16550_STATUS 5u

static struct device_tree_console console;
static uintptr_t base; /* 0: there is none */

static uint32_t read_register(unsigned int offset)
{
	if (console.pl011 || console.width == 4)
		return *(volatile uint32_t *)(base + offset);
	return *(volatile uint8_t *)(base + offset);
}

static void write_register(unsigned int offset, uint32_t value)
{
	if (console.pl011 || console.width == 4)
		*(volatile uint32_t *)(base + offset) = value;
	else
		*(volatile uint8_t *)(base + offset) = (uint8_t)value;
}

void uart_start(const struct device_tree_console *found)
{
	console = *found;
	base = (uintptr_t)(arch_layout.device_base + console.registers.start);
	uart_again();
}

void uart_again(void)
{
	if (base != 0 && console.pl011)
		write_register(PL011_CONTROL, CONTROL_ON);
}

static bool is_ready(void)
{
	if (console.pl011)
		return (read_register(PL011_FLAGS) & FLAGS_TRANSMIT_FULL) == 0;
	return (read_register(NS16550_STATUS << console.shift) & STATUS_TRANSMITTER_EMPTY) != 0;
}

void arch_console_write(const char *text, size_t length)
{
	for (size_t i = 0; base != 0 && i < length; i++) {
		while (!is_ready())
			;
		write_register(DATA, (uint8_t)text[i]);
	}
}
