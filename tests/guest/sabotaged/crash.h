/* SPDX-License-Identifier: MIT */
/* Ways for the guest to die, to see what it says about it: the option crash=NAME. */
#ifndef TESTS_GUEST_CRASH_H
#define TESTS_GUEST_CRASH_H

/* Panics if there is no such way. */
void crash_choose(const char *name);

/* Dies in the way that was chosen, if any was. */
void crash(void);

#endif
