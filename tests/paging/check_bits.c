/* SPDX-License-Identifier: MIT */
/*
 * The checker on single descriptors: bits of them changed by hand, as the manuals number them, and
 * the one rule that is broken then; or none, where the manual allows it.
 */
#include <inttypes.h>
#include <string.h>

#include <twofold/aarch64.h>

#include "checked.h"
#include "require.h"
#include "suite.h"

#define BIT(n)        (UINT64_C(1) << (n))
#define BITS(hi, lo)  ((~UINT64_C(0) >> (63 - (hi))) & (~UINT64_C(0) << (lo)))
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define RULE_BIT(one) BIT(PAGE_RULE_##one)

/* The leaf is normal memory, readable, writable and executable, of output address 0 and of the size
 * of an entry of level `leaf`; `level` is that of the entry on the way there that is changed. */
struct bits_row {
	unsigned int leaf, level;
	uint64_t clear, set;
	uint64_t rules; /* a bit for each that must be reported */
};

struct bits_case {
	const char *format;
	const struct bits_row *rows;
	size_t count;
};

static const struct bits_row x86_rows[] = {
	{ 0, 0, 0, BIT(46), RULE_BIT(LEAF_OUTPUT) }, /* MAXPHYADDR is 46 */
	{ 0, 0, 0, BIT(51), RULE_BIT(LEAF_OUTPUT) },
	{ 1, 1, 0, BIT(46), RULE_BIT(LEAF_OUTPUT) },
	{ 0, 1, 0, BIT(46), RULE_BIT(TABLE_OUTPUT) | RULE_BIT(TABLE_TOTAL) },
	{ 0, 2, 0, BIT(51), RULE_BIT(TABLE_OUTPUT) | RULE_BIT(TABLE_TOTAL) },
	{ 0, 3, 0, BIT(46), RULE_BIT(TABLE_OUTPUT) | RULE_BIT(TABLE_TOTAL) },
	{ 0, 3, 0, BIT(7), RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) }, /* PS in a PML4E */
	{ 1, 1, 0, BIT(13), RULE_BIT(LEAF_UNALIGNED) },
	{ 1, 1, 0, BIT(20), RULE_BIT(LEAF_UNALIGNED) },
	{ 2, 2, 0, BIT(13), RULE_BIT(LEAF_UNALIGNED) },
	{ 2, 2, 0, BIT(29), RULE_BIT(LEAF_UNALIGNED) },
	{ 1, 1, 0, BIT(13) | BIT(46), RULE_BIT(LEAF_UNALIGNED) | RULE_BIT(LEAF_OUTPUT) },
	{ 1, 1, 0, BIT(12), 0 },                          /* PAT */
	{ 0, 0, BIT(1), BIT(6), RULE_BIT(SHADOW_STACK) }, /* D without W */
	{ 1, 1, BIT(1), BIT(6), RULE_BIT(SHADOW_STACK) },
	{ 0, 1, BIT(1), BIT(6), 0 }, /* ignored in a PDE */
	{ 0, 0, BIT(0), 0, RULE_BIT(STRAY) },
	{ 0, 0, 0, BIT(63), 0 },               /* XD */
	{ 0, 2, BIT(1) | BIT(2), BIT(63), 0 }, /* rights taken away */
	{ 0, 2, 0, BIT(8) | BIT(3) | BIT(4), 0 },
	{ 0, 0, 0, BITS(62, 59) | BITS(57, 52) | BITS(11, 9), 0 },
	{ 0, 1, BIT(52), 0, RULE_BIT(LIVE_COUNT) }, /* the count was 1 */
	{ 0, 3, 0, BIT(61), RULE_BIT(LIVE_COUNT) },
	{ 0, 3, 0, BIT(62), 0 }, /* above the count */
};

static const struct bits_row x86_no_1g_rows[] = {
	{ 0, 2, 0, BIT(7), RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) },
	{ 0, 0, 0, BIT(8), 0 }, /* G without PGE is ignored */
};

