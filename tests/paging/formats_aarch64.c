/* SPDX-License-Identifier: MIT */
/* AArch64: its configurations of both stages, and what the Arm ARM allows. */
#include <twofold/aarch64.h>

#include "formats.h"
#include "walker_arm.h"

#define SIZE_32M  (UINT64_C(1) << 25)
#define SIZE_512M (UINT64_C(1) << 29)
#define SIZE_16G  (UINT64_C(1) << 34)
#define SIZE_64G  (UINT64_C(1) << 36)
#define SIZE_512G (UINT64_C(1) << 39)
#define SIZE_4T   (UINT64_C(1) << 42)
#define SIZE_128T (UINT64_C(1) << 47)
#define SIZE_256T (UINT64_C(1) << 48)

static bool is_stage2(const struct format_case *format)
{
	const struct page_table_format *f = format->config.format;

	return f == &aarch64_stage2_4k || f == &aarch64_stage2_16k || f == &aarch64_stage2_64k ||
	       f == &aarch64_stage2_4k_lpa2 || f == &aarch64_stage2_16k_lpa2;
}

static bool is_lpa2(const struct format_case *format)
{
	const struct page_table_format *f = format->config.format;

	return f == &aarch64_stage1_4k_lpa2 || f == &aarch64_stage1_16k_lpa2 ||
	       f == &aarch64_stage2_4k_lpa2 || f == &aarch64_stage2_16k_lpa2;
}

static bool has(const struct format_case *format, uint32_t feature)
{
	return (format->config.features & feature) != 0;
}

static struct walker_arm_cpu arm_cpu(const struct format_case *format)
{
	return (struct walker_arm_cpu){
		.stage = is_stage2(format) ? 2 : 1,
		.granule = (unsigned int)__builtin_ctzll(format->level_size[0]),
		.ds = is_lpa2(format),
		.start = format->levels,
		.input_bits = format->config.input_bits,
		.output_bits = format->config.output_bits,
		.upper = format->inputs == INPUTS_HIGH,
		.el2 = !is_stage2(format) && has(format, AARCH64_EL2),
		.hd = has(format, AARCH64_HARDWARE_DIRTY),
		.bti = has(format, AARCH64_BTI),
		.xnx = has(format, AARCH64_XNX),
		.fwb = has(format, AARCH64_FWB),
		.mair = format->config.memory_attributes,
	};
}

/* Types */

/* Device memory is dd in 0b0000dd00 of MAIR, 0b00dd of MemAttr. */
static enum memory_type device_type(unsigned int dd)
{
	static const enum memory_type types[] = { MEMORY_DEVICE_STRICT, MEMORY_DEVICE, MEMORY_TYPES,
						  MEMORY_DEVICE_WEAK };

	return types[dd];
}

static enum memory_type mair_type(unsigned int byte)
{
	switch (byte) {
	case 0xff:
		return MEMORY_NORMAL;
	case 0xbb:
		return MEMORY_WRITE_THROUGH;
	case 0x44:
		return MEMORY_NONCACHEABLE;
	default:
		return (byte & 0xf3) == 0 ? device_type(byte >> 2) : MEMORY_TYPES;
	}
}

static enum memory_type memattr_type(unsigned int memattr)
{
	switch (memattr) {
	case 0xf:
		return MEMORY_NORMAL;
	case 0xa:
		return MEMORY_WRITE_THROUGH;
	case 0x5:
		return MEMORY_NONCACHEABLE;
	default:
		return memattr < 4 ? device_type(memattr) : MEMORY_TYPES;
	}
}

/* With FWB, 6 is write-back and 5 is non-cacheable, whatever stage 1 says. */
static enum memory_type forced_type(unsigned int memattr)
{
	switch (memattr) {
	case 0x6:
		return MEMORY_NORMAL;
	case 0x5:
		return MEMORY_NONCACHEABLE;
	default:
		return memattr < 4 ? device_type(memattr) : MEMORY_TYPES;
	}
}

static bool is_device(unsigned int type)
{
	return type == MEMORY_DEVICE || type == MEMORY_DEVICE_WEAK || type == MEMORY_DEVICE_STRICT;
}

