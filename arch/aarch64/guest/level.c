/* SPDX-License-Identifier: MIT */
#include "level.h"

#include "boot.h"
#include "cpu.h"
#include "guest/options.h"
#include "guest/panic.h"
#include "guest/text.h"

static unsigned int chosen; /* 0: as the mode has it */

bool level_is_2(const char **why)
{
	if (read_currentel() == CURRENT_EL2)
		return true;
	*why = boot.started_at_el2 ? "the CPU has no FEAT_VHE" : "the loader started us at EL1";
	return false;
}

bool level_choose(const char *value)
{
	if (!text_equal(value, "1") && !text_equal(value, "2"))
		return false;
	chosen = (unsigned int)(value[0] - '0');
	return true;
}

void level_check(void)
{
	unsigned int wanted = guest_options.hypervisor ? 2 : 1;
	const char *why;

	if (chosen != 0)
		wanted = chosen;
	if (guest_options.hypervisor && wanted == 1)
		panic("command line: el=1: mode=hypervisor is at EL2");
	if (wanted == 2 && !level_is_2(&why))
		panic("cannot run at EL2: %s", why);
}
