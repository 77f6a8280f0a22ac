/* SPDX-License-Identifier: MIT */
/*
 * What gathers come to in the instructions of x86_64, operands by hand: SDM vol. 3A 4.10.4, vol. 3C
 * 28.4.3, 30.3; APM vol. 2 15.16. The gathers are filled by the library's own operations, or by
 * hand where one needs no table.
 */
#include <criterion/criterion.h>

#include <twofold/x86_64.h>
#include <twofold/x86_64_tlb.h>

#include "gathering.h"
#include "require.h"

#define EMITTED_MAX 64

struct emitted {
	struct x86_64_tlb_instruction list[EMITTED_MAX];
	unsigned int count;
};

static void emit(void *context, const struct x86_64_tlb_instruction *instruction)
{
	struct emitted *emitted = context;

	REQUIRE(emitted->count < EMITTED_MAX, "too many");
	emitted->list[emitted->count++] = *instruction;
}

static void expect(const struct emitted *emitted, unsigned int index,
		   enum x86_64_tlb_operation operation, uint32_t type, uint64_t id,
		   uint64_t address)
{
	const struct x86_64_tlb_instruction *i = &emitted->list[index];

	REQUIRE(index < emitted->count, "only %u", emitted->count);
	REQUIRE(i->operation == operation && i->type == type && i->id == id &&
			i->address == address,
		"operation %u type %u id 0x%lx address 0x%lx", i->operation, i->type, i->id,
		i->address);
}

/* Tables that say of which format a gather is, and no more. */
static const struct page_table stage1_table = { .format = &x86_64_stage1 };
static const struct page_table ept_table = { .format = &x86_64_ept };
static const struct page_table npt_table = { .format = &x86_64_npt };

static void plan(const struct x86_64_tlb *which, const struct tlb_gather *gather,
		 struct emitted *emitted)
{
	struct x86_64_tlb tlb = *which;

	tlb.table = &stage1_table;
	emitted->count = 0;
	REQUIRE(x86_64_tlb_plan(&tlb, gather, emit, emitted) == REGISTER_OK, "no plan");
}

/* Exactly this one. */
static void expect_only(const struct x86_64_tlb *tlb, const struct tlb_gather *gather,
			enum x86_64_tlb_operation operation, uint32_t type, uint64_t id)
{
	struct emitted emitted;

	plan(tlb, gather, &emitted);
	expect(&emitted, 0, operation, type, id, 0);
	REQUIRE(emitted.count == 1, "%u instructions", emitted.count);
}

static void expect_control(const struct tlb_gather *gather, bool by_asid, unsigned int expected)
{
	enum x86_64_tlb_control control;

	cr_assert_eq(x86_64_npt_tlb_control(&npt_table, gather, by_asid, &control), REGISTER_OK);
	cr_assert_eq(control, expected);
}

static const struct x86_64_tlb current = { .space = X86_64_TLB_CURRENT };

Test(tlb_x86, nothing_for_nothing)
{
	struct x86_64_tlb tlb = { .pcid_enabled = true, .invpcid = true };
	struct tlb_gather gather = { .range_count = 0 };
	struct emitted emitted;

	for (unsigned int space = X86_64_TLB_CURRENT; space <= X86_64_TLB_SHARED; space++) {
		tlb.space = (enum x86_64_tlb_space)space;
		plan(&tlb, &gather, &emitted);
		cr_assert_eq(emitted.count, 0);
	}
	cr_assert_eq(
		x86_64_ept_tlb_plan(&ept_table, UINT64_MAX, 0x5e, &gather, emit, &emitted, NULL),
		REGISTER_OK);
	cr_assert_eq(x86_64_vpid_tlb_plan(&stage1_table, UINT64_MAX, 1, 0, &gather, emit, &emitted,
					  NULL),
		     REGISTER_OK);
	cr_assert_eq(emitted.count, 0);
	expect_control(&gather, true, TLB_CONTROL_NOTHING);
}

