/* SPDX-License-Identifier: MIT */
/* `vmm doctor` on x86_64: which KVM it is, and whether guests can be hypervisors themselves. */
#include "doctor.h"

#include <linux/kvm.h>
#include <stdio.h>

#include "arch.h"
#include "flavour.h"
#include "kvm.h"

void arch_doctor_no_kvm(void)
{
	if (cpu_has_vmx())
		doctor_advice("the CPU has VMX: \"sudo modprobe kvm_intel\"");
	else if (cpu_has_svm())
		doctor_advice("the CPU has SVM: \"sudo modprobe kvm_amd\"");
	else
		doctor_advice("the CPU offers neither VMX nor SVM: switch virtualization on in the "
			      "firmware, or nested virtualization in the hypervisor that this "
			      "machine runs on");
	doctor_advice("or run guests in QEMU without KVM: qemu-system-x86_64 -accel tcg -cpu max "
		      "-kernel KERNEL");
}

/* 'Y', 'N', '1', '0', or 0 if there is no such parameter. */
static int parameter(const char *path)
{
	FILE *file = fopen(path, "re");
	int first;

	if (!file)
		return 0;
	first = fgetc(file);
	(void)fclose(file);
	return first == EOF ? 0 : first;
}

static void report_flavour(void)
{
	if (!arch_kvm_interprets()) {
		doctor_line("yes", "speed: %s", arch_kvm_flavour());
		return;
	}
	doctor_line("note", "speed: %s", arch_kvm_flavour());
	doctor_advice("guests run, at about a million instructions a second, and not every "
		      "instruction works (int3, popcnt, SSE integer do not): small kernels only");
	doctor_advice("QEMU is faster for more: qemu-system-x86_64 -accel tcg -cpu max");
}

static void report_nested(const char *vendor, const char *module, const char *path)
{
	int value = parameter(path);

	if (value == 'Y' || value == '1') {
		doctor_line("yes", "nested %s: guests can be hypervisors", vendor);
		return;
	}
	doctor_line("no", "nested %s: switched off in %s", vendor, module);
	doctor_advice("\"sudo modprobe -r %s && sudo modprobe %s nested=1\"", module, module);
}

void arch_doctor(int kvm_fd)
{
	doctor_line(cpu_has_vmx() ? "yes" : "no", "CPU: Intel VMX");
	doctor_line(cpu_has_svm() ? "yes" : "no", "CPU: AMD SVM");
	if (kvm_fd < 0)
		return;
	report_flavour();
	if (module_loaded(MODULE_KVM_INTEL))
		report_nested("VMX", "kvm_intel", MODULE_KVM_INTEL "/parameters/nested");
	else if (module_loaded(MODULE_KVM_AMD))
		report_nested("SVM", "kvm_amd", MODULE_KVM_AMD "/parameters/nested");
	else
		doctor_line("no", "nested VMX or SVM: this KVM has none");
	doctor_capability(kvm_fd, KVM_CAP_SPLIT_IRQCHIP, "local APIC in the kernel",
			  "--irqchip split");
	doctor_capability(kvm_fd, KVM_CAP_NESTED_STATE, "nested state",
			  "hypervisors inside of guests");
	if (!kvm_capability(kvm_fd, KVM_CAP_NESTED_STATE) && arch_kvm_interprets())
		doctor_advice("to test hypervisors, use QEMU (SVM) or Bochs (VMX, EPT)");
}
