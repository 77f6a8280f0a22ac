/* SPDX-License-Identifier: MIT */
/* The list of configurations, and what their manuals allow, by hand. */
#include "formats.h"

#include <string.h>

#include <twofold/x86_64.h>

#include "formats_x86.h"
#include "require.h"
#include "rng.h"
#include "walker_ept.h"
#include "walker_x86.h"

/* x86_64 stage 1 */

static struct walker_x86_cpu x86_cpu(const struct format_case *format)
{
	const struct page_table_config *config = &format->config;

	return (struct walker_x86_cpu){
		.levels = format->levels,
		.maxphyaddr = config->output_bits,
		.page_2m = (config->leaf_sizes & PAGE_SIZE_2M) != 0,
		.page_1g = (config->leaf_sizes & PAGE_SIZE_1G) != 0,
		.nxe = (config->features & X86_64_NX) != 0,
		.pge = (config->features & X86_64_GLOBAL) != 0,
		.pke = (config->features & X86_64_PKU) != 0,
		.pat = config->memory_attributes,
		.modifier = config->modifier,
	};
}

uint64_t x86_address_bits(const struct format_case *format)
{
	return UINT64_C(0x000ffffffffff000) & ~format->config.modifier;
}

/* Encodings of memory types: SDM vol. 3A table 12-10 (IA32_PAT). */
enum memory_type x86_type(unsigned int number)
{
	switch (number) {
	case 0:
		return MEMORY_DEVICE;
	case 1:
		return MEMORY_NONCACHEABLE;
	case 4:
		return MEMORY_WRITE_THROUGH;
	case 5:
		return MEMORY_WRITE_PROTECTED;
	case 6:
		return MEMORY_NORMAL;
	case 7:
		return MEMORY_DEVICE_WEAK;
	default:
		return MEMORY_TYPES;
	}
}

bool in_pat(uint64_t pat, unsigned int type)
{
	for (unsigned int i = 0; i < 8; i++) {
		if (x86_type((unsigned int)(pat >> (8 * i)) & 0xff) == (enum memory_type)type)
			return true;
	}
	return false;
}

/* What no format of this architecture has: rights by privilege, bits that mean nothing. */
bool beyond_any(const struct format_case *format, struct page_flags flags)
{
	return flags.execute_privileged || flags.execute_user || flags.guarded ||
	       flags.reserved0 != 0 || flags.reserved1 != 0 ||
	       (flags.modified && format->config.modifier == 0) ||
	       (flags.software >> format->software_bits) != 0;
}

static bool x86_expressible(const struct format_case *format, struct page_flags flags)
{
	uint32_t features = format->config.features;

	if (beyond_any(format, flags) || flags.ignore_pat || flags.suppress_ve || !flags.read)
		return false;
	if (!flags.execute && !(features & X86_64_NX))
		return false;
	if (flags.global && !(features & X86_64_GLOBAL))
		return false;
	if (flags.protection_key != 0 && !(features & X86_64_PKU))
		return false;
	return in_pat(format->config.memory_attributes, flags.type);
}

struct page_flags x86_reported(const struct format_case *format, struct page_flags flags)
{
	(void)format;
	flags.share = SHARE_DEFAULT;
	return flags;
}

static struct walk_result x86_translate(const struct format_case *format, phys_addr root,
					const struct walk_memory *memory, virt_addr virt,
					struct walk_access access)
{
	struct walker_x86_cpu cpu = x86_cpu(format);

	return walker_x86_translate(&cpu, root, memory, virt, access);
}

static enum walk_entry x86_entry(const struct format_case *format, unsigned int level,
				 uint64_t descriptor, phys_addr *next)
{
	struct walker_x86_cpu cpu = x86_cpu(format);

	*next = descriptor & x86_address_bits(format);
	return walker_x86_entry(&cpu, level + 1, descriptor);
}

