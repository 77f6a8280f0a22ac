/* SPDX-License-Identifier: MIT */
/*
 * Encoders broken on purpose. The option sabotage=NAME of a guest that is built with this picks a
 * line below: every descriptor of the points, levels and phase it names is changed by its masks.
 * tests/guest/sabotages says which checks must notice.
 *
 * A lie is a change that decoding undoes: the library agrees with itself, and only the CPU does
 * not.
 */
#include "guest/sabotage.h"

#include "crash.h"
#include "engine/sabotage.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "guest/selftest.h"
#include "guest/text.h"

#define P          (UINT64_C(1) << 0)
#define W          (UINT64_C(1) << 1)
#define U          (UINT64_C(1) << 2)
#define PWT        (UINT64_C(1) << 3)
#define PCD        (UINT64_C(1) << 4)
#define A          (UINT64_C(1) << 5)
#define D          (UINT64_C(1) << 6)
#define WAS_DIRTY  (UINT64_C(1) << 58) /* dirty, in a leaf without W */
#define PS         (UINT64_C(1) << 7)
#define PAT_4K     (UINT64_C(1) << 7)
#define G          (UINT64_C(1) << 8)
#define PAT_LARGE  (UINT64_C(1) << 12)
#define NX         (UINT64_C(1) << 63)
#define ADDRESS    UINT64_C(0x000ffffffffff000)
#define SOFTWARE   (UINT64_C(7) << 9 | UINT64_C(0x3f) << 52)
#define RESERVED   (UINT64_C(1) << 13) /* in a large leaf */
#define LOCAL_APIC UINT64_C(0xfee00000)

enum {
	LEAF = 1 << PAGING_SABOTAGE_LEAF,
	TABLE = 1 << PAGING_SABOTAGE_TABLE,
	CLEAR = 1 << PAGING_SABOTAGE_CLEAR,
	LIE = LEAF | 1 << PAGING_SABOTAGE_DECODE,
	ALL = 7, /* levels */
	LEVEL_4K = 1,
	LEVEL_2M = 2,
	LEVEL_1G = 4,
};

struct sabotage {
	const char *name;
	enum sabotage_phase phase;
	unsigned int points;
	unsigned int levels;
	uint64_t set, clear, flip;
	uint64_t only; /* if not 0: only where the descriptor has this address */
};

#define SELFTEST SABOTAGE_SELFTEST
#define KERNEL   SABOTAGE_KERNEL

