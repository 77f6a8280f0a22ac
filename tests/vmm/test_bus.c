/* SPDX-License-Identifier: MIT */
/* The bus: who is asked for what, and what nobody answers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"

/* A device that remembers its accesses as text, and reads as its letter. */
struct recorder {
	struct device device;
	char letter;
};

static char accesses[512];

static void record(void *owner, uint64_t offset, void *data, unsigned int size, bool is_write)
{
	const struct recorder *recorder = owner;
	size_t used = strlen(accesses);
	unsigned int first = *(uint8_t *)data;

	if (is_write) {
		(void)snprintf(accesses + used, sizeof(accesses) - used, "%c%u+%u=%02x ",
			       recorder->letter, (unsigned int)offset, size, first);
	} else {
		(void)snprintf(accesses + used, sizeof(accesses) - used, "%c%u+%u ",
			       recorder->letter, (unsigned int)offset, size);
		memset(data, recorder->letter, size);
	}
}

static bool add(struct bus *bus, struct recorder *recorder, char letter, uint64_t base,
		uint64_t len, unsigned int width)
{
	struct failure failure;

	recorder->letter = letter;
	recorder->device = (struct device){ .base = base,
					    .len = len,
					    .width = width,
					    .name = "recorder",
					    .owner = recorder,
					    .do_io = record };
	return bus_add(bus, &recorder->device, &failure);
}

/* a: 0x10-0x17, up to 8 wide; b: 0x18-0x19, bytes; c: 0x20-0x23, up to 2 wide; d: the last byte */
static struct recorder a, b, c, d;
static struct bus bus;

static void set_up(void)
{
	memset(&bus, 0, sizeof(bus));
	accesses[0] = '\0';
	bus.last = 0xff;
	cr_assert(add(&bus, &c, 'c', 0x20, 4, 2));
	cr_assert(add(&bus, &a, 'a', 0x10, 8, 8));
	cr_assert(add(&bus, &b, 'b', 0x18, 2, 1));
	cr_assert(add(&bus, &d, 'd', 0xff, 1, 8));
}

static void reads(uint64_t address, unsigned int size, const char *expected, const char *asked)
{
	char data[9] = "________";

	accesses[0] = '\0';
	bus_access(&bus, address, data, size, false);
	cr_expect(memcmp(data, expected, size) == 0, "at 0x%x: %.8s, expected %s",
		  (unsigned int)address, data, expected);
	cr_expect(data[size] == '_' || size == 8, "at 0x%x: too much", (unsigned int)address);
	cr_expect_str_eq(accesses, asked);
}

TestSuite(bus, .init = set_up);

Test(bus, reads)
{
	reads(0x10, 8, "aaaaaaaa", "a0+8 ");
	reads(0x14, 4, "aaaa", "a4+4 ");
	reads(0x17, 1, "a", "a7+1 ");
	reads(0x18, 2, "bb", "b0+1 b1+1 ");
	reads(0x20, 4, "cccc", "c0+2 c2+2 ");
	reads(0x21, 2, "cc", "c1+2 ");
	reads(0xff, 1, "d", "d0+1 ");
}

Test(bus, nobody)
{
	reads(0, 8, "\377\377\377\377\377\377\377\377", "");
	reads(0x1c, 4, "\377\377\377\377", "");
	reads(0xfe, 1, "\377", "");
	reads(0x100, 4, "\377\377\377\377", "");
	reads(UINT64_MAX - 1, 8, "\377\377\377\377\377\377\377\377", "");
}

Test(bus, straddling)
{
	reads(0x0e, 4, "\377\377aa", "a0+2 ");
	reads(0x0f, 2, "\377a", "a0+1 ");
	reads(0x14, 8, "aaaabb\377\377", "a4+4 b0+1 b1+1 ");
	reads(0x17, 2, "ab", "a7+1 b0+1 ");
	reads(0x1e, 8, "\377\377cccc\377\377", "c0+2 c2+2 ");
	reads(0xfe, 4, "\377d\377\377", "d0+1 ");
	reads(0xff, 8, "d\377\377\377\377\377\377\377", "d0+1 ");
}

Test(bus, writes)
{
	uint8_t data[8] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };

	bus_access(&bus, 0x14, data, 8, true);
	bus_access(&bus, 0x00, data, 8, true);
	bus_access(&bus, 0x22, data, 4, true);
	bus_access(&bus, 0xff, data, 2, true);
	cr_expect_str_eq(accesses, "a4+4=11 b0+1=55 b1+1=66 c2+2=11 d0+1=11 ");
	cr_expect_eq(data[7], 0x88);
}

Test(bus, refusals)
{
	static struct recorder other, late;
	struct failure failure;

	cr_expect(!add(&bus, &other, 'x', 0x00, 0, 1), "empty");
	cr_expect(!add(&bus, &other, 'x', 0x17, 1, 1), "in the last byte of a");
	cr_expect(!add(&bus, &other, 'x', 0x00, 0x11, 1), "over the first byte of a");
	cr_expect(!add(&bus, &other, 'x', 0x00, 0x100, 1), "over all");
	cr_expect(!add(&bus, &other, 'x', 0xff, 1, 1), "over d");
	cr_expect(!add(&bus, &other, 'x', 0x100, 1, 1), "past the end");
	cr_expect(!add(&bus, &other, 'x', 0xf8, 9, 1), "over the end");
	cr_expect(!add(&bus, &other, 'x', 0x80, UINT64_MAX, 1), "wraps");
	cr_expect(add(&bus, &other, 'x', 0x1a, 6, 1), "between b and c");
	late.device = (struct device){ .base = 0x21, .len = 6, .name = "late" };
	cr_expect(!bus_add(&bus, &late.device, &failure));
	cr_expect_str_eq(failure.text, "late at 0x21-0x26 overlaps recorder at 0x20-0x23; "
				       "expected a free range");
}
