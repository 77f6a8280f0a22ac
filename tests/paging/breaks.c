/* SPDX-License-Identifier: MIT */
/*
 * Break-before-make on a live table, store by store (Arm ARM DDI 0487, D8.16.1): what a descriptor
 * may become in one store; what must be invalidated between two; and what an address is meanwhile.
 * The bits are the manual's.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <twofold/aarch64.h>

#include "require.h"
#include "suite.h"
#include "trap.h"
#include "world.h"

#define VALID      (UINT64_C(1) << 0)
#define CONTIGUOUS (UINT64_C(1) << 52)
#define NOT_GLOBAL (UINT64_C(1) << 11)
#define TABLE_ADDR UINT64_C(0x0000fffffffff000)
#define IGNORED    (UINT64_C(0xf) << 55)
/* Type of descriptor, AttrIndx or MemAttr, SH, nG, the output address, the contiguous hint. */
#define BREAK_BITS (UINT64_C(0xb3f) | TABLE_ADDR | CONTIGUOUS)
/* S2AP and AP are not among them, nor are AF, DBM, XN. */
_Static_assert((BREAK_BITS & UINT64_C(0x00780000000004c0)) == CONTIGUOUS, "permissions stay live");

#define STORE_WORDS 8 /* the widest store there is */
#define TABLES      64
#define BROKEN      1024
#define PROBES      8
#define SIGHTS      16

/* A table that walkers reach, or reached before the last flush. */
struct reached {
	phys_addr start;
	uint64_t bytes;
	unsigned int level;
	virt_addr input; /* of its first entry */
};

/* An entry that was valid before, is not now, and was not made again. */
struct broken {
	phys_addr word;
	uint64_t old;
	virt_addr input;
	uint64_t size;
	bool flushed;
};

/* What a walker makes of an address. */
struct sight {
	phys_addr phys;
	unsigned int type;
	uint8_t faults[WORLD_ACCESSES];
	bool broken;       /* it lies in a broken entry */
	bool group_broken; /* or in a group that has one: as long as the group is not whole */
};

struct live {
	struct world *world;
	struct trap trap;
	struct tlb_gather gather;
	struct tlb_range ranges[4];
	struct frame frames[PAGE_TABLE_MAX_LEVELS];
	unsigned int flushes;

	struct reached tables[TABLES];
	size_t table_count;
	struct broken broken[BROKEN];
	size_t broken_count;
	unsigned int made_again;

	uint64_t was[STORE_WORDS]; /* what the store is about to overwrite */

	virt_addr probes[PROBES];
	struct sight sights[PROBES][SIGHTS]; /* each differs from the one before */
	size_t seen[PROBES];
};

static bool is_table(const struct live *live, unsigned int level, uint64_t d)
{
	const struct format_case *format = live->world->format;
	phys_addr next;

	return format->entry(format, level, d, &next) == WALK_ENTRY_TABLE;
}

/* A table and all below it are reached from now on. */
static void reach(struct live *live, phys_addr start, unsigned int level, virt_addr input)
{
	const struct format_case *format = live->world->format;
	bool root = level == format->levels - 1;
	uint64_t bytes = root ? format->root_bytes : format->table_bytes;

	REQUIRE(live->table_count < TABLES, "too many tables");
	live->tables[live->table_count++] = (struct reached){ start, bytes, level, input };
	for (uint64_t i = 0; level != 0 && i < bytes / 8; i++) {
		phys_addr next;

		if (format->entry(format, level, memory_read(live->world->memory, start + 8 * i),
				  &next) == WALK_ENTRY_TABLE)
			reach(live, next, level - 1, input + i * format->level_size[level]);
	}
}

static const struct reached *table_of(const struct live *live, phys_addr word)
{
	for (size_t i = 0; i < live->table_count; i++) {
		if (word - live->tables[i].start < live->tables[i].bytes)
			return &live->tables[i];
	}
	return NULL;
}