static bool has_type(const struct format_case *format, unsigned int type)
{
	unsigned int numbers = is_stage2(format) ? 16 : 8;

	for (unsigned int i = 0; i < numbers; i++) {
		uint64_t byte = format->config.memory_attributes >> (8 * (i & 7)) & 0xff;

		if (format->type(is_stage2(format) ? i : (unsigned int)byte) ==
		    (enum memory_type)type)
			return type != MEMORY_TYPES;
	}
	return false;
}

/* What can be said */

static bool either_stage(const struct format_case *format, struct page_flags flags)
{
	if (flags.ignore_pat || flags.suppress_ve || flags.protection_key != 0 ||
	    flags.reserved0 != 0 || flags.reserved1 != 0 || flags.modified ||
	    (flags.software >> 3) != 0)
		return false;
	if (flags.dirty && !has(format, AARCH64_HARDWARE_DIRTY))
		return false;
	/* Device memory is outer shareable; LPA2 has its shareability in a register. */
	if (flags.share != SHARE_DEFAULT && (is_device(flags.type) || is_lpa2(format)))
		return false;
	return has_type(format, flags.type);
}

static bool stage1_expressible(const struct format_case *format, struct page_flags flags)
{
	bool apart = flags.execute_privileged || flags.execute_user;

	if (!either_stage(format, flags) || !flags.read)
		return false;
	if (flags.guarded && !has(format, AARCH64_BTI))
		return false;
	if (has(format, AARCH64_EL2))
		return !flags.user && !flags.global && !apart;
	if (flags.execute)
		return !apart;
	if (flags.execute_privileged && flags.user && flags.write)
		return false; /* EL1 does not fetch what EL0 can write */
	/* The owner alone is called `execute`. */
	if (flags.execute_privileged != flags.execute_user)
		return flags.execute_user != flags.user;
	return true;
}

static bool stage2_expressible(const struct format_case *format, struct page_flags flags)
{
	unsigned int fetch = flags.execute;

	fetch += flags.execute_privileged;
	fetch += flags.execute_user;
	if (!either_stage(format, flags) || flags.user || flags.global || flags.guarded)
		return false;
	if (fetch > 1 || (fetch == 1 && !flags.execute && !has(format, AARCH64_XNX)))
		return false;
	return flags.read || flags.write || fetch != 0;
}

static struct page_flags arm_reported(const struct format_case *format, struct page_flags flags)
{
	(void)format;
	if (flags.share == SHARE_INNER) /* which is the default */
		flags.share = SHARE_DEFAULT;
	return flags;
}

/* D8.16.1: break-before-make. Shareability is taken as part of the type. */
static bool arm_break_flags(struct page_flags from, struct page_flags to)
{
	return from.type != to.type || from.share != to.share || from.global != to.global;
}

/* The MMU */

static struct walk_result arm_translate(const struct format_case *format, phys_addr root,
					const struct walk_memory *memory, virt_addr virt,
					struct walk_access access)
{
	struct walker_arm_cpu cpu = arm_cpu(format);

	return walker_arm_translate(&cpu, root, memory, virt, access);
}

static enum walk_entry arm_entry(const struct format_case *format, unsigned int level,
				 uint64_t descriptor, phys_addr *next)
{
	struct walker_arm_cpu cpu = arm_cpu(format);

	*next = walker_arm_next(&cpu, descriptor);
	return walker_arm_entry(&cpu, 3 - (int)level, descriptor);
}

/* From bit 59: PXNTable, UXNTable, APTable[0], APTable[1]. PXNTable alone takes nothing from a user
 * page; a regime of one privilege level has APTable[1] and XNTable only. */
static uint64_t arm_narrow(const struct format_case *format, uint64_t entry, unsigned int way)
{
	static const unsigned int taken[] = { 2, 8, 4, 12, 6, 15 };

	if (is_stage2(format) || way >= (has(format, AARCH64_EL2) ? 2u : 6u))
		return 0;
	if (has(format, AARCH64_EL2))
		return entry | UINT64_C(1) << (way == 0 ? 62 : 60);
	return entry | (uint64_t)taken[way] << 59;
}

