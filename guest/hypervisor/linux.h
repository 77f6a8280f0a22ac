/* SPDX-License-Identifier: MIT */
/*
 * Linux as a guest: a kernel that nobody made for this, in memory that is mapped when it is first
 * touched. Where a loader left kernel and initramfs is said by linux=START+SIZE and
 * initrd=START+SIZE. How such a kernel is started and what its machine has is the architecture's.
 */
#ifndef GUEST_LINUX_H
#define GUEST_LINUX_H

#include "hypervisor.h"

/* Its memory, in pieces that are filled when they are first touched. */
#define LINUX_CHUNK      UINT64_C(0x200000)
#define LINUX_CHUNKS_MAX 128
#define LINUX_TABLES_MAX UINT64_C(0x200000) /* what its second stage and its CPU take */
#define LINUX_PARTS      3

/* What of its memory is not zero at first. */
struct linux_part {
	phys_addr inner;
	const uint8_t *from;
	uint64_t size;
};

enum linux_state {
	LINUX_RUNS,
	LINUX_OFF,   /* it has switched its machine off */
	LINUX_RESET, /* it wants to be started again: a kernel that cannot go on */
	LINUX_LOST,  /* something came that cannot be answered; the check has failed */
};

struct linux_guest {
	struct inner_guest guest;
	struct inner_vcpu vcpu;
	/* By arch_linux_prepare: whole chunks of inner-physical addresses, and what is in them. */
	struct memory_range ram;
	struct linux_part parts[LINUX_PARTS];

	struct frame chunks[LINUX_CHUNKS_MAX]; /* size 0: not touched yet */
	uint64_t touched[LINUX_CHUNKS_MAX];    /* bytes that are mapped */
	/* What happened. A wait is for an interrupt, a call is for something else of its machine.
	 */
	uint64_t faults, collapsed, waits, calls;
};

/* linux=, initrd=: that memory is reserved by this. False for any other key. */
bool linux_option(const char *key, const char *value);

/* Whether the architecture can run Linux by the backend there is; if not, *why is a phrase. */
bool arch_linux_possible(const char **why);
/*
 * Lays out the guest's memory: `ram` and `parts`, from kernel and initramfs as they were loaded,
 * and how its CPU starts. Panics, and says why, if that is no kernel that can be started. May take
 * frames, which arch_linux_end gives back.
 */
void arch_linux_prepare(struct linux_guest *linux, const struct memory_range *image,
			const struct memory_range *initrd, struct inner_start *start);
/* Its CPU is there: what inner_start has no words for. */
void arch_linux_start(struct linux_guest *linux);
/* A page that is not mapped is touched: true if it is no RAM, with where it leads and how. */
bool arch_linux_device(const struct linux_guest *linux, phys_addr page, phys_addr *phys,
		       struct page_flags *flags);
/* An exit that is no fault. */
enum linux_state arch_linux_exit(struct linux_guest *linux, const struct inner_exit *exit);
void arch_linux_end(struct linux_guest *linux);

#endif
