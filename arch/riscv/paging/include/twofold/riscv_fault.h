/* SPDX-License-Identifier: MIT */
/* What RISC-V harts say of page faults, explained. Privileged specification: scause, stval; of the
 * hypervisor extension htval, htinst. */
#ifndef TWOFOLD_RISCV_FAULT_H
#define TWOFOLD_RISCV_FAULT_H

#include "twofold/fault.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A page fault by stage 1 (exception codes 12, 13, 15), or an access fault (1, 5, 7: not by the
 * tables but by what protects or lies in physical memory): scause and stval. False, and *fault is
 * left alone, if the trap is another.
 *
 * The hart does not say what the tables had against the access: the cause is FAULT_REFUSED, and
 * page_table_query of the address says more. Without Svadu an access to a leaf that is not marked
 * accessed, and a write to one that is not marked dirty, is such a fault too.
 *
 * stval is taken for the address, as Sstvala has it (RVA22 and later); a hart without may write 0.
 */
bool riscv_explain_page_fault(uint64_t scause, uint64_t stval, struct page_fault *fault);

/*
 * A guest-page fault (20, 21, 23), taken to HS-mode: scause, stval (the guest-virtual address),
 * htval and htinst. False as above. After htval 0 phys_exact is 0: that may be a fault at
 * guest-physical address 0, or a hart without Shtvala, which tells no address; the address is then
 * what the guest's own tables make of `virt`, or where the walk of them read.
 *
 * scause has the access of the instruction; if `walk` is set, `access` is what the walk did.
 */
bool riscv_explain_guest_page_fault(uint64_t scause, uint64_t stval, uint64_t htval,
				    uint64_t htinst, struct page_fault *fault);

#ifdef __cplusplus
}
#endif

#endif
