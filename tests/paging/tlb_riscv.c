/* SPDX-License-Identifier: MIT */
/*
 * What gathers come to in the fences of RISC-V, operands by hand: privileged specification, 12.2.1
 * (SFENCE.VMA), HFENCE.VVMA and HFENCE.GVMA, Svinval. The gathers are filled by the library's
 * operations, or by hand where one needs no table.
 */
#include <string.h>

#include <criterion/criterion.h>

#include <twofold/riscv.h>
#include <twofold/riscv_tlb.h>

#include "gathering.h"
#include "require.h"

#define EMITTED_MAX 80

/* An operand that is x0. */
#define X0 UINT64_C(0xdead)

struct emitted {
	struct riscv_tlb_instruction list[EMITTED_MAX];
	unsigned int count;
	unsigned int next; /* to be expected */
};

static void emit(void *context, const struct riscv_tlb_instruction *instruction)
{
	struct emitted *emitted = context;

	REQUIRE(emitted->count < EMITTED_MAX, "too many");
	emitted->list[emitted->count++] = *instruction;
}

static void plan(const struct riscv_tlb *tlb, const struct tlb_gather *gather,
		 struct emitted *emitted)
{
	emitted->count = 0;
	emitted->next = 0;
	REQUIRE(riscv_tlb_plan(tlb, gather, emit, emitted) == REGISTER_OK, "refused");
}

static void expect(struct emitted *emitted, enum riscv_tlb_operation operation, uint64_t rs1,
		   uint64_t rs2)
{
	const struct riscv_tlb_instruction *i = &emitted->list[emitted->next];

	REQUIRE(emitted->next < emitted->count, "only %u", emitted->count);
	REQUIRE(i->operation == operation && i->by_address == (rs1 != X0) &&
			i->by_id == (rs2 != X0) && i->address == (rs1 == X0 ? 0 : rs1) &&
			i->id == (rs2 == X0 ? 0 : rs2),
		"%u: operation %u, %d 0x%lx, %d 0x%lx", emitted->next, i->operation, i->by_address,
		i->address, i->by_id, i->id);
	emitted->next++;
}

static void expect_end(const struct emitted *emitted)
{
	REQUIRE(emitted->next == emitted->count, "%u more", emitted->count - emitted->next);
}

static void expect_only(const struct riscv_tlb *tlb, const struct tlb_gather *gather,
			enum riscv_tlb_operation operation, uint64_t rs1, uint64_t rs2)
{
	struct emitted emitted;

	plan(tlb, gather, &emitted);
	expect(&emitted, operation, rs1, rs2);
	expect_end(&emitted);
}

Test(tlb_riscv, nothing_for_nothing)
{
	struct gathering g;
	struct riscv_tlb tlb = { .table = &g.world.table, .svinval = true };
	struct emitted emitted;

	gathering_open(&g, "sv39");
	plan(&tlb, &g.gather, &emitted);
	expect_end(&emitted);
	gathering_close(&g);
}

/* Of another architecture; or it is the G-stage's, and said to be walked by a guest. */
Test(tlb_riscv, other_tables)
{
	static const char *const formats[] = { "x86-48",   "ept-48",   "npt-48",
					       "s1-4k-48", "s2-4k-48", "sv48x4" };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct gathering g;
		struct riscv_tlb tlb = { .table = &g.world.table,
					 .guest = strcmp(formats[i], "sv48x4") == 0 };
		struct emitted emitted = { .count = 0 };

		gathering_open(&g, formats[i]);
		g.gather.everything = true;
		REQUIRE(riscv_tlb_plan(&tlb, &g.gather, emit, &emitted) == REGISTER_WRONG_TABLE &&
				emitted.count == 0,
			"%s", formats[i]);
		g.gather.everything = false;
		gathering_close(&g);
	}
}

/* Pages and a large leaf of the kernel's half: one address each, extended; global ones of all
 * ASIDs. ASID 0 is one, and not x0. */
