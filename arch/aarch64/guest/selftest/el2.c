/* SPDX-License-Identifier: MIT */
/*
 * Tables of EL2 as a CPU without FEAT_VHE has them (AARCH64_EL2): one level of privilege, one half
 * of the address space. The kernel cannot run on those; what it left at EL2 makes single accesses.
 */
#include "../boot.h"
#include "../cpu.h"
#include "../mmu.h"
#include "../probe_code.h"
#include "guest/inner.h"
#include "guest/panic.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "twofold/aarch64.h"
#include "twofold/aarch64_fault.h"

#define RET      UINT32_C(0xd65f03c0)
#define MMFR1_VH UINT64_C(0xf00)

/* el2_probe.S has it in this order. */
struct el2_probe {
	uint64_t ttbr0, tcr, mair;
	uint64_t access; /* enum probe_access */
	uint64_t address;
	uint64_t esr, far; /* what came of it; ESR 0: it was done */
};

static struct el2_probe el2_probe;
static struct page_table table;

extern const char el2_vectors[], el2_vectors_end[];

static void map(virt_addr virt, phys_addr phys, uint64_t size, struct page_flags flags)
{
	struct page_table_op op = { .frames = &kernel.pool.allocator };

	expect_status("map", page_table_map(&table, virt, phys, size, flags, &op), PAGING_OK);
}

/* EL2's tables have what is there of code, where it lies. */
static void make_table(void)
{
	struct page_table_config config = { .format = kernel.mmu.config.format,
					    .input_bits = 48,
					    .features = AARCH64_EL2 };
	phys_addr code = addr_align_down(image_phys(el2_vectors), page_size());
	phys_addr end = addr_align_up(image_phys(el2_vectors_end), page_size());
	struct aarch64_stage1_registers registers;

	if (aarch64_config(mmu_cpu(), &config, NULL) != REGISTER_OK)
		panic("tables of EL2: this CPU has none");
	config.access = kernel.mmu.config.access;
	if (page_table_init(&table, &config, &kernel.pool.allocator) != PAGING_OK)
		panic("tables of EL2: no memory");
	sabotage_enter(SABOTAGE_KERNEL);
	map(code, code, end - code, (struct page_flags){ .read = 1, .execute = 1 });
	sabotage_enter(SABOTAGE_SELFTEST);
	if (aarch64_stage1_registers(mmu_cpu(), &table, NULL, 0, mmu_walk(), &registers, NULL) !=
	    REGISTER_OK)
		panic("tables of EL2: this CPU has no registers for them");
	el2_probe =
		(struct el2_probe){ registers.ttbr0, registers.tcr, registers.mair, 0, 0, 0, 0 };
}

static void call_el2(phys_addr probe)
{
	register uint64_t x0 __asm__("x0") = probe;

	__asm__ volatile("hvc #0"
			 : "+r"(x0)
			 :
			 : "x1", "x2", "x3", "x5", "x6", "x30", "cc", "memory");
}

/* With its MMU off EL2 looks past the caches. */
static void probe_el2(enum probe_access access, virt_addr address)
{
	el2_probe.access = access;
	el2_probe.address = address;
	inner_memory_ready(&el2_probe, sizeof(el2_probe));
	call_el2(image_phys(&el2_probe));
	inner_memory_ready(&el2_probe, sizeof(el2_probe));
}

/* What EL2 says to an access, and what flags (NULL: a hole) mean for it. */
static void expect_access(const char *what, enum probe_access access, virt_addr at,
			  const struct page_flags *flags)
{
	static const unsigned int accesses[] = { FAULT_READ, FAULT_WRITE, FAULT_EXECUTE };
	struct page_mapping m = { 0 };
	struct page_fault fault = { .cause = FAULT_NONE };
	enum fault_cause cause;

	if (flags)
		m.flags = *flags;
	cause = page_fault_predict(flags ? &m : NULL, accesses[access], false,
				   kernel.mmu.hardware_accessed);
	probe_el2(access, at);
	if (el2_probe.esr != 0 &&
	    !expect_true("it is an abort",
			 aarch64_explain_stage1(el2_probe.esr, el2_probe.far, &fault)))
		return;
	expect_equal(what, fault.cause, cause);
	if (fault.cause == FAULT_NONE || cause == FAULT_NONE)
		return;
	expect_equal("its access", fault.access, accesses[access]);
	expect_equal("its address", fault.virt, at);
}

static void expect_accesses(virt_addr at, const struct page_flags *flags)
{
	expect_access("read", PROBE_READ, at, flags);
	expect_access("write", PROBE_WRITE, at + sizeof(uint32_t), flags);
	expect_access("fetch", PROBE_FETCH, at, flags);
}

static void try_rights(uint64_t leaf, struct frame frame)
{
	static const struct page_flags cases[] = {
		{ .read = 1 },
		{ .read = 1, .write = 1 },
		{ .read = 1, .execute = 1 },
		{ .read = 1, .write = 1, .execute = 1 },
		{ .read = 1, .write = 1, .execute = 1, .idle = 1 },
	};
	virt_addr slot = test_slot(leaf);
	phys_addr phys = addr_align_down(frame.start, leaf);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_table_op op = { .frames = &kernel.pool.allocator, .leaf_sizes = leaf };
		struct page_mapping m;
		virt_addr at = slot + (frame.start - phys);

		if (!expect_status("map", page_table_map(&table, slot, phys, leaf, cases[i], &op),
				   PAGING_OK))
			return;
		if (expect_status("query", page_table_query(&table, at, &m), PAGING_OK))
			expect_true("query has it as it was asked for",
				    page_flags_equal(m.flags, cases[i]));
		expect_accesses(at, &cases[i]);
		expect_status("unmap", page_table_unmap(&table, slot, leaf, &op), PAGING_OK);
		expect_accesses(at, NULL);
	}
}

void check_el2_tables(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	struct frame frame;

	if (!boot.started_at_el2) {
		check_skip("the loader started us at EL1");
		return;
	}
	if ((mmu_cpu()->id_aa64mmfr1 & MMFR1_VH) != 0) {
		check_skip("this CPU has FEAT_VHE, and EL2 has E2H");
		return;
	}
	if (!test_leaf_possible(check->leaf))
		return;
	frame = test_frame(page_size());
	*(volatile uint32_t *)(void *)frame_bytes(frame) = RET;
	inner_memory_ready(frame_bytes(frame), page_size());
	make_table();
	try_rights(check->leaf, frame);
	page_table_destroy(&table, &kernel.pool.allocator);
	test_frame_free(frame);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}
