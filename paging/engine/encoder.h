/* SPDX-License-Identifier: MIT */
/*
 * What makes a format: its geometry and how its descriptors are read and written. A format is one
 * `static const struct encoder`, and the engine is always inlined over it (engine.h), so that every
 * member is a constant and every call below is inlined too.
 *
 * Leaves are described by an attribute word: the level-0 leaf descriptor without its address. That
 * makes the flags of an operation a matter of one encode(), whatever levels its leaves land on, and
 * splitting a matter of leaf_attributes() and leaf().
 */
#ifndef PAGING_ENGINE_ENCODER_H
#define PAGING_ENGINE_ENCODER_H

#include <stdbool.h>
#include <stdint.h>

#include "twofold/check.h"
#include "twofold/page_table.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))
/* What is rare, so that the common path beside it saves no registers for it. */
#define SELDOM        __attribute__((noinline, cold))
#define UNLIKELY(x)   __builtin_expect(!!(x), false)
#define LIKELY(x)     __builtin_expect(!!(x), true)

static ALWAYS_INLINE uint64_t bits_if(bool condition, uint64_t bits)
{
	return condition ? bits : 0;
}

static ALWAYS_INLINE bool table_has(const struct page_table *table, uint32_t feature)
{
	return (table->features & feature) != 0;
}

/* In a mask of enum page_rule. */
#define RULE(rule) (UINT64_C(1) << (rule))

/* Holds for every table that page_table_init made: said to the compiler and to static analysis. */
#define ASSUME(x)                                \
	do {                                     \
		if (!(x))                        \
			__builtin_unreachable(); \
	} while (0)

/*
 * Static analysis does not see that arrays with an element for each level are not read before the
 * level was entered: to it, something unknown fills them in.
 */
#ifdef __clang_analyzer__
void analyzer_fills(void *object);
#else
static ALWAYS_INLINE void analyzer_fills(void *object)
{
	(void)object;
}
#endif

/* What table entries on the way to a leaf add to it: the bits that all of them have, and that any
 * has. */
struct inherited {
	uint64_t all;
	uint64_t any;
};

/* How input addresses fill 64 bits. */
enum input_kind {
	INPUT_ZERO_EXTENDED, /* [0, 2^input_bits) */
	INPUT_SIGN_EXTENDED, /* a lower and an upper half, with a hole between them */
	INPUT_ONE_HALF,      /* as zero-extended, or if table->upper is set the same below 2^64 */
};

struct encoder {
	/* Descriptors may have an address modifier bit (page_table_config). To the members below
	 * that bit is part of the address; the wrappers at the end of this file take it apart. */
	bool modifiers;
	uint8_t granule_shift;
	uint8_t index_bits; /* a table below the root has 2^index_bits entries */
	enum input_kind input;
	/* Contiguous groups: the descriptor bit, and log2 of the entries of a group by level. */
	uint64_t contiguous;
	uint8_t contiguous_shift[PAGE_TABLE_MAX_LEVELS];
	/* log2 of the entries of a group at other levels, where others may make groups; and the
	 * leaf bits that the MMU ignores. */
	uint8_t contiguous_above;
	uint64_t ignored;
	/* Leaf bits that cannot change in one store where break_before_make. */
	uint64_t break_bits;
	bool (*break_before_make)(const struct page_table *table);

	/* Checks config and fills the format's own fields of the table (levels among them). */
	enum paging_status (*configure)(struct page_table *table,
					const struct page_table_config *config);

	/* False if the flags cannot be expressed. */
	bool (*encode)(const struct page_table *table, struct page_flags flags,
		       uint64_t *attributes);
	struct page_flags (*decode)(const struct page_table *table, uint64_t attributes,
				    struct inherited inherited);

	/* `attributes`, which are clean, for a leaf that had `old` until now: accessed and dirty as
	 * they were. */
	uint64_t (*keep)(const struct page_table *table, uint64_t attributes, uint64_t old);

	/* flags.software: the bits there are, and where they lie in an attribute word. */
	uint16_t software_bits;
	uint64_t (*software)(uint16_t software);

	/* `attributes` without write permission; and with accessed, or dirty, cleared. The former
	 * does for leaf descriptors of any level too, of which it leaves alone what has another
	 * place there; it never touches break_bits. */
	uint64_t (*without_write)(const struct page_table *table, uint64_t attributes);
	/* What that comes to for a leaf that has none of the bits in write_marks: one bit cleared,
	 * or one set. Hardware sets those marks, or software does; not at all, if there are none.
	 */
	uint64_t write_clear;
	uint64_t write_set;
	uint64_t write_marks;
	bool write_marks_of_hardware;
	/* Only leaves of a table with that feature have marks; 0: of any. */
	uint32_t write_marks_feature;
	uint64_t (*cleaned)(const struct page_table *table, uint64_t attributes, bool accessed,
			    bool dirty);
	/* `leaf`, accessed and dirty also if `other`, a leaf like it, is. */
	uint64_t (*merge)(const struct page_table *table, uint64_t leaf, uint64_t other);

