/* SPDX-License-Identifier: MIT */
/* What AArch64 CPUs say of aborts, explained. Arm ARM DDI 0487, ESR_ELx: ISS of data and
 * instruction aborts. */
#ifndef TWOFOLD_AARCH64_FAULT_H
#define TWOFOLD_AARCH64_FAULT_H

#include "twofold/fault.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * An abort that stage 1 raised, at any exception level: ESR_ELx and FAR_ELx. False, and *fault is
 * left alone, if the exception is no abort (its class, ESR.EC, is another).
 */
bool aarch64_explain_stage1(uint64_t esr, uint64_t far, struct page_fault *fault);

/*
 * An abort of a guest, taken to EL2: ESR_EL2, FAR_EL2, HPFAR_EL2. False as above. HPFAR has the IPA
 * of translation, address size and access flag faults, and of every fault of the guest's own walk;
 * after other permission faults phys_exact is 0, and the IPA is what AT S1E1R makes of `virt`.
 *
 * ESR has the access of the instruction, not of its walk. If `walk` is set, `access` is FAULT_READ,
 * and after a permission fault FAULT_READ | FAULT_WRITE: the walk may have been about to mark the
 * descriptor accessed or dirty, and the CPU does not say.
 */
bool aarch64_explain_stage2(uint64_t esr, uint64_t far, uint64_t hpfar, struct page_fault *fault);

#ifdef __cplusplus
}
#endif

#endif
