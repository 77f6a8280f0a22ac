/* SPDX-License-Identifier: MIT */
/* RISC-V: its configurations, and what the privileged specification allows. */
#include <twofold/riscv.h>

#include "formats.h"
#include "walker_riscv.h"

#define SIZE_512G (UINT64_C(1) << 39)

static struct walker_riscv_cpu riscv_cpu(const struct format_case *format)
{
	return (struct walker_riscv_cpu){
		.g_stage = format->second_stage,
		.pa_bits = format->config.output_bits,
		.svpbmt = (format->config.features & RISCV_SVPBMT) != 0,
	};
}

static enum memory_type riscv_type(unsigned int pbmt)
{
	static const enum memory_type types[] = { MEMORY_NORMAL, MEMORY_NONCACHEABLE,
						  MEMORY_DEVICE };

	return pbmt < 3 ? types[pbmt] : MEMORY_TYPES;
}

static bool riscv_expressible(const struct format_case *format, struct page_flags flags)
{
	if (flags.execute_privileged || flags.execute_user || flags.ignore_pat ||
	    flags.suppress_ve || flags.guarded || flags.protection_key != 0 ||
	    flags.reserved0 != 0 || flags.reserved1 != 0 || flags.modified ||
	    (flags.software >> format->software_bits) != 0)
		return false;
	if (format->second_stage && (flags.user || flags.global))
		return false;
	if (!(flags.read || flags.execute) || (flags.write && !flags.read))
		return false;
	if (flags.type == MEMORY_NORMAL)
		return true;
	return (format->config.features & RISCV_SVPBMT) != 0 &&
	       (flags.type == MEMORY_NONCACHEABLE || flags.type == MEMORY_DEVICE);
}

static struct page_flags riscv_reported(const struct format_case *format, struct page_flags flags)
{
	(void)format;
	flags.share = SHARE_DEFAULT;
	return flags;
}

static struct walk_result riscv_translate(const struct format_case *format, phys_addr root,
					  const struct walk_memory *memory, virt_addr virt,
					  struct walk_access access)
{
	struct walker_riscv_cpu cpu = riscv_cpu(format);

	return walker_riscv_translate(&cpu, root, memory, virt, access);
}

static enum walk_entry riscv_entry(const struct format_case *format, unsigned int level,
				   uint64_t descriptor, phys_addr *next)
{
	struct walker_riscv_cpu cpu = riscv_cpu(format);

	*next = (descriptor & 0x003ffffffffffc00) << 2;
	return walker_riscv_entry(&cpu, level, descriptor);
}

/* A PTE that points to a table says nothing about rights. */
static uint64_t riscv_narrow(const struct format_case *format, uint64_t entry, unsigned int way)
{
	(void)format;
	(void)entry;
	(void)way;
	return 0;
}

static uint64_t riscv_touch(const struct format_case *format, uint64_t leaf, bool write)
{
	(void)format;
	return leaf | 0x40 | (write ? 0x80 : 0);
}

#define RISCV_OPERATIONS                                                        \
	.expressible = riscv_expressible, .reported = riscv_reported,           \
	.translate = riscv_translate, .entry = riscv_entry, .type = riscv_type, \
	.touch = riscv_touch, .narrow = riscv_narrow, .software_bits = 2, .owner_fetch = true

#define SV39(name_, output, leaves, features_)                                                  \
	{                                                                                       \
		.name = (name_), .levels = 3,                                                   \
		.level_size = { PAGE_SIZE_4K, PAGE_SIZE_2M, PAGE_SIZE_1G }, .root_bytes = 4096, \
		.table_bytes = 4096, .inputs = INPUTS_SIGNED,                                   \
		.config = { .format = &riscv_sv39,                                              \
			    .input_bits = 39,                                                   \
			    .output_bits = (output),                                            \
			    .leaf_sizes = (leaves),                                             \
			    .features = (features_) },                                          \
		RISCV_OPERATIONS                                                                \
	}

#define SV48X4(name_, output, leaves, features_)                                       \
	{                                                                              \
		.name = (name_), .levels = 4, .second_stage = true,                    \
		.level_size = { PAGE_SIZE_4K, PAGE_SIZE_2M, PAGE_SIZE_1G, SIZE_512G }, \
		.root_bytes = 16384, .table_bytes = 4096, .inputs = INPUTS_LOW,        \
		.config = { .format = &riscv_sv48x4,                                   \
			    .input_bits = 50,                                          \
			    .output_bits = (output),                                   \
			    .leaf_sizes = (leaves),                                    \
			    .features = (features_) },                                 \
		RISCV_OPERATIONS                                                       \
	}

const struct format_case formats_riscv[] = {
	SV39("sv39", 56, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, RISCV_SVPBMT),
	SV39("sv39-bare", 40, PAGE_SIZE_4K | PAGE_SIZE_2M, 0),
	SV48X4("sv48x4", 56, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G | SIZE_512G, RISCV_SVPBMT),
	SV48X4("sv48x4-bare", 44, PAGE_SIZE_4K | PAGE_SIZE_2M, 0),
};
const size_t formats_riscv_count = sizeof(formats_riscv) / sizeof(formats_riscv[0]);
