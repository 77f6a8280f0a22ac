/* SPDX-License-Identifier: MIT */
/* A 16550A serial port, by the data sheet of the PC16550D. */
#include "serial.h"

#include <string.h>

enum {
	REG_DATA,
	REG_IER,
	REG_IIR_FCR,
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCRATCH
};

enum {
	IER_RECEIVE = 0x01,
	IER_TRANSMIT = 0x02,
	IER_LINE = 0x04,
	IER_MODEM = 0x08,

	IIR_MODEM = 0x00,
	IIR_NONE = 0x01,
	IIR_TRANSMIT = 0x02,
	IIR_RECEIVE = 0x04,
	IIR_LINE = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFOS = 0xc0,

	FCR_ENABLE = 0x01,
	FCR_CLEAR_RECEIVE = 0x02,

	LCR_DIVISOR = 0x80,

	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,

	LSR_DATA = 0x01,
	LSR_OVERRUN = 0x02,
	LSR_TRANSMITTER_EMPTY = 0x60,

	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RING = 0x40,
	MSR_CARRIER = 0x80,
	MSR_DELTA_RING = 0x04,
};

static unsigned int fifo_size(const struct serial *serial)
{
	return serial->fcr & FCR_ENABLE ? SERIAL_FIFO : 1;
}

static void fifo_clear(struct serial *serial)
{
	serial->fifo_head = 0;
	serial->fifo_count = 0;
}

static bool fifo_put(struct serial *serial, uint8_t byte)
{
	if (serial->fifo_count >= fifo_size(serial))
		return false;
	serial->fifo[(serial->fifo_head + serial->fifo_count) % SERIAL_FIFO] = byte;
	serial->fifo_count++;
	return true;
}

static uint8_t fifo_get(struct serial *serial)
{
	uint8_t byte = serial->fifo[serial->fifo_head];

	if (serial->fifo_count == 0)
		return 0;
	serial->fifo_head = (serial->fifo_head + 1) % SERIAL_FIFO;
	serial->fifo_count--;
	return byte;
}

/* The cause that IIR shows: the pending one of highest priority that IER lets through. */
static uint8_t pending(const struct serial *serial)
{
	static const uint8_t triggers[] = { 1, 4, 8, 14 };
	unsigned int trigger = serial->fcr & FCR_ENABLE ? triggers[serial->fcr >> 6] : 1;

	if ((serial->ier & IER_LINE) && serial->lsr_errors)
		return IIR_LINE;
	if ((serial->ier & IER_RECEIVE) && serial->fifo_count >= trigger)
		return IIR_RECEIVE;
	/* Fewer than the trigger asks for: the timeout of four characters is over at once. */
	if ((serial->ier & IER_RECEIVE) && serial->fifo_count != 0)
		return IIR_TIMEOUT;
	if ((serial->ier & IER_TRANSMIT) && serial->transmit_interrupt)
		return IIR_TRANSMIT;
	if ((serial->ier & IER_MODEM) && serial->msr_deltas)
		return IIR_MODEM;
	return IIR_NONE;
}

/* OUT2 does not gate the line, though a PC's card has it so: some small kernels never set it. */
static void update_line(struct serial *serial)
{
	bool level = pending(serial) != IIR_NONE;

	if (level == serial->line)
		return;
	serial->line = level;
	if (serial->interrupt)
		serial->interrupt(serial->context, level);
}

static uint8_t modem_state(const struct serial *serial)
{
	uint8_t mcr = serial->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_CARRIER;
	return (uint8_t)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
			 (mcr & MCR_OUT1 ? MSR_RING : 0) | (mcr & MCR_OUT2 ? MSR_CARRIER : 0));
}

static void write_mcr(struct serial *serial, uint8_t value)
{
	uint8_t before = modem_state(serial), after, deltas;

	serial->mcr = value & 0x1f;
	after = modem_state(serial);
	deltas = (uint8_t)((before ^ after) >> 4);
	/* The ring indicator counts when it ends, not when it begins. */
	if (after & MSR_RING)
		deltas &= (uint8_t)~MSR_DELTA_RING;
	serial->msr_deltas |= deltas;
}

static void write_fcr(struct serial *serial, uint8_t value)
{
	/* Turning the FIFOs on or off empties them. */
	if ((value & FCR_CLEAR_RECEIVE) || ((value ^ serial->fcr) & FCR_ENABLE))
		fifo_clear(serial);
	serial->fcr = value & (FCR_ENABLE | IIR_FIFOS);
	if (!(value & FCR_ENABLE))
		serial->fcr = 0;
}

static void write_ier(struct serial *serial, uint8_t value)
{
	/* Letting it through while the transmitter is empty raises it. */
	if ((value & IER_TRANSMIT) && !(serial->ier & IER_TRANSMIT))
		serial->transmit_interrupt = true;
	serial->ier = value & 0x0f;
}

