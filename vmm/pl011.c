/* SPDX-License-Identifier: MIT */
/* A PL011 serial port, by its technical reference manual (Arm DDI 0183G). */
#include "pl011.h"

#include <string.h>

enum {
	UARTDR = 0x000,
	UARTRSR = 0x004,
	UARTFR = 0x018,
	UARTILPR = 0x020,
	UARTIBRD = 0x024,
	UARTFBRD = 0x028,
	UARTLCR_H = 0x02c,
	UARTCR = 0x030,
	UARTIFLS = 0x034,
	UARTIMSC = 0x038,
	UARTRIS = 0x03c,
	UARTMIS = 0x040,
	UARTICR = 0x044,
	UARTDMACR = 0x048,
	UART_ID = 0xfe0, /* UARTPeriphID0-3, UARTPCellID0-3 */

	RSR_OE = 0x8,

	FR_CTS = 0x01,
	FR_DSR = 0x02,
	FR_DCD = 0x04,
	FR_RXFE = 0x10,
	FR_RXFF = 0x40,
	FR_TXFE = 0x80,

	LCR_H_FEN = 0x10,

	CR_LBE = 0x080,
	CR_TXE = 0x100,
	CR_RXE = 0x200,

	INT_RX = 0x010,
	INT_TX = 0x020,
	INT_RT = 0x040,
	INT_OE = 0x400,
	INT_ALL = 0x7ff,
};

static unsigned int fifo_size(const struct pl011 *uart)
{
	return uart->lcr_h & LCR_H_FEN ? PL011_FIFO : 1;
}

static bool fifo_put(struct pl011 *uart, uint8_t byte)
{
	if (uart->fifo_count >= fifo_size(uart))
		return false;
	uart->fifo[(uart->fifo_head + uart->fifo_count) % PL011_FIFO] = byte;
	uart->fifo_count++;
	return true;
}

static uint8_t fifo_get(struct pl011 *uart)
{
	uint8_t byte = uart->fifo[uart->fifo_head];

	if (uart->fifo_count == 0)
		return 0;
	uart->fifo_head = (uart->fifo_head + 1) % PL011_FIFO;
	uart->fifo_count--;
	return byte;
}

/* UARTIFLS.RXIFLSEL: eighths of the FIFO, and reserved values. */
static unsigned int receive_trigger(const struct pl011 *uart)
{
	static const uint8_t triggers[] = { 2, 4, 8, 12, 14, 14, 14, 14 };

	return uart->lcr_h & LCR_H_FEN ? triggers[(uart->ifls >> 3) & 7] : 1;
}

/* UARTRIS. The receive timeout of 32 bit periods is over at once. */
static uint32_t raw_interrupts(const struct pl011 *uart)
{
	uint32_t raw = uart->raised;

	if (uart->fifo_count >= receive_trigger(uart))
		raw |= INT_RX;
	else if (uart->fifo_count != 0)
		raw |= INT_RT;
	return raw;
}

static void update_line(struct pl011 *uart)
{
	bool level = (raw_interrupts(uart) & uart->imsc) != 0;

	if (level == uart->line)
		return;
	uart->line = level;
	if (uart->interrupt)
		uart->interrupt(uart->context, level);
}

/* Returns whether the byte goes out. Whether UARTCR enables port and transmitter does not matter:
 * some small kernels never set it. */
static bool write_data(struct pl011 *uart, uint8_t value)
{
	uart->raised |= INT_TX;
	if (!(uart->cr & CR_LBE))
		return true;
	if (!fifo_put(uart, value)) {
		uart->overrun = true;
		uart->raised |= INT_OE;
	}
	return false;
}

static void write_lcr_h(struct pl011 *uart, uint32_t value)
{
	/* Turning the FIFOs on or off empties them. */
	if ((value ^ uart->lcr_h) & LCR_H_FEN)
		uart->fifo_head = uart->fifo_count = 0;
	uart->lcr_h = value & 0xff;
}

