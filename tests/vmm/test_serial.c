/* SPDX-License-Identifier: MIT */
/* The 16550, register by register, as its data sheet has it. */
#include <criterion/criterion.h>
#include <string.h>

#include "serial.h"

enum {
	DATA,
	IER,
	IIR,
	LCR,
	MCR,
	LSR,
	MSR,
	SCRATCH,
	FCR = IIR
};

static struct serial serial;
static char sent[256];
static unsigned int sent_count, drained_count, edges;
static bool level;

static void transmit(void *context, uint8_t byte)
{
	(void)context;
	sent[sent_count++] = (char)byte;
}

static void drained(void *context)
{
	(void)context;
	drained_count++;
}

static void interrupt(void *context, bool now)
{
	(void)context;
	cr_expect(now != level, "the line is reported only when it changes");
	level = now;
	edges += now;
}

static void set_up(void)
{
	memset(&serial, 0, sizeof(serial));
	memset(sent, 0, sizeof(sent));
	sent_count = drained_count = edges = 0;
	level = false;
	serial.transmit = transmit;
	serial.drained = drained;
	serial.interrupt = interrupt;
	serial_init(&serial);
}

static uint8_t in(unsigned int reg)
{
	uint8_t value = 0xa5;

	serial.device.do_io(serial.device.owner, reg, &value, 1, false);
	return value;
}

static void out(unsigned int reg, uint8_t value)
{
	serial.device.do_io(serial.device.owner, reg, &value, 1, true);
}

static size_t receive(const char *text)
{
	return serial_receive(&serial, (const uint8_t *)text, strlen(text));
}

TestSuite(serial, .init = set_up);

Test(serial, after_reset)
{
	cr_expect_eq(in(IER), 0);
	cr_expect_eq(in(IIR), 0x01);
	cr_expect_eq(in(LCR), 0);
	cr_expect_eq(in(MCR), 0);
	cr_expect_eq(in(LSR), 0x60);
	cr_expect_eq(in(MSR), 0xb0);
	cr_expect_eq(in(DATA), 0);
	cr_expect(!level);
}

Test(serial, transmit)
{
	out(DATA, 'a');
	out(DATA, 0);
	out(DATA, 0xff);
	cr_expect_eq(sent_count, 3);
	cr_expect(memcmp(sent, "a\0\xff", 3) == 0);
	cr_expect_eq(in(LSR), 0x60);
}

Test(serial, scratch_and_masks)
{
	out(SCRATCH, 0x5a);
	cr_expect_eq(in(SCRATCH), 0x5a);
	out(IER, 0xf0);
	cr_expect_eq(in(IER), 0, "the upper half does not exist");
	out(MCR, 0xe0);
	cr_expect_eq(in(MCR), 0, "the upper bits do not exist");
	out(LSR, 0xff);
	out(MSR, 0xff);
	cr_expect_eq(in(LSR), 0x60);
	cr_expect_eq(in(MSR), 0xb0);
}

Test(serial, divisor_latch)
{
	out(IER, 0x01);
	out(LCR, 0x83);
	out(DATA, 0x34);
	out(IER, 0x12);
	cr_expect_eq(in(DATA), 0x34);
	cr_expect_eq(in(IER), 0x12);
	cr_expect_eq(sent_count, 0, "the divisor is not sent");
	cr_expect_eq(in(LSR), 0x60, "the other registers are there");
	out(LCR, 0x03);
	cr_expect_eq(in(LCR), 0x03);
	cr_expect_eq(in(IER), 0x01);
	out(LCR, 0x80);
	cr_expect_eq(in(DATA), 0x34);
}

Test(serial, receive_without_fifo)
{
	cr_expect_eq(receive("ab"), 1);
	cr_expect_eq(in(LSR), 0x61);
	cr_expect_eq(drained_count, 0);
	cr_expect_eq(in(DATA), 'a');
	cr_expect_eq(drained_count, 1, "input had to wait");
	cr_expect_eq(in(LSR), 0x60);
	cr_expect_eq(receive("b"), 1);
	cr_expect_eq(in(DATA), 'b');
	cr_expect_eq(drained_count, 1, "none had to wait");
}

Test(serial, receive_with_fifo)
{
	out(FCR, 0x01);
	cr_expect_eq(in(IIR), 0xc1);
	cr_expect_eq(receive("0123456789abcdefXYZ"), 16);
	for (const char *c = "0123456789abcde"; *c; c++)
		cr_expect_eq(in(DATA), *c);
	cr_expect_eq(drained_count, 0);
	cr_expect_eq(receive("XYZ"), 3, "while it is not empty");
	cr_expect_eq(in(DATA), 'f');
	cr_expect_eq(in(DATA), 'X');
	cr_expect_eq(in(DATA), 'Y');
	cr_expect_eq(in(DATA), 'Z');
	cr_expect_eq(in(LSR), 0x60);
}

Test(serial, fifo_clears)
{
	out(FCR, 0x01);
	cr_expect_eq(receive("abc"), 3);
	out(FCR, 0x03);
	cr_expect_eq(in(LSR), 0x60, "cleared by its bit");
	cr_expect_eq(receive("abc"), 3);
	out(FCR, 0x00);
	cr_expect_eq(in(LSR), 0x60, "cleared by turning it off");
	cr_expect_eq(in(IIR), 0x01);
	cr_expect_eq(receive("a"), 1);
	out(FCR, 0xc6);
	cr_expect_eq(in(LSR), 0x60, "without the enable bit, it clears all the same");
}

