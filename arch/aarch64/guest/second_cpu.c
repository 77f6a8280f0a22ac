/* SPDX-License-Identifier: MIT */
/* How the second CPU is started, and how it waits. */
#include "second_cpu.h"

#include <stdatomic.h>
#include <stddef.h>

#include "cpu.h"
#include "device_tree.h"
#include "guest/check.h"
#include "guest/kernel.h"
#include "mmu.h"
#include "psci.h"

#define WAIT_SECONDS 4 /* a busy machine may emulate us */

extern const char second_cpu_entry[];

_Noreturn void second_cpu_main(void);

/* What it starts with, as the first CPU has it. Read with the MMU off. */
struct second_cpu_registers {
	uint64_t step_ttbr0; /* until it is in the high half */
	uint64_t ttbr1, tcr, mair;
	uint64_t ttbr0;
	uint64_t current_el;
	uint64_t offset; /* from physical addresses of the image to its virtual ones */
};
_Static_assert(offsetof(struct second_cpu_registers, ttbr0) == SECOND_CPU_TTBR0, "entry.S");
_Static_assert(offsetof(struct second_cpu_registers, current_el) == SECOND_CPU_CURRENT_EL,
	       "entry.S");
_Static_assert(offsetof(struct second_cpu_registers, offset) == SECOND_CPU_OFFSET, "entry.S");

static struct {
	bool exists, started;
	uint64_t affinity;
	struct second_cpu_registers registers;
	atomic_bool here;
	struct second_cpu_registers seen; /* before it is here; what it read itself */
} second;

void second_cpu_find(const void *tree)
{
	second.exists =
		psci_exists() &&
		device_tree_other_cpu(tree, read_mpidr_el1() & MPIDR_AFFINITY, &second.affinity);
}

bool second_cpu_exists(void)
{
	return second.exists;
}

static void read_registers(struct second_cpu_registers *registers)
{
	registers->ttbr1 = read_ttbr1_el1();
	registers->tcr = read_own_tcr();
	registers->mair = read_own_mair();
	registers->ttbr0 = read_own_ttbr0();
	registers->current_el = read_currentel();
}

static bool arrives(void)
{
	uint64_t start = read_cntvct_el0();

	while (!atomic_load(&second.here)) {
		if (read_cntvct_el0() - start > WAIT_SECONDS * read_cntfrq_el0())
			return false;
		cpu_pause();
	}
	return true;
}

bool second_cpu_start(void)
{
	if (second.started)
		return true;
	second.registers.step_ttbr0 = mmu_step_root();
	second.registers.offset = arch_layout.kernel_offset;
	read_registers(&second.registers);
	clean_to_memory(&second.registers, sizeof(second.registers));
	second.started = psci_call(PSCI_CPU_ON, second.affinity, image_phys(second_cpu_entry),
				   image_phys(&second.registers)) == PSCI_SUCCESS &&
			 arrives();
	return second.started;
}

void second_cpu_expect_tables(void)
{
	struct second_cpu_registers own;

	read_registers(&own);
	expect_equal("its TTBR0", second.seen.ttbr0, own.ttbr0);
	expect_equal("its TTBR1", second.seen.ttbr1, own.ttbr1);
	expect_equal("its TCR", second.seen.tcr, own.tcr);
	expect_equal("its MAIR", second.seen.mair, own.mair);
	expect_equal("its CurrentEL", second.seen.current_el, own.current_el);
}

/* Nobody is told: under a hypervisor each TLBI may be a broadcast (HCR_EL2.FB). */
void second_cpu_leave_out(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
	barrier_store_sync();
}

void second_cpu_wake(void)
{
	__asm__ volatile("dsb ishst\n\tsev" : : : "memory");
}

/* From here on: the second CPU. An event that comes before WFE is not lost: WFE does not wait then.
 */
_Noreturn void second_cpu_main(void)
{
	read_registers(&second.seen);
	atomic_store(&second.here, true);
	for (;;) {
		if (second_cpu_task() == TASK_NONE)
			__asm__ volatile("wfe" : : : "memory");
		else
			second_cpu_do();
	}
}
