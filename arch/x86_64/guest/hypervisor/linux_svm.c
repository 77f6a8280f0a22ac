/* SPDX-License-Identifier: MIT */
/* Linux as a guest by SVM: APM vol. 2 chapter 15. What VMLOAD and VMSAVE exchange are linux_msrs.
 */
#include "linux_cpu.h"

#include "guest/kernel.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "svm.h"

#define MSR_MAP_SIZE UINT64_C(0x2000) /* 15.11 */
#define CPUID_LENGTH 2
#define HLT_LENGTH   1
#define PORT_IN      (UINT64_C(1) << 0) /* EXITINFO1, 15.10.2; bits 6:4: bytes */
#define PORT_STRING  (UINT64_C(1) << 2)

static struct frame msr_map;

static bool svm_possible(const char **why)
{
	(void)why;
	return true;
}

/* Two bits for each register; those from 0xc0000000 on have theirs from 0x800 on. */
static void pass_msrs(uint8_t *map)
{
	for (size_t i = 0; i < LINUX_MSRS; i++) {
		uint32_t bit = (linux_msrs[i] & 0x1fff) * 2;

		map[(linux_msrs[i] >> 31) * 0x800 + bit / 8] &= (uint8_t) ~(3u << bit % 8);
	}
}

static void svm_linux_start(struct inner_vcpu *vcpu, phys_addr port_map)
{
	struct svm_vmcb *vmcb = svm_vmcb(vcpu);

	msr_map = test_frame(MSR_MAP_SIZE);
	memset(frame_bytes(msr_map), 0xff, MSR_MAP_SIZE);
	pass_msrs(frame_bytes(msr_map));
	vmcb->ports = port_map;
	vmcb->msrs = msr_map.start;
	vmcb->intercepts[0] |= SVM_INTERCEPT_CPUID;
}

static void svm_linux_end(void)
{
	test_frame_free(msr_map);
}

static struct linux_exit svm_look(const struct inner_vcpu *vcpu, const struct inner_exit *exit)
{
	struct svm_vmcb *vmcb = svm_vmcb(vcpu);
	struct linux_exit look = {
		.kind = LINUX_OTHER,
		.rax = &vmcb->rax,
		.rbx = &svm_registers(vcpu)->rbx,
		.rflags = vmcb->rflags,
		.cr4 = vmcb->cr4,
	};

	if (exit->raw[0] == SVM_EXIT_CPUID)
		look.kind = LINUX_CPUID;
	if (exit->raw[0] == SVM_EXIT_PORT && (exit->raw[1] & PORT_STRING) == 0) {
		look.kind = LINUX_PORT;
		look.in = (exit->raw[1] & PORT_IN) != 0;
		look.bytes = exit->raw[1] >> 4 & 7;
	}
	return look;
}

static void svm_advance(struct inner_vcpu *vcpu)
{
	struct svm_vmcb *vmcb = svm_vmcb(vcpu);

	vcpu->pc = vmcb->exit_code == SVM_EXIT_PORT ? vmcb->exit_info2 : vcpu->pc + CPUID_LENGTH;
	vmcb->interrupt_shadow = 0;
}

static bool svm_wait(struct inner_vcpu *vcpu, struct inner_exit *exit)
{
	struct svm_vmcb *vmcb = svm_vmcb(vcpu);
	uint64_t next = vcpu->pc + HLT_LENGTH;
	uint32_t intercepts = vmcb->intercepts[0];

	vmcb->intercepts[0] = (intercepts & ~(uint32_t)SVM_INTERCEPT_HLT) | SVM_INTERCEPT_INTR;
	inner_svm.run(vcpu, exit);
	vmcb->intercepts[0] = intercepts;
	if (exit->raw[0] != SVM_EXIT_INTR)
		return false;
	vcpu->pc = next;
	vmcb->interrupt_shadow = 0;
	return true;
}

const struct linux_cpu linux_by_svm = {
	.backend = &inner_svm,
	.possible = svm_possible,
	.start = svm_linux_start,
	.end = svm_linux_end,
	.look = svm_look,
	.advance = svm_advance,
	.wait = svm_wait,
};
