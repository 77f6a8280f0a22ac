/* SPDX-License-Identifier: MIT */
/* Model-specific registers that may be missing: the access is made as a probe makes one. */
#include "msr.h"

#include "exceptions.h"
#include "guest/stack.h"
#include "probe_code.h"

static uint64_t address_of(const char *code)
{
	return (uint64_t)(uintptr_t)code;
}

bool msr_read(uint32_t msr, uint64_t *value)
{
	struct excursion e;

	run_to_fault(address_of(probe_code_read_msr), msr, 0, false, stack_top(&selftest_stack),
		     &e);
	if (e.frame.rip != address_of(probe_code_read_msr_end))
		return false;
	*value = e.frame.rdx << 32 | (e.frame.rax & UINT32_MAX);
	return true;
}

bool msr_write(uint32_t msr, uint64_t value)
{
	struct excursion e;

	run_to_fault(address_of(probe_code_write_msr), msr, value, false,
		     stack_top(&selftest_stack), &e);
	return e.frame.rip == address_of(probe_code_write_msr_end);
}
