/* SPDX-License-Identifier: MIT */
/* Which kind of KVM this host has. */
#include "flavour.h"

#include <cpuid.h>
#include <unistd.h>

#include "arch.h"

#define CPUID_1_ECX_VMX         (1u << 5)
#define CPUID_8000_0001_ECX_SVM (1u << 2)

bool cpu_has_vmx(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & CPUID_1_ECX_VMX);
}

bool cpu_has_svm(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & CPUID_8000_0001_ECX_SVM);
}

bool module_loaded(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A guest that is not made for it runs in the instruction interpreter of such a KVM. */
bool arch_kvm_interprets(void)
{
	return !cpu_has_vmx() && !cpu_has_svm();
}

const char *arch_kvm_flavour(void)
{
	if (module_loaded(MODULE_KVM_PVM) && arch_kvm_interprets())
		return "interpreting KVM: kvm_pvm, no VMX or SVM";
	if (arch_kvm_interprets())
		return "interpreting KVM: the CPU has no VMX or SVM";
	if (cpu_has_vmx())
		return "hardware KVM: Intel VMX";
	return "hardware KVM: AMD SVM";
}
