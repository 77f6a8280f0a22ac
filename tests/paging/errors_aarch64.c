/* SPDX-License-Identifier: MIT */
/* Configurations that AArch64 does not have: Arm ARM DDI 0487, D8.2 and D8.3. */
#include <criterion/criterion.h>

#include <twofold/aarch64.h>

#include "bad_config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SIZE_32M     (UINT64_C(1) << 25)
#define SIZE_512M    (UINT64_C(1) << 29)
#define SIZE_16G     (UINT64_C(1) << 34)
#define SIZE_64G     (UINT64_C(1) << 36)
#define SIZE_512G    (UINT64_C(1) << 39)
#define SIZE_4T      (UINT64_C(1) << 42)

#define STAGE1_4K(...)                                                             \
	{                                                                          \
		.format = &aarch64_stage1_4k, .input_bits = 48, .output_bits = 48, \
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G,          \
		.memory_attributes = AARCH64_MAIR, __VA_ARGS__                     \
	}
#define STAGE1_16K(...)                                                                    \
	{                                                                                  \
		.format = &aarch64_stage1_16k, .input_bits = 47, .output_bits = 48,        \
		.leaf_sizes = PAGE_SIZE_16K | SIZE_32M, .memory_attributes = AARCH64_MAIR, \
		__VA_ARGS__                                                                \
	}
#define STAGE1_64K(...)                                                                     \
	{                                                                                   \
		.format = &aarch64_stage1_64k, .input_bits = 48, .output_bits = 48,         \
		.leaf_sizes = PAGE_SIZE_64K | SIZE_512M, .memory_attributes = AARCH64_MAIR, \
		__VA_ARGS__                                                                 \
	}
#define STAGE2_4K(...)                                                                \
	{                                                                             \
		.format = &aarch64_stage2_4k, .input_bits = 40, .output_bits = 44,    \
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, __VA_ARGS__ \
	}

#pragma GCC diagnostic ignored "-Woverride-init"

/* 4K without LPA2 has blocks of 1G at most, and 48 bits either way. */
static const struct bad_config stage1_4k[] = {
	{ PAGING_BAD_INPUT_BITS, "no input", STAGE1_4K(.input_bits = 0) },
	{ PAGING_BAD_INPUT_BITS, "24 input bits", STAGE1_4K(.input_bits = 24) },
	{ PAGING_BAD_INPUT_BITS, "49 input bits", STAGE1_4K(.input_bits = 49) },
	{ PAGING_BAD_INPUT_BITS, "52 input bits without LPA2", STAGE1_4K(.input_bits = 52) },
	{ PAGING_BAD_INPUT_BITS, "64 input bits", STAGE1_4K(.input_bits = 64) },
	{ PAGING_BAD_OUTPUT_BITS, "31 output bits", STAGE1_4K(.output_bits = 31) },
	{ PAGING_BAD_OUTPUT_BITS, "49 output bits", STAGE1_4K(.output_bits = 49) },
	{ PAGING_BAD_OUTPUT_BITS, "52 output bits without LPA2", STAGE1_4K(.output_bits = 52) },
	{ PAGING_BAD_OUTPUT_BITS, "255 output bits", STAGE1_4K(.output_bits = 255) },
	{ PAGING_BAD_LEAF_SIZES, "no leaves", STAGE1_4K(.leaf_sizes = 0) },
	{ PAGING_BAD_LEAF_SIZES, "no granule", STAGE1_4K(.leaf_sizes = PAGE_SIZE_2M) },
	{ PAGING_BAD_LEAF_SIZES, "a group without its pages",
	  STAGE1_4K(.leaf_sizes = PAGE_SIZE_64K) },
	{ PAGING_BAD_LEAF_SIZES, "a group without its blocks",
	  STAGE1_4K(.leaf_sizes = PAGE_SIZE_4K | SIZE_32M) },
	{ PAGING_BAD_LEAF_SIZES, "16K leaves",
	  STAGE1_4K(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_16K) },
	{ PAGING_BAD_LEAF_SIZES, "1G leaves but no 2M",
	  STAGE1_4K(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_1G) },
	{ PAGING_BAD_LEAF_SIZES, "512G leaves",
	  STAGE1_4K(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G | SIZE_512G) },
	{ PAGING_BAD_FEATURES, "a feature of stage 2", STAGE1_4K(.features = AARCH64_XNX) },
	{ PAGING_BAD_FEATURES, "another", STAGE1_4K(.features = AARCH64_FWB) },
	{ PAGING_BAD_FEATURES, "unknown feature", STAGE1_4K(.features = UINT32_C(1) << 31) },
	{ PAGING_BAD_FEATURES, "the next feature", STAGE1_4K(.features = AARCH64_BBM2 << 1) },
	{ PAGING_BAD_FEATURES, "an upper half in EL2",
	  STAGE1_4K(.features = AARCH64_EL2 | AARCH64_UPPER) },
	{ PAGING_BAD_MODIFIER, "a modifier", STAGE1_4K(.modifier = UINT64_C(1) << 51) },
};

