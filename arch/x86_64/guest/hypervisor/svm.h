/* SPDX-License-Identifier: MIT */
/* AMD's secure virtual machine with nested paging. */
#ifndef ARCH_X86_64_GUEST_SVM_H
#define ARCH_X86_64_GUEST_SVM_H

#include "guest/inner.h"

extern const struct inner_backend inner_svm;

#endif
