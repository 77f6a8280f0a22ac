/* SPDX-License-Identifier: MIT */
/* Exception syndromes of AArch64: Arm ARM DDI 0487, D19.2.37 (ESR_EL1) and ESR_EL2, HPFAR_EL2. */
#include "twofold/aarch64_fault.h"

#include "fault_blank.h"

/* Exception classes, ESR[31:26]: aborts from a lower exception level, and from the same. */
#define CLASS_SHIFT       26
#define CLASS_FETCH_LOWER 0x20
#define CLASS_FETCH       0x21
#define CLASS_DATA_LOWER  0x24
#define CLASS_DATA        0x25

#define STATUS            UINT64_C(0x3f)
#define WRITE_NOT_READ    (UINT64_C(1) << 6)
#define STAGE1_WALK       (UINT64_C(1) << 7)  /* S1PTW */
#define CACHE_MAINTENANCE (UINT64_C(1) << 8)  /* CM: WnR then says write whatever it is */
#define FAR_NOT_VALID     (UINT64_C(1) << 10) /* FnV */

#define HPFAR_ADDRESS UINT64_C(0x0000fffffffffff0) /* bits 47:4 are IPA bits 55:12 */
#define HPFAR_SHIFT   8
#define PAGE_OFFSET   UINT64_C(0xfff)

/* Fault status codes, of level -1 with LPA2. */
#define STATUS_ADDRESS_SIZE_ABOVE UINT64_C(0x29)
#define STATUS_TRANSLATION_ABOVE  UINT64_C(0x2b)

static bool status_defined(uint64_t status)
{
	static const uint64_t others =
		UINT64_C(1) << 0x10 | UINT64_C(1) << 0x11 |    /* external, tag */
		UINT64_C(0x1f) << 0x13 |                       /* of a walk */
		UINT64_C(1) << 0x18 | UINT64_C(0x1f) << 0x1b | /* ECC */
		UINT64_C(1) << 0x21 |                          /* alignment */
		UINT64_C(0x3f) << 0x23 |                       /* granule protection */
		UINT64_C(1) << 0x30 | UINT64_C(1) << 0x31 |    /* TLB conflict */
		UINT64_C(1) << 0x34 | UINT64_C(1) << 0x35;

	return (others >> status & 1) != 0;
}

/* The manual's level 3 is the lowest; -1 is above 0. */
static void explain_status(uint64_t status, struct page_fault *fault)
{
	static const enum fault_cause causes[4] = { FAULT_ADDRESS_SIZE, FAULT_NOT_MAPPED,
						    FAULT_ACCESS_FLAG, FAULT_PERMISSION };

	if (status < 0x10) {
		fault->cause = causes[status >> 2];
		fault->level = (uint8_t)(3 - (status & 3));
	} else if (status == STATUS_ADDRESS_SIZE_ABOVE) {
		fault->cause = FAULT_ADDRESS_SIZE;
		fault->level = 4;
	} else if (status == STATUS_TRANSLATION_ABOVE) {
		fault->cause = FAULT_NOT_MAPPED;
		fault->level = 4;
	} else {
		fault->cause = status_defined(status) ? FAULT_OTHER : FAULT_UNKNOWN;
	}
}

static bool explain(uint64_t esr, uint64_t far, uint8_t stage, struct page_fault *fault)
{
	unsigned int class = (unsigned int)(esr >> CLASS_SHIFT) & 0x3f;
	bool data = class == CLASS_DATA || class == CLASS_DATA_LOWER;

	if (!data && class != CLASS_FETCH && class != CLASS_FETCH_LOWER)
		return false;
	fault_blank(fault, stage);
	explain_status(esr & STATUS, fault);
	if (!data)
		fault->access = FAULT_EXECUTE;
	else if ((esr & CACHE_MAINTENANCE) == 0)
		fault->access = (esr & WRITE_NOT_READ) != 0 ? FAULT_WRITE : FAULT_READ;
	if ((esr & FAR_NOT_VALID) == 0) {
		fault->virt = far;
		fault->virt_exact = UINT64_MAX;
	}
	return true;
}

bool aarch64_explain_stage1(uint64_t esr, uint64_t far, struct page_fault *fault)
{
	return explain(esr, far, 1, fault);
}

/* Whether HPFAR_EL2 has been written. */
static bool hpfar_valid(const struct page_fault *fault)
{
	return fault->walk || fault->cause == FAULT_NOT_MAPPED ||
	       fault->cause == FAULT_ACCESS_FLAG || fault->cause == FAULT_ADDRESS_SIZE;
}

/*
 * The syndrome is of the instruction, whose class and WnR say nothing of what its walk did: that
 * read a descriptor, and may have gone on to mark it (FEAT_HAFDBS). Only permission can refuse the
 * second and not the first.
 */
static uint8_t walk_access(enum fault_cause cause)
{
	if (cause == FAULT_PERMISSION)
		return FAULT_READ | FAULT_WRITE;
	return FAULT_READ;
}

bool aarch64_explain_stage2(uint64_t esr, uint64_t far, uint64_t hpfar, struct page_fault *fault)
{
	if (!explain(esr, far, 2, fault))
		return false;
	fault->walk = (esr & STAGE1_WALK) != 0;
	if (fault->walk)
		fault->access = walk_access(fault->cause);
	if (!hpfar_valid(fault))
		return true;
	fault->phys = (hpfar & HPFAR_ADDRESS) << HPFAR_SHIFT;
	fault->phys_exact = ~PAGE_OFFSET;
	/* Of the walk it is the descriptor's page; else the offset in the page is the access's. */
	if (!fault->walk && fault->virt_exact != 0) {
		fault->phys |= far & PAGE_OFFSET;
		fault->phys_exact = UINT64_MAX;
	}
	return true;
}