Test(serial, receive_interrupt)
{
	cr_expect_eq(receive("a"), 1);
	cr_expect(!level, "not let through");
	out(IER, 0x01);
	cr_expect(level);
	cr_expect_eq(in(IIR), 0x04);
	cr_expect(level, "reading IIR does not end it");
	cr_expect_eq(in(DATA), 'a');
	cr_expect(!level);
	cr_expect_eq(in(IIR), 0x01);
	cr_expect_eq(receive("b"), 1);
	cr_expect(level);
	out(IER, 0x00);
	cr_expect(!level);
}

Test(serial, trigger_level_and_timeout)
{
	out(FCR, 0x81); /* 8 bytes */
	out(IER, 0x01);
	cr_expect_eq(receive("1234567"), 7);
	cr_expect_eq(in(IIR), 0xcc, "fewer than the trigger: timeout");
	cr_expect_eq(receive("8"), 1);
	cr_expect_eq(in(IIR), 0xc4);
	(void)in(DATA);
	cr_expect_eq(in(IIR), 0xcc);
	for (int i = 0; i < 7; i++)
		(void)in(DATA);
	cr_expect_eq(in(IIR), 0xc1);
	cr_expect(!level);
}

Test(serial, transmit_interrupt)
{
	out(IER, 0x02);
	cr_expect(level, "letting it through while empty raises it");
	cr_expect_eq(in(IIR), 0x02);
	cr_expect(!level, "reading IIR ends it");
	cr_expect_eq(in(IIR), 0x01);
	out(DATA, 'a');
	cr_expect(level, "the byte is out");
	edges = 0;
	out(DATA, 'b');
	cr_expect(level);
	cr_expect_eq(edges, 1, "each byte makes an edge");
	out(IER, 0x00);
	cr_expect(!level);
}

Test(serial, priorities)
{
	out(MCR, 0x10);
	out(DATA, 'x');
	out(DATA, 'y'); /* overrun: the receiver of loopback holds one */
	out(MCR, 0x12); /* RTS: CTS changes */
	out(IER, 0x0f);
	cr_expect_eq(in(IIR), 0x06, "line status first");
	cr_expect_eq(in(LSR), 0x63);
	cr_expect_eq(in(LSR), 0x61, "reading LSR clears the error");
	cr_expect_eq(in(IIR), 0x04, "then received data");
	cr_expect_eq(in(DATA), 'x');
	cr_expect_eq(in(IIR), 0x02, "then the transmitter");
	cr_expect_eq(in(IIR), 0x00, "then the modem");
	cr_expect(level);
	(void)in(MSR);
	cr_expect_eq(in(IIR), 0x01);
	cr_expect(!level);
}

Test(serial, loopback)
{
	out(FCR, 0x01);
	out(MCR, 0x10);
	cr_expect_eq(receive("outside"), 0, "the line is not heard");
	out(DATA, 'x');
	out(DATA, 'y');
	cr_expect_eq(sent_count, 0, "nothing goes out");
	cr_expect_eq(in(DATA), 'x');
	cr_expect_eq(in(DATA), 'y');
	cr_expect_eq(drained_count, 0, "still not heard");
	out(MCR, 0x00);
	cr_expect_eq(drained_count, 1, "now it is");
	cr_expect_eq(receive("outside"), 7);
}

Test(serial, modem_lines_in_loopback)
{
	out(MCR, 0x10);
	cr_expect_eq(in(MSR)&0xf0, 0);
	out(MCR, 0x11);
	cr_expect_eq(in(MSR), 0x22, "DTR is DSR");
	out(MCR, 0x12);
	cr_expect_eq(in(MSR), 0x13, "RTS is CTS; DSR changed, too");
	out(MCR, 0x14);
	cr_expect_eq(in(MSR), 0x41, "OUT1 is RI, whose delta is its end");
	out(MCR, 0x18);
	cr_expect_eq(in(MSR), 0x8c, "OUT2 is DCD; RI ended");
	cr_expect_eq(in(MSR), 0x80, "reading clears the deltas");
}

/* Anything a guest may do, from a fixed seed: nothing breaks, and what it says stays consistent. */
Test(serial, random_accesses)
{
	uint32_t state = 1;

	for (int i = 0; i < 200000; i++) {
		unsigned int reg;
		uint8_t lsr;

		state = state * 1664525 + 1013904223;
		reg = state >> 29;
		if (state & 0x1000000)
			out(reg, (uint8_t)(state >> 16));
		else
			(void)in(reg);
		if (state & 0x2000000)
			(void)receive("abcdefghijklmnopqrstuvwxyz");
		sent_count = 0;
		cr_assert_leq(serial.fifo_count, SERIAL_FIFO);
		lsr = in(LSR);
		cr_assert_eq((lsr & 1) != 0, serial.fifo_count != 0);
		cr_assert_eq((in(IIR)&1) == 0 || !level, true);
	}
}