/* Whether `old` may not become `new` in one store. */
static bool must_break(const struct live *live, unsigned int level, uint64_t old, uint64_t new)
{
	bool table = is_table(live, level, old);

	if (table && is_table(live, level, new))
		return ((old ^ new) & TABLE_ADDR) != 0;
	if (table || is_table(live, level, new))
		return (live->world->format->config.features & AARCH64_BBM2) == 0 ||
		       ((table ? new : old) & CONTIGUOUS) != 0;
	/* The members of a group are alike at all times, but for what the MMU ignores. */
	if (((old | new) & CONTIGUOUS) != 0)
		return ((old ^ new) & ~IGNORED) != 0;
	return ((old ^ new) & BREAK_BITS) != 0;
}

/* All valid members of the group that `word` is in have the hint, or none has. */
static void check_group(const struct live *live, const struct reached *table, phys_addr word)
{
	const struct format_case *format = live->world->format;
	uint64_t size = format->group_size[table->level];
	uint64_t bytes = size / format->level_size[table->level] * 8;
	phys_addr first = addr_align_down(word, size == 0 ? 8 : bytes);
	uint64_t d = memory_read(live->world->memory, word);

	for (phys_addr at = first; size != 0 && at < first + bytes; at += 8) {
		uint64_t other = memory_read(live->world->memory, at);

		if ((other & VALID) == 0 || is_table(live, table->level, other))
			continue;
		REQUIRE(((d ^ other) & CONTIGUOUS) == 0,
			"0x%" PRIx64 " and 0x%" PRIx64 " stand in one group", d, other);
	}
}

static void made_valid(struct live *live, unsigned int level, phys_addr word, uint64_t new)
{
	for (size_t i = 0; i < live->broken_count; i++) {
		const struct broken *broken = &live->broken[i];

		if (broken->word != word)
			continue;
		REQUIRE(broken->flushed,
			"0x%" PRIx64 " became 0x%" PRIx64 " with no flush in between", broken->old,
			new);
		/* Between a leaf and a table it depends on what the table's leaves say. */
		REQUIRE(must_break(live, level, broken->old, new) ||
				((broken->old & new) & CONTIGUOUS) != 0 ||
				is_table(live, level, broken->old) != is_table(live, level, new),
			"0x%" PRIx64 " was broken without need for 0x%" PRIx64, broken->old, new);
		live->broken[i] = live->broken[--live->broken_count];
		live->made_again++;
		return;
	}
}

static void judge(struct live *live, const struct reached *table, phys_addr word, uint64_t old)
{
	const struct format_case *format = live->world->format;
	uint64_t new = memory_read(live->world->memory, word);
	uint64_t size = format->level_size[table->level];
	virt_addr input = table->input + (word - table->start) / 8 * size;
	unsigned int level = table->level;
	phys_addr next;

	if ((old & VALID) != 0 && (new &VALID) != 0)
		REQUIRE(!must_break(live, level, old, new),
			"0x%" PRIx64 ": 0x%" PRIx64 " became 0x%" PRIx64 " in one store", input,
			old, new);
	if ((old & VALID) != 0 && (new &VALID) == 0) {
		REQUIRE(live->broken_count < BROKEN, "too many entries");
		live->broken[live->broken_count++] = (struct broken){ word, old, input, size, 0 };
	}
	if ((old & VALID) == 0 && (new &VALID) != 0)
		made_valid(live, level, word, new);
	if ((new &VALID) == 0)
		return;
	if (format->entry(format, level, new, &next) != WALK_ENTRY_TABLE)
		check_group(live, table, word);
	else if (table_of(live, next) == NULL)
		reach(live, next, level - 1, input);
}

/* How many words from there on a store can change. */
static uint64_t words_from(const struct live *live, phys_addr word)
{
	const struct reached *table = table_of(live, word);
	uint64_t left = table == NULL ? 0 : (table->start + table->bytes - word) / 8;

	return left < STORE_WORDS ? left : STORE_WORDS;
}

static void before_store(struct trap *trap, phys_addr address)
{
	struct live *live = trap->context;
	phys_addr word = addr_align_down(address, 8);

	for (uint64_t i = 0; i < words_from(live, word); i++)
		live->was[i] = memory_read(live->world->memory, word + 8 * i);
}

