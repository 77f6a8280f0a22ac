/* SPDX-License-Identifier: MIT */
/*
 * What gathers come to in the instructions of AArch64, operands by hand: Arm ARM DDI 0487, C5.5
 * (TLBI VAE1IS, RVAE1IS, IPAS2E1IS, ...), D8.14. The gathers are filled by the library's
 * operations.
 */
#include <criterion/criterion.h>

#include <twofold/aarch64.h>
#include <twofold/aarch64_tlb.h>

#include "gathering.h"
#include "require.h"

#define EMITTED_MAX 160

struct emitted {
	struct aarch64_tlb_instruction list[EMITTED_MAX];
	unsigned int count;
	unsigned int next; /* to be expected */
};

static void emit(void *context, const struct aarch64_tlb_instruction *instruction)
{
	struct emitted *emitted = context;

	REQUIRE(emitted->count < EMITTED_MAX, "too many");
	emitted->list[emitted->count++] = *instruction;
}

/* Plans, and takes the barrier before. */
static void plan(const struct aarch64_tlb *tlb, const struct gathering *g, struct emitted *emitted)
{
	emitted->count = 0;
	emitted->next = 1;
	REQUIRE(aarch64_tlb_plan(tlb, &g->gather, emit, emitted) == REGISTER_OK, "refused");
	REQUIRE(emitted->count != 0 && emitted->list[0].operation == AARCH64_DSB_STORES &&
			!emitted->list[0].range && emitted->list[0].operand == 0,
		"no barrier at first");
	for (unsigned int i = 0; i < emitted->count; i++)
		REQUIRE(emitted->list[i].broadcast == !tlb->local, "instruction %u", i);
}

static void expect_form(struct emitted *emitted, enum aarch64_tlb_operation operation, bool range,
			uint64_t operand)
{
	const struct aarch64_tlb_instruction *i = &emitted->list[emitted->next];

	REQUIRE(emitted->next < emitted->count, "only %u", emitted->count);
	REQUIRE(i->operation == operation && i->range == range && i->operand == operand,
		"%u: operation %u range %d operand 0x%lx, not %u 0x%lx", emitted->next,
		i->operation, i->range, i->operand, operation, operand);
	emitted->next++;
}

static void expect(struct emitted *emitted, enum aarch64_tlb_operation operation, uint64_t operand)
{
	expect_form(emitted, operation, false, operand);
}

static void expect_range(struct emitted *emitted, enum aarch64_tlb_operation operation,
			 uint64_t operand)
{
	expect_form(emitted, operation, true, operand);
}

/* The barriers after. */
static void expect_end(struct emitted *emitted)
{
	expect(emitted, AARCH64_DSB, 0);
	expect(emitted, AARCH64_ISB, 0);
	REQUIRE(emitted->next == emitted->count, "%u more", emitted->count - emitted->next);
}

static void expect_end_of_stage2(struct emitted *emitted)
{
	expect(emitted, AARCH64_DSB, 0);
	expect(emitted, AARCH64_TLBI_VMALLE1, 0);
	expect_end(emitted);
}

/* Nothing but this between the barriers. */
static void expect_all(const struct aarch64_tlb *tlb, const struct gathering *g,
		       enum aarch64_tlb_operation operation, uint64_t operand)
{
	struct emitted emitted;

	plan(tlb, g, &emitted);
	expect(&emitted, operation, operand);
	expect_end(&emitted);
}

Test(tlb_aarch64, nothing_for_nothing)
{
	struct gathering g;
	struct emitted emitted = { .count = 0 };

	gathering_open(&g, "s2-4k-48");
	cr_assert_eq(aarch64_tlb_plan(&(struct aarch64_tlb){ .table = &g.world.table }, &g.gather,
				      emit, &emitted),
		     REGISTER_OK);
	cr_assert_eq(emitted.count, 0);
	gathering_close(&g);
	gathering_open(&g, "x86-48");
	cr_assert_eq(aarch64_tlb_plan(&(struct aarch64_tlb){ .table = &g.world.table }, &g.gather,
				      emit, &emitted),
		     REGISTER_WRONG_TABLE);
	gathering_close(&g);
}

