/* SPDX-License-Identifier: MIT */
/*
 * The host's end of the serial port. A terminal on standard input is put into raw mode while the
 * guest runs in the foreground, and is restored on every way out, a crash of ours included.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "failure.h"

struct machine;

struct console {
	int output; /* -1: none */
	int input;  /* -1: none */
	bool own_output;
	bool terminal; /* input is one */
	bool escape;   /* ^A is special, on a terminal */
	bool escaped;  /* the last byte was ^A */
	bool raw;
};

bool console_init(struct console *console, const struct config *config, struct failure *failure);
void console_destroy(struct console *console);

/* Terminal to raw mode if it is ours now (we are in its foreground), and back. */
void console_raw(struct console *console);
void console_restore(struct console *console);

/* Whether input may be read: a terminal only in the foreground. */
bool console_listens(const struct console *console);

/* Input for the guest: what is there, up to `size` bytes (at least 2) with ^A sequences taken out.
 * *closed: there will be no more. *quit: ^A x was typed. */
size_t console_read(struct console *console, uint8_t *bytes, size_t size, bool *closed, bool *quit);

/* Output of the guest, all of it unless the run ends meanwhile. An error ends the run. */
void console_write(struct console *console, struct machine *machine, uint8_t byte);

#endif
