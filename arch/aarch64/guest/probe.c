/* SPDX-License-Identifier: MIT */
/* Probes, and what this architecture must answer to them. */
#include "guest/probe.h"

#include "cpu.h"
#include "guest/check.h"
#include "guest/kernel.h"
#include "guest/stack.h"
#include "guest/userland.h"
#include "probe_code.h"
#include "raw.h"

#define LANDING       UINT32_C(0xd4200020) /* brk #1 */
#define LANDING_FIRST ((uint8_t)LANDING)

struct probe_code {
	const char *start;
	const char *done;
};

static const struct probe_code probe_read_code = { probe_code_read, probe_code_read_end };
static const struct probe_code probe_write_code = { probe_code_write, probe_code_write_end };

/* What was written as data is to be fetched, at whatever address. */
void probe_write_landing(void *where)
{
	*(volatile uint32_t *)where = LANDING;
	__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ialluis\n\tdsb ish\n\tisb"
			 :
			 : "r"(where)
			 : "memory");
}

/* Describes the instruction, for a hypervisor: only of aborts at stage 2, by the manual; QEMU (7.2)
 * of each that is taken to EL2. */
#define SYNDROME_INSTRUCTION UINT64_C(0x1ffc000)

static struct probe_result result_of(const struct excursion *e, uint64_t done)
{
	struct probe_result result = { .value = e->frame.x[0] & 0xff };
	unsigned int class = exception_class(&e->frame);

	if (class == CLASS_BRK && e->frame.elr == done)
		return result;
	result.faulted = true;
	result.vector = class;
	result.code = exception_syndrome(&e->frame);
	if (class >= CLASS_FETCH_LOWER && class <= CLASS_DATA_SAME) {
		result.code &= ~SYNDROME_INSTRUCTION;
		result.address = e->frame.far;
	}
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
	return result_of(&e, done);
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
		return probe_store(address, LANDING_FIRST, user);
	run_to_fault(address, 0, 0, user, stack_top(&selftest_stack), &e);
	return result_of(&e, address);
}

struct probe_result probe_with_pan(virt_addr address)
{
	struct excursion e;

	run_at_pstate((uint64_t)(uintptr_t)probe_code_read, address, pstate_kernel() | PSTATE_PAN,
		      &e);
	return result_of(&e, (uint64_t)(uintptr_t)probe_code_read_end);
}

struct probe_result probe_overflow(void)
{
	struct excursion e;

	run_to_fault((uint64_t)(uintptr_t)probe_code_overflow,
		     (STACK_SIZE + STACK_GUARD_SIZE / 2) / PROBE_OVERFLOW_FRAME, 0, false,
		     stack_top(&selftest_stack), &e);
	return result_of(&e, (uint64_t)(uintptr_t)probe_code_overflow_end);
}

/* D8.4: what the leaf's permissions let through. EL0 may fetch what it may not read. */
static bool allowed(const struct page_flags *flags, enum probe_access access, bool user)
{
	if (access != PROBE_FETCH)
		return (flags->user || !user) && (flags->write || access == PROBE_READ);
	if (user)
		return flags->execute_user || (flags->execute && flags->user);
	return flags->execute_privileged || (flags->execute && !flags->user);
}

/* The level is that of the entry where a walk ends (D8.2.2), whatever it ends with. */
static uint64_t fault_code(const struct page_flags *flags, enum probe_access access,
			   virt_addr address)
{
	unsigned int level;
	uint64_t code = access == PROBE_WRITE ? SYNDROME_WRITE : 0;

	raw_end(address, &level);
	if (!flags)
		return code | SYNDROME_TRANSLATION | level;
	if (flags->idle && (read_own_tcr() & TCR_HA) == 0)
		return code | SYNDROME_ACCESS_FLAG | level;
	return code | SYNDROME_PERMISSION | level;
}

static bool faults(const struct page_flags *flags, enum probe_access access, bool user)
{
	if (!flags || !allowed(flags, access, user))
		return true;
	return flags->idle && (read_own_tcr() & TCR_HA) == 0;
}

struct probe_result probe_expect(const struct page_flags *flags, enum probe_access access,
				 virt_addr address, bool user)
{
	struct probe_result result = { .faulted = true };

	if (!faults(flags, access, user))
		return (struct probe_result){ .faulted = false };
	if (access == PROBE_FETCH)
		result.vector = user ? CLASS_FETCH_LOWER : CLASS_FETCH_SAME;
	else
		result.vector = user ? CLASS_DATA_LOWER : CLASS_DATA_SAME;
	result.code = fault_code(flags, access, address);
	result.address = address;
	return result;
}

bool probe_result_equal(const struct probe_result *a, const struct probe_result *b)
{
	return a->faulted == b->faulted && a->vector == b->vector && a->code == b->code &&
	       a->address == b->address;
}

/* Of a translation that faults. */
#define PAR_STATUS_SHIFT 1

static uint64_t translate(enum probe_access access, virt_addr address, bool user)
{
	if (access == PROBE_WRITE && user)
		__asm__ volatile("at s1e0w, %0\n\tisb" : : "r"(address) : "memory");
	else if (access == PROBE_WRITE)
		__asm__ volatile("at s1e1w, %0\n\tisb" : : "r"(address) : "memory");
	else if (user)
		__asm__ volatile("at s1e0r, %0\n\tisb" : : "r"(address) : "memory");
	else
		__asm__ volatile("at s1e1r, %0\n\tisb" : : "r"(address) : "memory");
	return read_par_el1();
}

uint8_t probe_type_byte(unsigned int type)
{
	switch (type) {
	case MEMORY_NORMAL:
		return 0xff;
	case MEMORY_WRITE_THROUGH:
		return 0xbb;
	case MEMORY_NONCACHEABLE:
		return 0x44;
	case MEMORY_DEVICE:
		return 0x04;
	case MEMORY_DEVICE_WEAK:
		return 0x0c;
	default:
		return 0x00;
	}
}

void probe_expect_translation(enum probe_access access, virt_addr address, bool user,
			      const struct page_mapping *predicted)
{
	const struct page_flags *flags = predicted ? &predicted->flags : NULL;
	uint64_t par;

	if (access == PROBE_FETCH) /* there is no such instruction */
		return;
	par = translate(access, address, user);
	if (faults(flags, access, user)) {
		expect_true("AT: PAR_EL1 says that it faults", (par & PAR_FAULT) != 0);
		expect_equal("AT: the fault status in PAR_EL1", par >> PAR_STATUS_SHIFT & 0x3f,
			     fault_code(flags, PROBE_READ, address));
		return;
	}
	if (!expect_true("AT: PAR_EL1 says that it does not fault", (par & PAR_FAULT) == 0))
		return;
	expect_equal("AT: the address in PAR_EL1", par & PAR_ADDRESS,
		     (predicted->phys + (address - predicted->virt)) & PAR_ADDRESS);
	expect_equal("AT: the memory type in PAR_EL1", par >> PAR_TYPE_SHIFT,
		     probe_type_byte(flags->type));
}
