/* SPDX-License-Identifier: MIT */
/*
 * A walk of VMSAv8-64 tables as the Arm ARM tells it: D8.2 (levels), D8.3 (descriptors), D8.4
 * (permissions), D8.5 (hardware management: AF is always set by hardware here), D8.6 (types), D8.7
 * (contiguous). Bits that are RES0 in the configuration must be zero. PAN and WXN are off.
 */
#include "walker_arm.h"

static uint64_t bits(uint64_t word, unsigned int hi, unsigned int lo)
{
	return (word >> lo) & (~UINT64_C(0) >> (63 - (hi - lo)));
}

static bool bit(uint64_t word, unsigned int n)
{
	return ((word >> n) & 1) != 0;
}

/* The lowest address bit that an entry of the level resolves. */
static unsigned int shift_at(const struct walker_arm_cpu *cpu, int level)
{
	return cpu->granule + (unsigned int)(3 - level) * (cpu->granule - 3);
}

/* Address bits 51:12 of any descriptor, whatever its level leaves of them (D8.3.1). */
static uint64_t address_field(const struct walker_arm_cpu *cpu, uint64_t d)
{
	if (cpu->ds)
		return bits(d, 9, 8) << 50 | bits(d, 49, 12) << 12;
	if (cpu->granule == 16)
		return bits(d, 15, 12) << 48 | bits(d, 47, 16) << 16;
	return bits(d, 47, 12) << 12;
}

uint64_t walker_arm_next(const struct walker_arm_cpu *cpu, uint64_t descriptor)
{
	return address_field(cpu, descriptor);
}

static bool aligned_and_in_reach(const struct walker_arm_cpu *cpu, uint64_t address,
				 unsigned int shift)
{
	return bits(address, shift - 1, 0) == 0 &&
	       (cpu->output_bits == 52 || address >> cpu->output_bits == 0);
}

/* Table D8-x: 4K: level 1 and 2, 0 with DS; 16K: 2, 1 with DS; 64K: 2, 1 with 52-bit addresses. */
static bool block_allowed(const struct walker_arm_cpu *cpu, int level)
{
	switch (cpu->granule) {
	case 12:
		return level >= (cpu->ds ? 0 : 1);
	case 14:
		return level >= (cpu->ds ? 1 : 2);
	default:
		return level >= (cpu->output_bits == 52 ? 1 : 2);
	}
}

/* Bits that are RES0 in descriptors of both kinds because no address bit is there. */
static bool no_address_bits_set(const struct walker_arm_cpu *cpu, uint64_t d)
{
	return !cpu->ds && bits(d, 49, 48) != 0;
}

static bool table_is_sound(const struct walker_arm_cpu *cpu, uint64_t d)
{
	/* Bits 11:2 that hold no address are ignored, or AF with FEAT_HAFT. */
	if (no_address_bits_set(cpu, d) || bit(d, 50))
		return false;
	if (cpu->stage == 2 && bits(d, 63, 59) != 0)
		return false;
	if (cpu->el2 && (bit(d, 61) || bit(d, 59)))
		return false;
	/* Bit 63, NSTable, is ignored outside of Secure state. */
	return aligned_and_in_reach(cpu, address_field(cpu, d), cpu->granule);
}

/* MemAttr values that are reserved (D8.6.6, and with FWB the next). */
static bool bad_memattr(const struct walker_arm_cpu *cpu, unsigned int memattr)
{
	if (cpu->fwb)
		return memattr >= 8 || memattr == 4;
	return memattr >= 4 && (memattr & 3) == 0;
}

static bool stage1_leaf_is_sound(const struct walker_arm_cpu *cpu, uint64_t d)
{
	if (bit(d, 5)) /* NS */
		return false;
	if (bit(d, 50) && !cpu->bti)
		return false;
	return !cpu->el2 || (bit(d, 6) && !bit(d, 53) && !bit(d, 11));
}

static bool stage2_leaf_is_sound(const struct walker_arm_cpu *cpu, uint64_t d)
{
	if (bit(d, 50) || bit(d, 11) || (bit(d, 53) && !cpu->xnx))
		return false;
	return !bad_memattr(cpu, (unsigned int)bits(d, 5, 2));
}

