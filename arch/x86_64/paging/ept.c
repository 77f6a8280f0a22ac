/* SPDX-License-Identifier: MIT */
/* Intel EPT: SDM vol. 3C 28.3 (tables 28-1 to 28-7). */
#include "twofold/x86_64.h"

#include "engine/engine.h"
#include "engine/flags_word.h"
#include "geometry.h"

#define READ         (UINT64_C(1) << 0)
#define WRITE        (UINT64_C(1) << 1)
#define EXECUTE      (UINT64_C(1) << 2) /* with EPT_MODE_BASED: from supervisor-mode addresses */
#define PERMISSIONS  (READ | WRITE | EXECUTE)
#define TYPE_SHIFT   3 /* of a leaf; bits 7:3 of a table entry are reserved */
#define IGNORE_PAT   (UINT64_C(1) << 6)
#define ACCESSED     (UINT64_C(1) << 8)
#define DIRTY        (UINT64_C(1) << 9)
#define EXECUTE_USER (UINT64_C(1) << 10) /* with EPT_MODE_BASED: from user-mode addresses */
#define SUPPRESS_VE  (UINT64_C(1) << 63)

#define SOFTWARE       UINT64_C(0x1f) /* flags.software is descriptor bits 56:52 */
#define SOFTWARE_SHIFT 52

#define NO_TYPE UINT8_MAX

/* EPT memory types by enum memory_type, SDM vol. 3C 28.3.7.2 (as the PAT's, without UC-)... */
static const uint8_t ept_types[] = {
	[MEMORY_NORMAL] = 6,
	[MEMORY_WRITE_THROUGH] = 4,
	[MEMORY_NONCACHEABLE] = 1,
	[MEMORY_DEVICE] = 0,
	[MEMORY_WRITE_PROTECTED] = 5,
	[MEMORY_DEVICE_WEAK] = NO_TYPE,
	[MEMORY_DEVICE_STRICT] = NO_TYPE,
	[MEMORY_TYPES] = NO_TYPE,
};

/* ... and back. 2, 3 and 7 misconfigure a leaf; the library never writes them. */
static const uint8_t memory_types[] = {
	MEMORY_DEVICE,        MEMORY_NONCACHEABLE,    MEMORY_DEVICE, MEMORY_DEVICE,
	MEMORY_WRITE_THROUGH, MEMORY_WRITE_PROTECTED, MEMORY_NORMAL, MEMORY_DEVICE,
};

static enum paging_status ept_configure(struct page_table *table,
					const struct page_table_config *config)
{
	if (config->memory_attributes != 0)
		return PAGING_BAD_ATTRIBUTES;
	return x86_configure(table, config,
			     EPT_EXECUTE_ONLY | EPT_ACCESSED_DIRTY | EPT_SUPPRESS_VE |
				     EPT_MODE_BASED);
}

/* What grants access, and so makes an entry present: SDM vol. 3C 28.3.2. */
static ALWAYS_INLINE uint64_t ept_permissions(const struct page_table *table)
{
	return PERMISSIONS | bits_if(table_has(table, EPT_MODE_BASED), EXECUTE_USER);
}

static ALWAYS_INLINE bool ept_expressible(const struct page_table *table, struct page_flags flags)
{
	bool apart = flags.execute_privileged || flags.execute_user;

	if (flags.write && !flags.read)
		return false;
	if (!flags.read && !((flags.execute || apart) && table_has(table, EPT_EXECUTE_ONLY)))
		return false;
	if (apart && !table_has(table, EPT_MODE_BASED))
		return false;
	/* Both of them is what `execute` says. */
	if (apart && (flags.execute || (flags.execute_privileged && flags.execute_user)))
		return false;
	if (flags.user || flags.global)
		return false;
	if ((flags.idle || flags.dirty) && !table_has(table, EPT_ACCESSED_DIRTY))
		return false;
	if (flags.suppress_ve && !table_has(table, EPT_SUPPRESS_VE))
		return false;
	if (flags.guarded || flags.protection_key != 0 || flags.reserved0 != 0 ||
	    flags.reserved1 != 0)
		return false;
	return ept_types[flags.type] != NO_TYPE && (flags.software & ~SOFTWARE) == 0;
}

