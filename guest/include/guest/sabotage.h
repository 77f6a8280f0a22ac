/* SPDX-License-Identifier: MIT */
/*
 * The self-test's own test: a guest in which the library's encoders can be broken on purpose, to
 * see the checks notice. Only tests/guest builds it so; in the normal guest there is no such thing.
 */
#ifndef GUEST_SABOTAGE_H
#define GUEST_SABOTAGE_H

#include <stdbool.h>

enum sabotage_phase {
	SABOTAGE_KERNEL,   /* while the kernel's own tables are built */
	SABOTAGE_SELFTEST, /* from the first check on */
	SABOTAGE_INNER,    /* while an inner guest's second stage is changed */
};

/* Steps of a shoot-down, of a second stage's flush, and of what a guest's entry needs, which can be
 * left out. */
enum sabotage_step {
	SABOTAGE_INTERRUPT,       /* asking the second CPU; on AArch64 the broadcast */
	SABOTAGE_ACKNOWLEDGEMENT, /* waiting for its answer */
	SABOTAGE_FLUSH,           /* of a guest's addresses */
	SABOTAGE_OWN_FLUSH,       /* of the kernel's own */
	SABOTAGE_LINK,            /* VMX: the link pointer, which is guest state */
	SABOTAGE_ROOT,            /* VMX: the root of the second stage, which is a control */
	SABOTAGE_PAGES,           /* of what was in a table, when a leaf takes its place */
};

#ifdef PAGING_SABOTAGE
/* Takes the option sabotage=NAME; false for any other key. */
bool sabotage_option(const char *key, const char *value);
/* Breaks what was asked for, if it was meant for that phase, else mends it. */
void sabotage_enter(enum sabotage_phase phase);
bool sabotage_omits(enum sabotage_step step);
#else
static inline bool sabotage_option(const char *key, const char *value)
{
	(void)key;
	(void)value;
	return false;
}
static inline void sabotage_enter(enum sabotage_phase phase)
{
	(void)phase;
}
static inline bool sabotage_omits(enum sabotage_step step)
{
	(void)step;
	return false;
}
#endif

#endif