/* Pages and a large leaf of the kernel's half: one address each, extended. */
Test(tlb_x86, invlpg_of_leaves)
{
	const virt_addr at = UINT64_C(0xffff888040000000);
	struct gathering g;
	struct emitted emitted;

	gathering_open(&g, "x86-48");
	gathering_map(&g, at, 0x403000, false);
	gathering_protect(&g, at + 0x400000, 0x3000);
	gathering_protect(&g, at + 0x200000, 0x200000);
	plan(&current, &g.gather, &emitted);
	cr_assert_eq(emitted.count, 4);
	expect(&emitted, 0, X86_64_INVLPG, 0, 0, UINT64_C(0xffff888040400000));
	expect(&emitted, 1, X86_64_INVLPG, 0, 0, UINT64_C(0xffff888040401000));
	expect(&emitted, 2, X86_64_INVLPG, 0, 0, UINT64_C(0xffff888040402000));
	expect(&emitted, 3, X86_64_INVLPG, 0, 0, UINT64_C(0xffff888040200000));
	gathering_close(&g);
}

/* The last page of the address space, and tables that go with it: one address of each. */
Test(tlb_x86, tables_and_the_last_page)
{
	const virt_addr last = UINT64_C(0xfffffffffffff000);
	struct gathering g;
	struct emitted emitted;

	gathering_open(&g, "x86-48");
	gathering_map(&g, last, 0x1000, false);
	gathering_unmap(&g, last, 0x1000);
	plan(&current, &g.gather, &emitted);
	cr_assert_eq(emitted.count, 4);
	expect(&emitted, 0, X86_64_INVLPG, 0, 0, last);
	expect(&emitted, 1, X86_64_INVLPG, 0, 0, UINT64_C(0xffffffffffe00000));
	expect(&emitted, 2, X86_64_INVLPG, 0, 0, UINT64_C(0xffffffffc0000000));
	expect(&emitted, 3, X86_64_INVLPG, 0, 0, UINT64_C(0xffffff8000000000));
	gathering_close(&g);
}

/* A page of a 2M leaf is unmapped: the leaf as it was, and the page. */
Test(tlb_x86, split)
{
	struct gathering g;
	struct emitted emitted;

	gathering_open(&g, "x86-48");
	gathering_map(&g, 0x40000000, 0x200000, false);
	g.op.mode = PAGING_SPLIT;
	gathering_unmap(&g, 0x40005000, 0x1000);
	plan(&current, &g.gather, &emitted);
	cr_assert_eq(emitted.count, 2);
	expect(&emitted, 0, X86_64_INVLPG, 0, 0, 0x40000000);
	expect(&emitted, 1, X86_64_INVLPG, 0, 0, 0x40005000);
	gathering_close(&g);
}

/* 32 addresses go one by one, 33 by CR3, or where one is global by CR4 or INVPCID. */
Test(tlb_x86, threshold)
{
	struct x86_64_tlb tlb = current;
	struct gathering g;
	struct emitted emitted;

	gathering_open(&g, "x86-48");
	gathering_map(&g, 0x40000000, 0x100000, false);
	gathering_map(&g, 0x40200000, 0x1000, true);
	gathering_protect(&g, 0x40000000, 0x10000);
	gathering_protect(&g, 0x40020000, 0x10000);
	plan(&current, &g.gather, &emitted);
	cr_assert_eq(emitted.count, 32);
	expect(&emitted, 31, X86_64_INVLPG, 0, 0, 0x4002f000);
	gathering_protect(&g, 0x40040000, 0x1000);
	expect_only(&current, &g.gather, X86_64_RELOAD_CR3, 0, 0);
	tlb.threshold = 33;
	plan(&tlb, &g.gather, &emitted);
	cr_assert_eq(emitted.count, 33);
	tlb.threshold = 1;
	expect_only(&tlb, &g.gather, X86_64_RELOAD_CR3, 0, 0);
	gathering_protect(&g, 0x40200000, 0x1000);
	expect_only(&current, &g.gather, X86_64_TOGGLE_PGE, 0, 0);
	tlb.invpcid = true;
	expect_only(&tlb, &g.gather, X86_64_INVPCID, INVPCID_ALL, 0);
	gathering_close(&g);
}

