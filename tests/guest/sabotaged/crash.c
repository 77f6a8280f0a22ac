/* SPDX-License-Identifier: MIT */
/* Ways for the guest to die, to see what it says about it. */
#include "crash.h"

#include "guest/kernel.h"
#include "guest/selftest.h"
#include "guest/text.h"

static void read_hole(void)
{
	*(volatile uint8_t *)(uintptr_t)test_address(TEST_OTHER);
}

static void write_text(void)
{
	*(volatile char *)(uintptr_t)image_text_start = 0;
}

static void invalid(void)
{
	__builtin_trap();
}

/* Not a tail call, and deeper than any stack. */
static unsigned int descend(volatile unsigned int depth)
{
	volatile unsigned int space[32];

	if (depth == 0)
		return 0;
	space[depth % 32] = depth;
	return descend(depth - 1) + space[depth % 32];
}

static void overflow(void)
{
	descend(1000000);
}

static const struct {
	const char *name;
	void (*die)(void);
} ways[] = {
	{ "hole", read_hole },
	{ "text", write_text },
	{ "invalid", invalid },
	{ "overflow", overflow },
};

static void (*chosen)(void);

void crash_choose(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (text_equal(name, ways[i].name))
			chosen = ways[i].die;
	}
	if (!chosen)
		panic("command line: crash=%s: there is no such thing", name);
}

void crash(void)
{
	if (chosen)
		chosen();
}
