/* SPDX-License-Identifier: MIT */
/* `vmm doctor` on AArch64: address width, interrupt controllers, whether guests can have EL2. */
#include "doctor.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arch.h"
#include "kvm.h"

/* Newer than the headers of some distributions. */
#ifndef KVM_CAP_ARM_EL2
#define KVM_CAP_ARM_EL2 240
#endif

void arch_doctor_no_kvm(void)
{
	doctor_advice(
		"Linux has KVM only where it was started at EL2: \"dmesg | grep -i kvm\" says "
		"how it was started; in a virtual machine, its hypervisor must have nested "
		"virtualization");
	doctor_advice("or run guests in QEMU without KVM: qemu-system-aarch64 -accel tcg -M virt "
		      "-cpu max -kernel KERNEL");
}

static void report_gic(int vm_fd, uint32_t type, const char *name)
{
	struct kvm_create_device device = { .type = type, .flags = KVM_CREATE_DEVICE_TEST };
	bool has = ioctl(vm_fd, KVM_CREATE_DEVICE, &device) == 0;

	doctor_line(has ? "yes" : "no", "%s in the kernel", name);
}

static void report_gics(int kvm_fd)
{
	struct failure failure;
	int vm_fd = kvm_create_vm(kvm_fd, &failure);

	if (vm_fd < 0)
		return;
	report_gic(vm_fd, KVM_DEV_TYPE_ARM_VGIC_V3, "GICv3");
	report_gic(vm_fd, KVM_DEV_TYPE_ARM_VGIC_V2, "GICv2");
	(void)close(vm_fd);
}

void arch_doctor(int kvm_fd)
{
	if (kvm_fd < 0)
		return;
	doctor_line("yes", "speed: %s", arch_kvm_flavour());
	doctor_line("note", "guest-physical addresses: %u bits", arch_address_bits(kvm_fd));
	report_gics(kvm_fd);
	doctor_capability(kvm_fd, KVM_CAP_ARM_NISV_TO_USER,
			  "accesses that the CPU does not describe", "external aborts");
	doctor_capability(kvm_fd, KVM_CAP_ARM_EL2, "nested virtualization",
			  "guests can be hypervisors, at EL2");
}
