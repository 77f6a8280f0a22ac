/* SPDX-License-Identifier: MIT */
/* AArch64 stage 1: Arm ARM DDI 0487, D8.3.2 (attributes), D8.4 (permissions), D8.5 (types). */
#ifndef AARCH64_PAGING_STAGE1_H
#define AARCH64_PAGING_STAGE1_H

#include "twofold/aarch64.h"

#include "descriptor.h"
#include "engine/engine.h"

#define INDEX_SHIFT 2                   /* AttrIndx */
#define NON_SECURE  (UINT64_C(1) << 5)  /* RES0 outside of Secure state */
#define USER        (UINT64_C(1) << 6)  /* AP[1]; RES1 at EL2 */
#define READ_ONLY   (UINT64_C(1) << 7)  /* AP[2] */
#define NOT_GLOBAL  (UINT64_C(1) << 11) /* RES0 at EL2 */
#define GUARDED     (UINT64_C(1) << 50)
#define PXN         (UINT64_C(1) << 53) /* RES0 at EL2 */
#define UXN         (UINT64_C(1) << 54) /* XN at EL2 */

/* What table entries take away from the leaves below them (D8.4.1). */
#define PXN_TABLE     (UINT64_C(1) << 59) /* bit 60 is UXN's */
#define NO_USER_TABLE (UINT64_C(1) << 61) /* APTable[0]; APTable[1], bit 62, is read-only's */

#define NO_INDEX UINT8_MAX

#define FEATURES (AARCH64_EL2 | AARCH64_UPPER | AARCH64_HARDWARE_DIRTY | AARCH64_BTI | AARCH64_BBM2)

/* MAIR bytes by enum memory_type (D8.5.3, MAIR_EL1). No byte says MEMORY_WRITE_PROTECTED. */
static const uint8_t mair_bytes[] = {
	[MEMORY_NORMAL] = 0xff, [MEMORY_WRITE_THROUGH] = 0xbb, [MEMORY_NONCACHEABLE] = 0x44,
	[MEMORY_DEVICE] = 0x04, [MEMORY_DEVICE_WEAK] = 0x0c,   [MEMORY_DEVICE_STRICT] = 0x00,
};

/* table->index_types: 4 bits for each index, the type that it stands for, or none (MEMORY_TYPES),
 * and whether it is a device's, with a name or without. */
#define INDEX_DEVICE 8u

static ALWAYS_INLINE unsigned int stage1_type_of(unsigned int byte)
{
	unsigned int type = 0;

	while (type < MEMORY_TYPES && (type == MEMORY_WRITE_PROTECTED || mair_bytes[type] != byte))
		type++;
	return type;
}

static ALWAYS_INLINE enum paging_status stage1_configure(struct page_table *table,
							 const struct page_table_config *config,
							 unsigned int granule_shift, bool lpa2)
{
	if ((config->features & ~FEATURES) != 0)
		return PAGING_BAD_FEATURES;
	if ((config->features & AARCH64_EL2) != 0 && (config->features & AARCH64_UPPER) != 0)
		return PAGING_BAD_FEATURES;
	table->upper = (config->features & AARCH64_UPPER) != 0;
	/* The first MAIR byte that says each type. */
	table->type_index = UINT64_MAX;
	table->index_types = 0;
	for (unsigned int i = 8; i-- != 0;) {
		unsigned int byte = (uint8_t)(config->memory_attributes >> (8 * i));
		unsigned int type = stage1_type_of(byte);

		table->index_types |= (type | (byte < 0x10 ? INDEX_DEVICE : 0)) << (4 * i);
		if (type == MEMORY_TYPES)
			continue;
		table->type_index &= ~((uint64_t)UINT8_MAX << (8 * type));
		table->type_index |= (uint64_t)i << (8 * type);
	}
	return arm_configure(table, config, granule_shift, lpa2, 0);
}

static ALWAYS_INLINE bool stage1_expressible(const struct page_table *table,
					     struct page_flags flags, bool lpa2)
{
	bool el2 = table_has(table, AARCH64_EL2);
	bool apart = flags.execute_privileged || flags.execute_user;

