/* SPDX-License-Identifier: MIT */
/* Exceptions other than page faults, and the stacks that they are taken on. */
#include "cpu.h"
#include "descriptors.h"
#include "exceptions.h"
#include "guest/selftest.h"
#include "guest/stack.h"
#include "guest/userland.h"
#include "mmu.h"
#include "probe_code.h"

#define INT3          0xcc
#define KVM_SIGNATURE UINT32_C(0x4b4d564b) /* "KVMK" */

static const struct named_stack *stack_of(uint64_t address)
{
	for (size_t i = 0; i < guest_stack_count; i++) {
		if (address - (uint64_t)(uintptr_t)guest_stacks[i].stack->bytes < STACK_SIZE)
			return &guest_stacks[i];
	}
	return NULL;
}

/* Runs user code until it faults. */
static void expect_exception(const char *what, virt_addr code, virt_addr at, uint64_t vector,
			     uint64_t error_code)
{
	struct excursion e;
	const struct named_stack *stack;

	run_to_fault(code, 0, 0, true, 0, &e);
	expect_equal(what, e.frame.vector, vector);
	expect_equal("its error code", e.frame.error_code, error_code);
	expect_equal("its address", e.frame.rip, at);
	expect_equal("its privilege", e.frame.cs & 3, 3);
	stack = stack_of(e.handler_stack);
	expect_true("it is taken on a stack of its own",
		    stack && stack->stack != &kernel_stack && stack->stack != &selftest_stack);
}

static void check_user(const struct check *check)
{
	virt_addr at = test_map_leaf(landing_page, check->leaf,
				     (struct page_flags){ .read = 1, .execute = 1, .user = 1 });
	virt_addr divide = userland_address(probe_code_divide);
	virt_addr privileged = userland_address(probe_code_privileged);

	if (at == 0)
		return;
	expect_exception("an invalid instruction", at, at, VECTOR_INVALID_OPCODE, 0);
	expect_exception("a division by zero", divide, userland_address(probe_code_divide_end),
			 VECTOR_DIVIDE, 0);
	expect_exception("a privileged instruction", privileged, privileged,
			 VECTOR_GENERAL_PROTECTION, 0);
	test_unmap_leaf(check->leaf);
}

/* On KVM nothing tells one that interprets, and cannot do int3, from one that does not. */
static bool breakpoint_possible(void)
{
	struct cpuid hypervisor = cpuid(UINT32_C(0x40000000));
	bool kvm = (cpuid(1).ecx >> 31 & 1) != 0 && hypervisor.ebx == KVM_SIGNATURE;

	return !kvm || breakpoint_wanted;
}

/* Its gate is for supervisors, so user code gets #GP (SDM vol. 3A 6.12.1.2). */
static void check_breakpoint(const struct check *check)
{
	struct frame frame;
	struct excursion e;
	virt_addr at;

	if (!breakpoint_possible()) {
		check_skip("a KVM that interprets would end the run here; int3=1 says that it is "
			   "another");
		return;
	}
	frame = test_frame(PAGE_SIZE_4K);
	frame_bytes(frame)[0] = INT3;
	at = test_map_leaf(frame, check->leaf,
			   (struct page_flags){ .read = 1, .execute = 1, .user = 1 });
	if (at != 0) {
		run_to_fault(at, 0, 0, false, stack_top(&selftest_stack), &e);
		expect_equal("a supervisor's int3", e.frame.vector, VECTOR_BREAKPOINT);
		expect_equal("its error code", e.frame.error_code, 0);
		expect_equal("its address", e.frame.rip, at + 1); /* a trap */
		/* The error code has the gate's number, but QEMU 7.2 has it in another place. */
		run_to_fault(at, 0, 0, true, 0, &e);
		expect_equal("a user's int3", e.frame.vector, VECTOR_GENERAL_PROTECTION);
		expect_equal("its address", e.frame.rip, at);
		test_unmap_leaf(check->leaf);
	}
	test_frame_free(frame);
}

/* The byte inside an end of the hole between the halves is mapped, the one outside cannot be. */
static void expect_edge(const char *what, virt_addr inside, virt_addr outside)
{
	struct page_flags flags = { .read = 1, .execute = 1 };
	struct page_mapping m;
	virt_addr page = addr_align_down(inside, PAGE_SIZE_4K);

	if (!expect_status(what, kernel_map(page, landing_page.start, PAGE_SIZE_4K, flags, 0),
			   PAGING_OK))
		return;
	expect_verdict(what, probe(PROBE_READ, inside, false),
		       probe_expect(&flags, PROBE_READ, inside, false));
	expect_verdict(
		what, probe(PROBE_READ, outside, false),
		(struct probe_result){ .faulted = true, .vector = VECTOR_GENERAL_PROTECTION });
	expect_status(what, kernel_query(outside, &m), PAGING_INPUT_RANGE);
	expect_status(what, kernel_unmap(page, PAGE_SIZE_4K, 0), PAGING_OK);
}

static void check_not_canonical(const struct check *check)
{
	struct input_range halves[2];

	(void)check;
	kernel_halves(halves);
	expect_edge("the end of the lower half", halves[0].last, halves[0].last + 1);
	expect_edge("the start of the upper half", halves[1].first, halves[1].first - 1);
}

/* With the stack of page faults gone, a page fault becomes a double fault, on a stack that is
 * there. */
static void check_double_fault(const struct check *check)
{
	virt_addr hole = test_address(TEST_OTHER);
	virt_addr nowhere = test_address(TEST_OTHER + 8 * PAGE_SIZE_4K);
	uint64_t before = exception_stack_move(EXCEPTION_STACK_PAGE_FAULT, nowhere);
	struct probe_result result = probe(PROBE_READ, hole, false);

	(void)check;
	exception_stack_move(EXCEPTION_STACK_PAGE_FAULT, before);
	expect_verdict("a page fault without a stack", result,
		       (struct probe_result){ .faulted = true, .vector = VECTOR_DOUBLE_FAULT });
	expect_rights("with its stack back", hole, NULL);
}

static const struct check checks[] = {
	{ .name = "exceptions: #UD, #DE and #GP of user code",
	  .run = check_user,
	  .rank = LEAF_PAGE },
	{ .name = "exceptions: #BP of int3, which user code may not use",
	  .run = check_breakpoint,
	  .rank = LEAF_PAGE },
	{ .name = "exceptions: an address that is not canonical", .run = check_not_canonical },
	{ .name = "exceptions: a page fault without a stack is a double fault",
	  .run = check_double_fault },
};
const struct check_list arch_exception_checks = CHECK_LIST(checks);