static const struct bits_row x86_bare_rows[] = {
	/* no NX, no large leaves, 36 bits */
	{ 0, 0, 0, BIT(63), RULE_BIT(FEATURE) },
	{ 0, 2, 0, BIT(63), RULE_BIT(FEATURE) },
	{ 0, 1, 0, BIT(7), RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) },
	{ 0, 0, 0, BIT(36), RULE_BIT(LEAF_OUTPUT) },
	/* all that is wrong with one, and not the last of it only */
	{ 0, 0, BIT(1) | BIT(0), BIT(6) | BIT(63), RULE_BIT(STRAY) }, /* not present */
	{ 0, 0, BIT(1), BIT(6) | BIT(63) | BIT(36),
	  RULE_BIT(SHADOW_STACK) | RULE_BIT(FEATURE) | RULE_BIT(LEAF_OUTPUT) },
};

static const struct bits_row ept_rows[] = {
	{ 0, 0, BIT(0), 0, RULE_BIT(PERMISSIONS) },          /* 110b */
	{ 0, 0, BIT(0) | BIT(2), 0, RULE_BIT(PERMISSIONS) }, /* 010b */
	{ 0, 2, BIT(0), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 0, BIT(0) | BIT(1), 0, 0 }, /* 100b: the CPU has execute-only */
	{ 0, 0, BITS(2, 0), 0, RULE_BIT(STRAY) },
	{ 0, 0, 0, BIT(3), RULE_BIT(MEMORY_TYPE) },      /* type 7, it was 6 */
	{ 0, 0, BIT(5), 0, RULE_BIT(MEMORY_TYPE) },      /* 2 */
	{ 1, 1, BIT(5), BIT(3), RULE_BIT(MEMORY_TYPE) }, /* 3 */
	{ 0, 0, BIT(4), 0, 0 },                          /* 4: WT */
	{ 0, 1, 0, BIT(3), RULE_BIT(RESERVED) },
	{ 0, 2, 0, BIT(4), RULE_BIT(RESERVED) },
	{ 0, 3, 0, BIT(5), RULE_BIT(RESERVED) },
	{ 0, 3, 0, BIT(6), RULE_BIT(RESERVED) },
	{ 0, 3, 0, BIT(7), RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) },
	{ 1, 1, 0, BIT(12), RULE_BIT(LEAF_UNALIGNED) },
	{ 2, 2, 0, BIT(29), RULE_BIT(LEAF_UNALIGNED) },
	{ 0, 0, 0, BIT(46), RULE_BIT(LEAF_OUTPUT) },
	{ 0, 1, 0, BIT(51), RULE_BIT(TABLE_OUTPUT) | RULE_BIT(TABLE_TOTAL) },
	{ 0, 2, BIT(1), 0, 0 },
	{ 0, 1, 0, BIT(9), 0 }, /* no D in a table entry: ignored */
	{ 0, 2, BIT(52), 0, RULE_BIT(LIVE_COUNT) },
	{ 0, 0, BIT(0), BIT(3), RULE_BIT(PERMISSIONS) | RULE_BIT(MEMORY_TYPE) },
	{ 0, 2, BIT(0), BIT(3), RULE_BIT(PERMISSIONS) | RULE_BIT(RESERVED) },
};

static const struct bits_row ept_bare_rows[] = {
	{ 0, 0, BIT(0) | BIT(1), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 1, BIT(0) | BIT(1), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 0, 0, BIT(8) | BIT(9), 0 }, /* ignored without EPTP bit 6 */
	{ 0, 1, 0, BIT(7), RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) },
};

/* Mode-based execute control: bit 10 is a permission like 2:0 (28.3.2, 28.3.3.1). */
static const struct bits_row ept_modes_rows[] = {
	{ 0, 0, BITS(2, 0), 0, 0 }, /* user-mode fetches alone: present, the CPU has execute-only */
	{ 0, 0, BITS(2, 0) | BIT(10), 0, RULE_BIT(STRAY) },
	{ 0, 0, BIT(2), 0, 0 },
	{ 0, 0, BIT(10), 0, 0 },
	{ 0, 0, BIT(0) | BIT(2), 0, RULE_BIT(PERMISSIONS) }, /* W and U */
	{ 1, 1, BIT(0) | BIT(2) | BIT(10), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 2, BIT(0), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 2, BITS(2, 0), 0, 0 }, /* of a table, too, bit 10 is enough to be present */
	{ 0, 3, BIT(10), 0, 0 },
	{ 0, 2, 0, BIT(3), RULE_BIT(RESERVED) },
};

