/* SPDX-License-Identifier: MIT */
/* Which kind of KVM this host has: what its CPU and its modules say. */
#ifndef VMM_X86_FLAVOUR_H
#define VMM_X86_FLAVOUR_H

#include <stdbool.h>

#define MODULE_KVM_INTEL "/sys/module/kvm_intel"
#define MODULE_KVM_AMD   "/sys/module/kvm_amd"
#define MODULE_KVM_PVM   "/sys/module/kvm_pvm"

bool cpu_has_vmx(void);
bool cpu_has_svm(void);
bool module_loaded(const char *path);

#endif
