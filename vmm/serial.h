/* SPDX-License-Identifier: MIT */
/* A 16550A serial port. Bytes that the guest sends are out at once: the transmitter is always
 * empty. */
#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"

#define SERIAL_FIFO  16
#define SERIAL_PORTS 8

/* Set `device.base`, `device.name` and the callbacks, then call serial_init. */
struct serial {
	struct device device;
	void *context;
	/* The guest sent a byte. Called without the lock. */
	void (*transmit)(void *context, uint8_t byte);
	/* Input was refused, and now the receiver can take some. Called without the lock. */
	void (*drained)(void *context);
	/* The interrupt line, whenever it changes; with the lock held. NULL: there is none, the
	 * guest polls. */
	void (*interrupt)(void *context, bool level);

	/* The rest is the port's own. */
	pthread_mutex_t lock; /* the console's thread brings input while the guest runs */
	uint8_t fifo[SERIAL_FIFO];
	unsigned int fifo_head, fifo_count;
	uint8_t ier, fcr, lcr, mcr, lsr_errors, msr_deltas, scratch;
	uint8_t divisor[2];
	bool transmit_interrupt; /* "transmitter empty" has not been seen yet */
	bool refused;            /* some input has to wait */
	bool line;               /* of the interrupt, as last reported */
};

void serial_init(struct serial *serial);

/* Input from outside: takes as much as there is room for and returns how much that was. */
size_t serial_receive(struct serial *serial, const uint8_t *bytes, size_t count);

#endif
