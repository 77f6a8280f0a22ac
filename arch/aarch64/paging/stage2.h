/* SPDX-License-Identifier: MIT */
/* AArch64 stage 2: Arm ARM DDI 0487, D8.3.2, D8.4.2 (permissions), D8.5.4 to D8.5.6 (types). */
#ifndef AARCH64_PAGING_STAGE2_H
#define AARCH64_PAGING_STAGE2_H

#include "twofold/aarch64.h"

#include "descriptor.h"
#include "engine/engine.h"

#define TYPE_SHIFT    2                             /* MemAttr[3:0] */
#define DEVICE_MASK   (UINT64_C(0xc) << TYPE_SHIFT) /* 0 in all device types */
#define READ          (UINT64_C(1) << 6)            /* S2AP[0] */
#define WRITE         (UINT64_C(1) << 7)            /* S2AP[1] */
#define XN_SHIFT      53                            /* XN[1:0]; without XNX bit 53 is RES0 */
#define XN_NONE       (UINT64_C(0) << XN_SHIFT)
#define XN_PRIVILEGED (UINT64_C(1) << XN_SHIFT) /* EL0 may fetch */
#define XN_ALL        (UINT64_C(2) << XN_SHIFT)
#define XN_USER       (UINT64_C(3) << XN_SHIFT) /* EL1 may fetch */
#define XN_MASK       (UINT64_C(3) << XN_SHIFT)

#define NO_TYPE UINT8_MAX

#define FEATURES (AARCH64_HARDWARE_DIRTY | AARCH64_XNX | AARCH64_FWB | AARCH64_BBM2)

/* MemAttr by enum memory_type: combined with stage 1's type, and with FWB instead of it. */
static const uint8_t combined_types[] = {
	[MEMORY_NORMAL] = 0xf,
	[MEMORY_WRITE_THROUGH] = 0xa,
	[MEMORY_NONCACHEABLE] = 0x5,
	[MEMORY_DEVICE] = 0x1,
	[MEMORY_WRITE_PROTECTED] = NO_TYPE,
	[MEMORY_DEVICE_WEAK] = 0x3,
	[MEMORY_DEVICE_STRICT] = 0x0,
	[MEMORY_TYPES] = NO_TYPE,
};

static const uint8_t forced_types[] = {
	[MEMORY_NORMAL] = 0x6,
	[MEMORY_WRITE_THROUGH] = NO_TYPE,
	[MEMORY_NONCACHEABLE] = 0x5,
	[MEMORY_DEVICE] = 0x1,
	[MEMORY_WRITE_PROTECTED] = NO_TYPE,
	[MEMORY_DEVICE_WEAK] = 0x3,
	[MEMORY_DEVICE_STRICT] = 0x0,
	[MEMORY_TYPES] = NO_TYPE,
};

/* And back: 4 bits for each MemAttr; 7 is none of the types. */
#define COMBINED_BACK UINT64_C(0x0777717777275736)
#define FORCED_BACK   UINT64_C(0x7777777770275736)

static ALWAYS_INLINE unsigned int stage2_type(const struct page_table *table, uint64_t a)
{
	uint64_t back = table_has(table, AARCH64_FWB) ? FORCED_BACK : COMBINED_BACK;

	return back >> (a & UINT64_C(0xf) << TYPE_SHIFT) & 7;
}

static ALWAYS_INLINE const uint8_t *stage2_types(const struct page_table *table)
{
	return table_has(table, AARCH64_FWB) ? forced_types : combined_types;
}

static ALWAYS_INLINE enum paging_status stage2_configure(struct page_table *table,
							 const struct page_table_config *config,
							 unsigned int granule_shift, bool lpa2)
{
	if ((config->features & ~FEATURES) != 0)
		return PAGING_BAD_FEATURES;
	if (config->memory_attributes != 0)
		return PAGING_BAD_ATTRIBUTES;
	return arm_configure(table, config, granule_shift, lpa2, ARM_CONCATENATION);
}

static ALWAYS_INLINE bool stage2_expressible(const struct page_table *table,
					     struct page_flags flags, bool lpa2)
{
	bool apart = flags.execute_privileged || flags.execute_user;

	if (!flags.read && !flags.write && !flags.execute && !apart)
		return false;
	if (flags.user || flags.global || flags.guarded || flags.ignore_pat || flags.suppress_ve ||
	    flags.protection_key != 0 || flags.reserved0 != 0 || flags.reserved1 != 0)
		return false;
	if (apart && !table_has(table, AARCH64_XNX))
		return false;
	/* Both of them is what `execute` says. */
	if (apart && (flags.execute || (flags.execute_privileged && flags.execute_user)))
		return false;
	if (flags.dirty && !table_has(table, AARCH64_HARDWARE_DIRTY))
		return false;
	if ((lpa2 || arm_is_device(flags.type)) && flags.share != SHARE_DEFAULT)
		return false;
	return stage2_types(table)[flags.type] != NO_TYPE && (flags.software & ~ARM_SOFTWARE) == 0;
}