	/* Between an attribute word with an address and a leaf descriptor of that level. */
	uint64_t (*leaf)(uint64_t attributes, phys_addr phys, unsigned int level);
	uint64_t (*leaf_attributes)(uint64_t descriptor, unsigned int level);
	phys_addr (*leaf_address)(uint64_t descriptor, unsigned int level);

	/* The bit that only a global leaf has, or the one that only it has not; neither: there are
	 * none. */
	uint64_t global;
	uint64_t not_global;
	/* At level 0, bits of every page, or nearly: all together none but a page has them. Only
	 * formats that are `counted` (below) are asked for them. */
	uint64_t page;

	/* An entry that is not present is empty. */
	bool (*is_present)(const struct page_table *table, uint64_t descriptor, unsigned int level);
	/* Of a present entry. */
	bool (*is_leaf)(uint64_t descriptor, unsigned int level);
	/* Above level 0, in as few instructions as can be: true only of an entry that leads to a
	 * table, and of each that `table` below makes. */
	bool (*is_plain_table)(uint64_t descriptor);
	/* At level 0, likewise: true only of a leaf that is in no group. */
	bool (*is_plain_leaf)(uint64_t descriptor);

	/*
	 * The rules, as a mask by RULE(), that a descriptor that is not 0 breaks, whether present
	 * or not. check.h knows what holds for every format (sizes, alignment of leaves, widths);
	 * this knows reserved bits, and fields and features that depend on each other.
	 */
	uint64_t (*broken)(const struct page_table *table, uint64_t descriptor, unsigned int level);

	uint64_t (*table)(const struct page_table *table, phys_addr phys);
	phys_addr (*table_address)(uint64_t descriptor);
	/* The bits of a table entry that are the address as it is, if that is all, and of a leaf of
	 * level 0 too; else 0. */
	uint64_t table_bits;

	/* The number of live entries in the table that a table entry points to, kept in bits of
	 * that entry which the MMU ignores: emptiness is known without reading the table. A format
	 * whose entries have no room is not `counted`, and its tables are searched instead. */
	bool counted;
	uint64_t (*count)(uint64_t descriptor);
	uint64_t (*with_count)(uint64_t descriptor, uint64_t count);
	/* One entry more (there is room), one fewer (there is one). */
	uint64_t (*count_up)(uint64_t descriptor);
	uint64_t (*count_down)(uint64_t descriptor);
	/* An entry that leads to a table of which each entry is live, masked, and the mask: in one
	 * comparison, true only of such and of each one that `table` and `with_count` make. */
	uint64_t full_table;
	uint64_t full_table_mask;
	/* One fewer, in as few instructions as can be, of an entry that the library made: true if
	 * any are left then, else the descriptor is of no use. */
	bool (*count_down_left)(uint64_t *descriptor);
};

/*
 * What the members above read of a table, for a loop over entries: unlike the table's own, these
 * fields are in nobody's reach, and so stay in registers.
 */
static ALWAYS_INLINE void table_view(struct page_table *view, const struct page_table *table)
{
	analyzer_fills(view);
	view->features = table->features;
	view->modifier = table->modifier;
	view->table_bits = table->table_bits;
	view->memory_attributes = table->memory_attributes;
	view->index_types = table->index_types;
}

static ALWAYS_INLINE unsigned int level_shift(const struct encoder *e, unsigned int level)
{
	unsigned int shift = e->granule_shift + level * e->index_bits;

	/* Levels that a table has, and one more: what the root spans. */
	ASSUME(shift < 64);
	return shift;
}

/* Bytes that an entry of the level spans. */
static ALWAYS_INLINE uint64_t level_size(const struct encoder *e, unsigned int level)
{
	return UINT64_C(1) << level_shift(e, level);
}

static ALWAYS_INLINE unsigned int top_level(const struct page_table *table)
{
	/* No format has tables of one level: a lowest table always has an entry that links to it.
	 */
	ASSUME(table->levels > 1 && table->levels <= PAGE_TABLE_MAX_LEVELS);
	return table->levels - 1u;
}

/* Entries of a table of the level. The root may be narrower or wider than the others. */
static ALWAYS_INLINE uint64_t level_entries(const struct encoder *e, const struct page_table *table,
					    unsigned int level)
{
	if (level == top_level(table))
		return UINT64_C(1) << (table->input_bits - level_shift(e, level));
	return UINT64_C(1) << e->index_bits;
}