static ALWAYS_INLINE uint64_t ept_software(uint16_t software)
{
	return (software & SOFTWARE) << SOFTWARE_SHIFT;
}

static ALWAYS_INLINE uint64_t ept_execute(const struct page_table *table, struct page_flags flags)
{
	if (flags.execute)
		return ept_permissions(table) & (EXECUTE | EXECUTE_USER);
	return bits_if(flags.execute_privileged, EXECUTE) |
	       bits_if(flags.execute_user, EXECUTE_USER);
}

static ALWAYS_INLINE bool ept_encode(const struct page_table *table, struct page_flags flags,
				     uint64_t *attributes)
{
	uint64_t a;

	if (!ept_expressible(table, flags))
		return false;
	a = (uint64_t)ept_types[flags.type] << TYPE_SHIFT;
	a |= bits_if(flags.read, READ);
	a |= bits_if(flags.write, WRITE);
	a |= ept_execute(table, flags);
	a |= bits_if(flags.ignore_pat, IGNORE_PAT);
	a |= bits_if(flags.dirty, DIRTY);
	a |= bits_if(flags.suppress_ve, SUPPRESS_VE);
	a |= ept_software(flags.software);
	if (table_has(table, EPT_ACCESSED_DIRTY) && !flags.idle)
		a |= ACCESSED;
	*attributes = a;
	return true;
}

/* The two execute permissions, when told apart. */
static ALWAYS_INLINE uint64_t ept_decode_execute(uint64_t granted)
{
	if ((granted & EXECUTE) == 0)
		return move_bit(granted, 10, FLAG_EXECUTE_USER);
	return UINT64_C(1) << ((granted & EXECUTE_USER) != 0 ? FLAG_EXECUTE
							     : FLAG_EXECUTE_PRIVILEGED);
}

static ALWAYS_INLINE struct page_flags ept_decode(const struct page_table *table, uint64_t a,
						  struct inherited above)
{
	uint64_t granted = a & above.all;
	uint64_t type = memory_types[a >> TYPE_SHIFT & 7];
	uint64_t word = (granted & PERMISSIONS) | type << FLAG_TYPE |
			move_bit(a, 6, FLAG_IGNORE_PAT) |
			(a >> SOFTWARE_SHIFT & SOFTWARE) << FLAG_SOFTWARE;

	if (table_has(table, EPT_MODE_BASED))
		word = (word & ~EXECUTE) | ept_decode_execute(granted);
	if (table_has(table, EPT_SUPPRESS_VE))
		word |= move_bit(a, 63, FLAG_SUPPRESS_VE);
	/* Accessed and dirty are next to each other in both. */
	if (table_has(table, EPT_ACCESSED_DIRTY))
		word |= ((a & (ACCESSED | DIRTY)) ^ ACCESSED) >> (8 - FLAG_IDLE);
	return flags_of_word(word);
}

static ALWAYS_INLINE uint64_t ept_keep(const struct page_table *table, uint64_t attributes,
				       uint64_t old)
{
	(void)table;
	return (attributes & ~(ACCESSED | DIRTY)) | (old & (ACCESSED | DIRTY));
}

static ALWAYS_INLINE uint64_t ept_without_write(const struct page_table *table, uint64_t attributes)
{
	(void)table;
	return attributes & ~WRITE;
}

static ALWAYS_INLINE uint64_t ept_cleaned(const struct page_table *table, uint64_t attributes,
					  bool accessed, bool dirty)
{
	/* Else they are no marks. */
	if (!table_has(table, EPT_ACCESSED_DIRTY))
		return attributes;
	return attributes & ~(bits_if(accessed, ACCESSED) | bits_if(dirty, DIRTY));
}

