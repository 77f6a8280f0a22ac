/* SPDX-License-Identifier: MIT */
/*
 * The result channel: a serial line of its own from init in L1 to the harness on the host.
 * Everything goes in frames: nonce (16 bytes, this run's), type (4 characters), sequence number
 * from 0, length of the payload (32 bits each, little-endian), payload. What a command prints is
 * only ever payload.
 */
#ifndef NESTED_CHANNEL_H
#define NESTED_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_NONCE   16
/* A payload has no more bytes than this. */
#define CHANNEL_PAYLOAD 4096

/* Types, and what the payload is. */
#define FRAME_UP    "up  " /* init runs; kernel's release */
#define FRAME_NOTE  "note" /* something is not as it should be; text */
#define FRAME_BEGIN "begn" /* a command begins; its number */
#define FRAME_OUT   "out " /* some of its standard output */
#define FRAME_ERR   "err " /* some of its standard error */
#define FRAME_END   "end " /* it ended; struct frame_end */
#define FRAME_FILE  "file" /* a file that is sent back; its path */
#define FRAME_DATA  "data" /* some of its bytes */
#define FRAME_DONE  "done" /* nothing more comes; number of commands that ended */

enum end_kind {
	END_EXIT = 0,    /* value: exit status */
	END_SIGNAL = 1,  /* value: number of the signal that killed it */
	END_TIMEOUT = 2, /* value: seconds that it had */
	END_START = 3,   /* it could not be started; value: errno */
};

struct frame_end {
	uint32_t number;
	uint32_t kind;
	uint32_t value;
	uint32_t milliseconds;
};

/* Open the line. False with errno when that fails. */
bool channel_open(const char *device, const char *nonce_in_hex);
/* Send a frame, in parts if it is long. An error ends L1: there is nobody to tell. */
void channel_send(const char type[static 4], const void *payload, size_t length);
void channel_text(const char type[static 4], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Wait until everything has left. */
void channel_drain(void);

#endif
