/* SPDX-License-Identifier: MIT */
/*
 * Encoders broken on purpose. The option sabotage=NAME of a guest that is built with this picks one
 * of the architecture's list (sabotages.h).
 */
#include "crash.h"
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

bool sabotage_option(const char *key, const char *value)
{
	if (text_equal(key, "crash")) {
		crash_choose(value);
		return true;
	}
	if (text_equal(key, "pvh")) /* for pvh_shim.S */
		return true;
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
	armed = chosen && chosen->phase == phase;
	if (phase == SABOTAGE_SELFTEST)
		crash();
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