Test(tlb_riscv, leaves)
{
	const virt_addr at = UINT64_C(0xffffffc040000000);
	struct gathering g;
	struct riscv_tlb tlb = { .table = &g.world.table, .id = 0xab12 };
	struct emitted emitted;

	gathering_open(&g, "sv39");
	gathering_map(&g, at, 0x402000, false);
	gathering_map(&g, at + 0x402000, 0x1000, true);
	gathering_protect(&g, at + 0x400000, 0x3000);
	gathering_protect(&g, at + 0x200000, 0x200000);
	plan(&tlb, &g.gather, &emitted);
	expect(&emitted, RISCV_SFENCE_VMA, at + 0x400000, 0xab12);
	expect(&emitted, RISCV_SFENCE_VMA, at + 0x401000, 0xab12);
	expect(&emitted, RISCV_SFENCE_VMA, at + 0x402000, X0);
	expect(&emitted, RISCV_SFENCE_VMA, at + 0x200000, 0xab12);
	expect_end(&emitted);
	tlb.all_ids = true;
	plan(&tlb, &g.gather, &emitted);
	expect(&emitted, RISCV_SFENCE_VMA, at + 0x400000, X0);
	tlb.all_ids = false;
	tlb.guest = true;
	tlb.id = 0;
	plan(&tlb, &g.gather, &emitted);
	expect(&emitted, RISCV_HFENCE_VVMA, at + 0x400000, 0);
	expect(&emitted, RISCV_HFENCE_VVMA, at + 0x401000, 0);
	expect(&emitted, RISCV_HFENCE_VVMA, at + 0x402000, X0);
	expect(&emitted, RISCV_HFENCE_VVMA, at + 0x200000, 0);
	expect_end(&emitted);
	gathering_close(&g);
}

/* The last page of the address space, whose range has no end to count to. */
Test(tlb_riscv, the_last_page)
{
	const virt_addr last = UINT64_C(0xfffffffffffff000);
	struct gathering g;
	struct riscv_tlb tlb = { .table = &g.world.table, .id = 1 };
	struct emitted emitted;

	gathering_open(&g, "sv39");
	gathering_map(&g, last - 0x1000, 0x2000, false);
	gathering_protect(&g, last - 0x1000, 0x2000);
	plan(&tlb, &g.gather, &emitted);
	expect(&emitted, RISCV_SFENCE_VMA, last - 0x1000, 1);
	expect(&emitted, RISCV_SFENCE_VMA, last, 1);
	expect_end(&emitted);
	gathering_close(&g);
}

/* "If software modifies a non-leaf PTE, it should execute SFENCE.VMA with rs1=x0." */
Test(tlb_riscv, tables)
{
	struct gathering g;
	struct riscv_tlb tlb = { .table = &g.world.table, .id = 7, .svinval = true };

	gathering_open(&g, "sv39");
	gathering_map(&g, 0x40000000, 0x1000, false);
	gathering_unmap(&g, 0x40000000, 0x1000);
	expect_only(&tlb, &g.gather, RISCV_SFENCE_VMA, X0, 7);
	tlb.guest = true;
	expect_only(&tlb, &g.gather, RISCV_HFENCE_VVMA, X0, 7);
	/* A global leaf too: of every ASID. */
	gathering_map(&g, 0x80000000, 0x1000, true);
	gathering_protect(&g, 0x80000000, 0x1000);
	expect_only(&tlb, &g.gather, RISCV_HFENCE_VVMA, X0, X0);
	/* And if that came first. */
	tlb_gather_finish(&g.gather);
	gathering_protect(&g, 0x80000000, 0x1000);
	REQUIRE(!tlb_gather_needed(&g.gather), "it was protected already");
	gathering_unmap(&g, 0x80000000, 0x1000);
	REQUIRE(g.gather.range_count > 1 && g.gather.ranges[0].global && !g.gather.ranges[1].global,
		"not as it should be gathered");
	expect_only(&tlb, &g.gather, RISCV_HFENCE_VVMA, X0, X0);
	gathering_close(&g);
}