/* What the first of several ranges alone says is heeded: that it was global, or tables. */
Test(tlb_x86, the_first_range)
{
	struct x86_64_tlb other = {
		.space = X86_64_TLB_OTHER, .pcid_enabled = true, .invpcid = true, .pcid = 0x77
	};
	struct gathering g;

	gathering_open(&g, "x86-48");
	gathering_map(&g, 0x40200000, 0x1000, true);
	gathering_map(&g, 0x40000000, 0x100000, false);
	gathering_protect(&g, 0x40200000, 0x1000);
	gathering_protect(&g, 0x40000000, 0x21000);
	cr_assert_eq(g.gather.range_count, 2);
	expect_only(&current, &g.gather, X86_64_TOGGLE_PGE, 0, 0);
	g.gather.ranges[0].global = false;
	g.gather.ranges[0].tables = true;
	g.gather.ranges[1].last = g.gather.ranges[1].start + 0xfff;
	expect_only(&other, &g.gather, X86_64_INVPCID, INVPCID_SINGLE, 0x77);
	gathering_close(&g);
}

/* The ranges did not fit in the gather. */
Test(tlb_x86, everything)
{
	struct x86_64_tlb tlb = current;
	struct gathering g;

	gathering_open(&g, "x86-48");
	g.gather.range_capacity = 1;
	gathering_map(&g, 0x40000000, 0x10000, false);
	gathering_protect(&g, 0x40000000, 0x1000);
	gathering_protect(&g, 0x40002000, 0x1000);
	expect_only(&tlb, &g.gather, X86_64_RELOAD_CR3, 0, 0);
	gathering_map(&g, 0x40200000, 0x1000, true);
	gathering_protect(&g, 0x40200000, 0x1000);
	expect_only(&tlb, &g.gather, X86_64_TOGGLE_PGE, 0, 0);
	tlb.space = X86_64_TLB_OTHER; /* without PCIDs the global ones are left to drop */
	expect_only(&tlb, &g.gather, X86_64_TOGGLE_PGE, 0, 0);
	gathering_close(&g);
}

/* An address space that is not the current one. */
Test(tlb_x86, another_space)
{
	struct x86_64_tlb tlb = { .space = X86_64_TLB_OTHER, .pcid = 0x123 };
	struct gathering g;
	struct emitted emitted;

	gathering_open(&g, "x86-48");
	gathering_map(&g, 0x40000000, 0x100000, false);
	gathering_map(&g, 0x40200000, 0x2000, true);
	gathering_protect(&g, 0x40000000, 0x2000);
	plan(&tlb, &g.gather, &emitted);
	cr_assert_eq(emitted.count, 0, "without PCIDs nothing of it is cached");
	tlb.pcid_enabled = true;
	expect_only(&tlb, &g.gather, X86_64_TOGGLE_PGE, 0, 0);
	tlb.invpcid = true;
	plan(&tlb, &g.gather, &emitted);
	cr_assert_eq(emitted.count, 2);
	expect(&emitted, 0, X86_64_INVPCID, 0, 0x123, 0x40000000);
	expect(&emitted, 1, X86_64_INVPCID, 0, 0x123, 0x40001000);
	gathering_protect(&g, 0x40200000, 0x1000);
	plan(&tlb, &g.gather, &emitted); /* type 0 leaves global ones, INVLPG takes them */
	cr_assert_eq(emitted.count, 4);
	expect(&emitted, 2, X86_64_INVPCID, 0, 0x123, 0x40200000);
	expect(&emitted, 3, X86_64_INVLPG, 0, 0, 0x40200000);
	tlb.pcid_enabled = false;
	plan(&tlb, &g.gather, &emitted);
	cr_assert_eq(emitted.count, 1);
	expect(&emitted, 0, X86_64_INVLPG, 0, 0, 0x40200000);
	tlb.pcid_enabled = true;
	tlb.threshold = 1;
	expect_only(&tlb, &g.gather, X86_64_INVPCID, INVPCID_ALL, 0);
	gathering_close(&g);
}

