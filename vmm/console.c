/* SPDX-License-Identifier: MIT */
/* The host's end of the serial port. */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "machine.h"

#define ESCAPE       0x01 /* ^A */
#define FULL_PIPE_MS 20

/* For the handler of fatal signals, which has nothing else to go by. There is one terminal. */
static struct termios saved_termios;
static volatile sig_atomic_t raw_fd = -1;

/* SA_RESETHAND: coming back from here repeats the fault, which then kills as it would have. */
static void restore_and_die(int signal)
{
	(void)signal;
	if (raw_fd >= 0)
		(void)tcsetattr(raw_fd, TCSANOW, &saved_termios);
}

static void catch_fatal_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction action = { .sa_handler = restore_and_die, .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigaction(signals[i], &action, NULL);
}

static bool open_output(struct console *console, const struct config *config,
			struct failure *failure)
{
	switch (config->serial) {
	case SERIAL_FILE:
		console->output =
			open(config->serial_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (console->output < 0)
			return fail(failure, STATUS_HOST, "--serial: %s: cannot be written: %s",
				    config->serial_file, strerror(errno));
		console->own_output = true;
		return true;
	case SERIAL_STDIO:
		console->output = STDOUT_FILENO;
		console->input = STDIN_FILENO;
		return true;
	case SERIAL_NULL:
	default:
		return true;
	}
}

bool console_init(struct console *console, const struct config *config, struct failure *failure)
{
	memset(console, 0, sizeof(*console));
	console->output = console->input = -1;
	if (!open_output(console, config, failure))
		return false;
	console->terminal = console->input >= 0 && isatty(console->input);
	console->escape = config->escape && console->terminal;
	/* A reader that went away is an error of write, not the end of us. */
	(void)signal(SIGPIPE, SIG_IGN);
	return true;
}

void console_destroy(struct console *console)
{
	console_restore(console);
	if (console->own_output)
		(void)close(console->output);
	console->own_output = false;
}

void console_raw(struct console *console)
{
	struct termios mode;

	/* In the background the terminal is somebody else's. */
	if (!console->terminal || console->raw || tcgetpgrp(console->input) != getpgrp() ||
	    tcgetattr(console->input, &mode) != 0)
		return;
	saved_termios = mode;
	mode.c_iflag &=
		~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	mode.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
	/* c_oflag stays: a guest's bare line feed returns the carriage, and so do our messages.
	 * A read never waits, so that the thread that reads cannot be held up. */
	mode.c_cc[VMIN] = 0;
	mode.c_cc[VTIME] = 0;
	catch_fatal_signals();
	raw_fd = console->input;
	if (tcsetattr(console->input, TCSANOW, &mode) == 0)
		console->raw = true;
	else
		raw_fd = -1;
}

void console_restore(struct console *console)
{
	if (!console->raw)
		return;
	/* Drain: the guest's last words are for the mode that they were written in. */
	(void)tcsetattr(console->input, TCSANOW, &saved_termios);
	raw_fd = -1;
	console->raw = false;
}

bool console_listens(const struct console *console)
{
	return console->input >= 0 && (!console->terminal || console->raw);
}

/* ^A x quits, ^A a and ^A ^A are a ^A, any other pair goes on as it is. */
static size_t take_escapes(struct console *console, const uint8_t *from, size_t count, uint8_t *to,
			   bool *quit)
{
	size_t made = 0;

	for (size_t i = 0; i < count && !*quit; i++) {
		uint8_t byte = from[i];

		if (!console->escaped) {
			console->escaped = byte == ESCAPE;
			if (!console->escaped)
				to[made++] = byte;
			continue;
		}
		console->escaped = false;
		*quit = byte == 'x';
		if (*quit)
			break;
		to[made++] = ESCAPE;
		if (byte != 'a' && byte != ESCAPE)
			to[made++] = byte;
	}
	return made;
}

size_t console_read(struct console *console, uint8_t *bytes, size_t size, bool *closed, bool *quit)
{
	uint8_t raw[64];
	/* A ^A kept from before can add one byte. */
	size_t most = size - 1 < sizeof(raw) ? size - 1 : sizeof(raw);
	ssize_t got = read(console->input, raw, most);

	*quit = false;
	*closed = false;
	if (got <= 0) {
		/* Raw terminals read nothing when there is nothing; they end with an error. */
		*closed = got == 0 ? !console->terminal : errno != EINTR && errno != EAGAIN;
		return 0;
	}
	if (console->escape)
		return take_escapes(console, raw, (size_t)got, bytes, quit);
	memcpy(bytes, raw, (size_t)got);
	return (size_t)got;
}

void console_write(struct console *console, struct machine *machine, uint8_t byte)
{
	if (console->output < 0)
		return;
	while (write(console->output, &byte, 1) != 1) {
		int error = errno;
		struct pollfd full = { .fd = console->output, .events = POLLOUT };

		if (error != EINTR && error != EAGAIN) {
			machine_end(machine, STATUS_HOST, "console-error",
				    "the console cannot be written: %s", strerror(error));
			return;
		}
		/* The kick that ends a run interrupts this too, if the reader is stuck. */
		if (machine_ending(machine))
			return;
		if (error == EAGAIN)
			(void)poll(&full, 1, FULL_PIPE_MS);
	}
}
