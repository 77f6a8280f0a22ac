/* SPDX-License-Identifier: MIT */
/*
 * TTBR, TCR, MAIR, VTTBR, VTCR and what they need of the CPU. Values by hand from the Arm ARM, DDI
 * 0487, D19.2; ID registers as CPUs have them.
 */
#include <string.h>

#include <criterion/criterion.h>

#include <twofold/aarch64.h>
#include <twofold/aarch64_registers.h>
#include <twofold/x86_64.h>

#include "fixed_root.h"
#include "require.h"

#define ROOT UINT64_C(0x41200000)

/* 40-bit physical addresses, 4K and 64K, 16-bit ASIDs, nothing else; and with 8-bit ones. */
static const struct aarch64_cpu a53 = { .id_aa64mmfr0 = 0x00001122 };
static const struct aarch64_cpu asid8 = { .id_aa64mmfr0 = 0x00001102 };

/* 48 bits, all granules, dirty state, XNX, CnP, 16-bit ASIDs and VMIDs. */
static const struct aarch64_cpu n1 = {
	.id_aa64mmfr0 = 0x00101125,
	.id_aa64mmfr1 = 0x10212122,
	.id_aa64mmfr2 = 0x00001011,
	.id_aa64pfr1 = 0x00000020,
};

/* As n1 with 42 bits. */
static const struct aarch64_cpu bits42 = {
	.id_aa64mmfr0 = 0x00101123,
	.id_aa64mmfr1 = 0x10212122,
	.id_aa64mmfr2 = 0x00001011,
};

/* Wider than descriptors of 64 bits can say. */
static const struct aarch64_cpu bits56 = { .id_aa64mmfr0 = 0x00001127 };

/* Everything: 52 bits, LPA2 with 4K and 16K at both stages, LVA, FWB, BBM level 2, BTI. */
static const struct aarch64_cpu most = {
	.id_aa64isar0 = UINT64_C(0x0221111110212120),
	.id_aa64mmfr0 = UINT64_C(0x0000032310201126),
	.id_aa64mmfr1 = 0x10312122,
	.id_aa64mmfr2 = UINT64_C(0x0021011110011111),
	.id_aa64pfr1 = 0x00000001,
};

/* A format, its pages and its MAIR. */
struct shape {
	const struct page_table_format *format;
	uint64_t page;
	uint64_t mair;
};

static const struct shape s1_4k = { &aarch64_stage1_4k, PAGE_SIZE_4K, AARCH64_MAIR };
static const struct shape s1_16k = { &aarch64_stage1_16k, PAGE_SIZE_16K, AARCH64_MAIR };
static const struct shape s1_64k = { &aarch64_stage1_64k, PAGE_SIZE_64K, AARCH64_MAIR };
static const struct shape s1_4k_lpa2 = { &aarch64_stage1_4k_lpa2, PAGE_SIZE_4K, AARCH64_MAIR };
static const struct shape s1_16k_lpa2 = { &aarch64_stage1_16k_lpa2, PAGE_SIZE_16K, AARCH64_MAIR };
static const struct shape s2_4k = { &aarch64_stage2_4k, PAGE_SIZE_4K, 0 };
static const struct shape s2_16k = { &aarch64_stage2_16k, PAGE_SIZE_16K, 0 };
static const struct shape s2_64k = { &aarch64_stage2_64k, PAGE_SIZE_64K, 0 };
static const struct shape s2_4k_lpa2 = { &aarch64_stage2_4k_lpa2, PAGE_SIZE_4K, 0 };
static const struct shape s2_16k_lpa2 = { &aarch64_stage2_16k_lpa2, PAGE_SIZE_16K, 0 };

static void open_table(struct page_table *table, const struct shape *shape, unsigned int input_bits,
		       unsigned int output_bits, uint32_t features, phys_addr root)
{
	struct page_table_config config = {
		.format = shape->format,
		.input_bits = (uint8_t)input_bits,
		.output_bits = (uint8_t)output_bits,
		.leaf_sizes = shape->page,
		.features = features,
		.memory_attributes = shape->mair,
	};

	fixed_root_open(table, &config, root);
}

static void expect_refusal(enum register_status status, enum register_status wanted,
			   const struct register_refusal *refusal, const char *name,
			   const char *field, uint64_t needs, uint64_t has)
{
	REQUIRE(status == wanted, "%s instead of %s", register_status_text(status),
		register_status_text(wanted));
	REQUIRE(strcmp(refusal->name, name) == 0 && strcmp(refusal->field, field) == 0,
		"%s.%s instead of %s.%s", refusal->name, refusal->field, name, field);
	REQUIRE(refusal->wanted == needs && refusal->has == has, "%s: wanted 0x%lx, has 0x%lx",
		field, refusal->wanted, refusal->has);
}

static const struct aarch64_walk plain;

