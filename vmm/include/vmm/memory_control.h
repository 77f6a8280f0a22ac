/* SPDX-License-Identifier: MIT */
/*
 * `vmm --memory-control`: the register by which a guest changes its own memory while it runs, and
 * ends rounds of the dirty log. This header is the whole contract; guests may copy it.
 *
 * The register has 8 bytes: on x86_64 at guest-physical MEMORY_CONTROL_X86_64, on AArch64 where the
 * device tree's node `compatible = "twofold,memory-control"` says. A read gives
 * MEMORY_CONTROL_SIGNATURE (where there is no such device, something else: all ones in our VMM). A
 * write of 8 bytes gives the guest-physical address of a struct memory_request and is answered in
 * it before the next instruction. The request is aligned to 64 bytes and in writable RAM; a write
 * that names no such request, or has not 8 bytes, does nothing, and the first one is reported on
 * the VMM's stderr.
 *
 * A request that is refused has changed nothing. Nothing gives a guest more than the machine had at
 * its start: what was no memory stays so, and ROM is never writable.
 */
#ifndef VMM_MEMORY_CONTROL_H
#define VMM_MEMORY_CONTROL_H

#include <stdint.h>

#define MEMORY_CONTROL_X86_64    UINT64_C(0xd0000000)
#define MEMORY_CONTROL_SIGNATURE UINT64_C(0x314d4d444c4f4632) /* "2FOLDMM1", as bytes in memory */

/* Pages of this interface, whatever the guest's own are. */
#define MEMORY_CONTROL_PAGE 4096

/* Number of pieces that memory can be in: ranges that differ in rights, or have a gap between. */
#define MEMORY_CONTROL_PIECES 512

enum memory_operation {
	/*
	 * Gives [address, address + size) the access in `access`. Pages with none are no memory:
	 * reads give all ones and writes go nowhere, as wherever nothing is. Writes to pages that
	 * can only be read are dropped (or end the run: --on-rom-write). What a page holds stays,
	 * and is there again when the page is. Needs whole pages of memory that was there at the
	 * start; READ and WRITE together of RAM. Other vCPUs are stopped meanwhile: each of their
	 * accesses is made before or after.
	 */
	MEMORY_SET = 1,
	/*
	 * Ends a round of the dirty log (`vmm --dirty-log`): `result` is the number of pages of
	 * [address, address + size) that were written to since the round began, and bit n of
	 * `bitmap` (its guest-physical address, a multiple of 8; 0: nobody wants it) is page n of
	 * the range; the last word is filled up with zeros. Counted are writes of vCPUs and the
	 * VMM's own; also those to a page that is no memory any more. None is missed, but KVM may
	 * count a page that was only read, when it maps it for the first time: in the first round,
	 * and in one with a MEMORY_SET. Address and size are whole
	 * pages; nothing need be mapped there. `round` is the number of the round, from 1 on.
	 */
	MEMORY_ROUND = 2,
};

enum memory_access {
	MEMORY_NONE = 0,
	MEMORY_READ = 1, /* and execute */
	MEMORY_WRITE = 2,
};

enum memory_answer {
	MEMORY_DONE = 0,
	MEMORY_UNKNOWN = 1,    /* operation or access is none of the above, or `reserved` not 0 */
	MEMORY_BAD_RANGE = 2,  /* not whole pages, empty, or beyond the guest's addresses */
	MEMORY_NOT_THERE = 3,  /* part of it was no memory at the start */
	MEMORY_DENIED = 4,     /* write access to ROM */
	MEMORY_IN_USE = 5,     /* the request itself is in a range that it takes rights from */
	MEMORY_BAD_BITMAP = 6, /* not aligned, or not all of it writable RAM */
	MEMORY_NO_LOG = 7,     /* there is no dirty log: the VMM was started without --dirty-log */
	MEMORY_NO_ROOM = 8,    /* more than MEMORY_CONTROL_PIECES pieces, or the host refused */
	MEMORY_PENDING = -1,   /* what the guest writes first, to see that there was an answer */
};

/* All numbers are little-endian. */
struct memory_request {
	uint32_t operation;
	int32_t answer; /* written by the VMM, as result and round are */
	uint64_t address;
	uint64_t size;
	uint64_t access; /* MEMORY_SET */
	uint64_t bitmap; /* MEMORY_ROUND */
	uint64_t result;
	uint64_t round;
	uint64_t reserved; /* 0 */
};

_Static_assert(sizeof(struct memory_request) == 64, "a request is never in two pages");

#endif