static uint64_t arm_touch(const struct format_case *format, uint64_t leaf, bool write)
{
	const uint64_t dbm = UINT64_C(1) << 51, ap = UINT64_C(1) << 7;

	leaf |= UINT64_C(1) << 10;
	if (!write || !has(format, AARCH64_HARDWARE_DIRTY) || (leaf & dbm) == 0)
		return leaf;
	return is_stage2(format) ? leaf | ap : leaf & ~ap;
}

/* The list. `root`: bytes. */

#define SIZES_4K  PAGE_SIZE_4K, PAGE_SIZE_2M, PAGE_SIZE_1G, SIZE_512G, SIZE_256T
#define SIZES_16K PAGE_SIZE_16K, SIZE_32M, SIZE_64G, SIZE_128T
#define SIZES_64K PAGE_SIZE_64K, SIZE_512M, SIZE_4T

#define GRANULE_4K  .level_size = { SIZES_4K }, .table_bytes = PAGE_SIZE_4K
#define GRANULE_16K .level_size = { SIZES_16K }, .table_bytes = PAGE_SIZE_16K
#define GRANULE_64K .level_size = { SIZES_64K }, .table_bytes = PAGE_SIZE_64K

#define GROUPS_4K  .group_size = { PAGE_SIZE_64K, SIZE_32M }
#define GROUPS_16K .group_size = { PAGE_SIZE_2M, PAGE_SIZE_1G }
#define GROUPS_64K .group_size = { PAGE_SIZE_2M, SIZE_16G }

#define ARM(format_, input, output, levels_, root, leaves, features_)                   \
	.levels = (levels_), .root_bytes = (root), .software_bits = 3,                  \
	.break_sizes = ((features_)&AARCH64_BBM2) == 0, .break_flags = arm_break_flags, \
	.reported = arm_reported, .translate = arm_translate, .entry = arm_entry,       \
	.touch = arm_touch, .narrow = arm_narrow,                                       \
	.config = { .format = &(format_),                                               \
		    .input_bits = (input),                                              \
		    .output_bits = (output),                                            \
		    .leaf_sizes = (leaves),                                             \
		    .features = (features_),                                            \
		    .memory_attributes = MAIR }

