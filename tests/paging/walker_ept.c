/* SPDX-License-Identifier: MIT */
/* A walk of EPT paging structures as the SDM tells it, misconfigurations included (28.3.3.1). */
#include "walker_ept.h"

static bool bit(uint64_t word, unsigned int n)
{
	return ((word >> n) & 1) != 0;
}

/* Bits hi..lo of a word, in place. */
static uint64_t masked(uint64_t word, unsigned int hi, unsigned int lo)
{
	return word & (~UINT64_C(0) >> (63 - hi)) & (~UINT64_C(0) << lo);
}

static bool is_leaf(unsigned int level, uint64_t entry)
{
	return level == 1 || (level <= 3 && bit(entry, 7));
}

/* 28.3.3.1: not to be read, yet to be written; or, without the capability, to be fetched from. */
static bool bad_permissions(const struct walker_ept_cpu *cpu, uint64_t entry)
{
	bool fetched = bit(entry, 2) || (cpu->mode_based && bit(entry, 10));

	return !bit(entry, 0) && (bit(entry, 1) || (fetched && !cpu->execute_only));
}

static uint64_t shared(const struct walker_ept_cpu *cpu)
{
	return cpu->shared_bit == 0 ? 0 : UINT64_C(1) << cpu->shared_bit;
}

/* Tables 28-1 to 28-7: the reserved bits of a present entry. */
static bool has_reserved_bit(const struct walker_ept_cpu *cpu, unsigned int level, uint64_t entry)
{
	if (cpu->maxphyaddr < 52 && masked(entry & ~shared(cpu), 51, cpu->maxphyaddr) != 0)
		return true;
	if (level >= 4)
		return masked(entry, 7, 3) != 0;
	if (!is_leaf(level, entry))
		return masked(entry, 6, 3) != 0;
	if (level == 3)
		return !cpu->page_1g || masked(entry, 29, 12) != 0;
	if (level == 2)
		return !cpu->page_2m || masked(entry, 20, 12) != 0;
	return false;
}

static bool bad_type(uint64_t leaf)
{
	unsigned int type = (unsigned int)(masked(leaf, 5, 3) >> 3);

	return type == 2 || type == 3 || type == 7;
}

enum walk_entry walker_ept_entry(const struct walker_ept_cpu *cpu, unsigned int level,
				 uint64_t descriptor)
{
	/* 28.3.2 */
	if (masked(descriptor, 2, 0) == 0 && !(cpu->mode_based && bit(descriptor, 10)))
		return WALK_ENTRY_EMPTY;
	if (bad_permissions(cpu, descriptor) || has_reserved_bit(cpu, level, descriptor))
		return WALK_ENTRY_RESERVED;
	if (!is_leaf(level, descriptor))
		return WALK_ENTRY_TABLE;
	return bad_type(descriptor) ? WALK_ENTRY_RESERVED : WALK_ENTRY_LEAF;
}

static void read_leaf(const struct walker_ept_cpu *cpu, uint64_t address,
		      struct walk_result *result)
{
	uint64_t leaf = result->descriptor;

	result->phys = (masked(leaf, 51, 12) & ~shared(cpu)) + (address & (result->page_size - 1));
	result->modified = (leaf & shared(cpu)) != 0;
	result->type = (unsigned int)(masked(leaf, 5, 3) >> 3);
	result->ignore_pat = bit(leaf, 6);
	result->suppress_ve = cpu->virtualization_exceptions && bit(leaf, 63);
	result->accessed = !cpu->accessed_dirty || bit(leaf, 8);
	result->dirty = cpu->accessed_dirty && bit(leaf, 9);
}

struct walk_result walker_ept_translate(const struct walker_ept_cpu *cpu, uint64_t root,
					const struct walk_memory *memory, uint64_t address,
					struct walk_access access)
{
	struct walk_result result = { .fault = WALK_BAD_ADDRESS };
	unsigned int fetch = cpu->mode_based && access.user ? 10 : 2;
	unsigned int permission = access.kind == WALK_READ    ? 0
				  : access.kind == WALK_WRITE ? 1
							      : fetch;
	unsigned int width = cpu->levels == 5 ? 57 : 48;
	uint64_t table = root;
	uint64_t rights = UINT64_MAX;

	if (masked(address, 63, width) != 0)
		return result;
	for (unsigned int level = cpu->levels; level > 0; level--) {
		static const unsigned int shifts[] = { 0, 12, 21, 30, 39, 48 };
		unsigned int shift = shifts[level];

		result.page_size = UINT64_C(1) << shift;
		result.entry = table + ((address >> shift) & 511) * 8;
		result.descriptor = memory->read(memory->context, result.entry);
		rights &= result.descriptor;
		switch (walker_ept_entry(cpu, level, result.descriptor)) {
		case WALK_ENTRY_EMPTY:
			result.fault = WALK_NOT_PRESENT;
			return result;
		case WALK_ENTRY_RESERVED:
			result.fault = WALK_RESERVED;
			return result;
		case WALK_ENTRY_LEAF:
			read_leaf(cpu, address, &result);
			result.fault = bit(rights, permission) ? WALK_OK : WALK_DENIED;
			return result;
		case WALK_ENTRY_TABLE:
			table = masked(result.descriptor & ~shared(cpu), 51, 12);
			break;
		}
	}
	return result;
}