static const struct bad_config stage1_16k[] = {
	{ PAGING_BAD_INPUT_BITS, "52 input bits without LPA2", STAGE1_16K(.input_bits = 52) },
	{ PAGING_BAD_OUTPUT_BITS, "52 output bits without LPA2", STAGE1_16K(.output_bits = 52) },
	{ PAGING_BAD_LEAF_SIZES, "4K leaves",
	  STAGE1_16K(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_16K) },
	{ PAGING_BAD_LEAF_SIZES, "a group of more than 29 input bits",
	  STAGE1_16K(.input_bits = 29,
		     .leaf_sizes = PAGE_SIZE_16K | PAGE_SIZE_2M | SIZE_32M | PAGE_SIZE_1G) },
	{ PAGING_BAD_LEAF_SIZES, "64G leaves without LPA2",
	  STAGE1_16K(.leaf_sizes = PAGE_SIZE_16K | SIZE_32M | SIZE_64G) },
};

/* With 64K 52 bits take no other descriptor, but 4T blocks are those of 52-bit addresses. */
static const struct bad_config stage1_64k[] = {
	{ PAGING_BAD_INPUT_BITS, "53 input bits", STAGE1_64K(.input_bits = 53) },
	{ PAGING_BAD_OUTPUT_BITS, "53 output bits", STAGE1_64K(.output_bits = 53) },
	{ PAGING_BAD_LEAF_SIZES, "4T leaves with 48 output bits",
	  STAGE1_64K(.leaf_sizes = PAGE_SIZE_64K | SIZE_512M | SIZE_4T) },
	{ PAGING_BAD_LEAF_SIZES, "a group of more than 33 input bits",
	  STAGE1_64K(.input_bits = 33, .leaf_sizes = PAGE_SIZE_64K | SIZE_512M | SIZE_16G) },
	{ PAGING_BAD_LEAF_SIZES, "4T leaves but no 512M",
	  STAGE1_64K(.output_bits = 52, .leaf_sizes = PAGE_SIZE_64K | SIZE_4T) },
};

static const struct bad_config stage2_4k[] = {
	{ PAGING_BAD_INPUT_BITS, "31 input bits", STAGE2_4K(.input_bits = 31) },
	{ PAGING_BAD_INPUT_BITS, "49 input bits", STAGE2_4K(.input_bits = 49) },
	{ PAGING_BAD_OUTPUT_BITS, "31 output bits", STAGE2_4K(.output_bits = 31) },
	{ PAGING_BAD_OUTPUT_BITS, "49 output bits", STAGE2_4K(.output_bits = 49) },
	{ PAGING_BAD_ATTRIBUTES, "a MAIR", STAGE2_4K(.memory_attributes = AARCH64_MAIR) },
	{ PAGING_BAD_FEATURES, "a feature of stage 1", STAGE2_4K(.features = AARCH64_EL2) },
	{ PAGING_BAD_FEATURES, "another", STAGE2_4K(.features = AARCH64_UPPER) },
	{ PAGING_BAD_FEATURES, "a third", STAGE2_4K(.features = AARCH64_BTI) },
	{ PAGING_BAD_FEATURES, "the next feature", STAGE2_4K(.features = AARCH64_BBM2 << 1) },
	{ PAGING_BAD_LEAF_SIZES, "no granule", STAGE2_4K(.leaf_sizes = PAGE_SIZE_2M) },
	{ PAGING_BAD_LEAF_SIZES, "1G leaves in 2 levels",
	  STAGE2_4K(.input_bits = 32, .leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G) },
};

Test(errors_aarch64, stage1_4k)
{
	struct page_table_config good = STAGE1_4K(.features = 0);

	bad_configs_require(&good, stage1_4k, COUNT(stage1_4k));
}

Test(errors_aarch64, stage1_16k)
{
	struct page_table_config good = STAGE1_16K(.features = AARCH64_UPPER);

	bad_configs_require(&good, stage1_16k, COUNT(stage1_16k));
}

Test(errors_aarch64, stage1_64k)
{
	struct page_table_config good =
		STAGE1_64K(.input_bits = 52, .output_bits = 52,
			   .leaf_sizes = PAGE_SIZE_64K | SIZE_512M | SIZE_4T);

	bad_configs_require(&good, stage1_64k, COUNT(stage1_64k));
}

Test(errors_aarch64, stage2_4k)
{
	struct page_table_config good = STAGE2_4K(.features = AARCH64_XNX | AARCH64_FWB);

	bad_configs_require(&good, stage2_4k, COUNT(stage2_4k));
}
