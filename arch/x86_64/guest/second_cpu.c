/* SPDX-License-Identifier: MIT */
/* The second CPU: how it is started, how it is interrupted, and what it does. */
#include "second_cpu.h"

#include <stdatomic.h>

#include "cpu.h"
#include "descriptors.h"
#include "flush.h"
#include "guest/check.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/sabotage.h"

/* The local APIC's registers (SDM vol. 3A 11.4.1, 11.6.1), mapped as device memory. */
#define LOCAL_APIC     UINT64_C(0xfee00000)
#define APIC_ID        0x20
#define APIC_EOI       0xb0
#define APIC_SPURIOUS  0xf0
#define APIC_ENABLE    0x100
#define APIC_ICR_LOW   0x300
#define APIC_ICR_HIGH  0x310
#define ICR_FIXED      0x4000 /* these with "assert" */
#define ICR_INIT       0x4500
#define ICR_STARTUP    0x4600
#define ICR_PENDING    0x1000
#define LOW_MEMORY     UINT64_C(0xa0000)
#define WAIT_CYCLES    (UINT64_C(1) << 32)
#define STARTUP_CYCLES (UINT64_C(1) << 22)
#define DEAF_CYCLES    (UINT64_C(1) << 26)

extern const char trampoline[], trampoline_end[];

_Noreturn void second_cpu_main(void);
void second_cpu_flush_request(void);
void second_cpu_wake_request(void);

/* Of the start, and of shoot-downs. */
static struct {
	bool started;
	uint32_t apic_id;
	/* For second_cpu_main, as the first CPU has them. */
	uint64_t cr0, cr3, cr4, efer, pat;
	atomic_bool here;
	uint64_t cr3_seen;

	atomic_bool hears;
	const struct tlb_gather *gather;
	atomic_uint flushes_asked, flushes_done, flushes_expected;
} second;

static volatile uint32_t *apic_register(unsigned int offset)
{
	return (volatile uint32_t *)(uintptr_t)(arch_layout.device_base + LOCAL_APIC + offset);
}

static void apic_enable(void)
{
	*apic_register(APIC_SPURIOUS) = APIC_ENABLE | VECTOR_SPURIOUS;
}

static void send(uint32_t command)
{
	while (*apic_register(APIC_ICR_LOW) & ICR_PENDING)
		cpu_pause();
	*apic_register(APIC_ICR_HIGH) = second.apic_id << 24;
	*apic_register(APIC_ICR_LOW) = command;
}

/* Waits for at most so many cycles. */
static bool arrives(uint64_t cycles)
{
	uint64_t start = read_tsc();

	while (!atomic_load(&second.here)) {
		if (read_tsc() - start > cycles)
			return false;
		cpu_pause();
	}
	return true;
}

bool second_cpu_exists(void)
{
	return (cpuid(1).ebx >> 16 & 0xff) > 1;
}

/* A free page where a CPU in real mode can begin. */
static phys_addr place_trampoline(void)
{
	struct memory_range within = { PAGE_SIZE_4K, LOW_MEMORY };
	struct memory_range range = memory_map_largest(&kernel.memory, within);
	phys_addr page = addr_align_up(range.start, PAGE_SIZE_4K);
	uint8_t *to = direct(page);

	if (page + PAGE_SIZE_4K > range.end)
		panic("no page below 0x%lx is free for the second CPU to start in", LOW_MEMORY);
	for (size_t i = 0; i < (size_t)(trampoline_end - trampoline); i++)
		to[i] = (uint8_t)trampoline[i];
	return page;
}

