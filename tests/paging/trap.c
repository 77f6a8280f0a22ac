/* SPDX-License-Identifier: MIT */
/* x86_64 Linux only: the trap flag makes SIGTRAP follow the store that SIGSEGV announced. */
#include "trap.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "require.h"

#define TRAP_FLAG   0x100
#define STORE_BYTES UINT64_C(64) /* the widest store there is */
#define OPEN_FRAMES 256

static struct trap *active;
static phys_addr stored; /* where the present store goes */
static struct sigaction old_segv, old_trap;
static uint64_t newest; /* number of the last allocation before the operation */

/* New frames that are written to and that nothing links yet. */
static struct frame open_frames[OPEN_FRAMES];
static size_t open_count;

static void protect(const struct trap *trap, int protection)
{
	REQUIRE(mprotect(trap->memory->tables, MEMORY_BYTES, protection) == 0, "mprotect failed");
}

static void protect_part(const struct trap *trap, phys_addr start, uint64_t size, int protection)
{
	phys_addr first = addr_align_down(start, PAGE_SIZE_4K);
	uint64_t bytes = addr_align_up(start + size, PAGE_SIZE_4K) - first;

	REQUIRE(mprotect(trap->memory->tables + (first - trap->memory->base), bytes, protection) ==
			0,
		"mprotect failed");
}

/* Lets all stores to the frame pass from now on, if it is new and nothing links it. */
static bool open_frame(const struct trap *trap)
{
	uint64_t born;
	struct frame frame;

	if (trap->format == NULL)
		return false;
	frame = memory_frame(trap->memory, stored, &born);
	for (size_t i = 0; i < trap->closed_count; i++) {
		if (trap->closed[i] == frame.start)
			return false;
	}
	if (born <= newest || open_count == OPEN_FRAMES)
		return false;
	open_frames[open_count++] = frame;
	protect_part(trap, frame.start, frame.size, PROT_READ | PROT_WRITE);
	return true;
}

/* Whether the word is, at some level, an entry for that table. */
static bool links(const struct format_case *format, uint64_t word, phys_addr table)
{
	phys_addr next;

	for (unsigned int level = 1; level < format->levels; level++) {
		if (format->entry(format, level, word, &next) == WALK_ENTRY_TABLE && next == table)
			return true;
	}
	return false;
}

static bool linked_by(const struct trap *trap, phys_addr start, uint64_t size, phys_addr table)
{
	for (uint64_t at = 0; at < size; at += 8) {
		if (links(trap->format, memory_read(trap->memory, start + at), table))
			return true;
	}
	return false;
}

/* [start, +size) is reached by walkers now, and so is every open frame that it links. */
static void close_frames(struct trap *trap, phys_addr start, uint64_t size)
{
	for (size_t i = 0; i < open_count;) {
		struct frame frame = open_frames[i];

		if (!linked_by(trap, start, size, frame.start)) {
			i++;
			continue;
		}
		REQUIRE(trap->closed_count < TRAP_CLOSED, "too many tables");
		trap->closed[trap->closed_count++] = frame.start;
		open_frames[i] = open_frames[--open_count];
		protect_part(trap, frame.start, frame.size, PROT_READ);
		close_frames(trap, frame.start, frame.size);
		i = 0;
	}
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
	if (open_frame(active))
		return;
	protect_part(active, stored, 1, PROT_READ | PROT_WRITE);
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
	protect_part(active, stored, 1, PROT_READ);
	if (open_count != 0) {
		phys_addr word = addr_align_down(stored, 8);
		uint64_t room = PAGE_SIZE_4K - word % PAGE_SIZE_4K;

		close_frames(active, word, room < STORE_BYTES ? room : STORE_BYTES);
	}
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
	trap->closed_count = 0;
	open_count = 0;
	newest = trap->memory->requests;
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