static uint64_t x86_touch(const struct format_case *format, uint64_t leaf, bool write)
{
	(void)format;
	return leaf | 0x20 | (write ? 0x40 : 0);
}

static uint64_t x86_narrow(const struct format_case *format, uint64_t entry, unsigned int way)
{
	switch (way) {
	case 0:
		return entry & ~UINT64_C(2); /* R/W */
	case 1:
		return entry & ~UINT64_C(4); /* U/S */
	case 2:
		return entry & ~UINT64_C(6);
	case 3: /* XD, reserved without NXE */
		return (format->config.features & X86_64_NX) ? entry | UINT64_C(1) << 63 : 0;
	default:
		return 0;
	}
}

/* EPT */

static struct walker_ept_cpu ept_cpu(const struct format_case *format)
{
	const struct page_table_config *config = &format->config;

	return (struct walker_ept_cpu){
		.levels = format->levels,
		.maxphyaddr = config->output_bits,
		.execute_only = (config->features & EPT_EXECUTE_ONLY) != 0,
		.page_2m = (config->leaf_sizes & PAGE_SIZE_2M) != 0,
		.page_1g = (config->leaf_sizes & PAGE_SIZE_1G) != 0,
		.accessed_dirty = (config->features & EPT_ACCESSED_DIRTY) != 0,
		.virtualization_exceptions = (config->features & EPT_SUPPRESS_VE) != 0,
		.mode_based = (config->features & EPT_MODE_BASED) != 0,
		.shared_bit = config->modifier == 0 ? 0 : __builtin_ctzll(config->modifier),
	};
}

/* SDM vol. 3C 28.3.7.2: UC, WC, WT, WP, WB, and no UC-. */
static enum memory_type ept_type(unsigned int number)
{
	return number == 7 ? MEMORY_TYPES : x86_type(number);
}

static bool ept_expressible(const struct format_case *format, struct page_flags flags)
{
	uint32_t features = format->config.features;
	unsigned int fetches = 0u + flags.execute + flags.execute_privileged + flags.execute_user;

	/* One word for each of the four ways to fetch, and no other. */
	if (fetches > 1 || (!flags.execute && fetches != 0 && !(features & EPT_MODE_BASED)))
		return false;
	if (!flags.read && !(fetches != 0 && (features & EPT_EXECUTE_ONLY)))
		return false;
	flags.execute_privileged = flags.execute_user = 0;
	if (beyond_any(format, flags) || flags.user || flags.global || flags.protection_key != 0)
		return false;
	if (flags.write && !flags.read)
		return false;
	if ((flags.idle || flags.dirty) && !(features & EPT_ACCESSED_DIRTY))
		return false;
	if (flags.suppress_ve && !(features & EPT_SUPPRESS_VE))
		return false;
	return flags.type == MEMORY_NORMAL || flags.type == MEMORY_WRITE_THROUGH ||
	       flags.type == MEMORY_NONCACHEABLE || flags.type == MEMORY_DEVICE ||
	       flags.type == MEMORY_WRITE_PROTECTED;
}

static struct walk_result ept_translate(const struct format_case *format, phys_addr root,
					const struct walk_memory *memory, virt_addr virt,
					struct walk_access access)
{
	struct walker_ept_cpu cpu = ept_cpu(format);

	return walker_ept_translate(&cpu, root, memory, virt, access);
}

static enum walk_entry ept_entry(const struct format_case *format, unsigned int level,
				 uint64_t descriptor, phys_addr *next)
{
	struct walker_ept_cpu cpu = ept_cpu(format);

	*next = descriptor & x86_address_bits(format);
	return walker_ept_entry(&cpu, level + 1, descriptor);
}