/* The same without execute-only. */
static const struct bits_row ept_57_modes_rows[] = {
	{ 0, 0, BITS(2, 0), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 0, BIT(0) | BIT(1), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 1, BITS(2, 0), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 4, BIT(10), 0, 0 },
	{ 0, 4, 0, BIT(7), RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) }, /* a leaf of 256T */
	{ 0, 4, 0, BIT(3), RULE_BIT(RESERVED) },
};

static const struct bits_row npt_rows[] = {
	{ 0, 3, 0, BIT(8), RULE_BIT(RESERVED) },
	{ 0, 2, 0, BIT(8), RULE_BIT(RESERVED) },
	{ 0, 1, 0, BIT(8), 0 },
	{ 0, 0, 0, BIT(8), 0 },
	{ 0, 0, BIT(2), 0, RULE_BIT(NO_ACCESS) }, /* guests are users */
	{ 2, 2, BIT(2), 0, RULE_BIT(NO_ACCESS) },
	{ 0, 0, BIT(2), BIT(48), RULE_BIT(NO_ACCESS) | RULE_BIT(LEAF_OUTPUT) },
	{ 1, 1, BIT(2), BIT(13), RULE_BIT(NO_ACCESS) | RULE_BIT(LEAF_UNALIGNED) },
	{ 0, 2, BIT(2), 0, 0 }, /* and so are they here: rights taken away from all below */
	{ 0, 0, 0, BIT(48), RULE_BIT(LEAF_OUTPUT) },
	{ 0, 3, 0, BIT(7), RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) },
	{ 1, 1, 0, BIT(13), RULE_BIT(LEAF_UNALIGNED) },
};

static const struct bits_row npt_no_nx_rows[] = {
	{ 0, 0, 0, BIT(63), RULE_BIT(FEATURE) },
	{ 0, 3, 0, BIT(63), RULE_BIT(FEATURE) },
	{ 0, 3, 0, BIT(63) | BIT(8), RULE_BIT(FEATURE) | RULE_BIT(RESERVED) },
	{ 0, 0, BIT(0), BIT(63), RULE_BIT(STRAY) },
	{ 0, 2, 0, BIT(7), RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) },
};

static const struct bits_row sv39_rows[] = {
	{ 0, 0, 0, BIT(54), RULE_BIT(RESERVED) },
	{ 1, 1, 0, BIT(57), RULE_BIT(RESERVED) },
	{ 0, 1, 0, BIT(60), RULE_BIT(RESERVED) },
	{ 0, 0, 0, BIT(61) | BIT(62), RULE_BIT(MEMORY_TYPE) },
	{ 0, 0, 0, BIT(61), 0 },
	{ 0, 0, 0, BIT(63), RULE_BIT(FEATURE) }, /* N */
	{ 0, 0, BIT(1), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 0, BIT(1) | BIT(3), 0, RULE_BIT(PERMISSIONS) },
	{ 0, 1, 0, BIT(2),
	  RULE_BIT(PERMISSIONS) | RULE_BIT(LEAF_UNALIGNED) | RULE_BIT(TABLE_TOTAL) },
	{ 0, 1, 0, BIT(6), RULE_BIT(RESERVED) }, /* A, D, U, PBMT in what leads to a table */
	{ 0, 1, 0, BIT(7), RULE_BIT(RESERVED) },
	{ 0, 2, 0, BIT(4), RULE_BIT(RESERVED) },
	{ 0, 2, 0, BIT(61), RULE_BIT(RESERVED) },
	{ 0, 2, 0, BIT(5) | BIT(8) | BIT(9), 0 }, /* G, RSW */
	{ 1, 1, 0, BIT(10), RULE_BIT(LEAF_UNALIGNED) },
	{ 2, 2, 0, BIT(27), RULE_BIT(LEAF_UNALIGNED) },
	{ 0, 0, BITS(3, 1) | BIT(6), 0, RULE_BIT(ENTRY_TYPE) }, /* leads on from the last level */
	{ 0, 0, BIT(0), 0, RULE_BIT(STRAY) },
	{ 0, 0, BIT(1), BITS(62, 61) | BIT(54),
	  RULE_BIT(PERMISSIONS) | RULE_BIT(RESERVED) | RULE_BIT(MEMORY_TYPE) },
	{ 0, 0, BIT(1), BIT(63) | BIT(54),
	  RULE_BIT(PERMISSIONS) | RULE_BIT(RESERVED) | RULE_BIT(FEATURE) },
	{ 0, 0, BIT(1) | BIT(3), BIT(63), RULE_BIT(PERMISSIONS) | RULE_BIT(FEATURE) },
	{ 0, 0, BITS(3, 1), BIT(63),
	  RULE_BIT(ENTRY_TYPE) | RULE_BIT(RESERVED) | RULE_BIT(FEATURE) },
};