/* As at stage 1, but it is the write permission itself that hardware sets. */
static ALWAYS_INLINE uint64_t stage2_write(bool managed, bool write, bool dirty)
{
	if (!write)
		return bits_if(dirty, ARM_WAS_DIRTY);
	if (!managed)
		return WRITE;
	return ARM_DBM | bits_if(dirty, WRITE);
}

static ALWAYS_INLINE uint64_t stage2_execute(struct page_flags flags)
{
	if (flags.execute)
		return XN_NONE;
	if (flags.execute_privileged)
		return XN_USER;
	return flags.execute_user ? XN_PRIVILEGED : XN_ALL;
}

static ALWAYS_INLINE bool stage2_encode(const struct page_table *table, struct page_flags flags,
					uint64_t *attributes, bool lpa2)
{
	bool managed = table_has(table, AARCH64_HARDWARE_DIRTY);
	uint64_t a = ARM_VALID;

	if (!stage2_expressible(table, flags, lpa2))
		return false;
	a |= (uint64_t)stage2_types(table)[flags.type] << TYPE_SHIFT;
	a |= bits_if(flags.read, READ);
	a |= stage2_write(managed, flags.write, flags.dirty);
	a |= bits_if(!flags.idle, ARM_ACCESSED);
	a |= bits_if(!lpa2, arm_share(flags));
	a |= stage2_execute(flags);
	a |= arm_software(flags.software);
	*attributes = a;
	return true;
}

static ALWAYS_INLINE uint64_t stage2_decode_execute(const struct page_table *table, uint64_t a)
{
	uint64_t xn = a & XN_MASK;

	if (!table_has(table, AARCH64_XNX))
		xn &= XN_ALL;
	switch (xn) {
	case XN_NONE:
		return UINT64_C(1) << FLAG_EXECUTE;
	case XN_USER:
		return UINT64_C(1) << FLAG_EXECUTE_PRIVILEGED;
	case XN_PRIVILEGED:
		return UINT64_C(1) << FLAG_EXECUTE_USER;
	default:
		return 0;
	}
}

/* Write permission and dirty state: stage2_write's other way. */
static ALWAYS_INLINE uint64_t stage2_decode_write(const struct page_table *table, uint64_t a)
{
	uint64_t write = a >> 7 & 1;
	uint64_t dirty = 0;

	if (table_has(table, AARCH64_HARDWARE_DIRTY)) {
		uint64_t managed = a >> 51 & 1;

		dirty = (write & managed) | (a >> 55 & 1);
		write |= managed;
	}
	return write << FLAG_WRITE | dirty << FLAG_DIRTY;
}

static ALWAYS_INLINE struct page_flags stage2_decode(const struct page_table *table, uint64_t a,
						     struct inherited above, bool lpa2)
{
	unsigned int type = stage2_type(table, a);
	uint64_t word = move_bit(a, 6, FLAG_READ) | (uint64_t)type << FLAG_TYPE |
			stage2_decode_write(table, a) | move_bit(~a, 10, FLAG_IDLE) |
			stage2_decode_execute(table, a) |
			(a >> ARM_SOFTWARE_SHIFT & ARM_SOFTWARE) << FLAG_SOFTWARE;

	(void)above; /* stage 2 table entries take nothing away */
	if (!lpa2)
		word |= arm_decode_share((a & DEVICE_MASK) == 0, a);
	return flags_of_word(word);
}

/* From here on as at stage 1. */
static ALWAYS_INLINE uint64_t stage2_keep(const struct page_table *table, uint64_t attributes,
					  uint64_t old)
{
	bool dirty = (old & ARM_WAS_DIRTY) != 0 || ((old & ARM_DBM) != 0 && (old & WRITE) != 0);

	attributes = (attributes & ~ARM_ACCESSED) | (old & ARM_ACCESSED);
	if (!dirty || !table_has(table, AARCH64_HARDWARE_DIRTY))
		return attributes;
	return attributes | ((attributes & ARM_DBM) != 0 ? WRITE : ARM_WAS_DIRTY);
}

static ALWAYS_INLINE uint64_t stage2_without_write(const struct page_table *table,
						   uint64_t attributes)
{
	/* Dirty is DBM with WRITE (bits 51 and 7). */
	uint64_t dirty = attributes >> 51 & attributes >> 7 & 1;

	if (!table_has(table, AARCH64_HARDWARE_DIRTY))
		return attributes & ~WRITE;
	return (attributes & ~(WRITE | ARM_DBM)) | dirty << 55;
}

