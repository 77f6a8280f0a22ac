/* SPDX-License-Identifier: MIT */
/* Error codes and exit qualifications of x86_64. */
#include "twofold/x86_64_fault.h"

#include "fault_blank.h"

#define ALL_BITS UINT64_MAX

/* Error codes of #PF; a nested page fault has bits 4:0 in the same places. */
#define CODE_PRESENT  (UINT64_C(1) << 0)
#define CODE_WRITE    (UINT64_C(1) << 1)
#define CODE_USER     (UINT64_C(1) << 2)
#define CODE_RESERVED (UINT64_C(1) << 3)
#define CODE_FETCH    (UINT64_C(1) << 4)
#define CODE_KEY      (UINT64_C(1) << 5)
#define CODE_SGX      (UINT64_C(1) << 15)
#define CODE_RMP      (UINT64_C(1) << 31)

#define NPF_WALK (UINT64_C(1) << 33) /* of the walk of the guest's tables; else bit 32 is set */

/* Exit qualification of an EPT violation. */
#define EPT_READ        (UINT64_C(1) << 0)
#define EPT_WRITE       (UINT64_C(1) << 1)
#define EPT_FETCH       (UINT64_C(1) << 2)
#define EPT_ALLOWED     (UINT64_C(0xf) << 3) /* what the entries grant; bit 6: execute by user */
#define EPT_LINEAR      (UINT64_C(1) << 7)   /* the guest-linear address is valid */
#define EPT_TRANSLATION (UINT64_C(1) << 8)   /* of its translation, not of its walk */

static enum fault_cause code_cause(uint64_t code)
{
	if ((code & CODE_RESERVED) != 0)
		return FAULT_MISCONFIGURED;
	return (code & CODE_PRESENT) != 0 ? FAULT_PERMISSION : FAULT_NOT_MAPPED;
}

static uint8_t code_access(uint64_t code)
{
	if ((code & CODE_WRITE) != 0)
		return FAULT_WRITE;
	return (code & CODE_FETCH) != 0 ? FAULT_EXECUTE : FAULT_READ;
}

struct page_fault x86_64_explain_page_fault(uint64_t error_code, uint64_t cr2)
{
	struct page_fault fault;

	fault_blank(&fault, 1);
	fault.cause = code_cause(error_code);
	if ((error_code & (CODE_SGX | CODE_RMP)) != 0)
		fault.cause = FAULT_OTHER;
	else if ((error_code & CODE_KEY) != 0)
		fault.cause = FAULT_PROTECTION_KEY;
	fault.access = code_access(error_code);
	fault.privilege_known = true;
	fault.user = (error_code & CODE_USER) != 0;
	fault.virt = cr2;
	fault.virt_exact = ALL_BITS;
	return fault;
}

struct page_fault x86_64_explain_ept_violation(uint64_t qualification, phys_addr physical,
					       virt_addr linear)
{
	struct page_fault fault;

	fault_blank(&fault, 2);
	fault.cause = (qualification & EPT_ALLOWED) != 0 ? FAULT_PERMISSION : FAULT_NOT_MAPPED;
	fault.access = ((qualification & EPT_READ) != 0 ? FAULT_READ : 0) |
		       ((qualification & EPT_WRITE) != 0 ? FAULT_WRITE : 0) |
		       ((qualification & EPT_FETCH) != 0 ? FAULT_EXECUTE : 0);
	fault.phys = physical;
	fault.phys_exact = ALL_BITS;
	if ((qualification & EPT_LINEAR) != 0) {
		fault.walk = (qualification & EPT_TRANSLATION) == 0;
		fault.virt = linear;
		fault.virt_exact = ALL_BITS;
	}
	return fault;
}

struct page_fault x86_64_explain_ept_misconfiguration(phys_addr physical)
{
	struct page_fault fault;

	fault_blank(&fault, 2);
	fault.cause = FAULT_MISCONFIGURED;
	fault.phys = physical;
	fault.phys_exact = ALL_BITS;
	return fault;
}

struct page_fault x86_64_explain_npf(uint64_t exit_info1, uint64_t exit_info2)
{
	struct page_fault fault;

	fault_blank(&fault, 2);
	/* To the nested tables every access is a user's: bit 2 says nothing of the guest. */
	fault.cause = code_cause(exit_info1);
	if ((exit_info1 & CODE_RMP) != 0)
		fault.cause = FAULT_OTHER;
	fault.access = code_access(exit_info1);
	fault.walk = (exit_info1 & NPF_WALK) != 0;
	fault.phys = exit_info2;
	fault.phys_exact = ALL_BITS;
	return fault;
}
