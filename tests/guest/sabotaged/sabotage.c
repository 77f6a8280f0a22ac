/* SPDX-License-Identifier: MIT */
/*
 * Encoders broken on purpose. The option sabotage=NAME of a guest that is built with this picks one
 * of the architecture's list (sabotages.h), and the option flips=TARGET:BITS
 * flips single bits of a second stage's, one after the other.
 */
#include "crash.h"
#include "guest/check.h"
#include "guest/options.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "sabotages.h"

static const struct sabotage *chosen;
static bool armed;

static _Noreturn void deny(const char *name)
{
	for (size_t i = 0; i < sabotage_count; i++)
		print("# sabotage=%s\n", sabotages[i].name);
	panic("command line: sabotage=%s: expected one of the above", name);
}

/* Bits of a second stage's encoder that are to be flipped one by one. */
static struct {
	const char *name; /* NULL: none */
	unsigned int points, levels;
	uint64_t bits;
} flips;

/* TARGET:BITS, bit n of the number being bit n of a descriptor. */
static void choose_flips(const char *value)
{
	static const struct {
		const char *name;
		unsigned int points, levels;
	} targets[] = {
		{ "leaf:", LEAF, ALL },
		{ "block:", LEAF, BLOCKS },
		{ "large:", LEAF, LARGE },
		{ "table:", TABLE, ALL },
	};
	const char *rest = NULL;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (!text_starts(value, targets[i].name))
			continue;
		flips.name = targets[i].name;
		flips.points = targets[i].points;
		flips.levels = targets[i].levels;
		for (rest = value; *rest != ':'; rest++)
			;
		rest = text_number(rest + 1, &flips.bits);
	}
	if (!rest || *rest != '\0')
		panic("command line: flips=%s: expected {leaf,block,large,table}:BITS", value);
}

/* The checks that are selected, once with each of the bits always set and once with it never set.
 * No part of the run's own verdict: tests/guest/flips reads it. */
static void run_flips(void)
{
	struct sabotage one = { .phase = INNER, .points = flips.points, .levels = flips.levels };

	chosen = &one;
	for (unsigned int bit = 0; bit < 64; bit++) {
		if ((flips.bits >> bit & 1) == 0)
			continue;
		one.set = UINT64_C(1) << bit;
		print("# flip %s%u set\n", flips.name, bit);
		checks_run(guest_options.test);
		one.clear = one.set;
		one.set = 0;
		print("# flip %s%u clear\n", flips.name, bit);
		checks_run(guest_options.test);
		one.clear = 0;
	}
	chosen = NULL;
	print("# flip none\n");
}

bool sabotage_option(const char *key, const char *value)
{
	if (text_equal(key, "crash")) {
		crash_choose(value);
		return true;
	}
	if (text_equal(key, "pvh")) /* for pvh_shim.S */
		return true;
	if (text_equal(key, "flips")) {
		choose_flips(value);
		return true;
	}
	if (!text_equal(key, "sabotage"))
		return false;
	for (size_t i = 0; i < sabotage_count; i++) {
		if (text_equal(value, sabotages[i].name))
			chosen = &sabotages[i];
	}
	if (!chosen)
		deny(value);
	return true;
}

void sabotage_enter(enum sabotage_phase phase)
{
	static bool flipping;

	armed = chosen && chosen->phase == phase;
	if (phase != SABOTAGE_SELFTEST)
		return;
	crash();
	if (flips.name && !flipping) {
		flipping = true;
		run_flips();
	}
}

bool sabotage_omits(enum sabotage_step step)
{
	return armed && (chosen->omits >> step & 1) != 0;
}

/* A leaf that leads to a page one can land on. */
static uint64_t not_cleared(unsigned int level)
{
	if (chosen->phase == SABOTAGE_KERNEL)
		return 0;
	return addr_align_down(landing_page.start, arch_leaf_size(level)) |
	       (level == 0 ? 0 : sabotage_large_leaf);
}

uint64_t paging_sabotage(enum paging_sabotage_point point, unsigned int level, uint64_t descriptor)
{
	if (!armed || (chosen->points >> point & 1) == 0 || (chosen->levels >> level & 1) == 0)
		return descriptor;
	if (chosen->only != 0 && (descriptor & SABOTAGE_ADDRESS) != chosen->only)
		return descriptor;
	if (point == PAGING_SABOTAGE_CLEAR)
		descriptor = not_cleared(level);
	return ((descriptor | chosen->set) & ~chosen->clear) ^ chosen->flip;
}