static ALWAYS_INLINE uint64_t stage2_cleaned(const struct page_table *table, uint64_t attributes,
					     bool accessed, bool dirty)
{
	attributes &= ~bits_if(accessed, ARM_ACCESSED);
	if (!dirty || !table_has(table, AARCH64_HARDWARE_DIRTY))
		return attributes;
	return attributes & ~(ARM_WAS_DIRTY | bits_if((attributes & ARM_DBM) != 0, WRITE));
}

static ALWAYS_INLINE uint64_t stage2_merge(const struct page_table *table, uint64_t leaf,
					   uint64_t other)
{
	leaf |= other & ARM_ACCESSED;
	if (!table_has(table, AARCH64_HARDWARE_DIRTY))
		return leaf;
	leaf |= other & ARM_WAS_DIRTY;
	if ((other & ARM_DBM) != 0)
		leaf |= other & WRITE;
	return leaf;
}

#define STAGE2_TABLE_RES0 (ARM_BITS(63, 59) | ARM_BITS(50, 50))
#define STAGE2_LEAF_RES0  (ARM_BITS(50, 50) | ARM_BITS(11, 11))

/* D8.6.6: MemAttr is 0b00dd, or two non-zero halves; with FWB it is up to 0b0111 but not 0b0100. */
static ALWAYS_INLINE bool stage2_type_reserved(const struct page_table *table, uint64_t type)
{
	if (table_has(table, AARCH64_FWB))
		return type == 4 || type >= 8;
	return type != 0 && (type & 3) == 0;
}

static ALWAYS_INLINE uint64_t stage2_broken(const struct page_table *table, uint64_t descriptor,
					    unsigned int level, unsigned int granule_shift,
					    bool lpa2)
{
	uint64_t rules = arm_broken(granule_shift, lpa2, descriptor, level, STAGE2_TABLE_RES0,
				    STAGE2_LEAF_RES0);

	if (!arm_is_present(table, descriptor, level) || !arm_is_leaf(descriptor, level))
		return rules;
	if ((descriptor & XN_PRIVILEGED) != 0 && !table_has(table, AARCH64_XNX))
		rules |= RULE(PAGE_RULE_FEATURE);
	if (stage2_type_reserved(table, descriptor >> TYPE_SHIFT & 0xf))
		rules |= RULE(PAGE_RULE_MEMORY_TYPE);
	return rules;
}

#define STAGE2_FORMAT(format, name, granule_shift, lpa2)                                         \
	ARM_DEFINE_ADDRESSES(format, granule_shift, lpa2)                                        \
	static enum paging_status format##_configure(struct page_table *table,                   \
						     const struct page_table_config *config)     \
	{                                                                                        \
		return stage2_configure(table, config, granule_shift, lpa2);                     \
	}                                                                                        \
	static ALWAYS_INLINE bool format##_encode(const struct page_table *table,                \
						  struct page_flags flags, uint64_t *attributes) \
	{                                                                                        \
		return stage2_encode(table, flags, attributes, lpa2);                            \
	}                                                                                        \
	static ALWAYS_INLINE struct page_flags format##_decode(                                  \
		const struct page_table *table, uint64_t attributes, struct inherited above)     \
	{                                                                                        \
		return stage2_decode(table, attributes, above, lpa2);                            \
	}                                                                                        \
	static ALWAYS_INLINE uint64_t format##_broken(const struct page_table *table,            \
						      uint64_t descriptor, unsigned int level)   \
	{                                                                                        \
		return stage2_broken(table, descriptor, level, granule_shift, lpa2);             \
	}                                                                                        \
	static const struct encoder format##_encoder = {                                         \
		ARM_ENCODER_ADDRESSES(format, granule_shift, lpa2),                              \
		.input = INPUT_ZERO_EXTENDED,                                                    \
		.configure = format##_configure,                                                 \
		.encode = format##_encode,                                                       \
		.decode = format##_decode,                                                       \
		.broken = format##_broken,                                                       \
		.keep = stage2_keep,                                                             \
		.without_write = stage2_without_write,                                           \
		.write_clear = WRITE,                                                            \
		.cleaned = stage2_cleaned,                                                       \
		.merge = stage2_merge,                                                           \
		.break_bits = (lpa2) ? (UINT64_C(0xf) << TYPE_SHIFT)                             \
				     : (UINT64_C(0xf) << TYPE_SHIFT) | ARM_SHARE_MASK,           \
	};                                                                                       \
	PAGING_DEFINE_FORMAT_OF_KIND(format, name, format##_encoder,                             \
				     ARM_KIND_STAGE2 | (granule_shift) |                         \
					     ((lpa2) ? ARM_KIND_LPA2 : 0))

#endif
