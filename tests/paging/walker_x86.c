/* SPDX-License-Identifier: MIT */
/* A walk of x86_64 tables as the SDM tells it, with CR0.WP = 1, SMEP and SMAP off, PKRU = 0. */
#include "walker_x86.h"

/* Bits hi..lo of a word. */
static uint64_t bits(uint64_t word, unsigned int hi, unsigned int lo)
{
	return (word >> lo) & (~UINT64_C(0) >> (63 - (hi - lo)));
}

/* Tables 4-15 to 4-20: what must be zero in a present entry. */
static bool has_reserved_bit(const struct walker_x86_cpu *cpu, unsigned int level, uint64_t entry)
{
	bool ps = level > 1 && bits(entry, 7, 7) != 0;

	if (cpu->maxphyaddr < 52 && bits(entry & ~cpu->modifier, 51, cpu->maxphyaddr) != 0)
		return true;
	if (!cpu->nxe && bits(entry, 63, 63) != 0)
		return true;
	if (!ps)
		return false;
	switch (level) {
	case 2:
		return !cpu->page_2m || bits(entry, 20, 13) != 0;
	case 3:
		return !cpu->page_1g || bits(entry, 29, 13) != 0;
	default:
		return true;
	}
}

enum walk_entry walker_x86_entry(const struct walker_x86_cpu *cpu, unsigned int level,
				 uint64_t descriptor)
{
	if (bits(descriptor, 0, 0) == 0)
		return WALK_ENTRY_EMPTY;
	if (has_reserved_bit(cpu, level, descriptor))
		return WALK_ENTRY_RESERVED;
	if (level == 1 || bits(descriptor, 7, 7) != 0)
		return WALK_ENTRY_LEAF;
	return WALK_ENTRY_TABLE;
}

/* What the entries above a leaf and the leaf itself say together. */
struct rights {
	bool write;
	bool user;
	bool execute_disable;
};

static bool allowed(struct rights rights, struct walk_access access)
{
	if (access.user && !rights.user)
		return false;
	if (access.kind == WALK_WRITE)
		return rights.write;
	if (access.kind == WALK_FETCH)
		return !rights.execute_disable;
	return true;
}

static void read_leaf(const struct walker_x86_cpu *cpu, unsigned int level, uint64_t address,
		      struct walk_result *result)
{
	uint64_t leaf = result->descriptor;
	unsigned int shift = 3 + 9 * level; /* 12, 21, 30 */
	uint64_t pat_bit = level == 1 ? bits(leaf, 7, 7) : bits(leaf, 12, 12);
	unsigned int index = (unsigned int)(4 * pat_bit + 2 * bits(leaf, 4, 4) + bits(leaf, 3, 3));

	result->phys =
		(bits(leaf & ~cpu->modifier, 51, shift) << shift) + bits(address, shift - 1, 0);
	result->modified = (leaf & cpu->modifier) != 0;
	result->type = (unsigned int)bits(cpu->pat, 8 * index + 7, 8 * index);
	result->accessed = bits(leaf, 5, 5) != 0;
	/* D in a leaf without W would be a shadow-stack page to a CPU with CET (SDM vol. 3A 4.6.1),
	 * so such a leaf keeps its dirty state in bit 58, which every CPU ignores; with others' it
	 * may be in either. */
	result->shadow_stack = !bits(leaf, 1, 1) && bits(leaf, 6, 6);
	result->dirty = bits(leaf, 6, 6) != 0 || bits(leaf, 58, 58) != 0;
	result->global = cpu->pge && bits(leaf, 8, 8) != 0;
	result->key = cpu->pke ? (unsigned int)bits(leaf, 62, 59) : 0;
}

static bool canonical(const struct walker_x86_cpu *cpu, uint64_t address)
{
	unsigned int top = 12 + 9 * cpu->levels - 1; /* 47 or 56 */
	uint64_t high = bits(address, 63, top);

	return high == 0 || high == bits(~UINT64_C(0), 63, top);
}

struct walk_result walker_x86_translate(const struct walker_x86_cpu *cpu, uint64_t cr3,
					const struct walk_memory *memory, uint64_t address,
					struct walk_access access)
{
	struct walk_result result = { .fault = WALK_BAD_ADDRESS };
	struct rights rights = { .write = true, .user = true };
	uint64_t table = bits(cr3, 51, 12) << 12;

	if (!canonical(cpu, address))
		return result;
	for (unsigned int level = cpu->levels; level > 0; level--) {
		unsigned int shift = 3 + 9 * level;
		enum walk_entry kind;

		result.page_size = UINT64_C(1) << shift;
		result.entry = table + 8 * bits(address, shift + 8, shift);
		result.descriptor = memory->read(memory->context, result.entry);
		kind = walker_x86_entry(cpu, level, result.descriptor);
		if (kind == WALK_ENTRY_EMPTY || kind == WALK_ENTRY_RESERVED) {
			result.fault = kind == WALK_ENTRY_EMPTY ? WALK_NOT_PRESENT : WALK_RESERVED;
			return result;
		}
		rights.write &= bits(result.descriptor, 1, 1) != 0;
		rights.user &= bits(result.descriptor, 2, 2) != 0;
		rights.execute_disable |= bits(result.descriptor, 63, 63) != 0;
		if (kind == WALK_ENTRY_LEAF) {
			read_leaf(cpu, level, address, &result);
			result.fault = allowed(rights, access) ? WALK_OK : WALK_DENIED;
			return result;
		}
		table = bits(result.descriptor & ~cpu->modifier, 51, 12) << 12;
	}
	/* Not reached: on the last level an entry is a leaf, or it ends the walk. */
	return result;
}