static ALWAYS_INLINE uint64_t table_bytes(const struct encoder *e, const struct page_table *table,
					  unsigned int level)
{
	return level_entries(e, table, level) * sizeof(uint64_t);
}

/* `input` is an input address without its sign extension, here and in all of the engine. */
static ALWAYS_INLINE uint64_t level_index(const struct encoder *e, const struct page_table *table,
					  unsigned int level, uint64_t input)
{
	return (input >> level_shift(e, level)) & (level_entries(e, table, level) - 1);
}

static ALWAYS_INLINE uint64_t input_mask(const struct page_table *table)
{
	return (UINT64_C(1) << table->input_bits) - 1;
}

static ALWAYS_INLINE virt_addr input_extend(const struct encoder *e, const struct page_table *table,
					    uint64_t input)
{
	uint64_t sign = UINT64_C(1) << (table->input_bits - 1u);

	if (e->input == INPUT_SIGN_EXTENDED)
		return (input ^ sign) - sign;
	if (e->input == INPUT_ONE_HALF && table->upper)
		return input | ~input_mask(table);
	return input;
}

/*
 * The encoder's members as the engine uses them: with the address modifier, which is an attribute
 * of a leaf, and the same in every table entry.
 */
static ALWAYS_INLINE uint64_t leaf_attributes(const struct encoder *e,
					      const struct page_table *table, uint64_t descriptor,
					      unsigned int level)
{
	uint64_t attributes = e->leaf_attributes(descriptor, level);

	return e->modifiers ? attributes | (descriptor & table->modifier) : attributes;
}

static ALWAYS_INLINE phys_addr leaf_address(const struct encoder *e, const struct page_table *table,
					    uint64_t descriptor, unsigned int level)
{
	phys_addr phys;

	if (level == 0 && e->table_bits != 0)
		return descriptor & table->table_bits;
	phys = e->leaf_address(descriptor, level);
	return e->modifiers ? phys & ~table->modifier : phys;
}

static ALWAYS_INLINE uint64_t table_entry(const struct encoder *e, const struct page_table *table,
					  phys_addr phys)
{
	uint64_t entry = e->table(table, phys);

	return e->modifiers && table->modified_tables ? entry | table->modifier : entry;
}

static ALWAYS_INLINE phys_addr table_address(const struct encoder *e,
					     const struct page_table *table, uint64_t descriptor)
{
	if (e->table_bits != 0)
		return descriptor & table->table_bits;
	/* Every format with modifiers has table_bits, which leave the modifier out. */
	ASSUME(!e->modifiers);
	return e->table_address(descriptor);
}

/*
 * Most tables have four levels, a whole root and memory at an offset: their walk for one address,
 * with an index of constant width at each level, begins at plain_root. Called whenever one of
 * these changes.
 */
static inline void table_note_walk(struct page_table *table)
{
	bool plain = table->whole_root && table->levels == 4 && !table->access.map;

	table->plain_limit = plain ? table->input_limit : 0;
	table->plain_root = NULL;
	if (plain)
		table->plain_root = (uint64_t *)(uintptr_t)(table->root + table->access.offset);
}

static ALWAYS_INLINE bool is_global(const struct encoder *e, uint64_t descriptor)
{
	return (descriptor & e->global) != 0 || (~descriptor & e->not_global) != 0;
}

/* No leaf of the table has a mark. */
static ALWAYS_INLINE bool write_is_plain(const struct encoder *e, const struct page_table *table)
{
	return e->write_marks == 0 ||
	       (e->write_marks_feature != 0 && !table_has(table, e->write_marks_feature));
}

/* `descriptor`, a leaf, without write permission: of one that has no mark, and of any. */
static ALWAYS_INLINE uint64_t write_cleared(const struct encoder *e, uint64_t descriptor)
{
	return (descriptor & ~e->write_clear) | e->write_set;
}

static ALWAYS_INLINE uint64_t write_protected(const struct encoder *e,
					      const struct page_table *table, uint64_t descriptor)
{
	if (UNLIKELY((descriptor & e->write_marks) != 0))
		return e->without_write(table, descriptor);
	return write_cleared(e, descriptor);
}

static ALWAYS_INLINE bool encode_flags(const struct encoder *e, const struct page_table *table,
				       struct page_flags flags, uint64_t *attributes)
{
	bool modified = flags.modified;

	if (modified && (!e->modifiers || table->modifier == 0))
		return false;
	if (!e->encode(table, flags, attributes))
		return false;
	*attributes |= modified ? table->modifier : 0;
	return true;
}

static ALWAYS_INLINE struct page_flags decode_flags(const struct encoder *e,
						    const struct page_table *table,
						    uint64_t attributes, struct inherited inherited)
{
	struct page_flags flags = e->decode(table, attributes, inherited);

	flags.modified = e->modifiers && (attributes & table->modifier) != 0;
	return flags;
}

#endif