	if (!flags.read || flags.ignore_pat || flags.suppress_ve || flags.protection_key != 0 ||
	    flags.reserved0 != 0 || flags.reserved1 != 0)
		return false;
	if (el2 && (apart || flags.user || flags.global))
		return false;
	if (flags.execute && apart)
		return false;
	/* One of the two alone is what `execute` says, where it is the natural one... */
	if (apart && !(flags.execute_privileged && flags.execute_user) &&
	    flags.execute_user == flags.user)
		return false;
	/* ... and EL1 never fetches from what EL0 can write. */
	if (flags.execute_privileged && flags.user && flags.write)
		return false;
	if (flags.dirty && !table_has(table, AARCH64_HARDWARE_DIRTY))
		return false;
	if (flags.guarded && !table_has(table, AARCH64_BTI))
		return false;
	/* With LPA2 shareability is the table's, in TCR. */
	if (lpa2 && flags.share != SHARE_DEFAULT)
		return false;
	if (arm_is_device(flags.type) && flags.share != SHARE_DEFAULT)
		return false;
	return (uint8_t)(table->type_index >> (8 * flags.type)) != NO_INDEX &&
	       (flags.software & ~ARM_SOFTWARE) == 0;
}

/* Write permission and dirty state. With hardware management a clean writable leaf is read-only
 * with DBM, and the first write clears READ_ONLY. */
static ALWAYS_INLINE uint64_t stage1_write(bool managed, bool write, bool dirty)
{
	if (!write)
		return READ_ONLY | bits_if(dirty, ARM_WAS_DIRTY);
	return bits_if(managed, ARM_DBM | bits_if(!dirty, READ_ONLY));
}

static ALWAYS_INLINE uint64_t stage1_execute(struct page_flags flags)
{
	bool user = flags.execute_user || (flags.execute && flags.user);
	bool privileged = flags.execute_privileged || (flags.execute && !flags.user);

	return bits_if(!user, UXN) | bits_if(!privileged, PXN);
}

static ALWAYS_INLINE bool stage1_encode(const struct page_table *table, struct page_flags flags,
					uint64_t *attributes, bool lpa2)
{
	bool managed = table_has(table, AARCH64_HARDWARE_DIRTY);
	uint64_t a = ARM_VALID;

	if (!stage1_expressible(table, flags, lpa2))
		return false;
	a |= (uint64_t)(uint8_t)(table->type_index >> (8 * flags.type)) << INDEX_SHIFT;
	a |= bits_if(!flags.idle, ARM_ACCESSED);
	a |= bits_if(!lpa2, arm_share(flags));
	a |= stage1_write(managed, flags.write, flags.dirty);
	a |= bits_if(flags.guarded, GUARDED);
	a |= arm_software(flags.software);
	if (table_has(table, AARCH64_EL2))
		a |= USER | bits_if(!flags.execute, UXN);
	else
		a |= bits_if(flags.user, USER) | bits_if(!flags.global, NOT_GLOBAL) |
		     stage1_execute(flags);
	*attributes = a;
	return true;
}

/* Who may fetch: `execute` where it is the natural one alone. */
static ALWAYS_INLINE uint64_t stage1_decode_execute(bool user_page, bool user_fetch,
						    bool privileged_fetch)
{
	if (user_fetch != privileged_fetch && user_fetch == user_page)
		return UINT64_C(1) << FLAG_EXECUTE;
	return (uint64_t)user_fetch << FLAG_EXECUTE_USER | (uint64_t)privileged_fetch
								   << FLAG_EXECUTE_PRIVILEGED;
}

/* Write permission and dirty state: stage1_write's other way. */
static ALWAYS_INLINE uint64_t stage1_decode_write(const struct page_table *table, uint64_t a,
						  struct inherited above)
{
	uint64_t write = ~a >> 7 & 1;
	uint64_t dirty = 0;

	if (table_has(table, AARCH64_HARDWARE_DIRTY)) {
		uint64_t managed = a >> 51 & 1;

		dirty = (write & managed) | (a >> 55 & 1);
		write |= managed;
	}
	write &= ~(above.any >> 62);
	return write << FLAG_WRITE | dirty << FLAG_DIRTY;
}

