/* SPDX-License-Identifier: MIT */
/* The only process of a Linux that runs as a guest of the guest kernel: fills memory, sleeps, and
 * switches the machine off. No C library. */
#include "system.h"

/* reboot(2) */
#define MAGIC     0xfee1dead
#define MAGIC2    0x28121969
#define POWER_OFF 0x4321fedc
#define RESTART   0x01234567

#define WORDS ((32 << 20) / sizeof(uint64_t))
#define STEP  512 /* words: a page */

static volatile uint64_t memory[WORDS];

static void say(const char *text)
{
	long length = 0;

	while (text[length] != '\0')
		length++;
	call(CALL_WRITE, 1, (long)(intptr_t)text, length);
}

static _Noreturn void end(long how)
{
	for (;;)
		call(CALL_REBOOT, MAGIC, MAGIC2, how);
}

_Noreturn void _start(void);

_Noreturn void _start(void)
{
	/* Seconds, nanoseconds: for so long that the CPU is idle before, however slow it is. */
	const int64_t time[2] = { 0, 300000000 };

	say("# linux: its init runs\n");
	for (uint64_t i = 0; i < WORDS; i += STEP)
		memory[i] = ~i;
	for (uint64_t i = 0; i < WORDS; i += STEP) {
		if (memory[i] != ~i) {
			say("# linux: memory is not what was written\n");
			end(RESTART);
		}
	}
	call(CALL_NANOSLEEP, (long)(intptr_t)time, 0, 0);
	if (!report())
		end(RESTART);
	end(POWER_OFF);
}