static void mark_broken(const struct live *live, const struct broken *broken, virt_addr virt,
			struct sight *sight)
{
	const struct format_case *format = live->world->format;

	sight->broken |= virt - broken->input < broken->size;
	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t size = format->group_size[level];

		if (size != 0 && broken->size == format->level_size[level])
			sight->group_broken |= virt - addr_align_down(broken->input, size) < size;
	}
}

static struct sight look(const struct live *live, virt_addr virt)
{
	struct sight sight = { 0 };

	for (unsigned int i = 0; i < WORLD_ACCESSES; i++) {
		struct walk_result result = world_translate(live->world, virt, world_accesses[i]);

		sight.faults[i] = (uint8_t)result.fault;
		if (result.fault == WALK_OK || result.fault == WALK_DENIED) {
			sight.phys = result.phys;
			sight.type = result.type;
		}
	}
	for (size_t i = 0; i < live->broken_count; i++)
		mark_broken(live, &live->broken[i], virt, &sight);
	return sight;
}

static bool same(const struct sight *a, const struct sight *b)
{
	return a->phys == b->phys && a->type == b->type &&
	       memcmp(a->faults, b->faults, sizeof(a->faults)) == 0;
}

static bool maps(const struct sight *sight)
{
	return sight->faults[0] == WALK_OK || sight->faults[0] == WALK_DENIED;
}

static bool both_map(const struct sight *a, const struct sight *b)
{
	return maps(a) && maps(b);
}

static bool alike(const struct sight *a, const struct sight *b)
{
	return a->phys == b->phys && a->type == b->type;
}

static void look_at_all(struct live *live)
{
	for (size_t i = 0; i < PROBES; i++) {
		struct sight now = look(live, live->probes[i]);
		size_t seen = live->seen[i];

		if (seen != 0 && same(&now, &live->sights[i][seen - 1]))
			continue;
		REQUIRE(seen == 0 || !both_map(&now, &live->sights[i][seen - 1]) ||
				alike(&now, &live->sights[i][seen - 1]),
			"0x%" PRIx64 " goes to 0x%" PRIx64 ", to 0x%" PRIx64 " one store before",
			live->probes[i], now.phys, live->sights[i][seen - 1].phys);
		REQUIRE(seen < SIGHTS, "0x%" PRIx64 " changes again and again", live->probes[i]);
		live->sights[i][live->seen[i]++] = now;
	}
}

static void after_store(struct trap *trap, phys_addr address)
{
	struct live *live = trap->context;
	phys_addr word = addr_align_down(address, 8);
	const struct reached *table = table_of(live, word);
	uint64_t words = words_from(live, word);

	for (uint64_t i = 0; i < words; i++) {
		if (memory_read(live->world->memory, word + 8 * i) != live->was[i])
			judge(live, table, word + 8 * i, live->was[i]);
	}
	if (words != 0)
		look_at_all(live);
}

/* Old, then nothing if an entry is broken there, then new. */
static void check_sights(const struct live *live)
{
	for (size_t i = 0; i < PROBES; i++) {
		const struct sight *all = live->sights[i], *new = &all[live->seen[i] - 1];
		bool changed = false;

		for (size_t t = 1; t < live->seen[i]; t++) {
			const struct sight *now = &all[t];

			if ((now->faults[0] == WALK_NOT_PRESENT && now->broken) ||
			    (now->faults[0] == WALK_RESERVED && now->group_broken))
				continue;
			REQUIRE(same(now, &all[0]) || same(now, new),
				"0x%" PRIx64
				" is neither old nor new in between: fault %d, phys 0x%" PRIx64,
				live->probes[i], now->faults[0], now->phys);
			REQUIRE(!changed || same(now, new), "0x%" PRIx64 " is back to what it was",
				live->probes[i]);
			changed = !same(now, &all[0]);
		}
	}
}