static const struct bits_row sv39_bare_rows[] = {
	/* no Svpbmt, no 1G, 40 bits */
	{ 0, 0, 0, BIT(61), RULE_BIT(FEATURE) },
	{ 0, 0, 0, BIT(38), RULE_BIT(LEAF_OUTPUT) },
	{ 0, 2, 0, BIT(38), RULE_BIT(TABLE_OUTPUT) | RULE_BIT(TABLE_TOTAL) },
	{ 0, 2, 0, BITS(3, 1), RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) },
};

static const struct bits_row sv48x4_rows[] = {
	{ 0, 0, 0, BIT(5), RULE_BIT(RESERVED) }, /* G */
	{ 0, 2, 0, BIT(5), RULE_BIT(RESERVED) },
	{ 0, 0, BIT(4), 0, RULE_BIT(NO_ACCESS) }, /* all accesses are user accesses */
	{ 0, 0, BIT(1), BIT(5), RULE_BIT(RESERVED) | RULE_BIT(PERMISSIONS) },
};

static const struct bits_row stage1_rows[] = {
	{ 0, 0, BIT(1), 0, RULE_BIT(ENTRY_TYPE) }, /* 0b01 at level 3 */
	{ 0, 0, BIT(0), 0, RULE_BIT(STRAY) },
	{ 0, 0, 0, BIT(48), RULE_BIT(RESERVED) },
	{ 1, 1, 0, BIT(49), RULE_BIT(RESERVED) },
	{ 0, 2, 0, BIT(48), RULE_BIT(RESERVED) },
	{ 0, 2, 0, BIT(50), RULE_BIT(RESERVED) },
	{ 0, 0, BIT(9), 0, RULE_BIT(RESERVED) }, /* SH 0b01, it was 0b11 */
	{ 0, 0, BIT(8), 0, 0 },
	{ 0, 0, 0, BIT(5), RULE_BIT(RESERVED) }, /* NS */
	{ 1, 1, 0, BIT(12), RULE_BIT(LEAF_UNALIGNED) },
	{ 1, 1, 0, BIT(20), RULE_BIT(LEAF_UNALIGNED) },
	{ 1, 1, 0, BIT(20) | BIT(48), RULE_BIT(LEAF_UNALIGNED) | RULE_BIT(RESERVED) },
	{ 2, 2, 0, BIT(29), RULE_BIT(LEAF_UNALIGNED) },
	{ 0, 3, BIT(1), 0, RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) }, /* a block at level 0 */
	{ 0, 0, 0, BIT(50), 0 },                                          /* GP: it has BTI */
	{ 0, 0, BIT(10) | BIT(7), 0, 0 },                                 /* AF, AP[2] */
	/* NSTable, APTable, UXNTable, PXNTable; ignored bits; AF with FEAT_HAFT. */
	{ 0, 1, 0, BITS(63, 59), 0 },
	{ 0, 3, 0, BITS(62, 61), 0 },
	{ 0, 2, 0, BITS(11, 8), 0 },
	{ 0, 1, BIT(2), 0, RULE_BIT(LIVE_COUNT) },
	{ 0, 2, 0, BIT(58), RULE_BIT(LIVE_COUNT) },
};

static const struct bits_row stage1_40_rows[] = {
	/* no BTI */
	{ 0, 0, 0, BIT(50), RULE_BIT(FEATURE) },
	{ 0, 0, 0, BIT(50) | BIT(5), RULE_BIT(FEATURE) | RULE_BIT(RESERVED) },
	{ 0, 0, 0, BIT(40), RULE_BIT(LEAF_OUTPUT) },
	{ 0, 1, 0, BIT(47), RULE_BIT(TABLE_OUTPUT) | RULE_BIT(TABLE_TOTAL) },
};