Test(tlb_aarch64, barriers_after_a_new_mapping)
{
	static const char *const of_arm[] = { "s1-4k-48", "s2-4k-48", "s1-4k-48-el2" };
	struct emitted emitted;
	struct gathering g;

	for (size_t i = 0; i < 2 * sizeof(of_arm) / sizeof(of_arm[0]); i++) {
		struct aarch64_tlb tlb = { .table = &g.world.table, .local = i % 2 != 0 };

		gathering_open(&g, of_arm[i / 2]);
		emitted = (struct emitted){ .next = 0 };
		REQUIRE(aarch64_tlb_after_map(&tlb, emit, &emitted) == REGISTER_OK, "refused");
		expect(&emitted, AARCH64_DSB_STORES, 0);
		expect(&emitted, AARCH64_ISB, 0);
		REQUIRE(emitted.count == 2, "%u instructions", emitted.count);
		REQUIRE(emitted.list[0].broadcast == !tlb.local, "the barrier's domain");
		gathering_close(&g);
	}
	gathering_open(&g, "x86-48");
	emitted = (struct emitted){ .next = 0 };
	REQUIRE(aarch64_tlb_after_map(&(struct aarch64_tlb){ .table = &g.world.table }, emit,
				      &emitted) == REGISTER_WRONG_TABLE &&
			emitted.count == 0,
		"a table of x86_64");
	gathering_close(&g);
}

/* VA[55:12] in 43:0, TTL in 47:44, ASID in 63:48. */
Test(tlb_aarch64, leaves)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 0xab12 };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-48");
	gathering_map(&g, 0x40000000, 0x200000, false);
	gathering_map(&g, 0x40200000, 0x3000, false);
	gathering_protect(&g, 0x40201000, 0x2000);
	gathering_protect(&g, 0x40000000, 0x200000);
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xab12000000040201));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xab12000000040202));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xab12000000040000));
	expect_end(&emitted);
	tlb.ttl = true;
	tlb.local = true;
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xab12700000040201));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xab12700000040202));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xab12600000040000));
	expect_end(&emitted);
	gathering_close(&g);
}

/* Tables that went: not of the last level only, and without a level. */
Test(tlb_aarch64, tables)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 1, .ttl = true, .range = true };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-48");
	gathering_map(&g, UINT64_C(0x8087654000), 0x1000, false);
	gathering_unmap(&g, UINT64_C(0x8087654000), 0x1000);
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x0001700008087654));
	expect(&emitted, AARCH64_TLBI_VAE1, UINT64_C(0x0001000008087600));
	expect(&emitted, AARCH64_TLBI_VAE1, UINT64_C(0x0001000008080000));
	expect(&emitted, AARCH64_TLBI_VAE1, UINT64_C(0x0001000008000000));
	expect_end(&emitted);
	tlb.all_asids = true;
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_VAALE1, UINT64_C(0x700008087654));
	expect(&emitted, AARCH64_TLBI_VAAE1, 0x8087600);
	gathering_close(&g);
}

/* One range of three neighbours: an address in each. */
Test(tlb_aarch64, several_tables)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 1 };
	struct tlb_range range = {
		.start = 0x40000000, .last = 0x405fffff, .leaf_size = PAGE_SIZE_2M, .tables = true
	};
	struct emitted emitted;

	gathering_open(&g, "s1-4k-48");
	g.gather.ranges = &range;
	g.gather.range_count = 1;
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_VAE1, UINT64_C(0x0001000000040000));
	expect(&emitted, AARCH64_TLBI_VAE1, UINT64_C(0x0001000000040200));
	expect(&emitted, AARCH64_TLBI_VAE1, UINT64_C(0x0001000000040400));
	expect_end(&emitted);
	g.gather.range_count = 0;
	gathering_close(&g);
}