/* Returns whether the byte goes out. */
static bool write_data(struct serial *serial, uint8_t value)
{
	/* The byte fills the holding register and leaves it: the line falls and rises again. */
	serial->transmit_interrupt = false;
	update_line(serial);
	serial->transmit_interrupt = true;
	if (!(serial->mcr & MCR_LOOP))
		return true;
	if (!fifo_put(serial, value))
		serial->lsr_errors |= LSR_OVERRUN;
	return false;
}

static bool write_register(struct serial *serial, unsigned int reg, uint8_t value)
{
	if ((serial->lcr & LCR_DIVISOR) && reg <= REG_IER) {
		serial->divisor[reg] = value;
		return false;
	}
	switch (reg) {
	case REG_DATA:
		return write_data(serial, value);
	case REG_IER:
		write_ier(serial, value);
		break;
	case REG_IIR_FCR:
		write_fcr(serial, value);
		break;
	case REG_LCR:
		serial->lcr = value;
		break;
	case REG_MCR:
		write_mcr(serial, value);
		break;
	case REG_SCRATCH:
		serial->scratch = value;
		break;
	default: /* LSR and MSR are for reading */
		break;
	}
	return false;
}

static uint8_t read_iir(struct serial *serial)
{
	uint8_t cause = pending(serial);

	if (cause == IIR_TRANSMIT)
		serial->transmit_interrupt = false;
	return (uint8_t)(cause | (serial->fcr & FCR_ENABLE ? IIR_FIFOS : 0));
}

static uint8_t read_lsr(struct serial *serial)
{
	uint8_t value = (uint8_t)(LSR_TRANSMITTER_EMPTY | serial->lsr_errors |
				  (serial->fifo_count ? LSR_DATA : 0));

	serial->lsr_errors = 0;
	return value;
}

static uint8_t read_msr(struct serial *serial)
{
	uint8_t value = (uint8_t)(modem_state(serial) | serial->msr_deltas);

	serial->msr_deltas = 0;
	return value;
}

static uint8_t read_register(struct serial *serial, unsigned int reg)
{
	if ((serial->lcr & LCR_DIVISOR) && reg <= REG_IER)
		return serial->divisor[reg];
	switch (reg) {
	case REG_DATA:
		return fifo_get(serial);
	case REG_IER:
		return serial->ier;
	case REG_IIR_FCR:
		return read_iir(serial);
	case REG_LCR:
		return serial->lcr;
	case REG_MCR:
		return serial->mcr;
	case REG_LSR:
		return read_lsr(serial);
	case REG_MSR:
		return read_msr(serial);
	default:
		return serial->scratch;
	}
}

static void serial_io(void *owner, uint64_t offset, void *data, unsigned int size, bool is_write)
{
	struct serial *serial = owner;
	uint8_t *byte = data;
	bool goes_out = false, drained;

	(void)size; /* width is 1: the bus brings single bytes */
	(void)pthread_mutex_lock(&serial->lock);
	if (is_write)
		goes_out = write_register(serial, (unsigned int)offset, *byte);
	else
		*byte = read_register(serial, (unsigned int)offset);
	drained = serial->refused && serial->fifo_count == 0 && !(serial->mcr & MCR_LOOP);
	if (drained)
		serial->refused = false;
	update_line(serial);
	(void)pthread_mutex_unlock(&serial->lock);
	if (goes_out)
		serial->transmit(serial->context, *byte);
	if (drained && serial->drained)
		serial->drained(serial->context);
}

void serial_init(struct serial *serial)
{
	(void)pthread_mutex_init(&serial->lock, NULL);
	fifo_clear(serial);
	serial->ier = serial->fcr = serial->lcr = serial->mcr = 0;
	serial->lsr_errors = serial->msr_deltas = serial->scratch = 0;
	serial->divisor[0] = 12; /* 9600 baud */
	serial->divisor[1] = 0;
	serial->transmit_interrupt = false;
	serial->line = serial->refused = false;
	serial->device.len = SERIAL_PORTS;
	serial->device.width = 1;
	serial->device.owner = serial;
	serial->device.do_io = serial_io;
}

size_t serial_receive(struct serial *serial, const uint8_t *bytes, size_t count)
{
	size_t taken = 0;

	(void)pthread_mutex_lock(&serial->lock);
	/* In loopback the receiver hears the transmitter, not the line. */
	while (!(serial->mcr & MCR_LOOP) && taken < count && fifo_put(serial, bytes[taken]))
		taken++;
	serial->refused = taken < count;
	update_line(serial);
	(void)pthread_mutex_unlock(&serial->lock);
	return taken;
}