static const struct bits_row el2_rows[] = {
	{ 0, 0, BIT(6), 0, RULE_BIT(RESERVED) }, /* AP[1] is RES1, PXN and nG RES0 */
	{ 0, 0, 0, BIT(53), RULE_BIT(RESERVED) },
	{ 0, 0, 0, BIT(11), RULE_BIT(RESERVED) },
	{ 0, 1, 0, BIT(59), RULE_BIT(RESERVED) }, /* and so are PXNTable and APTable[0] */
	{ 0, 1, 0, BIT(61), RULE_BIT(RESERVED) },
	{ 0, 1, 0, BIT(60) | BIT(62), 0 },
	{ 1, 1, BIT(6), BIT(20), RULE_BIT(RESERVED) | RULE_BIT(LEAF_UNALIGNED) },
};

static const struct bits_row stage1_16k_rows[] = {
	{ 0, 0, 0, BIT(12), RULE_BIT(LEAF_UNALIGNED) },
	{ 0, 0, 0, BIT(13), RULE_BIT(LEAF_UNALIGNED) },
	{ 0, 1, 0, BIT(13), RULE_BIT(RESERVED) },
	{ 1, 1, 0, BIT(24), RULE_BIT(LEAF_UNALIGNED) },
	{ 0, 2, BIT(1), 0, RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) }, /* level 1 */
};

static const struct bits_row stage1_64k_rows[] = {
	/* 48 bits: 15:12 would be 51:48 */
	{ 0, 0, 0, BIT(12), RULE_BIT(LEAF_OUTPUT) },
	{ 0, 0, 0, BIT(15), RULE_BIT(LEAF_OUTPUT) },
	{ 0, 1, 0, BIT(13), RULE_BIT(TABLE_OUTPUT) | RULE_BIT(TABLE_TOTAL) },
	{ 1, 1, 0, BIT(16), RULE_BIT(LEAF_UNALIGNED) },
	{ 0, 2, BIT(1), 0, RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) },
};

static const struct bits_row stage1_lpa2_rows[] = {
	{ 0, 0, 0, BITS(9, 8) | BITS(49, 48), 0 }, /* address bits */
	{ 0, 0, 0, BIT(8), 0 },
	{ 0, 2, 0, BIT(50), RULE_BIT(RESERVED) },
	{ 1, 1, 0, BIT(20), RULE_BIT(LEAF_UNALIGNED) },
	{ 0, 4, BIT(1), 0, RULE_BIT(LEAF_SIZE) | RULE_BIT(TABLE_TOTAL) }, /* level -1 */
};

static const struct bits_row stage2_rows[] = {
	/* 44 bits, XNX */
	{ 0, 0, 0, BIT(50), RULE_BIT(RESERVED) },
	{ 1, 1, 0, BIT(11), RULE_BIT(RESERVED) },
	{ 0, 0, BITS(4, 2), BIT(50), RULE_BIT(MEMORY_TYPE) | RULE_BIT(RESERVED) },
	{ 0, 0, 0, BIT(53), 0 },
	{ 0, 0, BITS(7, 6), BIT(54), RULE_BIT(NO_ACCESS) },
	{ 0, 0, 0, BIT(44), RULE_BIT(LEAF_OUTPUT) },
	{ 0, 1, 0, BIT(59), RULE_BIT(RESERVED) },
	{ 0, 1, 0, BIT(63), RULE_BIT(RESERVED) },
	{ 0, 2, 0, BIT(61), RULE_BIT(RESERVED) },
	{ 0, 0, 0, BITS(63, 59), 0 }, /* of a page: ignored */
};

static const struct bits_row stage2_no_xnx_rows[] = {
	{ 0, 0, 0, BIT(53), RULE_BIT(FEATURE) },
	{ 0, 0, BITS(4, 2), BIT(53) | BIT(50),
	  RULE_BIT(FEATURE) | RULE_BIT(RESERVED) | RULE_BIT(MEMORY_TYPE) },
	{ 0, 0, 0, BIT(54), 0 },
};

#define CASE(format, rows)                \
	{                                 \
		format, rows, COUNT(rows) \
	}