/* Its tables and its larger ranges: the whole PCID. */
Test(tlb_x86, another_space_as_a_whole)
{
	struct x86_64_tlb tlb = {
		.space = X86_64_TLB_OTHER, .pcid_enabled = true, .invpcid = true, .pcid = 0xfff
	};
	struct gathering g;

	gathering_open(&g, "x86-48");
	gathering_map(&g, 0x40000000, 0x100000, false);
	gathering_protect(&g, 0x40000000, 0x21000);
	expect_only(&tlb, &g.gather, X86_64_INVPCID, INVPCID_SINGLE, 0xfff);
	tlb_gather_finish(&g.gather);
	gathering_map(&g, 0x80000000, 0x1000, false);
	gathering_unmap(&g, 0x80000000, 0x1000);
	expect_only(&tlb, &g.gather, X86_64_INVPCID, INVPCID_SINGLE, 0xfff);
	gathering_close(&g);
}

/* A kernel's half: with PCIDs, INVLPG would leave what the others have. */
Test(tlb_x86, shared_part)
{
	struct x86_64_tlb tlb = { .space = X86_64_TLB_SHARED };
	struct gathering g;
	struct emitted emitted;

	gathering_open(&g, "x86-48");
	gathering_map(&g, 0x40000000, 0x100000, false);
	gathering_map(&g, 0x40200000, 0x1000, true);
	gathering_protect(&g, 0x40000000, 0x1000);
	plan(&tlb, &g.gather, &emitted);
	cr_assert_eq(emitted.count, 1);
	expect(&emitted, 0, X86_64_INVLPG, 0, 0, 0x40000000);
	tlb.pcid_enabled = true;
	expect_only(&tlb, &g.gather, X86_64_TOGGLE_PGE, 0, 0);
	tlb.invpcid = true;
	expect_only(&tlb, &g.gather, X86_64_INVPCID, INVPCID_NOT_GLOBAL, 0);
	gathering_protect(&g, 0x40200000, 0x1000);
	expect_only(&tlb, &g.gather, X86_64_INVPCID, INVPCID_ALL, 0);
	gathering_close(&g);
}

/* A bit of IA32_VMX_EPT_VPID_CAP is 0 that has to be 1. */
static void expect_missing(const struct register_refusal *refusal, const char *bit)
{
	cr_assert_str_eq(refusal->name, "IA32_VMX_EPT_VPID_CAP");
	cr_assert_str_eq(refusal->field, bit);
	cr_assert_eq(refusal->wanted, 1);
	cr_assert_eq(refusal->has, 0);
}

Test(tlb_x86, ept)
{
	const uint64_t invept = UINT64_C(1) << 20, single = UINT64_C(1) << 25,
		       all = UINT64_C(1) << 26;
	struct register_refusal refusal = { "", "", 0, 0 };
	struct emitted emitted = { .count = 0 };
	struct gathering g;

	gathering_open(&g, "ept-48");
	gathering_map(&g, 0, 0x400000, false);
	gathering_unmap(&g, 0, 0x400000);
	cr_assert_eq(x86_64_ept_tlb_plan(&ept_table, invept | single | all, 0x12345605e, &g.gather,
					 emit, &emitted, NULL),
		     REGISTER_OK);
	expect(&emitted, 0, X86_64_INVEPT, 1, 0x12345605e, 0);
	cr_assert_eq(x86_64_ept_tlb_plan(&ept_table, invept | all, 0x12345605e, &g.gather, emit,
					 &emitted, NULL),
		     REGISTER_OK);
	expect(&emitted, 1, X86_64_INVEPT, 2, 0, 0);
	cr_assert_eq(
		x86_64_ept_tlb_plan(&ept_table, invept, 0x5e, &g.gather, emit, &emitted, &refusal),
		REGISTER_MISSING);
	expect_missing(&refusal, "bit 26, all-context INVEPT");
	cr_assert_eq(x86_64_ept_tlb_plan(&ept_table, single | all, 0x5e, &g.gather, emit, &emitted,
					 &refusal),
		     REGISTER_MISSING);
	expect_missing(&refusal, "bit 20, INVEPT");
	cr_assert_eq(emitted.count, 2);
	gathering_close(&g);
}

