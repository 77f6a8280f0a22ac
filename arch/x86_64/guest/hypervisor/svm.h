/* SPDX-License-Identifier: MIT */
/* AMD's secure virtual machine with nested paging. */
#ifndef ARCH_X86_64_GUEST_SVM_H
#define ARCH_X86_64_GUEST_SVM_H

#include "guest/inner.h"
#include "svm_vmcb.h"

extern const struct inner_backend inner_svm;

/* For who knows that it is SVM: what a CPU that is not running has besides struct inner_vcpu. RDI,
 * RSI, RDX, RCX and RIP are taken from there at each entry. */
struct svm_vmcb *svm_vmcb(const struct inner_vcpu *vcpu);
struct svm_registers *svm_registers(const struct inner_vcpu *vcpu);

#endif