/* clang-format off */
static const struct sabotage sabotages[] = {
	{ "writable",          SELFTEST, LEAF, ALL, .set = W },
	{ "read-only",         SELFTEST, LEAF, ALL, .clear = W },
	{ "user",              SELFTEST, LEAF, ALL, .set = U },
	{ "supervisor",        SELFTEST, LEAF, ALL, .clear = U },
	{ "executable",        SELFTEST, LEAF, ALL, .clear = NX },
	{ "not-executable",    SELFTEST, LEAF, ALL, .set = NX },
	{ "absent",            SELFTEST, LEAF, ALL, .clear = P },
	{ "elsewhere-4k",      SELFTEST, LEAF, LEVEL_4K, .flip = PAGE_SIZE_4K },
	{ "elsewhere-2m",      SELFTEST, LEAF, LEVEL_2M, .flip = PAGE_SIZE_2M },
	{ "elsewhere-1g",      SELFTEST, LEAF, LEVEL_1G, .flip = PAGE_SIZE_1G },
	{ "large-as-table",    SELFTEST, LEAF, LEVEL_2M | LEVEL_1G, .clear = PS },
	{ "reserved-bit",      SELFTEST, LEAF, LEVEL_2M | LEVEL_1G, .set = RESERVED },
	{ "born-accessed",     SELFTEST, LEAF, ALL, .set = A },
	{ "born-dirty",        SELFTEST, LEAF, ALL, .set = D },
	{ "born-idle",         SELFTEST, LEAF, ALL, .clear = A },
	{ "forgets-dirty",     SELFTEST, LEAF, ALL, .clear = D | WAS_DIRTY },
	{ "other-type-pwt",    SELFTEST, LEAF, ALL, .flip = PWT },
	{ "other-type-pcd",    SELFTEST, LEAF, ALL, .flip = PCD },
	{ "other-type-pat-4k", SELFTEST, LEAF, LEVEL_4K, .flip = PAT_4K },
	{ "other-type-pat",    SELFTEST, LEAF, LEVEL_2M | LEVEL_1G, .flip = PAT_LARGE },
	{ "global",            SELFTEST, LEAF, ALL, .set = G },
	{ "not-global",        SELFTEST, LEAF, ALL, .clear = G },
	{ "no-software-bits",  SELFTEST, LEAF, ALL, .clear = SOFTWARE },
	{ "table-read-only",   SELFTEST, TABLE, ALL, .clear = W },
	{ "table-supervisor",  SELFTEST, TABLE, ALL, .clear = U },
	{ "table-no-execute",  SELFTEST, TABLE, ALL, .set = NX },
	{ "table-dirty",       SELFTEST, TABLE, ALL, .set = D },
	{ "table-absent",      SELFTEST, TABLE, ALL, .clear = P },
	{ "not-cleared",       SELFTEST, CLEAR, ALL, .set = P | W | U | A },
	{ "lie-writable",      SELFTEST, LIE, ALL, .flip = W },
	{ "lie-user",          SELFTEST, LIE, ALL, .flip = U },
	{ "lie-executable",    SELFTEST, LIE, ALL, .flip = NX },
	{ "lie-accessed",      SELFTEST, LIE, ALL, .flip = A },
	{ "lie-dirty",         SELFTEST, LIE, ALL, .flip = D },
	{ "lie-type",          SELFTEST, LIE, ALL, .flip = PWT },
	{ "lie-address-4k",    SELFTEST, LIE, LEVEL_4K, .flip = PAGE_SIZE_4K },
	{ "lie-address-2m",    SELFTEST, LIE, LEVEL_2M, .flip = PAGE_SIZE_2M },
	{ "lie-address-1g",    SELFTEST, LIE, LEVEL_1G, .flip = PAGE_SIZE_1G },
	{ "kernel-writable",   KERNEL, LEAF, ALL, .set = W },
	{ "kernel-executable", KERNEL, LEAF, ALL, .clear = NX },
	{ "kernel-user",       KERNEL, LEAF, ALL, .set = U },
	{ "kernel-guards",     KERNEL, CLEAR, LEVEL_4K, .set = P | W | A | NX | PAGE_SIZE_4K },
	{ "kernel-device",     KERNEL, LEAF, ALL, .clear = PCD | PWT, .only = LOCAL_APIC },
	{ "kernel-direct",     KERNEL, LEAF, LEVEL_2M, .flip = PAGE_SIZE_2M, .only = 0x6000000 },
	{ "kernel-no-1g",      KERNEL, LEAF, LEVEL_1G, .set = RESERVED },
};
/* clang-format on */

static const struct sabotage *chosen;
static bool armed;

static _Noreturn void deny(const char *name)
{
	for (size_t i = 0; i < sizeof(sabotages) / sizeof(sabotages[0]); i++)
		print("# sabotage=%s\n", sabotages[i].name);
	panic("command line: sabotage=%s: expected one of the above", name);
}

bool sabotage_option(const char *key, const char *value)
{
	if (text_equal(key, "crash")) {
		crash_choose(value);
		return true;
	}
	if (text_equal(key, "pvh")) /* for pvh_shim.S */
		return true;
	if (!text_equal(key, "sabotage"))
		return false;
	for (size_t i = 0; i < sizeof(sabotages) / sizeof(sabotages[0]); i++) {
		if (text_equal(value, sabotages[i].name))
			chosen = &sabotages[i];
	}
	if (!chosen)
		deny(value);
	return true;
}

void sabotage_enter(enum sabotage_phase phase)
{
	armed = chosen && chosen->phase == phase;
	if (phase == SABOTAGE_SELFTEST)
		crash();
}

/* What stands in an entry that was not cleared: a leaf that leads to a page one can land on. */
static uint64_t not_cleared(unsigned int level)
{
	uint64_t size = PAGE_SIZE_4K << (9 * level);

	if (chosen->phase == SABOTAGE_KERNEL)
		return 0;
	return addr_align_down(landing_page.start, size) | (level == 0 ? 0 : PS);
}

uint64_t paging_sabotage(enum paging_sabotage_point point, unsigned int level, uint64_t descriptor)
{
	if (!armed || (chosen->points >> point & 1) == 0 || (chosen->levels >> level & 1) == 0)
		return descriptor;
	if (chosen->only != 0 && (descriptor & ADDRESS) != chosen->only)
		return descriptor;
	if (point == PAGING_SABOTAGE_CLEAR)
		descriptor = not_cleared(level);
	return ((descriptor | chosen->set) & ~chosen->clear) ^ chosen->flip;
}