static const struct bits_case cases[] = {
	CASE("x86-48", x86_rows),
	CASE("x86-48-no-1g", x86_no_1g_rows),
	CASE("x86-48-bare", x86_bare_rows),
	CASE("ept-48", ept_rows),
	CASE("ept-48-bare", ept_bare_rows),
	CASE("ept-48-modes", ept_modes_rows),
	CASE("ept-57-ve-modes", ept_57_modes_rows),
	CASE("npt-48", npt_rows),
	CASE("npt-48-no-1g", npt_no_nx_rows),
	CASE("sv39", sv39_rows),
	CASE("sv39-bare", sv39_bare_rows),
	CASE("sv48x4", sv48x4_rows),
	CASE("s1-4k-48", stage1_rows),
	CASE("s1-4k-39-upper", stage1_40_rows),
	CASE("s1-4k-48-el2", el2_rows),
	CASE("s1-16k-47", stage1_16k_rows),
	CASE("s1-64k-48-upper", stage1_64k_rows),
	CASE("s1-4k-lpa2-52-upper", stage1_lpa2_rows),
	CASE("s2-4k-40", stage2_rows),
	CASE("s2-4k-32", stage2_no_xnx_rows),
};

/* The reports are those and no other, about that entry (but for the number of all tables). */
static void require_rules(const struct checked *checked, const struct bits_row *row, virt_addr virt,
			  phys_addr slot, uint64_t span)
{
	uint64_t rules = 0;

	for (size_t i = 0; i < checked->count; i++) {
		const struct page_violation *v = &checked->violations[i];

		REQUIRE((rules & BIT(v->rule)) == 0, "twice: %s", page_rule_text(v->rule));
		rules |= BIT(v->rule);
		if (v->rule == PAGE_RULE_TABLE_TOTAL)
			continue;
		REQUIRE(v->entry == slot && v->level == row->level && v->size == span &&
				v->virt == addr_align_down(virt, span),
			"%s at 0x%" PRIx64 ", level %u, not 0x%" PRIx64, page_rule_text(v->rule),
			v->entry, v->level, slot);
	}
	REQUIRE(rules == row->rules, "rules 0x%" PRIx64 ", not 0x%" PRIx64, rules, row->rules);
}

static void check_row(struct world *world, const struct bits_row *row)
{
	const struct format_case *format = world->format;
	uint64_t size = format->level_size[row->leaf];
	virt_addr virt = format_middle(format) + size;
	uint64_t entry, changed;
	phys_addr slot;

	world_map(world, virt, 0, size);
	slot = entry_at(world, virt, row->level);
	entry = entry_read(world, slot);
	changed = (entry & ~row->clear) | row->set;
	require_story("leaf %u, level %u: 0x%" PRIx64 " becomes 0x%" PRIx64, row->leaf, row->level,
		      entry, changed);
	REQUIRE((entry & row->clear) == row->clear && (entry & row->set) == 0,
		"not what the row takes it for");
	entry_write(world, slot, changed);
	require_rules(check_world(world, 0), row, virt, slot, format->level_size[row->level]);
	entry_write(world, slot, entry);
	world_unmap(world, virt, size, 0);
}

Test(check, bits_by_hand, .timeout = SUITE_TIMEOUT)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct world world;

		world_open(&world, format_case_named(cases[i].format), MEMORY_BY_OFFSET);
		for (size_t row = 0; row < cases[i].count; row++)
			check_row(&world, &cases[i].rows[row]);
		world_close(&world);
	}
}

static uint64_t rules_of(const struct checked *checked)
{
	uint64_t rules = 0;

	for (size_t i = 0; i < checked->count; i++)
		rules |= BIT(checked->violations[i].rule);
	return rules;
}

/* What is wrong with such a byte of MAIR (MAIR_EL1, Attr<n>): it stands for nothing, or for
 * something that the library has no name for, among these what FEAT_XS and tags add. */
static uint64_t rules_of_mair(const struct format_case *format, unsigned int byte)
{
	unsigned int outer = byte / 16, inner = byte % 16;
	bool stands;

	if (outer == 0) /* device */
		stands = inner % 4 < 2;
	else
		stands = inner != 0 || outer == 4 || outer == 10 || outer == 15;
	if (!stands)
		return RULE_BIT(MEMORY_TYPE);
	return format->type(byte) == MEMORY_TYPES ? RULE_BIT(UNNAMED_TYPE) : 0;
}

