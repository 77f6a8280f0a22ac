/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct frame {
	uint8_t nonce[CHANNEL_NONCE];
	char type[4];
	uint32_t sequence;
	uint32_t length;
};

static struct {
	int fd;
	uint32_t sequence;
	uint8_t nonce[CHANNEL_NONCE];
} channel = { .fd = -1 };

static bool read_nonce(const char *hex)
{
	char digits[3] = { 0 };
	char *end;

	if (strlen(hex) != 2 * (size_t)CHANNEL_NONCE)
		return false;
	for (size_t i = 0; i < CHANNEL_NONCE; i++) {
		memcpy(digits, hex + 2 * i, 2);
		channel.nonce[i] = (uint8_t)strtoul(digits, &end, 16);
		if (*end != '\0')
			return false;
	}
	return true;
}

bool channel_open(const char *device, const char *nonce_in_hex)
{
	struct termios settings;

	if (!read_nonce(nonce_in_hex)) {
		errno = EINVAL;
		return false;
	}
	channel.fd = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (channel.fd < 0 || tcgetattr(channel.fd, &settings) != 0)
		return false;
	cfmakeraw(&settings);
	(void)cfsetspeed(&settings, B4000000);
	settings.c_cflag |= CLOCAL | CREAD;
	return tcsetattr(channel.fd, TCSANOW, &settings) == 0;
}

static void put(const void *data, size_t length)
{
	const uint8_t *next = data;

	while (length > 0) {
		ssize_t written = write(channel.fd, next, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			perror("init: the result channel");
			_exit(1);
		}
		next += written;
		length -= (size_t)written;
	}
}

static void send_part(const char *type, const void *payload, size_t length)
{
	struct frame frame = {
		.sequence = htole32(channel.sequence++),
		.length = htole32((uint32_t)length),
	};

	memcpy(frame.nonce, channel.nonce, sizeof(frame.nonce));
	memcpy(frame.type, type, sizeof(frame.type));
	put(&frame, sizeof(frame));
	put(payload, length);
}

void channel_send(const char type[static 4], const void *payload, size_t length)
{
	const uint8_t *next = payload;

	do {
		size_t part = length < CHANNEL_PAYLOAD ? length : CHANNEL_PAYLOAD;

		send_part(type, next, part);
		next += part;
		length -= part;
	} while (length > 0);
}

void channel_text(const char type[static 4], const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	channel_send(type, text, strlen(text));
}

void channel_drain(void)
{
	(void)tcdrain(channel.fd);
}