/* Addresses that end at 2^64: bits 55:12, and nothing of 63:56 where the ASID is. */
Test(tlb_aarch64, upper_half)
{
	const virt_addr last = UINT64_C(0xfffffffffffff000);
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 0x12 };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-39-upper");
	gathering_map(&g, UINT64_C(0xffffff8040000000), 0x1000, true);
	gathering_map(&g, last, 0x1000, true);
	gathering_protect(&g, UINT64_C(0xffffff8040000000), 0x1000);
	gathering_protect(&g, last, 0x1000);
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x00120ffff8040000));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x00120fffffffffff));
	expect_end(&emitted);
	gathering_close(&g);
}

Test(tlb_aarch64, el2)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 0x12 };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-48-el2");
	gathering_map(&g, 0x40000000, 0x1000, false);
	gathering_unmap(&g, 0x40000000, 0x1000);
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_VALE2, 0x40000);
	expect(&emitted, AARCH64_TLBI_VAE2, 0x40000);
	expect(&emitted, AARCH64_TLBI_VAE2, 0x40000);
	expect(&emitted, AARCH64_TLBI_VAE2, 0);
	expect_end(&emitted);
	tlb.threshold = 1;
	expect_all(&tlb, &g, AARCH64_TLBI_ALLE2, 0);
	gathering_close(&g);
}

/* A contiguous group of 16: each of its pages, or a range of NUM 7. */
Test(tlb_aarch64, groups)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 3, .ttl = true };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-48-groups");
	gathering_map(&g, 0x40010000, 0x10000, false);
	gathering_map(&g, 0x40080000, 0x1000, false); /* keeps the tables */
	gathering_unmap(&g, 0x40010000, 0x10000);
	plan(&tlb, &g, &emitted);
	for (uint64_t page = 0; page < 16; page++)
		expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x0003700000040010) + page);
	expect_end(&emitted);
	tlb.range = true;
	plan(&tlb, &g, &emitted);
	expect_range(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x000343e000040010));
	expect_end(&emitted);
	gathering_close(&g);
}

/* 511 pages: 7 x 64 (SCALE 1), 31 x 2 (SCALE 0), and one. Without ranges: the ASID. */
Test(tlb_aarch64, ranges)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 0x1234 };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-48");
	gathering_map(&g, 0x40000000, 0x1ff000, false);
	gathering_protect(&g, 0x40000000, 0x1ff000);
	expect_all(&tlb, &g, AARCH64_TLBI_ASIDE1, UINT64_C(0x1234000000000000));
	tlb.range = true;
	plan(&tlb, &g, &emitted);
	expect_range(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x1234530000040000));
	expect_range(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x12344f00000401c0));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x12340000000401fe));
	expect_end(&emitted);
	tlb.ttl = true;
	tlb.all_asids = true;
	plan(&tlb, &g, &emitted);
	expect_range(&emitted, AARCH64_TLBI_VAALE1, UINT64_C(0x536000040000));
	expect_range(&emitted, AARCH64_TLBI_VAALE1, UINT64_C(0x4f60000401c0));
	expect(&emitted, AARCH64_TLBI_VAALE1, UINT64_C(0x7000000401fe));
	expect_end(&emitted);
	gathering_close(&g);
}

/* VA[55:12] of one page, VA[48:12] of a range of two; the bits above are not its base's. */
Test(tlb_aarch64, each_bit_of_an_address)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .range = true };
	struct tlb_range range = { .leaf_size = PAGE_SIZE_4K };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-48");
	for (unsigned int bit = 12; bit < 64; bit++) {
		uint64_t start = UINT64_C(1) << bit, page = bit < 56 ? start >> 12 : 0;

		require_story_begin("bit %u", bit);
		range.start = start;
		range.last = start + 0xfff;
		g.gather.ranges = &range;
		g.gather.range_count = 1;
		plan(&tlb, &g, &emitted);
		expect(&emitted, AARCH64_TLBI_VALE1, page);
		expect_end(&emitted);
		range.last = start + 0x1fff;
		plan(&tlb, &g, &emitted);
		expect_range(&emitted, AARCH64_TLBI_VALE1,
			     UINT64_C(0x400000000000) | (bit < 49 ? page : 0));
		expect_end(&emitted);
	}
	g.gather.range_count = 0;
	gathering_close(&g);
}

