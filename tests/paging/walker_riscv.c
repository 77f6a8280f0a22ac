/* SPDX-License-Identifier: MIT */
/*
 * A walk as the specification's "Virtual Address Translation Process" tells it, step by step, with
 * Svadu (hardware sets A and D), SUM = 1 and MXR = 0. At the G-stage all accesses are user
 * accesses.
 */
#include "walker_riscv.h"

#define V 0x01
#define R 0x02
#define W 0x04
#define X 0x08
#define U 0x10
#define G 0x20
#define A 0x40
#define D 0x80

static uint64_t ppn(uint64_t pte)
{
	return (pte >> 10) & ((UINT64_C(1) << 44) - 1);
}

static unsigned int pbmt(uint64_t pte)
{
	return (unsigned int)(pte >> 61) & 3;
}

/* N without Svnapot, 60:54, PBMT without Svpbmt, and PBMT 3. */
static bool reserved_high_bits(const struct walker_riscv_cpu *cpu, uint64_t pte)
{
	if ((pte >> 63) != 0 || ((pte >> 54) & 0x7f) != 0)
		return true;
	return cpu->svpbmt ? pbmt(pte) == 3 : pbmt(pte) != 0;
}

enum walk_entry walker_riscv_entry(const struct walker_riscv_cpu *cpu, unsigned int level,
				   uint64_t pte)
{
	if ((pte & V) == 0)
		return WALK_ENTRY_EMPTY;
	if (((pte & R) == 0 && (pte & W) != 0) || reserved_high_bits(cpu, pte))
		return WALK_ENTRY_RESERVED;
	if (ppn(pte) >> (cpu->pa_bits - 12) != 0) /* an access fault */
		return WALK_ENTRY_RESERVED;
	if (cpu->g_stage && (pte & G) != 0)
		return WALK_ENTRY_RESERVED;
	if ((pte & (R | X)) == 0) {
		bool bad = level == 0 || (pte & (D | A | U)) != 0 || pbmt(pte) != 0;

		return bad ? WALK_ENTRY_RESERVED : WALK_ENTRY_TABLE;
	}
	/* A misaligned superpage. */
	if ((ppn(pte) & ((UINT64_C(1) << (9 * level)) - 1)) != 0)
		return WALK_ENTRY_RESERVED;
	return WALK_ENTRY_LEAF;
}

static bool permitted(const struct walker_riscv_cpu *cpu, uint64_t pte, struct walk_access access)
{
	bool user = cpu->g_stage || access.user;
	bool user_page = (pte & U) != 0;

	if (user && !user_page)
		return false;
	switch (access.kind) {
	case WALK_READ:
		return (pte & R) != 0;
	case WALK_WRITE:
		return (pte & W) != 0;
	default: /* S-mode may not execute from a user page, whatever SUM says */
		return (pte & X) != 0 && user == user_page;
	}
}

static bool bad_address(const struct walker_riscv_cpu *cpu, uint64_t address)
{
	if (cpu->g_stage)
		return address >> 50 != 0;
	return address >> 38 != 0 && address >> 38 != (UINT64_C(1) << 26) - 1;
}

struct walk_result walker_riscv_translate(const struct walker_riscv_cpu *cpu, uint64_t root,
					  const struct walk_memory *memory, uint64_t address,
					  struct walk_access access)
{
	struct walk_result result = { .fault = WALK_BAD_ADDRESS };
	unsigned int levels = cpu->g_stage ? 4 : 3;
	uint64_t table = root;

	if (bad_address(cpu, address))
		return result;
	for (unsigned int level = levels; level-- != 0;) {
		unsigned int shift = 12 + 9 * level;
		/* The G-stage's root has two bits more: 16 KiB. */
		uint64_t index_mask = cpu->g_stage && level == levels - 1 ? 2047 : 511;
		uint64_t pte;

		result.page_size = UINT64_C(1) << shift;
		result.entry = table + 8 * ((address >> shift) & index_mask);
		result.descriptor = pte = memory->read(memory->context, result.entry);
		result.global |= (pte & G) != 0;
		switch (walker_riscv_entry(cpu, level, pte)) {
		case WALK_ENTRY_EMPTY:
			result.fault = WALK_NOT_PRESENT;
			return result;
		case WALK_ENTRY_RESERVED:
			result.fault = WALK_RESERVED;
			return result;
		case WALK_ENTRY_LEAF:
			result.phys = (ppn(pte) << 12) | (address & (result.page_size - 1));
			result.type = pbmt(pte);
			result.accessed = (pte & A) != 0;
			result.dirty = (pte & D) != 0;
			result.fault = permitted(cpu, pte, access) ? WALK_OK : WALK_DENIED;
			return result;
		case WALK_ENTRY_TABLE:
			table = ppn(pte) << 12;
			break;
		}
	}
	return result; /* not reached: an entry of level 0 is no table */
}