static ALWAYS_INLINE struct page_flags stage1_decode(const struct page_table *table, uint64_t a,
						     struct inherited above, bool lpa2)
{
	unsigned int type = table->index_types >> (a & UINT64_C(7) << INDEX_SHIFT);
	uint64_t never; /* UXN and PXN; the bits of tables are 6 higher */
	uint64_t word = UINT64_C(1) << FLAG_READ | (uint64_t)(type & 7) << FLAG_TYPE |
			stage1_decode_write(table, a, above) | move_bit(~a, 10, FLAG_IDLE) |
			(a >> ARM_SOFTWARE_SHIFT & ARM_SOFTWARE) << FLAG_SOFTWARE;
	bool user;

	if (table_has(table, AARCH64_BTI))
		word |= move_bit(a, 50, FLAG_GUARDED);
	if (!lpa2)
		word |= arm_decode_share((type & INDEX_DEVICE) != 0, a);
	never = (a & (UXN | PXN)) | (above.any >> 6 & (UXN | PXN));
	if (table_has(table, AARCH64_EL2))
		return flags_of_word(word | move_bit(~never, 54, FLAG_EXECUTE));
	user = (a & USER) != 0 && (above.any & NO_USER_TABLE) == 0;
	word |= (uint64_t)user << FLAG_USER | move_bit(~a, 11, FLAG_GLOBAL);
	if (user && (word & UINT64_C(1) << FLAG_WRITE) != 0)
		never |= PXN;
	return flags_of_word(word |
			     stage1_decode_execute(user, (never & UXN) == 0, (never & PXN) == 0));
}

/*
 * What follows deals with the dirty state only where hardware does: else DBM and bit 55 say
 * nothing, whoever has set them.
 *
 * The new leaf, which is clean, decides where the old one's dirty state goes.
 */
static ALWAYS_INLINE uint64_t stage1_keep(const struct page_table *table, uint64_t attributes,
					  uint64_t old)
{
	bool dirty = (old & ARM_WAS_DIRTY) != 0 || ((old & ARM_DBM) != 0 && (old & READ_ONLY) == 0);

	attributes = (attributes & ~ARM_ACCESSED) | (old & ARM_ACCESSED);
	if (!dirty || !table_has(table, AARCH64_HARDWARE_DIRTY))
		return attributes;
	return (attributes & ARM_DBM) != 0 ? attributes & ~READ_ONLY : attributes | ARM_WAS_DIRTY;
}

static ALWAYS_INLINE uint64_t stage1_without_write(const struct page_table *table,
						   uint64_t attributes)
{
	/* Dirty is DBM without READ_ONLY (bits 51 and 7). */
	uint64_t dirty = attributes >> 51 & ~(attributes >> 7) & 1;

	if (!table_has(table, AARCH64_HARDWARE_DIRTY))
		return attributes | READ_ONLY;
	return (attributes & ~ARM_DBM) | READ_ONLY | dirty << 55;
}

static ALWAYS_INLINE uint64_t stage1_cleaned(const struct page_table *table, uint64_t attributes,
					     bool accessed, bool dirty)
{
	attributes &= ~bits_if(accessed, ARM_ACCESSED);
	if (!dirty || !table_has(table, AARCH64_HARDWARE_DIRTY))
		return attributes;
	return (attributes & ~ARM_WAS_DIRTY) | bits_if((attributes & ARM_DBM) != 0, READ_ONLY);
}

/* Dirty is shown by READ_ONLY being clear, next to DBM. */
static ALWAYS_INLINE uint64_t stage1_merge(const struct page_table *table, uint64_t leaf,
					   uint64_t other)
{
	leaf |= other & ARM_ACCESSED;
	if (!table_has(table, AARCH64_HARDWARE_DIRTY))
		return leaf;
	leaf |= other & ARM_WAS_DIRTY;
	if ((other & ARM_DBM) != 0 && (other & READ_ONLY) == 0)
		leaf &= ~READ_ONLY;
	return leaf;
}