/* A range that will do for the entry of that size at `at`, or NULL: by its stride too. */
static const struct tlb_range *range_at(const struct live *live, uint64_t entry, bool table,
					uint64_t size, virt_addr at)
{
	bool global = !live->world->format->second_stage && !table && (entry & NOT_GLOBAL) == 0;

	for (size_t i = 0; i < live->gather.range_count; i++) {
		const struct tlb_range *range = &live->ranges[i];

		if (range->start <= at && at <= range->last && (range->tables || !table) &&
		    range->leaf_size != 0 && range->leaf_size <= size && (range->global || !global))
			return range;
	}
	return NULL;
}

/* The flush is for all that the entry, which is not walked any more, spans. */
static void require_asked(const struct live *live, const struct broken *broken, unsigned int level)
{
	bool table = is_table(live, level, broken->old);
	virt_addr last = broken->input + (broken->size - 1);

	for (virt_addr at = broken->input;;) {
		const struct tlb_range *range =
			range_at(live, broken->old, table, broken->size, at);

		REQUIRE(range != NULL,
			"0x%" PRIx64 " is invalid at 0x%" PRIx64
			", and the flush is for something else",
			broken->old, at);
		if (range->last >= last)
			return;
		at = range->last + 1;
	}
}

/* And, of a table, for all below it. */
static void require_all_asked(const struct live *live, const struct broken *broken,
			      unsigned int level)
{
	const struct format_case *format = live->world->format;
	phys_addr start;

	require_asked(live, broken, level);
	if (format->entry(format, level, broken->old, &start) != WALK_ENTRY_TABLE)
		return;
	for (uint64_t i = 0; i < format->table_bytes / 8; i++) {
		uint64_t size = format->level_size[level - 1];
		uint64_t entry = memory_read(live->world->memory, start + 8 * i);
		struct broken below = { 0, entry, broken->input + i * size, size, false };

		if ((entry & VALID) != 0)
			require_all_asked(live, &below, level - 1);
	}
}

/* All that was made invalid since the last flush is asked for. */
static void on_flush(const struct tlb_gather *gather, void *context)
{
	struct live *live = context;

	live->flushes++;
	for (size_t i = 0; i < live->broken_count; i++) {
		struct broken *broken = &live->broken[i];
		const struct reached *in = table_of(live, broken->word);

		if (!broken->flushed && !gather->everything)
			require_all_asked(live, broken, in->level);
		broken->flushed = true;
	}
	/* What goes now can come again as another table. */
	for (size_t i = 0; i < live->table_count; i++) {
		for (size_t n = 0; n < gather->frame_count; n++) {
			if (live->tables[i].start == gather->frames[n].start)
				live->tables[i].bytes = 0;
		}
	}
}

enum kind {
	SPLIT,
	COLLAPSE,
	REPLACE,
	REPLACE_SMALL, /* a leaf in place of smaller ones */
	REPLACE_PART,
	RETYPE,
	RETYPE_PART,
	PROTECT_PART,
	UNMAP_PART,
	KINDS,
};

static enum paging_status do_it(struct live *live, enum kind kind, virt_addr virt, uint64_t size)
{
	struct page_table *table = &live->world->table;
	uint64_t granule = format_granule(live->world->format);
	struct page_table_op op = { .frames = world_frames(live->world), .gather = &live->gather };
	struct page_flags flags = format_plain_flags(), typed = flags;

	typed.type = MEMORY_NONCACHEABLE;
	switch (kind) {
	case SPLIT:
		return page_table_split(table, virt + granule, granule, granule, &op);
	case COLLAPSE:
		return page_table_collapse(table, virt, size, &op);
	case REPLACE:
	case REPLACE_SMALL:
		op.mode = PAGING_REPLACE;
		op.leaf_sizes = format_leaf_cap(live->world->format, size);
		return page_table_map(table, virt, 4 * size, size, typed, &op);
	case REPLACE_PART:
		op.mode = PAGING_REPLACE;
		return page_table_map(table, virt + granule, 0, granule, flags, &op);
	case RETYPE:
		return page_table_protect(table, virt, size, typed, &op);
	case RETYPE_PART:
		op.mode = PAGING_SPLIT;
		return page_table_protect(table, virt + granule, granule, typed, &op);
	case PROTECT_PART:
		op.mode = PAGING_SPLIT;
		flags.write = 0;
		return page_table_protect(table, virt + granule, granule, flags, &op);
	default:
		op.mode = PAGING_SPLIT;
		return page_table_unmap(table, virt + granule, granule, &op);
	}
}