/* TCR and TTBR0, TTBR1 that these tables must give. */
static void expect_stage1(const struct aarch64_cpu *cpu, const struct page_table *lower,
			  const struct page_table *upper, uint16_t asid,
			  const struct aarch64_walk *walk, uint64_t ttbr0, uint64_t ttbr1,
			  uint64_t tcr)
{
	struct aarch64_stage1_registers r;
	struct register_refusal refusal = { "", "", 0, 0 };
	enum register_status status =
		aarch64_stage1_registers(cpu, lower, upper, asid, walk, &r, &refusal);

	REQUIRE(status == REGISTER_OK, "%s.%s: %s", refusal.name, refusal.field,
		register_status_text(status));
	REQUIRE(r.ttbr0 == ttbr0 && r.ttbr1 == ttbr1, "TTBR0 0x%lx TTBR1 0x%lx", r.ttbr0, r.ttbr1);
	REQUIRE(r.tcr == tcr, "TCR 0x%lx instead of 0x%lx", r.tcr, tcr);
	REQUIRE(r.mair == UINT64_C(0x0000000c0444bbff), "MAIR 0x%lx", r.mair);
}

/* As Linux has it, but for the ASID's place and tags: 48 bits and 4K in both halves. */
Test(registers_aarch64, tcr_of_two_halves)
{
	struct aarch64_walk walk = { .accessed = true };
	struct page_table lower, upper;

	open_table(&lower, &s1_4k, 48, 48, 0, ROOT);
	open_table(&upper, &s1_4k, 48, 48, AARCH64_UPPER, 0x41300000);
	expect_stage1(&n1, &lower, &upper, 0x1234, &plain, UINT64_C(0x1234000041200000), 0x41300000,
		      UINT64_C(0x15b5103510));
	expect_stage1(&n1, &lower, &upper, 0, &walk, ROOT, 0x41300000, UINT64_C(0x95b5103510));
	open_table(&upper, &s1_4k, 48, 48, AARCH64_UPPER | AARCH64_HARDWARE_DIRTY, 0x41300000);
	expect_stage1(&n1, &lower, &upper, 0, &plain, ROOT, 0x41300000, UINT64_C(0x195b5103510));
	walk = (struct aarch64_walk){ .noncacheable = true, .common = true };
	open_table(&upper, &s1_16k, 47, 40, AARCH64_UPPER, 0x41300000);
	open_table(&lower, &s1_64k, 42, 44, AARCH64_HARDWARE_DIRTY, ROOT);
	expect_stage1(&n1, &lower, &upper, 0xff, &walk, UINT64_C(0x00ff000041200001), 0x41300001,
		      UINT64_C(0x19460116016) | UINT64_C(0x2000) << 16 | UINT64_C(0x2000));
}

/* One half is never walked: EPD1 is bit 23, EPD0 bit 7. 8-bit ASIDs: AS is 0. */
Test(registers_aarch64, tcr_of_one_half)
{
	struct page_table table;

	open_table(&table, &s1_4k, 39, 40, 0, ROOT);
	expect_stage1(&n1, &table, NULL, 1, &plain, UINT64_C(0x0001000041200000), 0,
		      UINT64_C(0x12b5993519));
	expect_stage1(&asid8, &table, NULL, 0xff, &plain, UINT64_C(0x00ff000041200000), 0,
		      UINT64_C(0x02b5993519));
	open_table(&table, &s1_16k, 47, 48, AARCH64_UPPER, ROOT);
	expect_stage1(&n1, NULL, &table, 0xffff, &plain, UINT64_C(0xffff000000000000), ROOT,
		      UINT64_C(0x157511b591));
}

/* 52-bit addresses: bits 51:48 of the root in TTBR's 5:2; DS is bit 59. A root of 2 entries. */
Test(registers_aarch64, tcr_of_52_bits)
{
	struct page_table table;

	open_table(&table, &s1_64k, 52, 52, 0, UINT64_C(0xa000012342000));
	expect_stage1(&most, &table, NULL, 0, &plain, 0x12342028, 0, UINT64_C(0x16f58c750c));
	open_table(&table, &s1_4k_lpa2, 52, 52, 0, UINT64_C(0x3000000001080));
	expect_stage1(&most, &table, NULL, 0, &plain, 0x108c, 0, UINT64_C(0x08000016b58c350c));
	open_table(&table, &s1_16k_lpa2, 52, 50, AARCH64_UPPER, UINT64_C(0x3000000001100));
	expect_stage1(&most, NULL, &table, 0, &plain, 0, 0x110c, UINT64_C(0x08000016750cb58c));
	open_table(&table, &s1_16k, 48, 48, 0, 0x41200040);
	expect_stage1(&most, &table, NULL, 0, &plain, 0x41200040, 0, UINT64_C(0x157590b510));
}

/* Bits 47:7 of this root's address are where they are, 51:48 are TTBR's 5:2. */
Test(registers_aarch64, each_bit_of_the_root)
{
	struct page_table table;

	for (unsigned int bit = 7; bit < 52; bit++) {
		uint64_t root = UINT64_C(1) << bit;

		open_table(&table, &s1_4k_lpa2, 52, 52, 0, root);
		expect_stage1(&most, &table, NULL, 0, &plain, bit < 48 ? root : root >> 46, 0,
			      UINT64_C(0x08000016b58c350c));
	}
}

