/* SPDX-License-Identifier: MIT */
/* AMD nested paging: its configurations, and what the APM allows. */
#include <twofold/x86_64.h>

#include "formats_x86.h"
#include "walker_npt.h"

static struct walker_npt_cpu npt_cpu(const struct format_case *format)
{
	const struct page_table_config *config = &format->config;

	return (struct walker_npt_cpu){
		.levels = format->levels,
		.maxphyaddr = config->output_bits,
		.page_2m = (config->leaf_sizes & PAGE_SIZE_2M) != 0,
		.page_1g = (config->leaf_sizes & PAGE_SIZE_1G) != 0,
		.nxe = (config->features & NPT_NX) != 0,
		.pat = config->memory_attributes,
		.c_bit =
			config->modifier == 0 ? 0 : (unsigned int)__builtin_ctzll(config->modifier),
	};
}

static bool npt_expressible(const struct format_case *format, struct page_flags flags)
{
	if (beyond_any(format, flags) || flags.ignore_pat || flags.suppress_ve || flags.user ||
	    flags.global || flags.protection_key != 0 || !flags.read)
		return false;
	if (!flags.execute && !(format->config.features & NPT_NX))
		return false;
	return in_pat(format->config.memory_attributes, flags.type);
}

static struct walk_result npt_translate(const struct format_case *format, phys_addr root,
					const struct walk_memory *memory, virt_addr virt,
					struct walk_access access)
{
	struct walker_npt_cpu cpu = npt_cpu(format);

	return walker_npt_translate(&cpu, root, memory, virt, access);
}

static enum walk_entry npt_entry(const struct format_case *format, unsigned int level,
				 uint64_t descriptor, phys_addr *next)
{
	struct walker_npt_cpu cpu = npt_cpu(format);

	*next = descriptor & x86_address_bits(format);
	return walker_npt_entry(&cpu, level + 1, descriptor);
}

static uint64_t npt_touch(const struct format_case *format, uint64_t leaf, bool write)
{
	(void)format;
	return leaf | 0x20 | (write ? 0x40 : 0);
}

static uint64_t npt_narrow(const struct format_case *format, uint64_t entry, unsigned int way)
{
	switch (way) {
	case 0:
		return entry & ~UINT64_C(2); /* R/W */
	case 1:
		return entry & ~UINT64_C(4); /* U/S: nobody may */
	case 2:                              /* NX, which must be zero without NXE */
		return (format->config.features & NPT_NX) ? entry | UINT64_C(1) << 63 : 0;
	default:
		return 0;
	}
}

#define NPT(name_, width, output, leaves, features_, pat, ...)                                   \
	{                                                                                        \
		.name = (name_), GEOMETRY_4K(width), .inputs = INPUTS_LOW, .second_stage = true, \
		.software_bits = 9,                                                              \
		.config = { .format = &x86_64_npt,                                               \
			    .input_bits = (width),                                               \
			    .output_bits = (output),                                             \
			    .leaf_sizes = (leaves),                                              \
			    .features = (features_),                                             \
			    .memory_attributes = (pat),                                          \
			    __VA_ARGS__ },                                                       \
		.expressible = npt_expressible, .reported = x86_reported,                        \
		.translate = npt_translate, .entry = npt_entry, .type = x86_type,                \
		.touch = npt_touch, .narrow = npt_narrow,                                        \
	}

const struct format_case formats_npt[] = {
	NPT("npt-48", 48, 48, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, NPT_NX, X86_64_PAT),
	NPT("npt-57", 57, 52, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, NPT_NX, X86_64_PAT),
	NPT("npt-48-no-1g", 48, 40, PAGE_SIZE_4K | PAGE_SIZE_2M, 0, X86_64_PAT_RESET),
	NPT("npt-48-encrypted", 48, 43, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, NPT_NX,
	    X86_64_PAT, .modifier = UINT64_C(1) << 47, .modified_tables = true),
};
const size_t formats_npt_count = sizeof(formats_npt) / sizeof(formats_npt[0]);