static void choose_probes(struct live *live, virt_addr virt, uint64_t size)
{
	uint64_t granule = format_granule(live->world->format);
	const virt_addr probes[PROBES] = {
		virt,        virt + granule, virt + 2 * granule,  virt + size / 2, virt + size - 1,
		virt + size, virt - 1,       virt + 2 * size - 1,
	};

	memcpy(live->probes, probes, sizeof(probes));
}

static void watch(struct live *live, enum kind kind, virt_addr virt, uint64_t size)
{
	const struct format_case *format = live->world->format;
	enum paging_status status;

	live->gather = (struct tlb_gather){ .ranges = live->ranges,
					    .range_capacity = 4,
					    .frames = live->frames,
					    .frame_capacity = PAGE_TABLE_MAX_LEVELS,
					    .owner = world_frames(live->world),
					    .flush = on_flush,
					    .context = live };
	reach(live, live->world->table.root, format->levels - 1, format_first_range(format).first);
	choose_probes(live, virt, size);
	look_at_all(live);
	live->trap = (struct trap){ .memory = live->world->memory,
				    .before = before_store,
				    .after = after_store,
				    .format = format,
				    .context = live };
	trap_begin(&live->trap);
	status = do_it(live, kind, virt, size);
	trap_end(&live->trap);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	check_sights(live);
	tlb_gather_finish(&live->gather);
}

/* Whether the operation on a leaf of that size cannot do without. */
static bool takes_break(const struct format_case *format, enum kind kind, uint64_t size)
{
	if (format_is_group(format, size) || kind == REPLACE || kind == REPLACE_SMALL ||
	    kind == RETYPE)
		return true;
	return format->break_sizes;
}

static void run(const struct format_case *format, enum kind kind, uint64_t size)
{
	bool small = kind == COLLAPSE || kind == REPLACE_SMALL;
	uint64_t mapped = small ? format_split_leaf(format, size) : size;
	virt_addr virt = addr_align_down(format_middle(format), 2 * size) + 2 * size;
	struct live *live = calloc(1, sizeof(*live));
	struct model_op map = { .kind = MODEL_MAP, .virt = virt, .size = 2 * size };
	struct world world;

	REQUIRE(live != NULL, "no memory");
	require_story("%s: %d of a leaf of 0x%" PRIx64, format->name, (int)kind, size);
	world_open(&world, format, MEMORY_BY_OFFSET);
	live->world = &world;
	map.flags = format_plain_flags();
	map.leaf_sizes = format_leaf_cap(format, mapped);
	world_must(&world, &map);
	watch(live, kind, virt, size);
	REQUIRE(!takes_break(format, kind, size) || live->made_again != 0, "nothing was broken");
	world_resync(&world);
	world_check(&world);
	world_close(&world);
	free(live);
}

FORMAT_TEST(breaks, store_by_store)
{
	if (format->break_flags == NULL)
		return;
	for (uint64_t size = format_largest_leaf(format); size > format_granule(format);
	     size = format_next_smaller_leaf(format, size)) {
		for (enum kind kind = 0; kind < KINDS; kind++)
			run(format, kind, size);
	}
}

/* Pages that break, between one that only changes and one that stays as it is; and behind them a
 * group that stays as it is. */
