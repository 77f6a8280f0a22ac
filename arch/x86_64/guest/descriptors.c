/* SPDX-License-Identifier: MIT */
/*
 * GDT, IDT and TSS. Each exception is taken on a stack of its own from the TSS, so that the fault
 * of a broken stack can be handled: #PF and #DF each on one that no other exception uses.
 */
#include "descriptors.h"

#include "cpu.h"
#include "exceptions.h"
#include "guest/stack.h"
#include "layout.h"
#include "second_cpu.h"

DEFINE_STACK(kernel_stack);
static DEFINE_STACK(page_fault_stack);
static DEFINE_STACK(double_fault_stack);
static DEFINE_STACK(exception_stack);
DEFINE_STACK(second_cpu_stack);

const struct named_stack guest_stacks[] = {
	{ "kernel", &kernel_stack },
	{ "page-fault", &page_fault_stack },
	{ "double-fault", &double_fault_stack },
	{ "exception", &exception_stack },
	{ "self-test", &selftest_stack },
	{ "second CPU", &second_cpu_stack },
};
const size_t guest_stack_count = sizeof(guest_stacks) / sizeof(guest_stacks[0]);

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t ist[8]; /* [0] is reserved */
	uint16_t reserved1[5];
	uint16_t io_map;
} __attribute__((packed));

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t stack;
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

#define INTERRUPT_GATE 0x8e
#define TSS_AVAILABLE  (UINT64_C(0x89) << 40)

static struct tss tss;
static struct gate idt[VECTORS], second_idt[VECTOR_SPURIOUS + 1];
static uint64_t gdt[7] = {
	[KERNEL_CS / 8] = UINT64_C(0x00af9b000000ffff),
	[KERNEL_DS / 8] = UINT64_C(0x00cf93000000ffff),
	[USER_DS / 8] = UINT64_C(0x00cff3000000ffff),
	[USER_CS / 8] = UINT64_C(0x00affb000000ffff),
};

static void tss_fill(void)
{
	uint64_t base = (uint64_t)(uintptr_t)&tss;

	tss.rsp[0] = stack_top(&exception_stack);
	tss.ist[EXCEPTION_STACK_PAGE_FAULT] = stack_top(&page_fault_stack);
	tss.ist[EXCEPTION_STACK_DOUBLE_FAULT] = stack_top(&double_fault_stack);
	tss.ist[EXCEPTION_STACK_OTHER] = stack_top(&exception_stack);
	tss.io_map = sizeof(tss);
	gdt[TSS_SELECTOR / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | TSS_AVAILABLE |
				(base >> 24 & 0xff) << 56;
	gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
}

static enum exception_stack stack_of_vector(unsigned int vector)
{
	if (vector == VECTOR_PAGE_FAULT)
		return EXCEPTION_STACK_PAGE_FAULT;
	if (vector == VECTOR_DOUBLE_FAULT)
		return EXCEPTION_STACK_DOUBLE_FAULT;
	return EXCEPTION_STACK_OTHER;
}

/* `stack` 0: the one that is in use. */
static void gate_fill(struct gate *gate, const void *handler, unsigned int stack)
{
	uint64_t entry = (uint64_t)(uintptr_t)handler;

	*gate = (struct gate){
		.offset_low = (uint16_t)entry,
		.selector = KERNEL_CS,
		.stack = (uint8_t)stack,
		.type = INTERRUPT_GATE,
		.offset_middle = (uint16_t)(entry >> 16),
		.offset_high = (uint32_t)(entry >> 32),
	};
}

static void idt_fill(void)
{
	for (unsigned int vector = 0; vector < VECTORS; vector++)
		gate_fill(&idt[vector], exception_entry(vector), stack_of_vector(vector));
}

/* It runs supervisor code only and takes everything on its one stack, so it needs no TSS. */
void descriptors_load_second(void)
{
	struct table_pointer gdtr = { sizeof(gdt) - 1, (uint64_t)(uintptr_t)gdt };
	struct table_pointer idtr = { sizeof(second_idt) - 1, (uint64_t)(uintptr_t)second_idt };

	for (unsigned int vector = 0; vector < VECTORS; vector++)
		gate_fill(&second_idt[vector], exception_entry(vector), 0);
	gate_fill(&second_idt[VECTOR_PAGE_FAULT], second_cpu_page_fault, 0);
	gate_fill(&second_idt[VECTOR_FLUSH], second_cpu_flush_entry, 0);
	gate_fill(&second_idt[VECTOR_WAKE], second_cpu_wake_entry, 0);
	gate_fill(&second_idt[VECTOR_SPURIOUS], second_cpu_spurious_entry, 0);
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

void descriptors_load(void)
{
	struct table_pointer gdtr = { sizeof(gdt) - 1, (uint64_t)(uintptr_t)gdt };
	struct table_pointer idtr = { sizeof(idt) - 1, (uint64_t)(uintptr_t)idt };

	tss_fill();
	idt_fill();
	/* The kernel's segments are the boot GDT's: what is in CS, DS, ES and SS stays right. */
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("lidt %0" : : "m"(idtr));
	__asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

uint64_t exception_stack_move(enum exception_stack which, uint64_t top)
{
	uint64_t before = tss.ist[which];

	tss.ist[which] = top;
	return before;
}
