/* SPDX-License-Identifier: MIT */
/* What becomes of an exception: the end of an excursion, or of the run. */
#include "exceptions.h"

#include "cpu.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "guest/stack.h"

DEFINE_STACK(kernel_stack);
DEFINE_STACK(selftest_stack);
DEFINE_STACK(exception_stack);
DEFINE_STACK(emergency_stack);
DEFINE_STACK(second_cpu_stack);

const struct named_stack guest_stacks[] = {
	{ "kernel", &kernel_stack },         { "exception", &exception_stack },
	{ "emergency", &emergency_stack },   { "self-test", &selftest_stack },
	{ "second CPU", &second_cpu_stack },
};
const size_t guest_stack_count = sizeof(guest_stacks) / sizeof(guest_stacks[0]);

/* The excursion under way. */
static struct excursion *current;

void run_to_fault(uint64_t code, uint64_t first, uint64_t second, bool user, uint64_t stack,
		  struct excursion *excursion)
{
	struct excursion_start start = {
		.pc = code,
		.pstate = user ? PSTATE_USER : pstate_kernel(),
		.sp = stack,
		.x0 = first,
		.x1 = second,
	};

	current = excursion;
	excursion_begin(&start, excursion);
}

void run_at_pstate(uint64_t code, uint64_t first, uint64_t pstate, struct excursion *excursion)
{
	struct excursion_start start = { .pc = code, .pstate = pstate, .x0 = first };

	current = excursion;
	excursion_begin(&start, excursion);
}

static const char *class_name(unsigned int class)
{
	switch (class) {
	case 0:
		return "undefined instruction";
	case 0x07:
		return "FP access";
	case CLASS_BRANCH_TARGET:
		return "branch target";
	case 0x0e:
		return "illegal execution state";
	case CLASS_SVC:
		return "SVC";
	case CLASS_FETCH_LOWER:
	case CLASS_FETCH_SAME:
		return "instruction abort";
	case 0x22:
		return "PC alignment";
	case CLASS_DATA_LOWER:
	case CLASS_DATA_SAME:
		return "data abort";
	case 0x26:
		return "SP alignment";
	case 0x2f:
		return "SError";
	case CLASS_BRK:
		return "BRK";
	default:
		return "exception";
	}
}

static void print_registers(const struct exception_frame *f)
{
	print("# pc %016lx sp %016lx pstate %08lx esr %08lx far %016lx\n", f->elr, f->sp, f->spsr,
	      f->esr, f->far);
	for (unsigned int i = 0; i < 31; i += 4) {
		print("#");
		for (unsigned int j = i; j < i + 4 && j < 31; j++)
			print(" x%u %016lx", j, f->x[j]);
		print("\n");
	}
	print("# sctlr %016lx tcr %016lx ttbr0 %016lx ttbr1 %016lx\n", read_own_sctlr(),
	      read_own_tcr(), read_own_ttbr0(), read_ttbr1_el1());
}

static bool is_abort(unsigned int class)
{
	return class == CLASS_FETCH_LOWER || class == CLASS_FETCH_SAME ||
	       class == CLASS_DATA_LOWER || class == CLASS_DATA_SAME;
}

static _Noreturn void die(const struct exception_frame *f)
{
	static bool dying;
	const struct named_stack *stack;
	unsigned int class = exception_class(f);

	if (dying)
		panic("%s while another exception was being reported", class_name(class));
	dying = true;
	print_registers(f);
	if (!is_abort(class))
		panic("%s (vector %lu, class 0x%x, syndrome 0x%lx) at pc 0x%lx", class_name(class),
		      f->vector, class, exception_syndrome(f), f->elr);
	stack = stack_by_guard(f->far);
	if (stack)
		panic("stack overflow on the %s stack: %s at pc 0x%lx, address 0x%lx", stack->name,
		      class_name(class), f->elr, f->far);
	kernel_explain_address(f->far);
	panic("%s: syndrome 0x%lx at pc 0x%lx, address 0x%lx", class_name(class),
	      exception_syndrome(f), f->elr, f->far);
}

_Noreturn void exception_handle(const struct exception_frame *frame)
{
	struct excursion *excursion = current;

	/* Excursions are the first CPU's. */
	if (!excursion || frame->vector >= SECOND_CPU_VECTOR)
		die(frame);
	current = NULL;
	excursion->frame = *frame;
	excursion->handler_stack = (uint64_t)(uintptr_t)frame;
	excursion_end(excursion->sp);
}