static uint64_t ept_narrow(const struct format_case *format, uint64_t entry, unsigned int way)
{
	/* W; X; both; R and W leave X alone; X of user-mode addresses, of all. */
	static const uint64_t taken[] = { 2, 4, 6, 3, 0x400, 0x404 };
	bool mode_based = (format->config.features & EPT_MODE_BASED) != 0;

	if (way == 3 && !(format->config.features & EPT_EXECUTE_ONLY))
		return mode_based ? entry & ~UINT64_C(0x406) : 0;
	if (way >= (mode_based ? 6u : 4u))
		return 0;
	return entry & ~taken[way];
}

static uint64_t ept_touch(const struct format_case *format, uint64_t leaf, bool write)
{
	if (!(format->config.features & EPT_ACCESSED_DIRTY))
		return leaf;
	return leaf | 0x100 | (write ? 0x200 : 0);
}

/* The list */

#define X86(name_, width, output, leaves, features_, pat, ...)                                    \
	{                                                                                         \
		.name = (name_), GEOMETRY_4K(width), .inputs = INPUTS_SIGNED, .software_bits = 9, \
		.config = { .format = &x86_64_stage1,                                             \
			    .input_bits = (width),                                                \
			    .output_bits = (output),                                              \
			    .leaf_sizes = (leaves),                                               \
			    .features = (features_),                                              \
			    .memory_attributes = (pat),                                           \
			    __VA_ARGS__ },                                                        \
		.expressible = x86_expressible, .reported = x86_reported,                         \
		.translate = x86_translate, .entry = x86_entry, .type = x86_type,                 \
		.touch = x86_touch, .narrow = x86_narrow,                                         \
	}

#define EPT(name_, width, output, leaves, features_, ...)                                        \
	{                                                                                        \
		.name = (name_), GEOMETRY_4K(width), .inputs = INPUTS_LOW, .second_stage = true, \
		.software_bits = 5,                                                              \
		.config = { .format = &x86_64_ept,                                               \
			    .input_bits = (width),                                               \
			    .output_bits = (output),                                             \
			    .leaf_sizes = (leaves),                                              \
			    .features = (features_),                                             \
			    __VA_ARGS__ },                                                       \
		.expressible = ept_expressible, .reported = x86_reported,                        \
		.translate = ept_translate, .entry = ept_entry, .type = ept_type,                \
		.touch = ept_touch, .narrow = ept_narrow,                                        \
	}

#define X86_ALL   (X86_64_NX | X86_64_GLOBAL | X86_64_PKU)
#define EPT_ALL   (EPT_EXECUTE_ONLY | EPT_ACCESSED_DIRTY | EPT_SUPPRESS_VE)
/* Not proven on an MMU: what is at hand walks no such tables. */
#define EPT_MODES (EPT_EXECUTE_ONLY | EPT_ACCESSED_DIRTY | EPT_MODE_BASED)

const struct format_case formats_x86[] = {
	X86("x86-48", 48, 46, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, X86_ALL, X86_64_PAT),
	X86("x86-57", 57, 52, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, X86_ALL, X86_64_PAT),
	X86("x86-48-no-1g", 48, 40, PAGE_SIZE_4K | PAGE_SIZE_2M, X86_64_NX, X86_64_PAT_RESET),
	X86("x86-48-bare", 48, 36, PAGE_SIZE_4K, 0, X86_64_PAT_RESET),
	X86("x86-57-global", 57, 46, PAGE_SIZE_4K | PAGE_SIZE_2M, X86_64_NX | X86_64_GLOBAL,
	    X86_64_PAT),
	/* Memory encryption, 5 bits fewer of address and the C-bit; a TDX guest's shared bit. */
	X86("x86-48-encrypted", 48, 43, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, X86_ALL,
	    X86_64_PAT, .modifier = UINT64_C(1) << 47, .modified_tables = true),
	X86("x86-57-shared", 57, 51, PAGE_SIZE_4K | PAGE_SIZE_2M, X86_64_NX, X86_64_PAT,
	    .modifier = UINT64_C(1) << 51),
	EPT("ept-48", 48, 46, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, EPT_ALL),
	EPT("ept-57", 57, 52, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, EPT_ALL),
	EPT("ept-48-bare", 48, 36, PAGE_SIZE_4K, 0),
	EPT("ept-48-dirty", 48, 40, PAGE_SIZE_4K | PAGE_SIZE_2M, EPT_ACCESSED_DIRTY),
	EPT("ept-48-fetch", 48, 40, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, EPT_EXECUTE_ONLY),
	EPT("ept-57-ve-modes", 57, 46, PAGE_SIZE_4K | PAGE_SIZE_2M,
	    EPT_SUPPRESS_VE | EPT_MODE_BASED),
	EPT("ept-48-shared", 48, 46, PAGE_SIZE_4K | PAGE_SIZE_2M, EPT_ACCESSED_DIRTY,
	    .modifier = UINT64_C(1) << 51),
	EPT("ept-48-modes", 48, 46, PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G, EPT_MODES),
};
const size_t formats_x86_count = sizeof(formats_x86) / sizeof(formats_x86[0]);

