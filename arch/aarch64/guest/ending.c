/* SPDX-License-Identifier: MIT */
/*
 * The end of the run: the device twofold,debug-exit, a word of which the value is written, as to
 * isa-debug-exit on x86_64; or if the command line says so semihosting (Arm's "Semihosting for
 * AArch32 and AArch64", SYS_EXIT), with the status that the device would make of it; or else PSCI's
 * SYSTEM_OFF, which tells nobody how it went.
 */
#include "ending.h"

#include "guest/arch.h"
#include "guest/kernel.h"
#include "guest/print.h"
#include "guest/text.h"
#include "layout.h"
#include "psci.h"

#define SYS_EXIT                0x18
#define ADP_STOPPED_APPLICATION 0x20026

static volatile uint32_t *device;
static bool semihosting;

void ending_start(const void *tree)
{
	struct device_tree_registers registers;

	if (!device_tree_debug_exit(tree, &registers))
		return;
	device = (volatile uint32_t *)(uintptr_t)(arch_layout.device_base + registers.start);
	kernel_add_device("debug exit", registers.start, registers.size);
}

bool ending_choose(const char *value)
{
	bool chosen = text_equal(value, "semihosting");

	if (!chosen && !text_equal(value, "device"))
		return false;
	semihosting = chosen;
	return true;
}

static void exit_semihosting(uint64_t status)
{
	uint64_t block[2] = { ADP_STOPPED_APPLICATION, status };
	register uint64_t operation __asm__("x0") = SYS_EXIT;
	register const uint64_t *parameter __asm__("x1") = block;

	__asm__ volatile("hlt #0xf000" : "+r"(operation) : "r"(parameter) : "memory");
}

_Noreturn void arch_exit(enum guest_outcome outcome)
{
	if (semihosting)
		exit_semihosting((uint64_t)outcome << 1 | 1);
	else if (device)
		*device = outcome;
	print("# nothing took the verdict 0x%x (no device twofold,debug-exit, no "
	      "exit=semihosting): "
	      "%s\n",
	      (unsigned int)outcome, psci_exists() ? "off" : "halted");
	(void)psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi");
}