FORMAT_TEST(breaks, two_of_four)
{
	uint64_t granule = format_granule(format), group = format->group_size[0];
	virt_addr virt = format_middle(format) + format->level_size[1] - 4 * granule;
	struct page_flags flags = format_plain_flags(), device = flags;
	struct tlb_range ranges[4];
	struct tlb_gather gather = { .ranges = ranges, .range_capacity = 4 };
	struct page_table_op op = { .mode = 0 };
	enum paging_status status;
	struct world world;

	device.type = MEMORY_DEVICE;
	if (!format->expressible(format, device) || format->break_flags == NULL ||
	    !format->break_flags(device, flags))
		return;
	if (!format_has_leaf(format, group))
		group = granule;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = gather.owner = world_frames(&world);
	for (uint64_t i = 0; i < 4; i++) {
		struct page_flags now = i % 2 != 0 ? device : flags;

		now.write = i == 0;
		REQUIRE(page_table_map_to(&world.table, virt + i * granule, i * granule, now,
					  op.frames) == PAGING_OK,
			"page %" PRIu64, i);
	}
	flags.write = 0;
	REQUIRE(page_table_map(&world.table, virt + 4 * granule, group, group, flags, &op) ==
			PAGING_OK,
		"the group");
	world_resync(&world);
	op.gather = &gather;
	status = page_table_protect(&world.table, virt, 4 * granule + group, flags, &op);
	REQUIRE(status == PAGING_NEEDS_FLUSH && op.conflict == virt + granule, "%s, 0x%" PRIx64,
		status_name(status), op.conflict);
	world_check(&world);
	world_close(&world);
}

/* A live table that breaks to split, and a gather that cannot flush: nothing is split, and it is
 * said of which leaf; in any mode. */
FORMAT_TEST(breaks, split_without_a_flush)
{
	static const uint32_t modes[] = { 0, PAGING_RESUMABLE };
	uint64_t granule = format_granule(format);

	for (uint64_t size = format_largest_leaf(format); size > granule;
	     size = format_next_smaller_leaf(format, size)) {
		for (size_t i = 0; i < 2 * sizeof(modes) / sizeof(modes[0]); i++) {
			virt_addr at = addr_align_down(format_middle(format), size);
			struct tlb_range ranges[4];
			struct tlb_gather gather = { .ranges = ranges, .range_capacity = 4 };
			struct page_table_op op = { .gather = &gather, .mode = modes[i / 2] };
			bool breaks = format->break_sizes || format_is_group(format, size);
			enum paging_status status;
			struct world world;

			world_open(&world, format, MEMORY_BY_OFFSET);
			op.frames = gather.owner = world_frames(&world);
			world_map(&world, at, 0, size);
			if (i % 2 == 0) {
				status = page_table_split(&world.table, at, granule,
							  format_split_leaf(format, size), &op);
			} else {
				op.mode |= PAGING_SPLIT;
				status = page_table_write_protect(&world.table, at, granule, &op);
			}
			REQUIRE(status == (breaks ? PAGING_NEEDS_FLUSH : PAGING_OK), "%s",
				status_name(status));
			if (breaks) {
				REQUIRE(op.conflict == at && op.conflict_size == size,
					"0x%" PRIx64 "+0x%" PRIx64, op.conflict, op.conflict_size);
				world_check(&world);
			}
			tlb_gather_finish(&gather);
			world_resync(&world);
			world_close(&world);
		}
	}
}

/* Whole tables of groups are not dealt with as such: each group breaks, or is said to be in the
 * way. */
FORMAT_TEST(breaks, whole_tables_of_groups)
{
	uint64_t span = format->level_size[1], group = format->group_size[0];
	virt_addr at = addr_align_down(format_middle(format), 2 * span);
	struct page_table_op op = { .mode = 0 };
	struct tlb_range ranges[4];
	struct tlb_gather gather = { .ranges = ranges, .range_capacity = 4 };
	enum paging_status status;
	struct world world;

	if (!format_has_leaf(format, group) || format_entries(format, 0) > 512)
		return;
	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = gather.owner = world_frames(&world);
	op.leaf_sizes = group | format_granule(format);
	REQUIRE(page_table_map(&world.table, at, 0, 2 * span, format_plain_flags(), &op) ==
			PAGING_OK,
		"map");
	world_resync(&world);
	op.gather = &gather;
	status = page_table_write_protect(&world.table, at, 2 * span, &op);
	REQUIRE(status == PAGING_NEEDS_FLUSH && op.conflict == at && op.conflict_size == group,
		"%s, 0x%" PRIx64 "+0x%" PRIx64, status_name(status), op.conflict, op.conflict_size);
	world_check(&world);
	world_close(&world);
}
