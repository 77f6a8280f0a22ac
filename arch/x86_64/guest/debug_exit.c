/* SPDX-License-Identifier: MIT */
/*
 * How the machine is told that the run is over: isa-debug-exit, as QEMU has it; or if the command
 * line says so the port by which Bochs is ended, where only a run that passed leaves by way of the
 * debugger.
 */
#include "debug_exit.h"

#include "cpu.h"
#include "guest/arch.h"
#include "guest/print.h"
#include "guest/text.h"

enum {
	DEBUG_EXIT = 0xf4,
	BOCHS_EXIT = 0x8900,
	BOCHS_DEBUGGER = 'D', /* stop in the debugger */
	CONSOLE_STATUS = 0x3fd,
	CONSOLE_IDLE = 1 << 6, /* nothing is left to send, in the FIFO or on the line */
};

static bool bochs;

bool debug_exit_choose(const char *value)
{
	bochs = text_equal(value, "bochs");
	return bochs || text_equal(value, "device");
}

/* The console takes its time there, and what it has not sent would be lost. */
static void exit_bochs(enum guest_outcome outcome)
{
	static const char shutdown[] = "Shutdown";

	while ((in8(CONSOLE_STATUS) & CONSOLE_IDLE) == 0)
		;
	if (outcome == GUEST_PASSED) {
		out8(BOCHS_EXIT, BOCHS_DEBUGGER);
		return;
	}
	for (const char *c = shutdown; *c != '\0'; c++)
		out8(BOCHS_EXIT, (uint8_t)*c);
}

_Noreturn void arch_exit(enum guest_outcome outcome)
{
	if (bochs)
		exit_bochs(outcome);
	else
		out8(DEBUG_EXIT, (uint8_t)outcome);
	print("# nothing at port 0x%x took the verdict 0x%x (%s is missing): halted\n",
	      (unsigned int)(bochs ? BOCHS_EXIT : DEBUG_EXIT), (unsigned int)outcome,
	      bochs ? "Bochs" : "isa-debug-exit");
	for (;;)
		__asm__ volatile("cli; hlt");
}
