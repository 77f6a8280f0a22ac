/* SPDX-License-Identifier: MIT */
/*
 * A nested walk as the APM tells it. The format is that of legacy long mode (figures 5-18 to 5-26);
 * what differs: the address is a guest-physical one, zero above its width; every access is a user
 * access, whatever the guest's privilege is (15.25.5); G has no meaning.
 */
#include "walker_npt.h"

static uint64_t field(uint64_t word, unsigned int hi, unsigned int lo)
{
	return (word & (~UINT64_C(0) >> (63 - hi))) >> lo;
}

/* The lowest address bit of what an entry of the level spans. */
static const unsigned int shift_of[] = { 0, 12, 21, 30, 39, 48 };

/* The address that an entry has, and whether what is there is encrypted (15.34.1). */
static uint64_t address_of(const struct walker_npt_cpu *cpu, uint64_t entry, bool *encrypted)
{
	uint64_t c = cpu->c_bit == 0 ? 0 : UINT64_C(1) << cpu->c_bit;

	*encrypted = (entry & c) != 0;
	return (field(entry, 51, 12) << 12) & ~c;
}

/* Must-be-zero fields of a present entry. PS is one in PML4E and PML5E too. */
static bool must_be_zero_set(const struct walker_npt_cpu *cpu, unsigned int level, uint64_t entry)
{
	bool encrypted;
	uint64_t address = address_of(cpu, entry, &encrypted);

	if ((!cpu->nxe && field(entry, 63, 63)) ||
	    (cpu->maxphyaddr < 52 && field(address, 51, cpu->maxphyaddr)))
		return true;
	if (level >= 3 && !field(entry, 7, 7) && field(entry, 8, 8)) /* no G where no leaf is */
		return true;
	if (level == 1 || !field(entry, 7, 7))
		return false;
	if (level == 2)
		return !cpu->page_2m || field(entry, 20, 13) != 0;
	return level != 3 || !cpu->page_1g || field(entry, 29, 13) != 0;
}

enum walk_entry walker_npt_entry(const struct walker_npt_cpu *cpu, unsigned int level,
				 uint64_t descriptor)
{
	if (!field(descriptor, 0, 0))
		return WALK_ENTRY_EMPTY;
	if (must_be_zero_set(cpu, level, descriptor))
		return WALK_ENTRY_RESERVED;
	return level == 1 || field(descriptor, 7, 7) ? WALK_ENTRY_LEAF : WALK_ENTRY_TABLE;
}

static void see_leaf(const struct walker_npt_cpu *cpu, unsigned int level, uint64_t address,
		     struct walk_result *result)
{
	uint64_t leaf = result->descriptor;
	uint64_t inside = result->page_size - 1;
	uint64_t index = field(leaf, 3, 3) | field(leaf, 4, 4) << 1;

	index |= (level == 1 ? field(leaf, 7, 7) : field(leaf, 12, 12)) << 2;
	result->phys = (address_of(cpu, leaf, &result->modified) & ~inside) | (address & inside);
	result->type = (unsigned int)(cpu->pat >> (8 * index) & 0xff);
	result->accessed = field(leaf, 5, 5) != 0;
	/* A leaf without W keeps its dirty state in bit 58, which the CPU ignores; others' need
	 * not. */
	result->dirty = (field(leaf, 6, 6) | field(leaf, 58, 58)) != 0;
}

struct walk_result walker_npt_translate(const struct walker_npt_cpu *cpu, uint64_t ncr3,
					const struct walk_memory *memory, uint64_t address,
					struct walk_access access)
{
	struct walk_result result = { .fault = WALK_BAD_ADDRESS };
	bool user = true, write = true, fetch = true, encrypted;
	uint64_t table = field(ncr3, 51, 12) << 12;

	if (field(address, 63, shift_of[cpu->levels] + 9) != 0)
		return result;
	for (unsigned int level = cpu->levels; level != 0; level--) {
		enum walk_entry kind;

		result.page_size = UINT64_C(1) << shift_of[level];
		result.entry = table + 8 * field(address, shift_of[level] + 8, shift_of[level]);
		result.descriptor = memory->read(memory->context, result.entry);
		kind = walker_npt_entry(cpu, level, result.descriptor);
		if (kind == WALK_ENTRY_EMPTY || kind == WALK_ENTRY_RESERVED) {
			result.fault = kind == WALK_ENTRY_EMPTY ? WALK_NOT_PRESENT : WALK_RESERVED;
			return result;
		}
		write = write && field(result.descriptor, 1, 1);
		user = user && field(result.descriptor, 2, 2);
		fetch = fetch && !field(result.descriptor, 63, 63);
		if (kind == WALK_ENTRY_LEAF) {
			bool may = access.kind == WALK_READ ||
				   (access.kind == WALK_WRITE ? write : fetch);

			see_leaf(cpu, level, address, &result);
			result.fault = user && may ? WALK_OK : WALK_DENIED;
			return result;
		}
		table = address_of(cpu, result.descriptor, &encrypted);
	}
	return result; /* not reached: an entry of level 1 is a leaf or ends the walk */
}