/* D8.6.6: reserved are 0b0100 and, with FEAT_S2FWB, all from 0b1000 on; without it those that are
 * no device and say nothing of the inner memory. */
static uint64_t rules_of_memattr(const struct format_case *format, unsigned int type)
{
	bool forced = (format->config.features & AARCH64_FWB) != 0;

	if (type == 4 || (forced ? type >= 8 : type >= 4 && type % 4 == 0))
		return RULE_BIT(MEMORY_TYPE);
	return format->type(type) == MEMORY_TYPES ? RULE_BIT(UNNAMED_TYPE) : 0;
}

static void check_memattr(const char *name)
{
	const struct format_case *format = format_case_named(name);
	struct world world;
	phys_addr slot;
	uint64_t leaf;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, format_middle(format), 0, format->level_size[0]);
	slot = entry_at(&world, format_middle(format), 0);
	leaf = entry_read(&world, slot);
	for (unsigned int type = 0; type < 16; type++) {
		uint64_t rules;

		entry_write(&world, slot, (leaf & ~BITS(5, 2)) | (uint64_t)type << 2);
		rules = rules_of(check_world(&world, 0));
		REQUIRE(rules == rules_of_memattr(format, type), "MemAttr %u: rules 0x%" PRIx64,
			type, rules);
		if (format->config.output_bits >= 48)
			continue;
		/* And it leads too far. */
		entry_write(&world, slot,
			    entry_read(&world, slot) | BIT(format->config.output_bits));
		rules = rules_of(check_world(&world, 0));
		REQUIRE(rules == (rules_of_memattr(format, type) | RULE_BIT(LEAF_OUTPUT)),
			"MemAttr %u, and too far: rules 0x%" PRIx64, type, rules);
	}
	entry_write(&world, slot, leaf);
	world_close(&world);
}

Test(check, memory_type_of_memattr)
{
	check_memattr("s2-4k-40");
	check_memattr("s2-4k-48");
}

Test(check, memory_type_of_mair)
{
	const struct format_case *format = format_case_named("s1-4k-48");
	struct format_case other = *format;
	struct page_table built;
	struct world world;
	phys_addr slot;
	uint64_t leaf;

	world_open(&world, format, MEMORY_BY_OFFSET);
	world_map(&world, format_middle(format), 0, PAGE_SIZE_4K);
	slot = entry_at(&world, format_middle(format), 0);
	leaf = entry_read(&world, slot);
	built = world.table;
	for (unsigned int byte = 0; byte < 256; byte++) {
		unsigned int index = byte / 2 % 8;
		uint64_t own = (leaf & ~BITS(4, 2)) | (uint64_t)index << 2;
		bool odd = byte % 2 != 0; /* half of them with another rule broken besides: NS */
		uint64_t rules;
		struct page_table_config config = format->config;

		config.memory_attributes = (AARCH64_MAIR & ~(UINT64_C(0xff) << (8 * index))) |
					   (uint64_t)byte << (8 * index);
		config.access = built.access;
		entry_write(&world, slot, odd ? own | BIT(5) : own);
		REQUIRE(page_table_adopt(&world.table, &config, built.root) == PAGING_OK,
			"not adopted");
		rules = rules_of(check_world(&world, 0));
		REQUIRE(rules == (rules_of_mair(format, byte) | (odd ? RULE_BIT(RESERVED) : 0)),
			"0x%x: rules 0x%" PRIx64, byte, rules);
		/* And query says of it what the MMU makes of it, with SH at its three values. */
		other.config.memory_attributes = config.memory_attributes;
		world.format = &other;
		for (uint64_t share = 0; share < 4; share += share == 0 ? 2 : 1) {
			struct page_mapping mapping;

			entry_write(&world, slot, (own & ~BITS(9, 8)) | share << 8);
			REQUIRE(page_table_query(&world.table, format_middle(format), &mapping) ==
					PAGING_OK,
				"query");
			world_probe_leaf(&world, format_middle(format), &mapping);
		}
		world.format = format;
	}
	entry_write(&world, slot, leaf);
	world.table = built;
	world_close(&world);
}
