/* SPDX-License-Identifier: MIT */
/* A PL011 serial port. Bytes that the guest sends are out at once: the transmitter is always
 * empty. */
#ifndef VMM_PL011_H
#define VMM_PL011_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"

#define PL011_FIFO 16
#define PL011_SIZE 0x1000

/* Set `device.base`, `device.name` and the callbacks, then call pl011_init. */
struct pl011 {
	struct device device;
	void *context;
	/* As in struct serial. */
	void (*transmit)(void *context, uint8_t byte);
	void (*drained)(void *context);
	void (*interrupt)(void *context, bool level);

	/* The rest is the port's own. */
	pthread_mutex_t lock; /* the console's thread brings input while the guest runs */
	uint8_t fifo[PL011_FIFO];
	unsigned int fifo_head, fifo_count;
	uint32_t ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, dmacr;
	bool overrun;    /* UARTRSR.OE */
	uint32_t raised; /* of UARTTXINTR and UARTOEINTR: until they are cleared */
	bool refused;    /* some input has to wait */
	bool line;       /* of the interrupt, as last reported */
};

void pl011_init(struct pl011 *uart);

/* Input from outside: takes as much as there is room for and returns how much that was. */
size_t pl011_receive(struct pl011 *uart, const uint8_t *bytes, size_t count);

#endif