bool second_cpu_start(void)
{
	uint32_t startup;

	if (second.started)
		return true;
	atomic_store(&second.hears, true);
	second.cr0 = read_cr0();
	second.cr3 = read_cr3();
	second.cr4 = read_cr4();
	second.efer = read_msr(MSR_EFER);
	second.pat = read_msr(MSR_PAT);
	apic_enable();
	second.apic_id = (*apic_register(APIC_ID) >> 24) ^ 1;
	startup = ICR_STARTUP | (uint32_t)(place_trampoline() >> 12);
	/* SDM vol. 3A 9.4.4.1: INIT, a while, STARTUP, and once more if nothing came of it. */
	send(ICR_INIT);
	(void)arrives(STARTUP_CYCLES);
	send(startup);
	if (!arrives(STARTUP_CYCLES))
		send(startup);
	second.started = arrives(WAIT_CYCLES);
	return second.started;
}

void second_cpu_expect_tables(void)
{
	expect_equal("its CR3", second.cr3_seen, read_cr3());
}

void second_cpu_leave_out(const struct tlb_gather *gather, void *context)
{
	flush_here(gather, context);
}

void second_cpu_wake(void)
{
	send(ICR_FIXED | VECTOR_WAKE);
}

void second_cpu_deafen(void)
{
	atomic_store(&second.hears, true);
	atomic_store(&second.flushes_expected, atomic_load(&second.flushes_asked) + 1);
	second_cpu_give(TASK_OTHER);
	while (atomic_load(&second.hears))
		cpu_pause();
}

bool second_cpu_hears(void)
{
	return atomic_load(&second.hears);
}

/* Broken where that shows for certain: a CPU that hears may read the gather when it is gone. */
static bool goes_on_unheard(void)
{
	return sabotage_omits(SABOTAGE_ACKNOWLEDGEMENT) && !second_cpu_hears();
}

void second_cpu_flush(const struct tlb_gather *gather)
{
	unsigned int request;

	if (!second.started)
		return;
	second.gather = gather;
	request = atomic_fetch_add(&second.flushes_asked, 1) + 1;
	if (!sabotage_omits(SABOTAGE_INTERRUPT))
		send(ICR_FIXED | VECTOR_FLUSH);
	else
		atomic_store(&second.flushes_done, request);
	while (atomic_load(&second.flushes_done) != request && !goes_on_unheard())
		cpu_pause();
}

/* From here on: the second CPU. */

void second_cpu_flush_request(void)
{
	unsigned int request = atomic_load(&second.flushes_asked);

	flush_here(second.gather, NULL);
	atomic_store(&second.flushes_done, request);
	*apic_register(APIC_EOI) = 0;
}

void second_cpu_wake_request(void)
{
	*apic_register(APIC_EOI) = 0;
}

/* Interrupts off until a flush has been asked for, and for a while after that. */
static void be_deaf(void)
{
	uint64_t start;

	atomic_store(&second.hears, false);
	while (atomic_load(&second.flushes_asked) != atomic_load(&second.flushes_expected))
		cpu_pause();
	start = read_tsc();
	while (read_tsc() - start < DEAF_CYCLES)
		cpu_pause();
	atomic_store(&second.hears, true);
	__asm__ volatile("sti" : : : "memory");
}

_Noreturn void second_cpu_main(void)
{
	write_msr(MSR_EFER, second.efer);
	write_msr(MSR_PAT, second.pat);
	write_cr4(second.cr4);
	write_cr0(second.cr0);
	write_cr3(second.cr3);
	descriptors_load_second();
	apic_enable();
	second.cr3_seen = read_cr3();
	atomic_store(&second.here, true);
	for (;;) {
		__asm__ volatile("cli" : : : "memory");
		switch (second_cpu_task()) {
		case TASK_NONE:
			/* STI takes effect after HLT has begun: no interrupt is lost between. */
			__asm__ volatile("sti; hlt" : : : "memory");
			break;
		case TASK_OTHER:
			be_deaf();
			second_cpu_done();
			break;
		case TASK_STARE:
			second_cpu_do();
			break;
		default:
			__asm__ volatile("sti" : : : "memory");
			second_cpu_do();
			break;
		}
	}
}