Test(registers_aarch64, tcr_el2)
{
	struct aarch64_walk walk = { .noncacheable = true, .accessed = true };
	struct page_table table;

	open_table(&table, &s1_4k, 48, 44, AARCH64_EL2 | AARCH64_HARDWARE_DIRTY, ROOT);
	expect_stage1(&n1, &table, NULL, 0, &plain, ROOT, 0, 0x80e43510);
	open_table(&table, &s1_64k, 42, 40, AARCH64_EL2, ROOT);
	expect_stage1(&n1, &table, NULL, 0, &walk, ROOT, 0, 0x80a26016);
	walk.accessed = false;
	open_table(&table, &s1_4k, 48, 40, AARCH64_EL2, ROOT);
	expect_stage1(&n1, &table, NULL, 0, &walk, ROOT, 0, 0x80822010);
	open_table(&table, &s1_4k_lpa2, 48, 52, AARCH64_EL2, ROOT);
	expect_stage1(&most, &table, NULL, 0, &plain, ROOT, 0, UINT64_C(0x180863510));
}

/* SL0, T0SZ and the size of the root; 0x80023558 is what KVM has for 40 bits on a 40-bit CPU. */
Test(registers_aarch64, vtcr)
{
	static const struct {
		const struct aarch64_cpu *cpu;
		const struct shape *shape;
		unsigned int input, output;
		uint64_t root_bytes, vtcr;
	} cases[] = {
		{ &a53, &s2_4k, 40, 40, 2 * PAGE_SIZE_4K, 0x80023558 },
		{ &n1, &s2_4k, 40, 44, 2 * PAGE_SIZE_4K, 0x800c3558 },
		{ &n1, &s2_4k, 32, 40, 4 * PAGE_SIZE_4K, 0x800a3520 },
		{ &n1, &s2_4k, 34, 36, 16 * PAGE_SIZE_4K, 0x8009351e },
		{ &n1, &s2_4k, 35, 32, 256, 0x8008355d },
		{ &n1, &s2_4k, 48, 48, 4096, 0x800d3590 },
		{ &bits42, &s2_4k, 42, 42, 8 * PAGE_SIZE_4K,
		  0x800b3556 }, /* concatenation is mandatory */
		{ &n1, &s2_4k, 43, 44, 16 * PAGE_SIZE_4K, 0x800c3555 },
		{ &n1, &s2_4k, 44, 44, 256, 0x800c3594 },
		{ &n1, &s2_16k, 40, 44, 16 * PAGE_SIZE_16K,
		  0x800cb558 }, /* here too, with 40 bits */
		{ &n1, &s2_16k, 48, 48, 2 * PAGE_SIZE_16K, 0x800db590 },
		{ &bits42, &s2_64k, 40, 42, 16384, 0x800b7558 },
		{ &bits42, &s2_64k, 42, 42, 65536, 0x800b7556 },
		{ &n1, &s2_64k, 46, 48, 16 * PAGE_SIZE_64K, 0x800d7552 },
		{ &n1, &s2_64k, 47, 48, 256, 0x800d7591 },
		{ &most, &s2_64k, 52, 52, 8192, 0x800e758c },
		{ &most, &s2_4k_lpa2, 52, 52, 16 * PAGE_SIZE_4K, UINT64_C(0x1800e358c) },
		{ &most, &s2_16k_lpa2, 52, 52, 256, UINT64_C(0x1800eb5cc) },
		{ &most, &s2_16k_lpa2, 51, 49, 16 * PAGE_SIZE_16K, UINT64_C(0x1800eb58d) },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct aarch64_stage2_registers r;
		struct page_table table;
		enum register_status status;

		open_table(&table, cases[i].shape, cases[i].input, cases[i].output, 0, ROOT);
		status = aarch64_stage2_registers(cases[i].cpu, &table, 0x5a, &plain, &r, NULL);
		REQUIRE(status == REGISTER_OK, "line %zu: %s", i, register_status_text(status));
		REQUIRE(fixed_root_size() == cases[i].root_bytes, "line %zu: root of 0x%lx", i,
			fixed_root_size());
		REQUIRE(r.vtcr == cases[i].vtcr, "line %zu: VTCR 0x%lx instead of 0x%lx", i, r.vtcr,
			cases[i].vtcr);
		REQUIRE(r.vttbr == UINT64_C(0x005a000041200000) && r.hcr == 1,
			"line %zu: VTTBR 0x%lx, HCR 0x%lx", i, r.vttbr, r.hcr);
	}
}

Test(registers_aarch64, vtcr_options)
{
	struct aarch64_walk walk = { .accessed = true, .common = true, .noncacheable = true };
	struct aarch64_walk noncacheable = { .noncacheable = true };
	struct aarch64_stage2_registers r;
	struct page_table table;

	open_table(&table, &s2_4k, 48, 48, AARCH64_HARDWARE_DIRTY | AARCH64_FWB, ROOT);
	cr_assert_eq(aarch64_stage2_registers(&most, &table, 0xffff, &plain, &r, NULL),
		     REGISTER_OK);
	cr_assert_eq(r.vtcr, 0x806d3590);
	cr_assert_eq(r.vttbr, UINT64_C(0xffff000041200000));
	cr_assert_eq(r.hcr, UINT64_C(0x400000000001));
	open_table(&table, &s2_4k, 39, 44, 0, ROOT); /* three levels */
	cr_assert_eq(aarch64_stage2_registers(&most, &table, 0, &noncacheable, &r, NULL),
		     REGISTER_OK);
	cr_assert_eq(r.vtcr, 0x800c2059);
	open_table(&table, &s2_64k, 52, 52, 0, UINT64_C(0x5000041200000));
	cr_assert_eq(aarch64_stage2_registers(&most, &table, 0, &walk, &r, NULL), REGISTER_OK);
	cr_assert_eq(r.vtcr, 0x802e608c);
	cr_assert_eq(r.vttbr, 0x41200015);
	cr_assert_eq(r.hcr, 1);
}

