/* SPDX-License-Identifier: MIT */
/* Exception codes of RISC-V: privileged specification, scause, mcause of the hypervisor extension,
 * htinst. */
#include "twofold/riscv_fault.h"

#include "fault_blank.h"

/* scause with the interrupt bit, 63, is none of these. */
#define FETCH_ACCESS_FAULT     1
#define LOAD_ACCESS_FAULT      5
#define STORE_ACCESS_FAULT     7
#define FETCH_PAGE_FAULT       12
#define LOAD_PAGE_FAULT        13
#define STORE_PAGE_FAULT       15
#define FETCH_GUEST_PAGE_FAULT 20
#define LOAD_GUEST_PAGE_FAULT  21
#define STORE_GUEST_PAGE_FAULT 23

/* htinst of an access that the walk of the guest's tables made: of 4 or of 8 bytes, and bit 5 for
 * one that marks an entry accessed or dirty. */
#define WALK_READ_4 UINT64_C(0x2000)
#define WALK_READ_8 UINT64_C(0x3000)
#define WALK_WRITE  UINT64_C(0x20)

#define ALL_BITS UINT64_MAX

static void explain(struct page_fault *fault, uint8_t stage, enum fault_cause cause, uint8_t access,
		    uint64_t stval)
{
	fault_blank(fault, stage);
	fault->cause = cause;
	fault->access = access;
	fault->virt = stval;
	fault->virt_exact = ALL_BITS;
}

bool riscv_explain_page_fault(uint64_t scause, uint64_t stval, struct page_fault *fault)
{
	enum fault_cause cause = FAULT_REFUSED;
	uint8_t access;

	switch (scause) {
	case FETCH_ACCESS_FAULT:
	case FETCH_PAGE_FAULT:
		access = FAULT_EXECUTE;
		break;
	case LOAD_ACCESS_FAULT:
	case LOAD_PAGE_FAULT:
		access = FAULT_READ;
		break;
	case STORE_ACCESS_FAULT:
	case STORE_PAGE_FAULT:
		access = FAULT_WRITE;
		break;
	default:
		return false;
	}
	if (scause < FETCH_PAGE_FAULT)
		cause = FAULT_OTHER;
	explain(fault, 1, cause, access, stval);
	return true;
}

bool riscv_explain_guest_page_fault(uint64_t scause, uint64_t stval, uint64_t htval,
				    uint64_t htinst, struct page_fault *fault)
{
	uint64_t walk = htinst & ~WALK_WRITE;
	uint8_t access;

	switch (scause) {
	case FETCH_GUEST_PAGE_FAULT:
		access = FAULT_EXECUTE;
		break;
	case LOAD_GUEST_PAGE_FAULT:
		access = FAULT_READ;
		break;
	case STORE_GUEST_PAGE_FAULT:
		access = FAULT_WRITE;
		break;
	default:
		return false;
	}
	explain(fault, 2, FAULT_REFUSED, access, stval);
	if (walk == WALK_READ_4 || walk == WALK_READ_8) {
		fault->walk = true;
		fault->access = (htinst & WALK_WRITE) != 0 ? FAULT_WRITE : FAULT_READ;
	}
	if (htval == 0)
		return true;
	/* Bits 1:0 are the virtual address's; an entry of a table has none. */
	fault->phys = htval << 2 | (fault->walk ? 0 : stval & 3);
	fault->phys_exact = ALL_BITS;
	return true;
}
