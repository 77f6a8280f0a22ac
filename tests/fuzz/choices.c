/* SPDX-License-Identifier: MIT */
/*
 * The configurations, by the first byte of an input, and how a table of it is used. The committed
 * corpus is made of such bytes, so a line stays where it is for good: new configurations and uses
 * go to the end, and one that has gone leaves its place to another of its kind.
 */
#include <string.h>

#include "fuzz.h"
#include "require.h"

/* Bytes count modulo this, not modulo how many there are: those of old inputs stay what they are.
 * By what else is in the byte the uses count. */
#define PLACES 64

static const char *const names[] = {
	"x86-48",
	"x86-57",
	"x86-48-no-1g",
	"x86-48-bare",
	"x86-57-global",
	"x86-48-encrypted",
	"x86-57-shared",
	"ept-48",
	"ept-57",
	"ept-48-bare",
	"ept-48-dirty",
	"ept-48-fetch",
	"ept-57-ve-modes",
	"ept-48-shared",
	"ept-48-modes",
	"npt-48",
	"npt-57",
	"npt-48-no-1g",
	"npt-48-encrypted",
	"sv39",
	"sv39-bare",
	"sv48x4",
	"sv48x4-bare",
	"s1-4k-48",
	"s1-4k-39-upper",
	"s1-4k-48-el2",
	"s1-16k-47",
	"s1-64k-48-upper",
	"s1-64k-52-groups",
	"s1-4k-lpa2-48",
	"s1-4k-lpa2-52-upper",
	"s1-16k-lpa2-52-groups",
	"s1-4k-48-groups",
	"s1-16k-38-groups",
	"s2-4k-40-groups",
	"s2-64k-48-groups",
	"s2-4k-32",
	"s2-4k-40",
	"s2-4k-48",
	"s2-16k-40-groups",
	"s2-16k-48",
	"s2-64k-40",
	"s2-64k-52",
	"s2-4k-lpa2-52",
	"s2-16k-lpa2-52",
};

#define NAMES (sizeof(names) / sizeof(names[0]))

_Static_assert(NAMES <= PLACES,
	       "more configurations than PLACES: let inputs name one by two bytes");

/* By the same numbers, once: the fuzzer takes what is compared with names for something to try. */
static const struct format_case *formats[NAMES];

/* Whoever adds a configuration to the tests adds it here. */
static void require_all_named(void)
{
	for (size_t i = 0; i < format_case_count(); i++) {
		unsigned int named = 0;

		for (size_t n = 0; n < NAMES; n++)
			named += strcmp(names[n], format_case(i)->name) == 0;
		REQUIRE(named == 1, "%s is named %u times in tests/fuzz/choices.c",
			format_case(i)->name, named);
	}
}

const struct format_case *fuzz_format(uint8_t choice)
{
	if (formats[0] == NULL) {
		require_all_named();
		for (size_t n = 0; n < NAMES; n++)
			formats[n] = format_case_named(names[n]);
	}
	choice %= PLACES;
	return choice < NAMES ? formats[choice] : NULL;
}

static const struct fuzz_use uses[] = {
	{ .more = false, .parallel = false }, /* as it was */
	{ .more = true, .parallel = false },  /* by cursors and batches too */
	{ .more = false, .parallel = true },  /* as a parallel table */
	{ .more = true, .parallel = true },   /* as a parallel table, by cursors and batches too */
};

_Static_assert(sizeof(uses) / sizeof(uses[0]) * PLACES == 256, "each byte has a use");

struct fuzz_use fuzz_use(uint8_t choice)
{
	return uses[choice / PLACES];
}