/* 3 x 2M is 24 x 64 pages; 3 x 1G is 12 x 65536; 9 x 1G takes one more; level 2 or 1. */
Test(tlb_aarch64, ranges_of_blocks)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .ttl = true, .range = true };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-48");
	gathering_map(&g, 0x40000000, 0x600000, false);
	gathering_map(&g, UINT64_C(0x1000000000), UINT64_C(9) << 30, false);
	gathering_protect(&g, 0x40000000, 0x600000);
	gathering_protect(&g, UINT64_C(0x1000000000), UINT64_C(3) << 30);
	plan(&tlb, &g, &emitted);
	expect_range(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x5bc000040000));
	expect_range(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x75a001000000));
	expect_end(&emitted);
	gathering_protect(&g, UINT64_C(0x10c0000000), UINT64_C(6) << 30);
	plan(&tlb, &g, &emitted);
	expect_range(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x5bc000040000));
	expect_range(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x7fa001000000));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x500001200000));
	expect_end(&emitted);
	gathering_close(&g);
}

/* 64K: the range's base is VA[52:16]. Blocks of 4T are more than a range can be. */
Test(tlb_aarch64, granule_64k)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .ttl = true };
	struct emitted emitted;

	gathering_open(&g, "s1-64k-52-groups");
	gathering_map(&g, UINT64_C(0x8000000000000), 0x20000, false);
	gathering_protect(&g, UINT64_C(0x8000000000000), 0x20000);
	gathering_map(&g, 0, UINT64_C(1) << 43, false);
	gathering_protect(&g, 0, UINT64_C(1) << 43);
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xf08000000000));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xf08000000010));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xd00000000000));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xd00040000000));
	expect_end(&emitted);
	tlb.range = true;
	plan(&tlb, &g, &emitted);
	expect_range(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xc06800000000));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xd00000000000));
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0xd00040000000));
	expect_end(&emitted);
	gathering_close(&g);
}

/* With LPA2 the base is VA[52:16] with 4K too: up to a multiple of 64K goes page by page. */
Test(tlb_aarch64, lpa2)
{
	const virt_addr at = UINT64_C(0xfff000000000e000);
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .all_asids = true, .range = true };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-lpa2-52-upper");
	gathering_map(&g, at, 0x12000, false);
	gathering_protect(&g, at, 0x12000);
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_VAALE1, UINT64_C(0xf000000000e));
	expect(&emitted, AARCH64_TLBI_VAALE1, UINT64_C(0xf000000000f));
	expect_range(&emitted, AARCH64_TLBI_VAALE1, UINT64_C(0x439000000001));
	expect_end(&emitted);
	gathering_close(&g);
}

/* IPA, then what combines both stages. */
Test(tlb_aarch64, stage2)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 0x12, .ttl = true };
	struct emitted emitted;

	gathering_open(&g, "s2-4k-48");
	gathering_map(&g, UINT64_C(0x8087654000), 0x1000, false);
	gathering_unmap(&g, UINT64_C(0x8087654000), 0x1000);
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_IPAS2LE1, UINT64_C(0x700008087654));
	expect(&emitted, AARCH64_TLBI_IPAS2E1, 0x8087600);
	expect(&emitted, AARCH64_TLBI_IPAS2E1, 0x8080000);
	expect(&emitted, AARCH64_TLBI_IPAS2E1, 0x8000000);
	expect_end_of_stage2(&emitted);
	tlb.threshold = 3;
	expect_all(&tlb, &g, AARCH64_TLBI_VMALLS12E1, 0);
	tlb.threshold = 4;
	plan(&tlb, &g, &emitted);
	cr_assert_eq(emitted.count, 9);
	gathering_close(&g);
}

