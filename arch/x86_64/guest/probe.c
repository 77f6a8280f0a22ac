/* SPDX-License-Identifier: MIT */
/* Probes, and what this architecture must answer to them. */
#include "guest/probe.h"

#include "cpu.h"
#include "exceptions.h"
#include "guest/stack.h"
#include "guest/userland.h"
#include "probe_code.h"

#define UD2_FIRST  0x0f
#define UD2_SECOND 0x0b

DEFINE_STACK(selftest_stack);

struct probe_code {
	const char *start;
	const char *done;
};

static const struct probe_code probe_read_code = { probe_code_read, probe_code_read_end };
static const struct probe_code probe_write_code = { probe_code_write, probe_code_write_end };

void probe_write_landing(void *where)
{
	volatile uint8_t *bytes = where;

	bytes[0] = UD2_FIRST;
	bytes[1] = UD2_SECOND;
}

struct probe_result probe_result_of(const struct excursion *e, uint64_t done)
{
	struct probe_result result = { .value = e->frame.rax & 0xff };

	if (e->frame.vector == VECTOR_INVALID_OPCODE && e->frame.rip == done)
		return result;
	result.faulted = true;
	result.vector = (unsigned int)e->frame.vector;
	result.code = e->frame.error_code;
	if (e->frame.vector == VECTOR_PAGE_FAULT)
		result.address = e->cr2;
	return result;
}

/* Runs `code` until it ends at `done`, or else reports the fault that ended it. */
static struct probe_result run(const struct probe_code *code, uint64_t first, uint64_t second,
			       bool user)
{
	uint64_t start = user ? userland_address(code->start) : (uint64_t)(uintptr_t)code->start;
	uint64_t done = start + (uint64_t)(code->done - code->start);
	struct excursion e;

	run_to_fault(start, first, second, user, stack_top(&selftest_stack), &e);
	return probe_result_of(&e, done);
}

struct probe_result probe_store(virt_addr address, uint8_t value, bool user)
{
	return run(&probe_write_code, address, value, user);
}

struct probe_result probe(enum probe_access access, virt_addr address, bool user)
{
	struct excursion e;

	if (access == PROBE_READ)
		return run(&probe_read_code, address, 0, user);
	if (access == PROBE_WRITE)
		return probe_store(address, UD2_FIRST, user);
	run_to_fault(address, 0, 0, user, stack_top(&selftest_stack), &e);
	return probe_result_of(&e, address);
}

struct probe_result probe_overflow(void)
{
	struct excursion e;

	run_to_fault((uint64_t)(uintptr_t)probe_code_overflow,
		     (STACK_SIZE + STACK_GUARD_SIZE / 2) / PROBE_OVERFLOW_FRAME, 0, false,
		     stack_top(&selftest_stack), &e);
	return probe_result_of(&e, (uint64_t)(uintptr_t)probe_code_overflow_end);
}

/* SDM vol. 3A 4.6 and 4.7, with CR0.WP set and SMEP and SMAP clear. */
struct probe_result probe_expect(const struct page_flags *flags, enum probe_access access,
				 virt_addr address, bool user)
{
	struct probe_result result = { .faulted = true, .vector = VECTOR_PAGE_FAULT };
	bool no_execute = (read_msr(MSR_EFER) & EFER_NXE) != 0;

	if (flags && (flags->user || !user) && (flags->write || access != PROBE_WRITE) &&
	    (flags->execute || access != PROBE_FETCH))
		return (struct probe_result){ .faulted = false };
	if (flags)
		result.code |= PAGE_FAULT_PRESENT;
	if (access == PROBE_WRITE)
		result.code |= PAGE_FAULT_WRITE;
	if (user)
		result.code |= PAGE_FAULT_USER;
	if (access == PROBE_FETCH && no_execute)
		result.code |= PAGE_FAULT_FETCH;
	result.address = address;
	return result;
}

bool probe_result_equal(const struct probe_result *a, const struct probe_result *b)
{
	return a->faulted == b->faulted && a->vector == b->vector && a->code == b->code &&
	       a->address == b->address;
}

void probe_expect_translation(enum probe_access access, virt_addr address, bool user,
			      const struct page_mapping *predicted)
{
	(void)access;
	(void)address;
	(void)user;
	(void)predicted;
}
