/* SPDX-License-Identifier: MIT */
/* x86_64 Linux only: the trap flag makes SIGTRAP follow the store that SIGSEGV announced. */
#include "trap.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "require.h"

#define TRAP_FLAG 0x100

static struct trap *active;
static phys_addr stored; /* where the present store goes */
static struct sigaction old_segv, old_trap;

static void protect(const struct trap *trap, int protection)
{
	REQUIRE(mprotect(trap->memory->tables, MEMORY_BYTES, protection) == 0, "mprotect failed");
}

/* The same for the one page that is stored to: a store of an instruction stays in its page. */
static void protect_stored(const struct trap *trap, int protection)
{
	uint8_t *page = trap->memory->tables + ((stored - trap->memory->base) & ~UINT64_C(4095));

	REQUIRE(mprotect(page, 4096, protection) == 0, "mprotect failed");
}

static void on_segv(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	const uint8_t *address = info->si_addr;

	if (active == NULL || address < active->memory->tables ||
	    address >= active->memory->tables + MEMORY_BYTES) {
		sigaction(signal, &old_segv, NULL); /* a real one: faults again, for good */
		return;
	}
	stored = active->memory->base + (uint64_t)(address - active->memory->tables);
	protect_stored(active, PROT_READ | PROT_WRITE);
	if (active->before != NULL)
		active->before(active, stored);
	user->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	(void)signal;
	(void)info;
	user->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
	if (active == NULL)
		return;
	active->stores++;
	if (active->after != NULL)
		active->after(active, stored);
	protect_stored(active, PROT_READ);
}

void trap_begin(struct trap *trap)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_flags = SA_SIGINFO;
	action.sa_sigaction = on_segv;
	REQUIRE(active == NULL && trap->memory->reach == MEMORY_BY_OFFSET, "not now");
	REQUIRE(sigaction(SIGSEGV, &action, &old_segv) == 0, "sigaction failed");
	action.sa_sigaction = on_trap;
	REQUIRE(sigaction(SIGTRAP, &action, &old_trap) == 0, "sigaction failed");
	trap->stores = 0;
	active = trap;
	protect(trap, PROT_READ);
}

void trap_end(struct trap *trap)
{
	protect(trap, PROT_READ | PROT_WRITE);
	active = NULL;
	(void)sigaction(SIGSEGV, &old_segv, NULL);
	(void)sigaction(SIGTRAP, &old_trap, NULL);
}