struct format_case format_parallel(const struct format_case *format)
{
	struct format_case parallel = *format;

	parallel.config.parallel = true;
	return parallel;
}

size_t format_case_count(void)
{
	return formats_x86_count + formats_npt_count + formats_riscv_count + formats_aarch64_count;
}

const struct format_case *format_case(size_t index)
{
	if (index < formats_x86_count)
		return &formats_x86[index];
	index -= formats_x86_count;
	if (index < formats_npt_count)
		return &formats_npt[index];
	index -= formats_npt_count;
	if (index < formats_riscv_count)
		return &formats_riscv[index];
	index -= formats_riscv_count;
	REQUIRE(index < formats_aarch64_count, "no format case has that index");
	return &formats_aarch64[index];
}

const struct format_case *format_case_named(const char *name)
{
	for (size_t i = 0; i < format_case_count(); i++) {
		if (strcmp(format_case(i)->name, name) == 0)
			return format_case(i);
	}
	REQUIRE(false, "no format case is called %s", name);
	return NULL;
}

unsigned int format_ranges(const struct format_case *format, struct input_range ranges[2])
{
	virt_addr top = ~UINT64_C(0) >> (64 - format->config.input_bits);

	switch (format->inputs) {
	case INPUTS_LOW:
		ranges[0] = (struct input_range){ 0, top };
		return 1;
	case INPUTS_HIGH:
		ranges[0] = (struct input_range){ ~top, UINT64_MAX };
		return 1;
	default:
		ranges[0] = (struct input_range){ 0, top >> 1 };
		ranges[1] = (struct input_range){ ~(top >> 1), UINT64_MAX };
		return 2;
	}
}

struct input_range format_first_range(const struct format_case *format)
{
	struct input_range ranges[2];

	format_ranges(format, ranges);
	return ranges[0];
}

bool format_has_inputs(const struct format_case *format, virt_addr first, virt_addr last)
{
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);

	for (unsigned int i = 0; i < count; i++) {
		if (first >= ranges[i].first && last <= ranges[i].last)
			return true;
	}
	return false;
}

bool format_has_input(const struct format_case *format, virt_addr virt)
{
	return format_has_inputs(format, virt, virt);
}

virt_addr format_middle(const struct format_case *format)
{
	struct input_range range = format_first_range(format);
	uint64_t top = format->level_size[format->levels - 1];

	return range.first + addr_align_down((range.last - range.first) / 2, top) + top;
}

phys_addr format_output_last(const struct format_case *format)
{
	return (UINT64_C(1) << format->config.output_bits) - 1;
}

bool format_has_leaf(const struct format_case *format, uint64_t size)
{
	return (format->config.leaf_sizes & size) != 0;
}

uint64_t format_largest_leaf(const struct format_case *format)
{
	return UINT64_C(1) << (63 - __builtin_clzll(format->config.leaf_sizes));
}