static void expect_vpid(uint64_t cap, const struct tlb_gather *gather, uint32_t type)
{
	struct emitted emitted = { .count = 0 };

	cr_assert_eq(x86_64_vpid_tlb_plan(&stage1_table, UINT64_C(1) << 32 | cap, 0x1234, 0, gather,
					  emit, &emitted, NULL),
		     REGISTER_OK);
	cr_assert_eq(emitted.count, 1);
	expect(&emitted, 0, X86_64_INVVPID, type, 0x1234, 0);
}

Test(tlb_x86, vpid)
{
	const uint64_t address = UINT64_C(1) << 40, single = UINT64_C(1) << 41,
		       all = UINT64_C(1) << 42, keep = UINT64_C(1) << 43;
	struct register_refusal refusal = { "", "", 0, 0 };
	struct emitted emitted = { .count = 0 };
	struct gathering g;

	gathering_open(&g, "x86-48");
	gathering_map(&g, 0x40000000, 0x100000, false);
	gathering_map(&g, 0x40200000, 0x1000, true);
	gathering_protect(&g, 0x40000000, 0x2000);
	cr_assert_eq(x86_64_vpid_tlb_plan(&stage1_table, UINT64_C(0xf0100000000), 7, 0, &g.gather,
					  emit, &emitted, NULL),
		     REGISTER_OK);
	cr_assert_eq(emitted.count, 2);
	expect(&emitted, 0, X86_64_INVVPID, 0, 7, 0x40000000);
	expect(&emitted, 1, X86_64_INVVPID, 0, 7, 0x40001000);
	emitted.count = 0;
	cr_assert_eq(x86_64_vpid_tlb_plan(&stage1_table, UINT64_C(0xf0100000000), 7, 2, &g.gather,
					  emit, &emitted, NULL),
		     REGISTER_OK);
	cr_assert_eq(emitted.count, 2);
	emitted.count = 0;
	cr_assert_eq(x86_64_vpid_tlb_plan(&stage1_table, UINT64_C(0xf0100000000), 7, 1, &g.gather,
					  emit, &emitted, NULL),
		     REGISTER_OK);
	cr_assert_eq(emitted.count, 1);
	expect(&emitted, 0, X86_64_INVVPID, 3, 7, 0);
	emitted.count = 0;
	expect_vpid(single | all | keep, &g.gather, 3);
	expect_vpid(single | all, &g.gather, 1);
	expect_vpid(all, &g.gather, 2);
	gathering_protect(&g, 0x40200000, 0x1000);
	expect_vpid(single | all | keep, &g.gather, 1);
	cr_assert_eq(x86_64_vpid_tlb_plan(&stage1_table, UINT64_C(1) << 32 | keep, 7, 0, &g.gather,
					  emit, &emitted, &refusal),
		     REGISTER_MISSING);
	expect_missing(&refusal, "bit 42, all-context INVVPID");
	gathering_protect(&g, 0x40040000, 0x20000);
	expect_vpid(address | single | all | keep, &g.gather, 1);
	tlb_gather_finish(&g.gather);
	gathering_map(&g, 0x80000000, 0x1000, false);
	gathering_unmap(&g, 0x80000000, 0x1000); /* with its tables */
	expect_vpid(address | single | all | keep, &g.gather, 3);
	cr_assert_eq(x86_64_vpid_tlb_plan(&stage1_table, address | single, 7, 0, &g.gather, emit,
					  &emitted, &refusal),
		     REGISTER_MISSING);
	expect_missing(&refusal, "bit 32, INVVPID");
	cr_assert_eq(x86_64_vpid_tlb_plan(&stage1_table, UINT64_MAX, 0, 0, &g.gather, emit,
					  &emitted, &refusal),
		     REGISTER_ARGUMENT);
	cr_assert_eq(emitted.count, 0, "a refusal emitted something");
	gathering_close(&g);
}