static ALWAYS_INLINE uint64_t ept_merge(const struct page_table *table, uint64_t leaf,
					uint64_t other)
{
	(void)table;
	return leaf | (other & (ACCESSED | DIRTY));
}

static ALWAYS_INLINE uint64_t ept_leaf(uint64_t attributes, phys_addr phys, unsigned int level)
{
	return attributes | phys | bits_if(level != 0, X86_LARGE);
}

static ALWAYS_INLINE uint64_t ept_leaf_attributes(uint64_t descriptor, unsigned int level)
{
	(void)level;
	return descriptor & ~(X86_ADDRESS | X86_LARGE);
}

static ALWAYS_INLINE phys_addr ept_leaf_address(uint64_t descriptor, unsigned int level)
{
	(void)level;
	return descriptor & X86_ADDRESS;
}

static ALWAYS_INLINE bool ept_is_present(const struct page_table *table, uint64_t descriptor,
					 unsigned int level)
{
	(void)level;
	return (descriptor & ept_permissions(table)) != 0;
}

static ALWAYS_INLINE uint64_t ept_table(const struct page_table *table, phys_addr phys)
{
	uint64_t accessed = bits_if(table_has(table, EPT_ACCESSED_DIRTY), ACCESSED);

	return phys | ept_permissions(table) | accessed;
}

/* All rights, and nothing else in bits 7:0. Others may make tables with fewer. */
static ALWAYS_INLINE bool ept_is_plain_table(uint64_t descriptor)
{
	return (descriptor & 0xff) == (READ | WRITE | EXECUTE);
}

/* Whatever EPT_MODE_BASED says. */
static ALWAYS_INLINE bool ept_is_plain_leaf(uint64_t descriptor)
{
	return (descriptor & PERMISSIONS) != 0;
}

/* EPT misconfigurations: SDM vol. 3C 28.3.3.1. */
static ALWAYS_INLINE uint64_t ept_broken(const struct page_table *table, uint64_t descriptor,
					 unsigned int level)
{
	uint64_t granted = descriptor & ept_permissions(table);
	uint64_t type = descriptor >> TYPE_SHIFT & 7;
	bool leaf = x86_is_leaf(descriptor, level);
	/* Not to be read: then not to be written, and fetched from only if the CPU has that. */
	bool permissions = (granted & READ) != 0 ||
			   ((granted & WRITE) == 0 && table_has(table, EPT_EXECUTE_ONLY));
	bool reserved = !leaf && (descriptor & (IGNORE_PAT | 7 << TYPE_SHIFT)) != 0;

	if (granted == 0)
		return 0;
	return bits_if(!permissions, RULE(PAGE_RULE_PERMISSIONS)) |
	       bits_if(reserved, RULE(PAGE_RULE_RESERVED)) |
	       bits_if(leaf && (type == 2 || type == 3 || type == 7), RULE(PAGE_RULE_MEMORY_TYPE));
}

static const struct encoder ept = {
	X86_ENCODER(PERMISSIONS),
	.input = INPUT_ZERO_EXTENDED,
	.configure = ept_configure,
	.encode = ept_encode,
	.decode = ept_decode,
	.software_bits = SOFTWARE,
	.software = ept_software,
	.keep = ept_keep,
	.without_write = ept_without_write,
	.write_clear = WRITE,
	.cleaned = ept_cleaned,
	.merge = ept_merge,
	.leaf = ept_leaf,
	.leaf_attributes = ept_leaf_attributes,
	.leaf_address = ept_leaf_address,
	.page = READ,
	.is_present = ept_is_present,
	.is_plain_table = ept_is_plain_table,
	.is_plain_leaf = ept_is_plain_leaf,
	.broken = ept_broken,
	.table = ept_table,
};

PAGING_DEFINE_FORMAT_OF_KIND(x86_64_ept, "x86_64 EPT", ept, X86_KIND_EPT);
