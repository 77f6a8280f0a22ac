/* SPDX-License-Identifier: MIT */
/* Console and verdict, by the machine's devices or by hypercalls. */
#include "guest/outside.h"

#include "guest/arch.h"
#include "guest/inner.h"
#include "guest/options.h"

#define CHUNK 24 /* bytes that a hypercall carries */

void outside_write(const char *text, size_t length)
{
	if (!guest_options.hypercalls) {
		arch_console_write(text, length);
		return;
	}
	while (length != 0) {
		uint64_t words[3] = { 0 };
		size_t chunk = length < CHUNK ? length : CHUNK;

		for (size_t i = 0; i < chunk; i++)
			words[i / 8] |= (uint64_t)(uint8_t)text[i] << (i % 8 * 8);
		arch_hypercall(INNER_CALL_TEXT, words);
		text += chunk;
		length -= chunk;
	}
}

_Noreturn void outside_end(enum guest_outcome outcome)
{
	if (guest_options.hypercalls) {
		uint64_t words[3] = { (uint64_t)outcome };

		arch_hypercall(INNER_CALL_END, words);
	}
	arch_exit(outcome);
}