/* 16K: TG is 2, a range's base IPA[50:14]. */
Test(tlb_aarch64, stage2_16k)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .ttl = true, .local = true };
	struct emitted emitted;

	gathering_open(&g, "s2-16k-48");
	gathering_map(&g, 0x40004000, 0x8000, false);
	gathering_protect(&g, 0x40004000, 0x8000);
	plan(&tlb, &g, &emitted);
	expect(&emitted, AARCH64_TLBI_IPAS2LE1, UINT64_C(0xb00000040004));
	expect(&emitted, AARCH64_TLBI_IPAS2LE1, UINT64_C(0xb00000040008));
	expect_end_of_stage2(&emitted);
	tlb.range = true;
	tlb.ttl = false;
	plan(&tlb, &g, &emitted);
	expect_range(&emitted, AARCH64_TLBI_IPAS2LE1, UINT64_C(0x800000010001));
	expect_end_of_stage2(&emitted);
	gathering_close(&g);
}

/* 128 one by one, 129 as a whole; a table counts too. Global ones outlive TLBI ASIDE1. */
Test(tlb_aarch64, threshold)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 7 };
	struct emitted emitted;

	gathering_open(&g, "s1-4k-48");
	gathering_map(&g, 0x40000000, 0x100000, false);
	gathering_map(&g, 0x40200000, 0x1000, true);
	gathering_protect(&g, 0x40000000, 0x7f000);
	gathering_protect(&g, 0x40080000, 0x1000);
	plan(&tlb, &g, &emitted);
	cr_assert_eq(emitted.count, 131);
	expect(&emitted, AARCH64_TLBI_VALE1, UINT64_C(0x0007000000040000));
	gathering_protect(&g, 0x40090000, 0x1000);
	expect_all(&tlb, &g, AARCH64_TLBI_ASIDE1, UINT64_C(0x0007000000000000));
	tlb.all_asids = true;
	expect_all(&tlb, &g, AARCH64_TLBI_VMALLE1, 0);
	tlb.all_asids = false;
	gathering_protect(&g, 0x40200000, 0x1000);
	expect_all(&tlb, &g, AARCH64_TLBI_VMALLE1, 0);
	tlb_gather_finish(&g.gather);
	gathering_map(&g, 0x40400000, 0x100000, true);
	gathering_protect(&g, 0x40400000, 0x81000); /* one range */
	expect_all(&tlb, &g, AARCH64_TLBI_VMALLE1, 0);
	gathering_close(&g);
}

/* The ranges did not fit in the gather. */
Test(tlb_aarch64, everything)
{
	struct gathering g;
	struct aarch64_tlb tlb = { .table = &g.world.table, .asid = 7 };

	gathering_open(&g, "s1-4k-48");
	g.gather.range_capacity = 1;
	gathering_map(&g, 0x40000000, 0x10000, false);
	gathering_map(&g, 0x40200000, 0x1000, true);
	gathering_protect(&g, 0x40000000, 0x1000);
	gathering_protect(&g, 0x40002000, 0x1000);
	expect_all(&tlb, &g, AARCH64_TLBI_ASIDE1, UINT64_C(0x0007000000000000));
	gathering_protect(&g, 0x40200000, 0x1000);
	expect_all(&tlb, &g, AARCH64_TLBI_VMALLE1, 0);
	gathering_close(&g);
	gathering_open(&g, "s2-4k-48");
	g.gather.range_capacity = 0;
	gathering_map(&g, 0x40000000, 0x10000, false);
	gathering_protect(&g, 0x40000000, 0x1000);
	expect_all(&tlb, &g, AARCH64_TLBI_VMALLS12E1, 0);
	gathering_close(&g);
}