static bool write_register(struct pl011 *uart, uint64_t reg, uint32_t value)
{
	switch (reg) {
	case UARTDR:
		return write_data(uart, (uint8_t)value);
	case UARTRSR: /* UARTECR: any write clears */
		uart->overrun = false;
		break;
	case UARTILPR:
		uart->ilpr = value & 0xff;
		break;
	case UARTIBRD:
		uart->ibrd = value & 0xffff;
		break;
	case UARTFBRD:
		uart->fbrd = value & 0x3f;
		break;
	case UARTLCR_H:
		write_lcr_h(uart, value);
		break;
	case UARTCR:
		uart->cr = value & 0xffff;
		break;
	case UARTIFLS:
		uart->ifls = value & 0x3f;
		break;
	case UARTIMSC:
		uart->imsc = value & INT_ALL;
		break;
	case UARTICR:
		uart->raised &= ~value;
		break;
	case UARTDMACR:
		uart->dmacr = value & 0x7;
		break;
	default: /* reserved, or for reading */
		break;
	}
	return false;
}

static uint32_t read_data(struct pl011 *uart)
{
	uint32_t value = fifo_get(uart);

	/* UARTDR.OE */
	if (uart->overrun)
		value |= RSR_OE << 8;
	return value;
}

static uint32_t read_flags(const struct pl011 *uart)
{
	uint32_t flags = FR_TXFE | FR_CTS | FR_DSR | FR_DCD;

	if (uart->fifo_count == 0)
		flags |= FR_RXFE;
	if (uart->fifo_count >= fifo_size(uart))
		flags |= FR_RXFF;
	return flags;
}

/* Part 0x011, Arm, revision 1; the PrimeCell's. */
static uint32_t read_identity(uint64_t reg)
{
	static const uint8_t identity[] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	return reg >= UART_ID ? identity[(reg - UART_ID) / 4] : 0;
}

static uint32_t read_register(struct pl011 *uart, uint64_t reg)
{
	switch (reg) {
	case UARTDR:
		return read_data(uart);
	case UARTRSR:
		return uart->overrun ? RSR_OE : 0;
	case UARTFR:
		return read_flags(uart);
	case UARTILPR:
		return uart->ilpr;
	case UARTIBRD:
		return uart->ibrd;
	case UARTFBRD:
		return uart->fbrd;
	case UARTLCR_H:
		return uart->lcr_h;
	case UARTCR:
		return uart->cr;
	case UARTIFLS:
		return uart->ifls;
	case UARTIMSC:
		return uart->imsc;
	case UARTRIS:
		return raw_interrupts(uart);
	case UARTMIS:
		return raw_interrupts(uart) & uart->imsc;
	case UARTDMACR:
		return uart->dmacr;
	default:
		return read_identity(reg);
	}
}

/* A part of a register is read as such; a write counts if it has the register's first byte. */
static void pl011_io(void *owner, uint64_t offset, void *data, unsigned int size, bool is_write)
{
	struct pl011 *uart = owner;
	uint64_t reg = offset & ~UINT64_C(3), shift = 8 * (offset & 3);
	bool goes_out = false, drained;
	uint32_t value = 0;

	(void)pthread_mutex_lock(&uart->lock);
	if (!is_write) {
		value = read_register(uart, reg) >> shift;
		memcpy(data, &value, size);
	} else if (shift == 0) {
		memcpy(&value, data, size);
		goes_out = write_register(uart, reg, value);
	}
	drained = uart->refused && uart->fifo_count == 0 && !(uart->cr & CR_LBE);
	if (drained)
		uart->refused = false;
	update_line(uart);
	(void)pthread_mutex_unlock(&uart->lock);
	if (goes_out)
		uart->transmit(uart->context, (uint8_t)value);
	if (drained && uart->drained)
		uart->drained(uart->context);
}

void pl011_init(struct pl011 *uart)
{
	(void)pthread_mutex_init(&uart->lock, NULL);
	uart->fifo_head = uart->fifo_count = 0;
	uart->ilpr = uart->ibrd = uart->fbrd = uart->lcr_h = uart->imsc = uart->dmacr = 0;
	uart->cr = CR_RXE | CR_TXE;
	uart->ifls = 0x12;
	uart->raised = 0;
	uart->overrun = uart->refused = uart->line = false;
	uart->device.len = PL011_SIZE;
	uart->device.width = 4;
	uart->device.owner = uart;
	uart->device.do_io = pl011_io;
}

size_t pl011_receive(struct pl011 *uart, const uint8_t *bytes, size_t count)
{
	size_t taken = 0;

	(void)pthread_mutex_lock(&uart->lock);
	/* In loopback the receiver hears the transmitter, not the line. */
	while (!(uart->cr & CR_LBE) && taken < count && fifo_put(uart, bytes[taken]))
		taken++;
	uart->refused = taken < count;
	update_line(uart);
	(void)pthread_mutex_unlock(&uart->lock);
	return taken;
}