Test(tlb_riscv, threshold)
{
	struct gathering g;
	struct riscv_tlb tlb = { .table = &g.world.table, .id = 7 };
	struct emitted emitted;

	gathering_open(&g, "sv39");
	gathering_map(&g, 0x40000000, 0x41000, false);
	gathering_protect(&g, 0x40000000, 0x40000);
	plan(&tlb, &g.gather, &emitted);
	REQUIRE(emitted.count == 64, "%u", emitted.count);
	expect(&emitted, RISCV_SFENCE_VMA, 0x40000000, 7);
	gathering_protect(&g, 0x40040000, 0x1000);
	expect_only(&tlb, &g.gather, RISCV_SFENCE_VMA, X0, 7);
	tlb.threshold = 65;
	plan(&tlb, &g.gather, &emitted);
	REQUIRE(emitted.count == 65, "%u", emitted.count);
	/* Two ranges of two, to the threshold and beyond. */
	tlb_gather_finish(&g.gather);
	gathering_map(&g, 0x50000000, 0x8000, false);
	gathering_protect(&g, 0x50000000, 0x2000);
	gathering_protect(&g, 0x50004000, 0x2000);
	tlb.threshold = 4;
	plan(&tlb, &g.gather, &emitted);
	REQUIRE(emitted.count == 4, "%u", emitted.count);
	tlb.threshold = 3;
	expect_only(&tlb, &g.gather, RISCV_SFENCE_VMA, X0, 7);
	gathering_close(&g);
}

Test(tlb_riscv, everything)
{
	struct gathering g;
	struct riscv_tlb tlb = { .table = &g.world.table, .id = 7, .svinval = true };

	gathering_open(&g, "sv39");
	g.gather.everything = true;
	expect_only(&tlb, &g.gather, RISCV_SFENCE_VMA, X0, 7);
	g.gather.everything_global = true;
	expect_only(&tlb, &g.gather, RISCV_SFENCE_VMA, X0, X0);
	g.gather.everything_global = false;
	tlb.all_ids = true;
	expect_only(&tlb, &g.gather, RISCV_SFENCE_VMA, X0, X0);
	g.gather.everything = false;
	gathering_close(&g);
}

/* The guest-physical address, up to the last page of 50 bits, shifted right by 2. */
Test(tlb_riscv, g_stage)
{
	struct gathering g;
	struct riscv_tlb tlb = { .table = &g.world.table, .id = 0x3fff };
	struct emitted emitted;

	gathering_open(&g, "sv48x4");
	gathering_map(&g, UINT64_C(0x3ffffffffe000), 0x2000, false);
	gathering_map(&g, 0x40000000, 0x40000000, false);
	gathering_protect(&g, UINT64_C(0x3fffffffff000), 0x1000);
	gathering_protect(&g, 0x40000000, 0x40000000);
	plan(&tlb, &g.gather, &emitted);
	expect(&emitted, RISCV_HFENCE_GVMA, UINT64_C(0xfffffffffc00), 0x3fff);
	expect(&emitted, RISCV_HFENCE_GVMA, 0x10000000, 0x3fff);
	expect_end(&emitted);
	gathering_unmap(&g, 0x40000000, 0x40000000);
	expect_only(&tlb, &g.gather, RISCV_HFENCE_GVMA, X0, 0x3fff);
	gathering_close(&g);
}

/* More than one: each fence's twin of Svinval, and the two that order them. One is a fence still.
 */
Test(tlb_riscv, svinval)
{
	static const struct {
		const char *format;
		bool guest;
		enum riscv_tlb_operation one, many;
		unsigned int shift;
	} rows[] = {
		{ "sv39", false, RISCV_SFENCE_VMA, RISCV_SINVAL_VMA, 0 },
		{ "sv39", true, RISCV_HFENCE_VVMA, RISCV_HINVAL_VVMA, 0 },
		{ "sv48x4", false, RISCV_HFENCE_GVMA, RISCV_HINVAL_GVMA, 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gathering g;
		struct riscv_tlb tlb = {
			.table = &g.world.table, .id = 5, .guest = rows[i].guest, .svinval = true
		};
		struct emitted emitted;

		gathering_open(&g, rows[i].format);
		gathering_map(&g, 0x40000000, 0x8000, false);
		gathering_protect(&g, 0x40000000, 0x1000);
		expect_only(&tlb, &g.gather, rows[i].one, 0x40000000 >> rows[i].shift, 5);
		gathering_protect(&g, 0x40004000, 0x1000);
		plan(&tlb, &g.gather, &emitted);
		expect(&emitted, RISCV_SFENCE_W_INVAL, X0, X0);
		expect(&emitted, rows[i].many, 0x40000000 >> rows[i].shift, 5);
		expect(&emitted, rows[i].many, 0x40004000 >> rows[i].shift, 5);
		expect(&emitted, RISCV_SFENCE_INVAL_IR, X0, X0);
		expect_end(&emitted);
		gathering_close(&g);
	}
}