/* One range is all that there is: of tables, or with a global leaf. */
Test(tlb_x86, one_range)
{
	const struct x86_64_tlb other = {
		.space = X86_64_TLB_OTHER, .pcid_enabled = true, .invpcid = true, .pcid = 0x77
	};
	struct tlb_range range = {
		.start = 0x40000000, .last = 0x401fffff, .leaf_size = PAGE_SIZE_2M, .tables = true
	};
	struct tlb_gather gather = { .ranges = &range, .range_count = 1, .range_capacity = 1 };

	expect_vpid(UINT64_C(0xf0000000000), &gather, 3);
	expect_only(&other, &gather, X86_64_INVPCID, 1, 0x77);
	range.tables = false;
	range.global = true;
	expect_vpid(UINT64_C(0xe0000000000), &gather, 1);
}

Test(tlb_x86, npt)
{
	struct gathering g;

	gathering_open(&g, "npt-48");
	gathering_map(&g, 0, 0x1000, false);
	gathering_unmap(&g, 0, 0x1000);
	expect_control(&g.gather, true, 3);
	expect_control(&g.gather, false, 1);
	gathering_close(&g);
}

static void expect_wrong_table(const struct register_refusal *refusal, const char *name,
			       const char *field)
{
	cr_assert_str_eq(refusal->name, name);
	cr_assert_str_eq(refusal->field, field);
	cr_assert_eq(refusal->wanted, 0);
	cr_assert_eq(refusal->has, 0);
}

/* A gather of one stage means nothing to the instructions of another. */
Test(tlb_x86, tables_of_other_formats)
{
	const struct page_table *tables[] = { &stage1_table, &ept_table, &npt_table };
	struct tlb_gather everything = { .everything = true };
	struct emitted emitted = { .count = 0 };

	for (unsigned int i = 0; i < 3; i++) {
		struct x86_64_tlb tlb = { .table = tables[i] };
		struct register_refusal refusal = { "", "", 0, 0 };
		enum x86_64_tlb_control control = TLB_CONTROL_ALL;

		if (i != 0) {
			cr_assert_eq(x86_64_tlb_plan(&tlb, &everything, emit, &emitted),
				     REGISTER_WRONG_TABLE);
			cr_assert_eq(x86_64_vpid_tlb_plan(tables[i], UINT64_MAX, 1, 0, &everything,
							  emit, &emitted, &refusal),
				     REGISTER_WRONG_TABLE);
			expect_wrong_table(&refusal, "INVVPID", "x86_64_stage1");
		}
		if (i != 1) {
			cr_assert_eq(x86_64_ept_tlb_plan(tables[i], UINT64_MAX, 0x5e, &everything,
							 emit, &emitted, &refusal),
				     REGISTER_WRONG_TABLE);
			expect_wrong_table(&refusal, "INVEPT", "x86_64_ept");
		}
		if (i != 2)
			cr_assert_eq(x86_64_npt_tlb_control(tables[i], &everything, true, &control),
				     REGISTER_WRONG_TABLE);
		cr_assert_eq(control, TLB_CONTROL_ALL);
	}
	cr_assert_eq(emitted.count, 0);
}
