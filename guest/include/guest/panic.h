/* SPDX-License-Identifier: MIT */
/* How a run ends. */
#ifndef GUEST_PANIC_H
#define GUEST_PANIC_H

/* What the guest tells the debug-exit device. The process status outside is (value << 1) | 1. */
enum guest_outcome {
	GUEST_PASSED = 0x10,
	GUEST_FAILED = 0x11,
	GUEST_PANICKED = 0x12,
};

/* Prints "Bail out! " and the message, which ends a TAP stream, and ends the run. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