static bool leaf_is_sound(const struct walker_arm_cpu *cpu, int level, uint64_t d)
{
	if (no_address_bits_set(cpu, d) || (!cpu->ds && bits(d, 9, 8) == 1))
		return false;
	if (!aligned_and_in_reach(cpu, address_field(cpu, d), shift_at(cpu, level)))
		return false;
	return cpu->stage == 1 ? stage1_leaf_is_sound(cpu, d) : stage2_leaf_is_sound(cpu, d);
}

enum walk_entry walker_arm_entry(const struct walker_arm_cpu *cpu, int level, uint64_t descriptor)
{
	if (!bit(descriptor, 0))
		return WALK_ENTRY_EMPTY;
	if (level == 3 ? bit(descriptor, 1) : !bit(descriptor, 1)) {
		if (level != 3 && !block_allowed(cpu, level))
			return WALK_ENTRY_RESERVED;
		return leaf_is_sound(cpu, level, descriptor) ? WALK_ENTRY_LEAF
							     : WALK_ENTRY_RESERVED;
	}
	if (level == 3) /* 0b01 */
		return WALK_ENTRY_RESERVED;
	return table_is_sound(cpu, descriptor) ? WALK_ENTRY_TABLE : WALK_ENTRY_RESERVED;
}

/* What the tables above a leaf take away (D8.4.1); at stage 2 they do not. */
struct limits {
	bool read_only;
	bool no_user;
	bool no_user_fetch; /* or, of one privilege level, any */
	bool no_privileged_fetch;
};

static void narrow(struct limits *limits, uint64_t table)
{
	limits->no_privileged_fetch |= bit(table, 59);
	limits->no_user_fetch |= bit(table, 60);
	limits->no_user |= bit(table, 61);
	limits->read_only |= bit(table, 62);
}

static bool stage1_allows(const struct walker_arm_cpu *cpu, uint64_t d, const struct limits *limits,
			  struct walk_access access)
{
	bool writable_clean = cpu->hd && bit(d, 51);
	bool write = (!bit(d, 7) || writable_clean) && !limits->read_only;
	bool user = bit(d, 6) && !limits->no_user;

	if (cpu->el2) {
		if (access.kind == WALK_FETCH)
			return !bit(d, 54) && !limits->no_user_fetch;
		return access.kind == WALK_READ || write;
	}
	if (access.kind == WALK_FETCH && access.user) /* whatever AP says */
		return !bit(d, 54) && !limits->no_user_fetch;
	if (access.kind == WALK_FETCH)
		return !bit(d, 53) && !limits->no_privileged_fetch && !(user && write);
	return (!access.user || user) && (access.kind == WALK_READ || write);
}

static bool stage2_allows(const struct walker_arm_cpu *cpu, uint64_t d, struct walk_access access)
{
	if (access.kind == WALK_READ)
		return bit(d, 6);
	if (access.kind == WALK_WRITE)
		return bit(d, 7) || (cpu->hd && bit(d, 51));
	switch (bits(d, 54, 53)) {
	case 0:
		return true;
	case 1:
		return access.user;
	case 2:
		return false;
	default:
		return !access.user;
	}
}

static bool is_device(const struct walker_arm_cpu *cpu, unsigned int type)
{
	return cpu->stage == 1 ? type < 0x10 : type < 4;
}

static void read_leaf(const struct walker_arm_cpu *cpu, struct walk_result *result)
{
	uint64_t d = result->descriptor;
	unsigned int index = (unsigned int)bits(d, 4, 2);

	result->type = cpu->stage == 1 ? (unsigned int)bits(cpu->mair, 8 * index + 7, 8 * index)
				       : (unsigned int)bits(d, 5, 2);
	/* Device memory is outer shareable; with DS the register says it. */
	if (!cpu->ds && !is_device(cpu, result->type))
		result->share = bits(d, 9, 8) == 3 ? 0 : bits(d, 9, 8) == 2 ? 2 : 3;
	result->accessed = bit(d, 10);
	result->global = cpu->stage == 1 && !cpu->el2 && !bit(d, 11);
	result->guarded = cpu->stage == 1 && bit(d, 50);
	/* Written to: hardware has given the write permission that DBM lets it give. Where it gives
	 * none the dirty state is in bit 55, which is software's. */
	result->dirty = cpu->hd && (bit(d, 55) || (bit(d, 51) && bit(d, 7) == (cpu->stage == 2)));
}