/* Whether the configuration of such a CPU has the feature. */
static bool has_feature(uint32_t feature, uint64_t mmfr1, uint64_t mmfr2, uint64_t pfr1)
{
	const struct aarch64_cpu cpu = { .id_aa64mmfr0 = n1.id_aa64mmfr0,
					 .id_aa64mmfr1 = mmfr1,
					 .id_aa64mmfr2 = mmfr2,
					 .id_aa64pfr1 = pfr1 };
	/* That one has to be asked for. */
	struct page_table_config config = { .format = feature == AARCH64_BTI ? &aarch64_stage1_4k
									     : &aarch64_stage2_4k,
					    .features = feature & AARCH64_BBM2 };

	REQUIRE(aarch64_config(&cpu, &config, NULL) == REGISTER_OK, "no configuration");
	return (config.features & feature) != 0;
}

/* D19.2: from which value of which field on. The fields beside it say nothing. */
Test(registers_aarch64, each_feature_has_its_field)
{
	static const struct {
		uint32_t feature;
		unsigned int mmfr1, mmfr2, pfr1; /* where the field begins, or 64 */
		uint64_t least;
	} rows[] = {
		{ AARCH64_HARDWARE_DIRTY, 0, 64, 64, 2 }, { AARCH64_BTI, 64, 64, 0, 1 },
		{ AARCH64_BBM2, 64, 52, 64, 2 },          { AARCH64_XNX, 28, 64, 64, 1 },
		{ AARCH64_FWB, 64, 40, 64, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const unsigned int shifts[3] = { rows[i].mmfr1, rows[i].mmfr2, rows[i].pfr1 };

		for (uint64_t value = 0; value < 16; value++) {
			uint64_t alone[3] = { 0 }, among[3];

			for (unsigned int r = 0; r < 3; r++) {
				among[r] = UINT64_MAX;
				if (shifts[r] == 64)
					continue;
				alone[r] = value << shifts[r];
				among[r] &= ~(UINT64_C(0xf) << shifts[r]);
				among[r] |= alone[r];
			}
			REQUIRE(has_feature(rows[i].feature, alone[0], alone[1], alone[2]) ==
						(value >= rows[i].least) &&
					has_feature(rows[i].feature, among[0], among[1],
						    among[2]) == (value >= rows[i].least),
				"row %zu, value %lu", i, value);
		}
	}
}

/* All of a CPU, by format. */
Test(registers_aarch64, config_of_a_cpu)
{
	static const struct {
		const struct aarch64_cpu *cpu;
		const struct page_table_format *format;
		unsigned int wanted, input, output;
		uint32_t asked, features;
		uint64_t leaf_sizes;
	} cases[] = {
		{ &a53, &aarch64_stage1_4k, 0, 48, 40, AARCH64_UPPER, AARCH64_UPPER,
		  UINT64_C(0x42211000) },
		{ &a53, &aarch64_stage2_4k, 0, 40, 40, 0, 0, UINT64_C(0x42211000) },
		{ &a53, &aarch64_stage2_64k, 33, 33, 40, 0, 0, UINT64_C(0x20210000) },
		{ &n1, &aarch64_stage1_16k, 0, 48, 48, AARCH64_EL2,
		  AARCH64_EL2 | AARCH64_HARDWARE_DIRTY, UINT64_C(0x42204000) },
		{ &n1, &aarch64_stage1_64k, 0, 48, 48, 0, AARCH64_HARDWARE_DIRTY,
		  UINT64_C(0x420210000) },
		{ &n1, &aarch64_stage2_16k, 0, 48, 48, 0, AARCH64_HARDWARE_DIRTY | AARCH64_XNX,
		  UINT64_C(0x42204000) },
		{ &n1, &aarch64_stage1_4k, 0, 48, 48, AARCH64_BBM2, AARCH64_HARDWARE_DIRTY,
		  UINT64_C(0x42211000) },
		{ &most, &aarch64_stage1_4k, 0, 48, 48, 0, AARCH64_HARDWARE_DIRTY | AARCH64_BTI,
		  UINT64_C(0x42211000) },
		{ &most, &aarch64_stage2_4k, 0, 48, 48, AARCH64_BBM2,
		  AARCH64_HARDWARE_DIRTY | AARCH64_BBM2 | AARCH64_XNX | AARCH64_FWB,
		  UINT64_C(0x42211000) },
		{ &bits56, &aarch64_stage1_64k, 42, 42, 52, 0, 0, UINT64_C(0x420210000) },
		/* without VARange, which is stage 1's */
		{ &bits56, &aarch64_stage2_64k, 0, 52, 52, 0, 0, UINT64_C(0x40420210000) },
		/* one group of blocks is all there is */
		{ &a53, &aarch64_stage1_4k, 25, 25, 40, 0, 0, 0x2211000 },
		{ &a53, &aarch64_stage1_4k, 31, 31, 40, 0, 0, UINT64_C(0x42211000) },
		/* three levels, with leaves at each of them */
		{ &a53, &aarch64_stage1_4k, 33, 33, 40, 0, 0, UINT64_C(0x42211000) },
		{ &most, &aarch64_stage1_4k, 39, 39, 48, AARCH64_BTI | AARCH64_BBM2,
		  AARCH64_HARDWARE_DIRTY | AARCH64_BTI | AARCH64_BBM2, UINT64_C(0x42211000) },
		{ &most, &aarch64_stage1_64k, 0, 52, 52, AARCH64_BBM2,
		  AARCH64_HARDWARE_DIRTY | AARCH64_BTI | AARCH64_BBM2, UINT64_C(0x40420210000) },
		{ &most, &aarch64_stage1_4k_lpa2, 0, 52, 52, AARCH64_BBM2,
		  AARCH64_HARDWARE_DIRTY | AARCH64_BTI | AARCH64_BBM2, UINT64_C(0x8042211000) },
		{ &most, &aarch64_stage2_16k_lpa2, 0, 52, 52, AARCH64_BBM2,
		  AARCH64_HARDWARE_DIRTY | AARCH64_BBM2 | AARCH64_XNX | AARCH64_FWB,
		  UINT64_C(0x1042204000) },
		{ &most, &aarch64_stage2_64k, 0, 52, 52, AARCH64_BBM2,
		  AARCH64_HARDWARE_DIRTY | AARCH64_BBM2 | AARCH64_XNX | AARCH64_FWB,
		  UINT64_C(0x40420210000) },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_table_config config = { .format = cases[i].format,
						    .input_bits = (uint8_t)cases[i].wanted,
						    .features = cases[i].asked };
		enum register_status status = aarch64_config(cases[i].cpu, &config, NULL);

		REQUIRE(status == REGISTER_OK, "line %zu: %s", i, register_status_text(status));
		REQUIRE(config.input_bits == cases[i].input &&
				config.output_bits == cases[i].output,
			"line %zu: %u to %u bits", i, config.input_bits, config.output_bits);
		REQUIRE(config.features == cases[i].features, "line %zu: features 0x%x", i,
			config.features);
		REQUIRE(config.leaf_sizes == cases[i].leaf_sizes, "line %zu: leaves 0x%lx", i,
			config.leaf_sizes);
	}
}

/* Whatever aarch64_config answers, page_table_init takes, and the registers are had. */
Test(registers_aarch64, config_can_be_used)
{
	const struct shape *const shapes[] = { &s1_4k,      &s1_16k,     &s1_64k, &s1_4k_lpa2,
					       &s2_4k,      &s2_16k,     &s2_64k, &s1_16k_lpa2,
					       &s2_4k_lpa2, &s2_16k_lpa2 };
	struct aarch64_stage1_registers stage1;
	struct aarch64_stage2_registers stage2;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		for (unsigned int bits = 32; bits <= 52; bits++) {
			struct page_table_config config = { .format = shapes[i]->format,
							    .input_bits = (uint8_t)bits };
			struct page_table table;
			enum register_status status = aarch64_config(&most, &config, NULL);

			if (status == REGISTER_ARGUMENT && bits > 48)
				continue;
			REQUIRE(status == REGISTER_OK, "%zu, %u bits", i, bits);
			REQUIRE(config.memory_attributes == shapes[i]->mair, "%zu", i);
			fixed_root_open(&table, &config, ROOT);
			status = shapes[i]->mair != 0
					 ? aarch64_stage1_registers(&most, &table, NULL, 0, &plain,
								    &stage1, NULL)
					 : aarch64_stage2_registers(&most, &table, 0, &plain,
								    &stage2, NULL);
			REQUIRE(status == REGISTER_OK, "%zu, %u bits", i, bits);
		}
	}
}