/* MAIR bytes that stand for nothing, whatever the features: MAIR_EL1, Attr<n>. */
static ALWAYS_INLINE bool mair_reserved(uint64_t byte)
{
	if (byte < 0x10) /* device; bit 0 is FEAT_XS's */
		return (byte & 2) != 0;
	return (byte & 0xf) == 0 && byte != 0x40 && byte != 0xa0 && byte != 0xf0;
}

/* Table descriptors may take rights away (59 to 62); NSTable is ignored outside of Secure state. */
static ALWAYS_INLINE uint64_t stage1_broken(const struct page_table *table, uint64_t descriptor,
					    unsigned int level, unsigned int granule_shift,
					    bool lpa2)
{
	bool el2 = table_has(table, AARCH64_EL2);
	uint64_t own_table = GUARDED | (el2 ? PXN_TABLE | NO_USER_TABLE : 0);
	uint64_t own_leaf = NON_SECURE | (el2 ? PXN | NOT_GLOBAL : 0);
	uint64_t rules = arm_broken(granule_shift, lpa2, descriptor, level, own_table, own_leaf);

	if (!arm_is_present(table, descriptor, level) || !arm_is_leaf(descriptor, level))
		return rules;
	if (el2 && (descriptor & USER) == 0)
		rules |= RULE(PAGE_RULE_RESERVED);
	if ((descriptor & GUARDED) != 0 && !table_has(table, AARCH64_BTI))
		rules |= RULE(PAGE_RULE_FEATURE);
	if (mair_reserved(table->memory_attributes >> (8 * (descriptor >> INDEX_SHIFT & 7)) & 0xff))
		rules |= RULE(PAGE_RULE_MEMORY_TYPE);
	return rules;
}

/* D8.16.1: the memory type, and making global what other address spaces may have cached as theirs.
 */
#define STAGE1_BREAK_BITS (UINT64_C(7) << INDEX_SHIFT | NOT_GLOBAL)

#define STAGE1_FORMAT(format, name, granule_shift, lpa2)                                         \
	ARM_DEFINE_ADDRESSES(format, granule_shift, lpa2)                                        \
	static enum paging_status format##_configure(struct page_table *table,                   \
						     const struct page_table_config *config)     \
	{                                                                                        \
		return stage1_configure(table, config, granule_shift, lpa2);                     \
	}                                                                                        \
	static ALWAYS_INLINE bool format##_encode(const struct page_table *table,                \
						  struct page_flags flags, uint64_t *attributes) \
	{                                                                                        \
		return stage1_encode(table, flags, attributes, lpa2);                            \
	}                                                                                        \
	static ALWAYS_INLINE struct page_flags format##_decode(                                  \
		const struct page_table *table, uint64_t attributes, struct inherited above)     \
	{                                                                                        \
		return stage1_decode(table, attributes, above, lpa2);                            \
	}                                                                                        \
	static ALWAYS_INLINE uint64_t format##_broken(const struct page_table *table,            \
						      uint64_t descriptor, unsigned int level)   \
	{                                                                                        \
		return stage1_broken(table, descriptor, level, granule_shift, lpa2);             \
	}                                                                                        \
	static const struct encoder format##_encoder = {                                         \
		ARM_ENCODER_ADDRESSES(format, granule_shift, lpa2),                              \
		.input = INPUT_ONE_HALF,                                                         \
		.configure = format##_configure,                                                 \
		.encode = format##_encode,                                                       \
		.decode = format##_decode,                                                       \
		.broken = format##_broken,                                                       \
		.keep = stage1_keep,                                                             \
		.without_write = stage1_without_write,                                           \
		.write_set = READ_ONLY,                                                          \
		.cleaned = stage1_cleaned,                                                       \
		.merge = stage1_merge,                                                           \
		.break_bits = STAGE1_BREAK_BITS | ((lpa2) ? 0 : ARM_SHARE_MASK),                 \
		.not_global = NOT_GLOBAL,                                                        \
	};                                                                                       \
	PAGING_DEFINE_FORMAT_OF_KIND(format, name, format##_encoder,                             \
				     ARM_KIND_STAGE1 | (granule_shift) |                         \
					     ((lpa2) ? ARM_KIND_LPA2 : 0))

#endif