#define STAGE1(format_, input, output, levels_, root, leaves, features_)                   \
	ARM(aarch64_stage1_##format_, input, output, levels_, root, leaves, features_),    \
		.expressible = stage1_expressible, .type = mair_type, .owner_fetch = true, \
		.inputs = ((features_)&AARCH64_UPPER) != 0 ? INPUTS_HIGH : INPUTS_LOW,     \
		.second_stage = ((features_)&AARCH64_EL2) != 0,                            \
		.all_global = ((features_)&AARCH64_EL2) != 0

#define STAGE2(format_, input, output, levels_, root, leaves, features_)                \
	ARM(aarch64_stage2_##format_, input, output, levels_, root, leaves, features_), \
		.expressible = stage2_expressible, .inputs = INPUTS_LOW,                \
		.type = ((features_)&AARCH64_FWB) != 0 ? forced_type : memattr_type,    \
		.second_stage = true

#define LEAVES_4K  (PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G)
#define LEAVES_16K (PAGE_SIZE_16K | SIZE_32M)
#define LEAVES_64K (PAGE_SIZE_64K | SIZE_512M)

#define BTI   AARCH64_BTI
#define BBM2  AARCH64_BBM2
#define DIRTY AARCH64_HARDWARE_DIRTY
#define EL2   AARCH64_EL2
#define FWB   AARCH64_FWB
#define UPPER AARCH64_UPPER
#define XNX   AARCH64_XNX

const struct format_case formats_aarch64[] = {
#define MAIR AARCH64_MAIR
	{ "s1-4k-48", GRANULE_4K, STAGE1(4k, 48, 48, 4, 4096, LEAVES_4K, BTI | DIRTY | BBM2) },
	{ "s1-4k-39-upper", GRANULE_4K, STAGE1(4k, 39, 40, 3, 4096, LEAVES_4K, UPPER) },
	{ "s1-4k-48-el2", GRANULE_4K, STAGE1(4k, 48, 44, 4, 4096, LEAVES_4K, EL2 | DIRTY) },
	{ "s1-16k-47", GRANULE_16K, STAGE1(16k, 47, 48, 3, 16384, LEAVES_16K, DIRTY | BBM2) },
	{ "s1-64k-48-upper", GRANULE_64K, STAGE1(64k, 48, 48, 3, 512, LEAVES_64K, UPPER | BTI) },
	{ "s1-64k-52-groups", GRANULE_64K, GROUPS_64K,
	  STAGE1(64k, 52, 52, 3, 8192, LEAVES_64K | SIZE_4T | PAGE_SIZE_2M | SIZE_16G,
		 DIRTY | BBM2) },
	{ "s1-4k-lpa2-48", GRANULE_4K,
	  STAGE1(4k_lpa2, 48, 52, 4, 4096, LEAVES_4K | SIZE_512G, BTI | DIRTY) },
	{ "s1-4k-lpa2-52-upper", GRANULE_4K,
	  STAGE1(4k_lpa2, 52, 52, 5, 128, LEAVES_4K | SIZE_512G, UPPER | BTI | DIRTY) },
	{ "s1-16k-lpa2-52-groups", GRANULE_16K, GROUPS_16K,
	  STAGE1(16k_lpa2, 52, 52, 4, 256, LEAVES_16K | SIZE_64G | PAGE_SIZE_2M | PAGE_SIZE_1G,
		 BBM2) },
	{ "s1-4k-48-groups", GRANULE_4K, GROUPS_4K,
	  STAGE1(4k, 48, 48, 4, 4096, LEAVES_4K | PAGE_SIZE_64K | SIZE_32M, DIRTY | BBM2) },
#undef MAIR
/* A root of 4 entries, in a frame of the 64 bytes that TTBR can point to; and a MAIR that has
 * two bytes for some types, none for others, and bytes for none. */
#define MAIR UINT64_C(0x404400ffff01440c)
	{ "s1-16k-38-groups", GRANULE_16K, GROUPS_16K,
	  STAGE1(16k, 38, 48, 3, 64, LEAVES_16K | PAGE_SIZE_2M | PAGE_SIZE_1G, UPPER) },
#undef MAIR
#define MAIR 0
	{ "s2-4k-40-groups", GRANULE_4K, GROUPS_4K,
	  STAGE2(4k, 40, 44, 3, 8192, LEAVES_4K | PAGE_SIZE_64K | SIZE_32M, XNX | DIRTY) },
	{ "s2-64k-48-groups", GRANULE_64K, GROUPS_64K,
	  STAGE2(64k, 48, 48, 3, 512, LEAVES_64K | PAGE_SIZE_2M | SIZE_16G, BBM2) },
	{ "s2-4k-32", GRANULE_4K, STAGE2(4k, 32, 40, 2, 16384, PAGE_SIZE_4K | PAGE_SIZE_2M, BBM2) },
	{ "s2-4k-40", GRANULE_4K, STAGE2(4k, 40, 44, 3, 8192, LEAVES_4K, XNX | BBM2) },
	{ "s2-4k-48", GRANULE_4K, STAGE2(4k, 48, 48, 4, 4096, LEAVES_4K, XNX | FWB | DIRTY) },
	{ "s2-16k-40-groups", GRANULE_16K, GROUPS_16K,
	  STAGE2(16k, 40, 44, 2, 262144, LEAVES_16K | PAGE_SIZE_2M | PAGE_SIZE_1G,
		 FWB | DIRTY | BBM2) },
	{ "s2-16k-48", GRANULE_16K, STAGE2(16k, 48, 48, 3, 32768, LEAVES_16K, XNX) },
	{ "s2-64k-40", GRANULE_64K, STAGE2(64k, 40, 42, 2, 16384, LEAVES_64K, BBM2) },
	{ "s2-64k-52", GRANULE_64K,
	  STAGE2(64k, 52, 52, 3, 8192, LEAVES_64K | SIZE_4T, XNX | FWB | DIRTY) },
	{ "s2-4k-lpa2-52", GRANULE_4K,
	  STAGE2(4k_lpa2, 52, 52, 4, 65536, LEAVES_4K | SIZE_512G, XNX | DIRTY | BBM2) },
	{ "s2-16k-lpa2-52", GRANULE_16K,
	  STAGE2(16k_lpa2, 52, 52, 4, 256, LEAVES_16K | SIZE_64G, FWB) },
};
const size_t formats_aarch64_count = sizeof(formats_aarch64) / sizeof(formats_aarch64[0]);