/* A table against a CPU that lacks one thing; first what aarch64_config says of it, too. */
Test(registers_aarch64, check_refusals)
{
	static const char mmfr0[] = "ID_AA64MMFR0_EL1", mmfr1[] = "ID_AA64MMFR1_EL1",
			  mmfr2[] = "ID_AA64MMFR2_EL1";
	static const struct {
		const struct shape *shape;
		unsigned int input, output;
		uint32_t features;
		uint64_t lacks0, lacks1, lacks2, sets0;
		const char *name, *field;
		enum register_status status;
		uint64_t wanted, has;
	} cases[] = {
		{ &s1_4k, 48, 48, 0, 0, 0, 0, UINT64_C(0xf0000000), mmfr0, "TGran4",
		  REGISTER_MISSING, 0, 0xf },
		{ &s1_16k, 48, 48, 0, 0x00f00000, 0, 0, 0, mmfr0, "TGran16", REGISTER_MISSING, 1,
		  0 },
		{ &s1_64k, 48, 48, 0, 0, 0, 0, 0x0f000000, mmfr0, "TGran64", REGISTER_MISSING, 0,
		  0xf },
		{ &s1_4k_lpa2, 48, 48, 0, UINT64_C(0xf0000000), 0, 0, 0, mmfr0, "TGran4",
		  REGISTER_MISSING, 1, 0 },
		{ &s1_16k_lpa2, 48, 48, 0, 0x00f00000, 0, 0, 0x00100000, mmfr0, "TGran16",
		  REGISTER_MISSING, 2, 1 },
		{ &s2_4k, 48, 48, 0, UINT64_C(0xf0000000000), 0, 0, UINT64_C(0x10000000000), mmfr0,
		  "TGran4_2", REGISTER_MISSING, 2, 1 },
		{ &s2_16k, 48, 48, 0, UINT64_C(0xf00000000), 0, 0, UINT64_C(0x100000000), mmfr0,
		  "TGran16_2", REGISTER_MISSING, 2, 1 },
		{ &s2_64k, 48, 48, 0, UINT64_C(0xf000000000), 0, 0, UINT64_C(0x1000000000), mmfr0,
		  "TGran64_2", REGISTER_MISSING, 2, 1 },
		{ &s2_4k_lpa2, 48, 48, 0, UINT64_C(0xf0000000000), 0, 0, UINT64_C(0x20000000000),
		  mmfr0, "TGran4_2", REGISTER_MISSING, 3, 2 },
		/* 0 at stage 2 is as at stage 1 */
		{ &s2_4k_lpa2, 48, 48, 0, UINT64_C(0xf00f0000000), 0, 0, 0, mmfr0, "TGran4",
		  REGISTER_MISSING, 1, 0 },
		{ &s2_16k, 48, 48, 0, UINT64_C(0xf00f00000), 0, 0, 0, mmfr0, "TGran16",
		  REGISTER_MISSING, 1, 0 },
		{ &s2_64k, 48, 48, 0, UINT64_C(0xf000000000), 0, 0, 0x0f000000, mmfr0, "TGran64",
		  REGISTER_MISSING, 0, 0xf },
		{ &s1_4k, 48, 45, 0, 0xf, 0, 0, 4, mmfr0, "PARange", REGISTER_TOO_SMALL, 45, 44 },
		{ &s1_64k, 48, 52, 0, 0xf, 0, 0, 5, mmfr0, "PARange", REGISTER_TOO_SMALL, 52, 48 },
		{ &s2_4k, 41, 40, 0, 0xf, 0, 0, 2, mmfr0, "PARange", REGISTER_TOO_SMALL, 41, 40 },
		{ &s1_64k, 49, 48, 0, 0, 0, UINT64_C(0xf0000), 0, mmfr2, "VARange",
		  REGISTER_TOO_SMALL, 49, 48 },
		{ &s1_4k, 48, 48, AARCH64_HARDWARE_DIRTY, 0, 2, 0, 0, mmfr1, "HAFDBS",
		  REGISTER_MISSING, 2, 0 },
		{ &s2_4k, 48, 48, AARCH64_HARDWARE_DIRTY, 0, 2, 0, 0, mmfr1, "HAFDBS",
		  REGISTER_MISSING, 2, 0 },
		{ &s1_4k, 48, 48, AARCH64_BTI, 0, 0, 0, 0, "ID_AA64PFR1_EL1", "BT",
		  REGISTER_MISSING, 1, 0 },
		{ &s1_4k, 48, 48, AARCH64_BBM2, 0, 0, UINT64_C(0x20000000000000), 0, mmfr2, "BBM",
		  REGISTER_MISSING, 2, 0 },
		{ &s2_4k, 48, 48, AARCH64_XNX, 0, 0x10000000, 0, 0, mmfr1, "XNX", REGISTER_MISSING,
		  1, 0 },
		{ &s2_4k, 48, 48, AARCH64_FWB, 0, 0, UINT64_C(0x10000000000), 0, mmfr2, "FWB",
		  REGISTER_MISSING, 1, 0 },
		{ &s1_4k, 48, 48, 0, 0, 0, 0, 0, "", "", REGISTER_OK, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct aarch64_cpu cpu = most;
		struct register_refusal refusal = { "", "", 0, 0 };
		struct page_table table;

		require_story_begin("line %zu", i);
		cpu.id_aa64mmfr0 = (cpu.id_aa64mmfr0 & ~cases[i].lacks0) | cases[i].sets0;
		cpu.id_aa64mmfr1 &= ~cases[i].lacks1;
		cpu.id_aa64mmfr2 &= ~cases[i].lacks2;
		if (cases[i].features == AARCH64_BTI)
			cpu.id_aa64pfr1 = 0xf0;
		open_table(&table, cases[i].shape, cases[i].input, cases[i].output,
			   cases[i].features, ROOT);
		expect_refusal(aarch64_check(&cpu, &table, &refusal), cases[i].status, &refusal,
			       cases[i].name, cases[i].field, cases[i].wanted, cases[i].has);
		cr_assert_eq(aarch64_check(&cpu, &table, NULL), cases[i].status);
		cr_assert_eq(aarch64_check(&most, &table, NULL), REGISTER_OK);
	}
}

Test(registers_aarch64, tables_of_others)
{
	struct page_table_config config = { .format = &x86_64_ept,
					    .input_bits = 48,
					    .output_bits = 40,
					    .leaf_sizes = PAGE_SIZE_4K };
	struct register_refusal refusal;
	struct page_table table;

	fixed_root_open(&table, &config, ROOT);
	expect_refusal(aarch64_check(&most, &table, &refusal), REGISTER_WRONG_TABLE, &refusal,
		       "page_table", "aarch64_*", 0, 0);
}

Test(registers_aarch64, config_refusals)
{
	struct page_table_config config = { .format = &aarch64_stage1_16k };
	struct register_refusal refusal;

	expect_refusal(aarch64_config(&a53, &config, &refusal), REGISTER_MISSING, &refusal,
		       "ID_AA64MMFR0_EL1", "TGran16", 1, 0);
	config.format = &aarch64_stage1_4k;
	config.input_bits = 49;
	expect_refusal(aarch64_config(&most, &config, &refusal), REGISTER_ARGUMENT, &refusal,
		       "page_table_config", "input_bits", 49, 48);
	config.format = &aarch64_stage1_4k_lpa2;
	config.input_bits = 53;
	expect_refusal(aarch64_config(&most, &config, &refusal), REGISTER_ARGUMENT, &refusal,
		       "page_table_config", "input_bits", 53, 52);
	config.format = &aarch64_stage2_4k;
	config.input_bits = 41;
	expect_refusal(aarch64_config(&a53, &config, &refusal), REGISTER_TOO_SMALL, &refusal,
		       "ID_AA64MMFR0_EL1", "PARange", 41, 40);
	for (config.input_bits = 20; config.input_bits <= 31; config.input_bits += 11)
		expect_refusal(aarch64_config(&a53, &config, &refusal), REGISTER_ARGUMENT, &refusal,
			       "page_table_config", "input_bits", config.input_bits, 32);
	config.format = &aarch64_stage1_64k;
	config.input_bits = 29;
	expect_refusal(aarch64_config(&most, &config, &refusal), REGISTER_ARGUMENT, &refusal,
		       "page_table_config", "input_bits", 29, 30);
	config.input_bits = 52;
	expect_refusal(aarch64_config(&n1, &config, &refusal), REGISTER_TOO_SMALL, &refusal,
		       "ID_AA64MMFR2_EL1", "VARange", 52, 48);
	config.input_bits = 0;
	config.features = AARCH64_EL2 | AARCH64_UPPER;
	expect_refusal(aarch64_config(&most, &config, &refusal), REGISTER_ARGUMENT, &refusal,
		       "page_table_config", "features", config.features, AARCH64_EL2);
	config.format = &aarch64_stage2_4k;
	for (config.features = AARCH64_EL2; config.features <= AARCH64_UPPER;
	     config.features += AARCH64_UPPER - AARCH64_EL2)
		expect_refusal(aarch64_config(&most, &config, &refusal), REGISTER_ARGUMENT,
			       &refusal, "page_table_config", "features", config.features, 0);
	config.features = 0;
	config.format = &x86_64_stage1;
	expect_refusal(aarch64_config(&n1, &config, &refusal), REGISTER_WRONG_TABLE, &refusal,
		       "page_table_config", "aarch64_*", 0, 0);
}

static void refuse_stage1(const struct aarch64_cpu *cpu, const struct page_table *lower,
			  const struct page_table *upper, uint16_t asid,
			  const struct aarch64_walk *walk, enum register_status wanted,
			  const char *name, const char *field, uint64_t needs, uint64_t has)
{
	struct aarch64_stage1_registers r;
	struct register_refusal refusal = { "", "", 0, 0 };

	expect_refusal(aarch64_stage1_registers(cpu, lower, upper, asid, walk, &r, &refusal),
		       wanted, &refusal, name, field, needs, has);
}

Test(registers_aarch64, stage1_refusals)
{
	struct aarch64_walk accessed = { .accessed = true }, common = { .common = true };
	struct page_table lower, upper, other;
	struct shape other_mair = s1_4k;

	open_table(&lower, &s1_4k, 48, 40, 0, ROOT);
	open_table(&upper, &s1_4k, 48, 40, AARCH64_UPPER, ROOT);
	refuse_stage1(&n1, NULL, NULL, 0, &plain, REGISTER_ARGUMENT, "TCR_EL1", "EPD0 and EPD1", 2,
		      1);
	refuse_stage1(&n1, &upper, NULL, 0, &plain, REGISTER_MISMATCH, "TTBR0_EL1", "AARCH64_UPPER",
		      0, 1);
	refuse_stage1(&n1, &lower, &lower, 0, &plain, REGISTER_MISMATCH, "TTBR1_EL1",
		      "AARCH64_UPPER", 1, 0);
	refuse_stage1(&asid8, &lower, &upper, 0x100, &plain, REGISTER_ARGUMENT, "TTBR0_EL1", "ASID",
		      0x100, 0xff);
	refuse_stage1(&a53, &lower, &upper, 0, &accessed, REGISTER_MISSING, "ID_AA64MMFR1_EL1",
		      "HAFDBS", 1, 0);
	refuse_stage1(&a53, &lower, &upper, 0, &common, REGISTER_MISSING, "ID_AA64MMFR2_EL1", "CnP",
		      1, 0);
	other_mair.mair = UINT64_C(0xff);
	open_table(&other, &other_mair, 48, 40, AARCH64_UPPER, ROOT);
	refuse_stage1(&n1, &lower, &other, 0, &plain, REGISTER_MISMATCH, "MAIR_EL1",
		      "Attr0 to Attr7", UINT64_C(0x0000000c0444bbff), 0xff);
	open_table(&other, &s1_4k_lpa2, 48, 40, AARCH64_UPPER, ROOT);
	refuse_stage1(&most, &lower, &other, 0, &plain, REGISTER_MISMATCH, "TCR_EL1", "DS", 0, 1);
	refuse_stage1(&n1, &lower, &other, 0, &plain, REGISTER_MISSING, "ID_AA64MMFR0_EL1",
		      "TGran4", 1, 0);
	open_table(&other, &s1_4k, 48, 40, AARCH64_EL2, ROOT);
	refuse_stage1(&n1, &other, NULL, 1, &plain, REGISTER_ARGUMENT, "TTBR0_EL2", "ASID", 1, 0);
	refuse_stage1(&n1, &other, &upper, 0, &plain, REGISTER_MISMATCH, "TTBR1_EL2", "AARCH64_EL2",
		      0, 1);
	open_table(&other, &s2_4k, 40, 40, 0, ROOT);
	refuse_stage1(&n1, &other, NULL, 0, &plain, REGISTER_WRONG_TABLE, "TTBR0_EL1",
		      "aarch64_stage1_*", 0, 0);
}

/* The least of HAFDBS and CnP that will do, and nothing in the fields beside. */
Test(registers_aarch64, walks)
{
	struct aarch64_walk walk = { .accessed = true, .common = true };
	struct aarch64_stage1_registers r;
	struct aarch64_cpu cpu = a53;
	struct page_table table;

	cpu.id_aa64mmfr1 = 1;
	cpu.id_aa64mmfr2 = 1;
	open_table(&table, &s1_4k, 48, 40, 0, ROOT);
	cr_assert_eq(aarch64_stage1_registers(&cpu, &table, NULL, 0, &walk, &r, NULL), REGISTER_OK);
	cr_assert_eq(r.ttbr0, ROOT | 1);
	cr_assert_eq(r.tcr >> 39 & 3, 1, "HA, without HD");
}

Test(registers_aarch64, stage2_refusals)
{
	struct aarch64_walk common = { .common = true };
	struct aarch64_stage2_registers r;
	struct register_refusal refusal;
	struct page_table table;

	open_table(&table, &s2_4k, 40, 40, 0, ROOT);
	expect_refusal(aarch64_stage2_registers(&a53, &table, 0x100, &plain, &r, &refusal),
		       REGISTER_ARGUMENT, &refusal, "VTTBR_EL2", "VMID", 0x100, 0xff);
	expect_refusal(aarch64_stage2_registers(&a53, &table, 0, &common, &r, &refusal),
		       REGISTER_MISSING, &refusal, "ID_AA64MMFR2_EL1", "CnP", 1, 0);
	open_table(&table, &s2_4k, 44, 44, 0, ROOT);
	expect_refusal(aarch64_stage2_registers(&bits42, &table, 0, &plain, &r, &refusal),
		       REGISTER_TOO_SMALL, &refusal, "ID_AA64MMFR0_EL1", "PARange", 44, 42);
	open_table(&table, &s1_4k, 40, 40, 0, ROOT);
	expect_refusal(aarch64_stage2_registers(&n1, &table, 0, &plain, &r, &refusal),
		       REGISTER_WRONG_TABLE, &refusal, "VTTBR_EL2", "aarch64_stage2_*", 0, 0);
}

/* A root lies at a multiple of its size, of 64 bytes at least. No call makes another, but one can
 * by hand. */
Test(registers_aarch64, unaligned_roots)
{
	struct aarch64_stage2_registers r;
	struct register_refusal refusal;
	struct page_table table;

	open_table(&table, &s2_4k, 40, 40, 0, ROOT);
	table.root = 0x41201000;
	expect_refusal(aarch64_stage2_registers(&n1, &table, 0, &plain, &r, &refusal),
		       REGISTER_UNALIGNED, &refusal, "VTTBR_EL2", "BADDR", 0x2000, 0x41201000);
	open_table(&table, &s1_16k, 48, 40, 0, ROOT);
	table.root = 0x41201020;
	refuse_stage1(&n1, &table, NULL, 0, &plain, REGISTER_UNALIGNED, "TTBR0_EL1", "BADDR", 0x40,
		      0x41201020);
	open_table(&table, &s1_4k, 39, 40, AARCH64_UPPER, ROOT);
	table.root = 0x41201800;
	refuse_stage1(&n1, NULL, &table, 0, &plain, REGISTER_UNALIGNED, "TTBR1_EL1", "BADDR",
		      0x1000, 0x41201800);
}

/* A walk of stage 1 that would begin with pages: TCR has no other way to say two levels. */
Test(registers_aarch64, too_narrow_for_two_levels)
{
	static const struct {
		const struct shape *shape;
		uint8_t least;
	} cases[] = { { &s1_4k, 25 }, { &s1_16k, 26 }, { &s1_64k, 30 }, { &s2_64k, 32 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_table_config config = { .format = cases[i].shape->format,
						    .input_bits = (uint8_t)(cases[i].least - 1),
						    .output_bits = 40,
						    .leaf_sizes = cases[i].shape->page,
						    .memory_attributes = cases[i].shape->mair };
		struct page_table table;

		cr_assert_eq(page_table_init(&table, &config, NULL), PAGING_BAD_INPUT_BITS);
		config.input_bits = cases[i].least;
		fixed_root_open(&table, &config, ROOT);
		cr_assert_eq(table.levels, 2);
	}
}
