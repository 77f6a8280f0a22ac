/* SPDX-License-Identifier: MIT */
/* Configurations that RISC-V does not have: privileged specification, 12.4 and 18.5. */
#include <criterion/criterion.h>

#include <twofold/riscv.h>

#include "bad_config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SIZE_512G    (UINT64_C(1) << 39)

#define SV39(...)                                                                     \
	{                                                                             \
		.format = &riscv_sv39, .input_bits = 39, .output_bits = 56,           \
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, __VA_ARGS__ \
	}
#define SV48X4(...)                                                                   \
	{                                                                             \
		.format = &riscv_sv48x4, .input_bits = 50, .output_bits = 56,         \
		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, __VA_ARGS__ \
	}

#pragma GCC diagnostic ignored "-Woverride-init"
static const struct bad_config sv39[] = {
	{ PAGING_BAD_INPUT_BITS, "38 input bits", SV39(.input_bits = 38) },
	{ PAGING_BAD_INPUT_BITS, "41 input bits", SV39(.input_bits = 41) },
	{ PAGING_BAD_INPUT_BITS, "48 input bits", SV39(.input_bits = 48) },
	{ PAGING_BAD_OUTPUT_BITS, "31 output bits", SV39(.output_bits = 31) },
	{ PAGING_BAD_OUTPUT_BITS, "57 output bits", SV39(.output_bits = 57) },
	{ PAGING_BAD_ATTRIBUTES, "memory attributes", SV39(.memory_attributes = 1) },
	{ PAGING_BAD_FEATURES, "the next feature", SV39(.features = RISCV_SVPBMT << 1) },
	{ PAGING_BAD_LEAF_SIZES, "no leaves", SV39(.leaf_sizes = 0) },
	{ PAGING_BAD_LEAF_SIZES, "no granule", SV39(.leaf_sizes = PAGE_SIZE_2M) },
	{ PAGING_BAD_LEAF_SIZES, "64K leaves", SV39(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_64K) },
	{ PAGING_BAD_LEAF_SIZES, "512G leaves",
	  SV39(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G | SIZE_512G) },
	{ PAGING_BAD_MODIFIER, "a modifier",
	  SV39(.output_bits = 40, .modifier = UINT64_C(1) << 51) },
};

static const struct bad_config sv48x4[] = {
	{ PAGING_BAD_INPUT_BITS, "48 input bits", SV48X4(.input_bits = 48) },
	{ PAGING_BAD_INPUT_BITS, "39 input bits", SV48X4(.input_bits = 39) },
	{ PAGING_BAD_OUTPUT_BITS, "57 output bits", SV48X4(.output_bits = 57) },
	{ PAGING_BAD_ATTRIBUTES, "memory attributes", SV48X4(.memory_attributes = 1) },
	{ PAGING_BAD_FEATURES, "the next feature", SV48X4(.features = RISCV_SVPBMT << 1) },
	{ PAGING_BAD_LEAF_SIZES, "512G leaves but no 1G",
	  SV48X4(.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M | SIZE_512G) },
};

Test(errors_riscv, sv39)
{
	struct page_table_config good = SV39(.features = RISCV_SVPBMT);

	bad_configs_require(&good, sv39, COUNT(sv39));
}

Test(errors_riscv, sv48x4)
{
	struct page_table_config good = SV48X4(.features = RISCV_SVPBMT);

	bad_configs_require(&good, sv48x4, COUNT(sv48x4));
}
