/* SPDX-License-Identifier: MIT */
/* The PL011 as a driver sees it. */
#include <criterion/criterion.h>
#include <string.h>

#include "pl011.h"

/* By the technical reference manual, Arm DDI 0183G. */
enum {
	DR = 0x00,
	RSR = 0x04,
	FR = 0x18,
	LCR_H = 0x2c,
	CR = 0x30,
	IFLS = 0x34,
	IMSC = 0x38,
	RIS = 0x3c,
	MIS = 0x40,
	ICR = 0x44
};

static struct pl011 uart;
static char sent[64];
static size_t sent_count;
static unsigned int drained_calls, line_changes;
static bool line;

static void transmit(void *context, uint8_t byte)
{
	(void)context;
	sent[sent_count++] = (char)byte;
}

static void drained(void *context)
{
	(void)context;
	drained_calls++;
}

static void interrupt(void *context, bool level)
{
	(void)context;
	line = level;
	line_changes++;
}

static void set_up(void)
{
	uart = (struct pl011){ .transmit = transmit, .drained = drained, .interrupt = interrupt };
	pl011_init(&uart);
}

TestSuite(pl011, .init = set_up);

static uint32_t in(uint64_t reg)
{
	uint32_t value = 0xdeadbeef;

	uart.device.do_io(uart.device.owner, reg, &value, 4, false);
	return value;
}

static void out(uint64_t reg, uint32_t value)
{
	uart.device.do_io(uart.device.owner, reg, &value, 4, true);
}

static size_t receive(const char *text)
{
	return pl011_receive(&uart, (const uint8_t *)text, strlen(text));
}

Test(pl011, reset_state)
{
	cr_expect_eq(in(FR), 0x97);
	cr_expect_eq(in(CR), 0x300);
	cr_expect_eq(in(IFLS), 0x12);
	cr_expect_eq(in(RIS), 0);
	cr_expect_eq(in(0x80), 0);
}

Test(pl011, identity)
{
	static const uint32_t identity[] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	for (unsigned int i = 0; i < 8; i++)
		cr_expect_eq(in(0xfe0 + 4 * i), identity[i], "%u", i);
}

Test(pl011, sends)
{
	uint8_t byte = 'b';

	out(DR, 'a');
	uart.device.do_io(uart.device.owner, DR, &byte, 1, true);
	/* A part of a register that is not its first byte. */
	uart.device.do_io(uart.device.owner, DR + 1, &byte, 1, true);
	cr_expect_eq(sent_count, 2);
	cr_expect_eq(memcmp(sent, "ab", 2), 0);
	cr_expect_eq(in(FR)&0x88, 0x80);
}

Test(pl011, transmit_interrupt)
{
	out(IMSC, 0x20);
	cr_expect(!line);
	out(DR, 'a');
	cr_expect(line);
	cr_expect_eq(in(MIS), 0x20);
	out(ICR, 0x20);
	cr_expect(!line);
	cr_expect_eq(in(RIS), 0);
}

Test(pl011, receives_one_without_fifo)
{
	cr_expect_eq(receive("xy"), 1);
	cr_expect_eq(in(FR)&0x50, 0x40);
	cr_expect_eq(drained_calls, 0);
	cr_expect_eq(in(DR), 'x');
	cr_expect_eq(drained_calls, 1);
	cr_expect_eq(in(FR)&0x50, 0x10);
	cr_expect_eq(in(DR), 0);
}

Test(pl011, receives_sixteen_with_fifo)
{
	out(LCR_H, 0x70);
	cr_expect_eq(receive("0123456789abcdefg"), 16);
	for (unsigned int i = 0; i < 16; i++)
		cr_expect_eq(in(DR), (uint32_t) "0123456789abcdef"[i]);
	cr_expect_eq(drained_calls, 1);
	cr_expect_eq(receive("g"), 1);
	out(LCR_H, 0x60);
	cr_expect_eq(in(FR)&0x10, 0x10);
}

Test(pl011, receive_interrupts)
{
	out(LCR_H, 0x70);
	out(IMSC, 0x10);
	cr_expect_eq(receive("1234567"), 7);
	cr_expect(!line);
	cr_expect_eq(in(RIS), 0x40);
	cr_expect_eq(receive("8"), 1);
	cr_expect(line);
	cr_expect_eq(in(MIS), 0x10);
	(void)in(DR);
	cr_expect(!line);
	out(IMSC, 0x50);
	cr_expect(line);
	cr_expect_eq(in(MIS), 0x40);
	while (!(in(FR)&0x10))
		(void)in(DR);
	cr_expect(!line);
	cr_expect_eq(line_changes, 4);
}

Test(pl011, trigger_levels)
{
	static const unsigned int levels[] = { 2, 4, 8, 12, 14 };

	out(LCR_H, 0x10);
	for (uint32_t i = 0; i < 5; i++) {
		out(IFLS, i << 3);
		for (unsigned int count = 1; count <= 16; count++) {
			cr_expect_eq(receive("x"), 1);
			cr_expect_eq(in(RIS), count >= levels[i] ? 0x10U : 0x40U, "%u of %u", count,
				     levels[i]);
		}
		while (!(in(FR)&0x10))
			(void)in(DR);
	}
}

Test(pl011, loopback)
{
	out(CR, 0x380);
	out(DR, 'l');
	cr_expect_eq(sent_count, 0);
	cr_expect_eq(receive("x"), 0);
	out(DR, 'm');
	cr_expect_eq(in(RSR), 0x8);
	cr_expect_eq(in(RIS)&0x400, 0x400);
	cr_expect_eq(in(DR), 'l' | 0x800);
	out(RSR, 0);
	out(ICR, 0x7ff);
	cr_expect_eq(in(RSR), 0);
	cr_expect_eq(in(RIS), 0);
}

Test(pl011, parts_of_registers)
{
	uint8_t byte;
	uint16_t half;

	uart.device.do_io(uart.device.owner, CR + 1, &byte, 1, false);
	cr_expect_eq(byte, 0x03);
	uart.device.do_io(uart.device.owner, CR, &half, 2, false);
	cr_expect_eq(half, 0x300);
}