uint64_t format_next_smaller_leaf(const struct format_case *format, uint64_t size)
{
	uint64_t smaller = format->config.leaf_sizes & (size - 1);

	return smaller == 0 ? 0 : UINT64_C(1) << (63 - __builtin_clzll(smaller));
}

uint64_t format_split_leaf(const struct format_case *format, uint64_t size)
{
	uint64_t piece = 0;

	for (unsigned int level = 0; level < format->levels; level++) {
		if (format->level_size[level] < size)
			piece = format->level_size[level];
	}
	return piece;
}

bool format_is_group(const struct format_case *format, uint64_t size)
{
	for (unsigned int level = 0; level < format->levels; level++) {
		if (format->group_size[level] == size)
			return true;
	}
	return false;
}

uint64_t format_stride(const struct format_case *format, uint64_t size)
{
	return format_is_group(format, size) ? format_split_leaf(format, size) : size;
}

uint64_t format_leaf_cap(const struct format_case *format, uint64_t size)
{
	return format_is_group(format, size) ? size | format_split_leaf(format, size) : size;
}

bool format_has_groups(const struct format_case *format)
{
	for (unsigned int level = 0; level < format->levels; level++) {
		if (format->group_size[level] & format->config.leaf_sizes)
			return true;
	}
	return false;
}

bool format_breaks(const struct format_case *format)
{
	return format->break_sizes || format_has_groups(format);
}

uint64_t format_entries(const struct format_case *format, unsigned int level)
{
	unsigned int shift = (unsigned int)__builtin_ctzll(format->level_size[level]);

	if (level == format->levels - 1)
		return UINT64_C(1) << (format->config.input_bits - shift);
	return format->table_bytes / 8;
}

struct page_flags format_plain_flags(void)
{
	return (struct page_flags){ .read = 1, .write = 1, .execute = 1 };
}

/* Something that not every format has; most often nothing, since two of them seldom go together. */
static void add_special(struct page_flags *flags, unsigned int which, uint64_t word)
{
	switch (which) {
	case 0:
		flags->protection_key = word & 15;
		break;
	case 1:
		flags->ignore_pat = 1;
		break;
	case 2:
		flags->suppress_ve = 1;
		break;
	case 3:
		flags->guarded = 1;
		break;
	case 4:
		flags->share = word & 3;
		break;
	default:
		break;
	}
}

struct page_flags format_random_flags(const struct format_case *format, uint64_t *random_state)
{
	for (;;) {
		uint64_t word = rng_next(random_state);
		struct page_flags flags = { .read = 1 };

		flags.read = (word & 7) != 0;
		flags.write = (word >> 3) & 1;
		flags.execute = (word >> 4) & 1;
		flags.user = (word >> 5) & 1;
		flags.global = (word >> 6) & 1;
		flags.idle = (word >> 7) & 1;
		flags.dirty = ((word >> 8) & 3) == 0;
		flags.type = (word >> 10) & 7;
		flags.software = (uint16_t)((word >> 32) & ((1u << format->software_bits) - 1));
		flags.execute_privileged = (word >> 24) & 1;
		flags.execute_user = (word >> 25) & 1;
		flags.modified = format->config.modifier != 0 && ((word >> 28) & 1) != 0;
		add_special(&flags, (word >> 13) & 7, word >> 16);
		add_special(&flags, (word >> 20) & 7, word >> 48);
		if (((word >> 26) & 3) != 0)
			flags.execute_privileged = flags.execute_user = 0;
		if (format->expressible(format, flags))
			return flags;
	}
}

virt_addr format_roomy(const struct format_case *format)
{
	uint64_t largest = format_largest_leaf(format);

	return addr_align_down(format_middle(format), largest);
}

bool format_has_dirty(const struct format_case *format)
{
	struct page_flags flags = format_plain_flags();

	flags.dirty = 1;
	return format->expressible(format, flags);
}