/* D8.7.1: how many entries at this level make a contiguous group. */
static unsigned int group_entries(const struct walker_arm_cpu *cpu, int level)
{
	if (cpu->granule == 12)
		return 16;
	return cpu->granule == 14 && level == 3 ? 128 : 32;
}

/* All in the group must say the same but for AF and the dirty state, which are any one's. */
static bool read_group(const struct walker_arm_cpu *cpu, const struct walk_memory *memory,
		       int level, struct walk_result *result)
{
	unsigned int count = group_entries(cpu, level);
	uint64_t first = result->entry & ~(UINT64_C(8) * count - 1);
	unsigned int mine = (unsigned int)(result->entry - first) / 8;
	uint64_t size = result->page_size;
	uint64_t start = address_field(cpu, result->descriptor) - mine * size;
	bool managed = cpu->hd && bit(result->descriptor, 51);
	uint64_t status = UINT64_C(1) << 10 | UINT64_C(1) << 55 | (managed ? 1 << 7 : 0);

	for (unsigned int i = 0; i < count; i++) {
		struct walk_result one = { .descriptor = memory->read(memory->context,
								      first + UINT64_C(8) * i) };
		/* Compared as if it went where this one goes. */
		uint64_t shifted = one.descriptor ^ result->descriptor;

		if (walker_arm_entry(cpu, level, one.descriptor) != WALK_ENTRY_LEAF ||
		    address_field(cpu, one.descriptor) != start + i * size)
			return false;
		shifted &= ~(bits(~UINT64_C(0), 49, 12) << 12 | (cpu->ds ? UINT64_C(0x300) : 0) |
			     status);
		if (shifted != 0)
			return false;
		read_leaf(cpu, &one);
		result->accessed |= one.accessed;
		result->dirty |= one.dirty;
	}
	result->page_size = size * count;
	return (start & (result->page_size - 1)) == 0;
}

static bool bad_address(const struct walker_arm_cpu *cpu, uint64_t address)
{
	uint64_t top = bits(address, 63, cpu->input_bits);

	return top != (cpu->upper ? ~UINT64_C(0) >> cpu->input_bits : 0);
}

struct walk_result walker_arm_translate(const struct walker_arm_cpu *cpu, uint64_t ttbr,
					const struct walk_memory *memory, uint64_t address,
					struct walk_access access)
{
	struct walk_result result = { .fault = WALK_BAD_ADDRESS };
	unsigned int top = cpu->input_bits - 1; /* the first table takes what is left */
	struct limits limits = { .read_only = false };
	uint64_t table = ttbr;

	if (bad_address(cpu, address))
		return result;
	for (int level = 4 - (int)cpu->start; level <= 3; level++) {
		unsigned int shift = shift_at(cpu, level);
		enum walk_entry kind;
		bool may;

		result.page_size = UINT64_C(1) << shift;
		result.entry = table + 8 * bits(address, top, shift);
		result.descriptor = memory->read(memory->context, result.entry);
		kind = walker_arm_entry(cpu, level, result.descriptor);
		top = shift - 1;
		if (kind == WALK_ENTRY_TABLE) {
			table = address_field(cpu, result.descriptor);
			narrow(&limits, result.descriptor);
			continue;
		}
		result.fault = kind == WALK_ENTRY_EMPTY ? WALK_NOT_PRESENT : WALK_RESERVED;
		if (kind != WALK_ENTRY_LEAF)
			return result;
		result.phys = address_field(cpu, result.descriptor) | bits(address, shift - 1, 0);
		read_leaf(cpu, &result);
		if (bit(result.descriptor, 52) && !read_group(cpu, memory, level, &result))
			return result;
		may = cpu->stage == 1 ? stage1_allows(cpu, result.descriptor, &limits, access)
				      : stage2_allows(cpu, result.descriptor, access);
		result.fault = may ? WALK_OK : WALK_DENIED;
		return result;
	}
	return result; /* not reached: at level 3 there are no tables */
}
