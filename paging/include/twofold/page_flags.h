/* SPDX-License-Identifier: MIT */
/*
 * What a mapping means, in terms that no format owns. A format's encoder turns this into descriptor
 * bits and back without loss; what a format cannot express it refuses (PAGING_BAD_FLAGS), it never
 * rounds.
 */
#ifndef TWOFOLD_PAGE_FLAGS_H
#define TWOFOLD_PAGE_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Memory types                 x86_64 stage 1 (by PAT)   EPT type   AArch64
 */
enum memory_type {
	MEMORY_NORMAL = 0,      /* WB                    6 (WB)     normal, write-back */
	MEMORY_WRITE_THROUGH,   /* WT                    4 (WT)     normal, write-through */
	MEMORY_NONCACHEABLE,    /* WC                    1 (WC)     normal, non-cacheable */
	MEMORY_DEVICE,          /* UC                    0 (UC)     Device-nGnRE */
	MEMORY_WRITE_PROTECTED, /* WP                    5 (WP)     - */
	MEMORY_DEVICE_WEAK,     /* UC- (MTRRs may relax) -          Device-GRE */
	MEMORY_DEVICE_STRICT,   /* -                     -          Device-nGnRnE */
	MEMORY_TYPES,           /* how many there are */
};

/* Arm shareability. A coherent architecture (x86_64) satisfies every one of them and reports
 * SHARE_DEFAULT. On Arm the default is inner shareable for normal memory. */
enum shareability {
	SHARE_DEFAULT = 0,
	SHARE_INNER,
	SHARE_OUTER,
	SHARE_NONE,
};

/*
 * All zero is no access at all, which no mapping may be.
 *
 * `execute` has the format's natural meaning: whoever may access the page may fetch from it (on Arm
 * stage 1 a user page is then executable by user code only, as the architecture wants it). Where a
 * format can tell the two apart, execute_privileged and execute_user ask for one or both, and
 * `execute` stays 0.
 *
 * A mapping is created accessed (A/AF set) and clean. `idle` creates it not accessed: the first
 * access sets the bit (x86_64, Arm with hardware management) or faults (Arm without). Query reports
 * both as they are now.
 */
struct page_flags {
	uint32_t read : 1;
	uint32_t write : 1;
	uint32_t execute : 1;
	uint32_t execute_privileged : 1;
	uint32_t execute_user : 1;
	uint32_t user : 1;           /* stage 1: unprivileged code may access it */
	uint32_t global : 1;         /* stage 1: kept in the TLB across address spaces */
	uint32_t idle : 1;           /* not accessed yet */
	uint32_t dirty : 1;          /* written to */
	uint32_t type : 3;           /* enum memory_type */
	uint32_t share : 2;          /* enum shareability */
	uint32_t ignore_pat : 1;     /* EPT: the guest's own memory type has no say (IPAT) */
	uint32_t suppress_ve : 1;    /* EPT: violations exit, they never become #VE */
	uint32_t protection_key : 4; /* x86_64 stage 1 with protection keys */
	uint32_t guarded : 1;        /* Arm stage 1 with BTI: branches must land on BTI */
	uint32_t modified : 1;       /* with the table's address modifier bit (page_table_config) */
	uint32_t reserved0 : 10;     /* zero */
	uint32_t software : 16;  /* the caller's bits; a format has room for fewer, see its page */
	uint32_t reserved1 : 16; /* zero */
};

#ifndef __cplusplus
_Static_assert(sizeof(struct page_flags) == 8, "flags travel in one register");
#endif

/*
 * awkernel's five booleans ("every page is readable"), in its order. Not cached and not device is
 * normal non-cacheable memory; device and cached stays normal memory, outer shareable.
 */
static inline struct page_flags page_flags_simple(bool execute, bool write, bool cache,
						  bool write_through, bool device)
{
	/* C++ before 20 has no initializer that names a member. */
	union {
		uint64_t word;
		struct page_flags flags;
	} none = { 0 };
	struct page_flags flags = none.flags;

	flags.read = 1;
	flags.execute = execute;
	flags.write = write;
	if (cache && write_through)
		flags.type = MEMORY_WRITE_THROUGH;
	else if (cache)
		flags.type = MEMORY_NORMAL;
	else if (device)
		flags.type = MEMORY_DEVICE;
	else
		flags.type = MEMORY_NONCACHEABLE;
	if (device && cache)
		flags.share = SHARE_OUTER;
	return flags;
}

/* Compares all that two flags say. */
static inline bool page_flags_equal(struct page_flags a, struct page_flags b)
{
	union {
		uint64_t word;
		struct page_flags flags;
	} x = { 0 }, y = { 0 };

	x.flags = a;
	y.flags = b;
	return x.word == y.word;
}

#ifdef __cplusplus
}
#endif

#endif
