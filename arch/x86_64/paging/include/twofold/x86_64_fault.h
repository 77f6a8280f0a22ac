/* SPDX-License-Identifier: MIT */
/* What x86_64 CPUs say of faults, explained. Every value has an answer. */
#ifndef TWOFOLD_X86_64_FAULT_H
#define TWOFOLD_X86_64_FAULT_H

#include "twofold/fault.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A page fault (#PF): its error code (SDM vol. 3A 4.7, APM vol. 2 8.4.2) and CR2. Where neither
 * EFER.NXE nor CR4.SMEP is on, the CPU reports a fetch as a read.
 */
struct page_fault x86_64_explain_page_fault(uint64_t error_code, uint64_t cr2);

/*
 * A VM exit by an EPT violation (reason 48): exit qualification (SDM vol. 3C 27.2.1, table 27-7),
 * guest-physical address, guest-linear address. With the A/D bits of EPT in use, the CPU reports
 * all of the guest's own walk as writes.
 */
struct page_fault x86_64_explain_ept_violation(uint64_t qualification, phys_addr physical,
					       virt_addr linear);

/* A VM exit by an EPT misconfiguration (reason 49): only the guest-physical address is told. */
struct page_fault x86_64_explain_ept_misconfiguration(phys_addr physical);

/* A #VMEXIT by a nested page fault (0x400): EXITINFO1 and EXITINFO2 (APM vol. 2 15.25.6). */
struct page_fault x86_64_explain_npf(uint64_t exit_info1, uint64_t exit_info2);

#ifdef __cplusplus
}
#endif

#endif
