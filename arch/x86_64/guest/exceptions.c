/* SPDX-License-Identifier: MIT */
/* What becomes of an exception: the end of an excursion, or of the run. */
#include "exceptions.h"

#include "cpu.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "guest/stack.h"
#include "layout.h"

/* The excursion under way. */
static struct excursion *current;

void run_to_fault(uint64_t code, uint64_t first, uint64_t second, bool user, uint64_t stack,
		  struct excursion *excursion)
{
	struct excursion_start start = {
		.rip = code,
		.cs = user ? USER_CS : KERNEL_CS,
		.rflags = 2, /* the bit that is always one: interrupts stay off */
		.rsp = stack,
		.ss = user ? USER_DS : KERNEL_DS,
		.rdi = first,
		.rsi = second,
	};

	current = excursion;
	excursion_begin(&start, excursion);
}

static const char *vector_name(uint64_t vector)
{
	static const char *const names[] = {
		"#DE divide error",
		"#DB debug",
		"NMI",
		"#BP breakpoint",
		"#OF overflow",
		"#BR bound range",
		"#UD invalid opcode",
		"#NM no device",
		"#DF double fault",
		"coprocessor overrun",
		"#TS invalid TSS",
		"#NP segment not present",
		"#SS stack segment",
		"#GP general protection",
		"#PF page fault",
	};

	return vector < sizeof(names) / sizeof(names[0]) ? names[vector] : "exception";
}

static void print_registers(const struct exception_frame *f, uint64_t cr2)
{
	print("# rip %02lx:%016lx rsp %02lx:%016lx rflags %08lx\n", f->cs, f->rip, f->ss, f->rsp,
	      f->rflags);
	print("# rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	print("# rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
	print("# r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
	print("# r13 %016lx r14 %016lx r15 %016lx cr2 %016lx\n", f->r13, f->r14, f->r15, cr2);
	print("# cr0 %016lx cr3 %016lx cr4 %016lx\n", read_cr0(), read_cr3(), read_cr4());
}

static _Noreturn void die(const struct exception_frame *f, uint64_t cr2)
{
	static bool dying;
	const struct named_stack *stack;

	if (dying)
		panic("%s while another exception was being reported", vector_name(f->vector));
	dying = true;
	print_registers(f, cr2);
	if (f->vector != VECTOR_PAGE_FAULT && f->vector != VECTOR_DOUBLE_FAULT)
		panic("%s (vector %lu, error code 0x%lx) at rip 0x%lx", vector_name(f->vector),
		      f->vector, f->error_code, f->rip);
	stack = stack_by_guard(cr2);
	if (stack)
		panic("stack overflow on the %s stack: %s at rip 0x%lx, address 0x%lx", stack->name,
		      vector_name(f->vector), f->rip, cr2);
	kernel_explain_address(cr2);
	panic("%s: error code 0x%lx at rip 0x%lx, address 0x%lx", vector_name(f->vector),
	      f->error_code, f->rip, cr2);
}

_Noreturn void exception_handle(const struct exception_frame *frame)
{
	uint64_t cr2 = read_cr2();
	struct excursion *excursion = current;

	if (!excursion)
		die(frame, cr2);
	current = NULL;
	excursion->frame = *frame;
	excursion->cr2 = cr2;
	excursion->handler_stack = (uint64_t)(uintptr_t)frame;
	excursion_end(excursion->rsp);
}
