/* SPDX-License-Identifier: MIT */
/* Exceptions other than aborts, and the stack that they are taken on. */
#include "cpu.h"
#include "exceptions.h"
#include "guest/selftest.h"
#include "guest/stack.h"
#include "guest/userland.h"
#include "probe_code.h"
#include "twofold/aarch64.h"

extern struct stack exception_stack;

/* Runs user code until it faults. */
static void expect_exception(const char *what, virt_addr code, virt_addr at, unsigned int class,
			     uint64_t syndrome)
{
	struct excursion e;

	run_to_fault(code, 0, 0, true, 0, &e);
	expect_equal(what, exception_class(&e.frame), class);
	expect_equal("its syndrome", exception_syndrome(&e.frame), syndrome);
	expect_equal("its address", e.frame.elr, at);
	expect_equal("its privilege", e.frame.spsr & 0xf, 0);
	expect_true("it is taken on the exceptions' stack",
		    e.handler_stack - (uint64_t)(uintptr_t)exception_stack.bytes < STACK_SIZE);
}

static void check_user(const struct check *check)
{
	virt_addr at = test_map_leaf(landing_page, check->leaf,
				     (struct page_flags){ .read = 1, .execute = 1, .user = 1 });
	virt_addr undefined = userland_address(probe_code_undefined);
	virt_addr privileged = userland_address(probe_code_privileged);

	if (at == 0)
		return;
	expect_exception("a breakpoint", at, at, CLASS_BRK, 1);
	expect_exception("a system call", userland_address(probe_code_svc),
			 userland_address(probe_code_svc_end), CLASS_SVC, 0x2f);
	expect_exception("an instruction that does not exist", undefined, undefined, 0, 0);
	/* MSR from EL0 to an EL1 register is undefined too. */
	expect_exception("a privileged instruction", privileged, privileged, 0, 0);
	test_unmap_leaf(check->leaf);
}

/* The byte inside an end of a half is mapped, the one outside cannot be: a fault at level 0. */
static void expect_edge(const char *what, virt_addr inside, virt_addr outside)
{
	struct page_flags flags = { .read = 1, .execute = 1 };
	struct probe_result fault = { .faulted = true,
				      .vector = CLASS_DATA_SAME,
				      .code = SYNDROME_TRANSLATION,
				      .address = outside };
	struct page_mapping m;
	virt_addr page = addr_align_down(inside, page_size());

	if (!expect_status(what, kernel_map(page, landing_page.start, page_size(), flags, 0),
			   PAGING_OK))
		return;
	expect_verdict(what, probe(PROBE_READ, inside, false),
		       probe_expect(&flags, PROBE_READ, inside, false));
	expect_verdict(what, probe(PROBE_READ, outside, false), fault);
	expect_status(what, kernel_query(outside, &m), PAGING_INPUT_RANGE);
	expect_status(what, kernel_unmap(page, page_size(), 0), PAGING_OK);
}

static void check_beyond(const struct check *check)
{
	struct input_range halves[2];

	(void)check;
	kernel_halves(halves);
	expect_edge("the end of the lower half", halves[0].last, halves[0].last + 1);
	/* RAM is in the direct map from 0xffff000040000000 on; its first page is free. */
	expect_edge("the start of the upper half", halves[1].first, halves[1].first - 1);
}

/* In the landing page: instructions, each before a landing. BRK itself may be branched to. */
enum {
	PLACE_NOP = 256,
	PLACE_BTI = 512,
};

static void write_place(unsigned int place, uint32_t instruction)
{
	*(volatile uint32_t *)(void *)(frame_bytes(landing_page) + place) = instruction;
	probe_write_landing(frame_bytes(landing_page) + place + sizeof(instruction));
}

/* Enters user code at an address as an indirect branch would. */
static unsigned int branch_class(virt_addr at)
{
	struct excursion e;

	run_at_pstate(at, 0, PSTATE_USER | PSTATE_BTYPE(3), &e);
	return exception_class(&e.frame);
}

/* In a guarded page an indirect branch must land on BTI. */
static void check_guarded(const struct check *check)
{
	struct page_flags flags = { .read = 1, .execute = 1, .user = 1 };

	if ((kernel.mmu.config.features & AARCH64_BTI) == 0) {
		check_skip("this CPU has no BTI");
		return;
	}
	for (unsigned int guarded = 0; guarded < 2; guarded++) {
		virt_addr at;

		/* Anew each time: QEMU's TCG keeps what it translated from an unguarded page. */
		write_place(PLACE_NOP, UINT32_C(0xd503201f)); /* nop */
		write_place(PLACE_BTI, UINT32_C(0xd50324df)); /* bti jc */
		flags.guarded = guarded & 1;
		at = test_map_leaf(landing_page, check->leaf, flags);
		if (at == 0)
			return;
		expect_equal("exception class, at BTI", branch_class(at + PLACE_BTI), CLASS_BRK);
		expect_equal("exception class, elsewhere", branch_class(at + PLACE_NOP),
			     guarded ? CLASS_BRANCH_TARGET : CLASS_BRK);
		test_unmap_leaf(check->leaf);
	}
}

static const struct check checks[] = {
	{ .name = "exceptions: BRK, SVC and undefined instructions of user code",
	  .run = check_user },
	{ .name = "exceptions: addresses between the halves", .run = check_beyond },
	{ .name = "guarded: an indirect branch must land on BTI, @",
	  .run = check_guarded,
	  .rank = LEAF_PAGE },
	{ .name = "guarded: an indirect branch must land on BTI, @",
	  .run = check_guarded,
	  .rank = LEAF_BLOCK },
};
const struct check_list arch_exception_checks = CHECK_LIST(checks);
