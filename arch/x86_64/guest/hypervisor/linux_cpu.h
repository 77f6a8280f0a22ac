/* SPDX-License-Identifier: MIT */
/* Linux as a guest: what of its CPU differs between SVM (linux_svm.c) and VMX (linux_vmx.c). */
#ifndef ARCH_X86_64_GUEST_LINUX_CPU_H
#define ARCH_X86_64_GUEST_LINUX_CPU_H

#include "../cpu.h"
#include "guest/inner.h"

/* A bit for each port, set: it comes to us. The I/O permission map of SVM, and both of VMX. */
#define LINUX_PORT_MAP_SIZE UINT64_C(0x4000)

/* The registers that are the guest's own: SYSENTER's, SYSCALL's, and the bases of FS and GS. */
#define LINUX_MSRS 10
extern const uint32_t linux_msrs[LINUX_MSRS];

enum linux_exit_kind {
	LINUX_CPUID,
	LINUX_PORT, /* not of a string */
	LINUX_OTHER
};

/* An exit that is neither a fault nor of the kinds that inner_reason has, and what of the CPU it is
 * answered by. RDX and RCX are in inner_vcpu.arguments. */
struct linux_exit {
	enum linux_exit_kind kind;
	uint64_t *rax, *rbx;
	uint64_t rflags, cr4;
	/* Of a port. */
	bool in;
	unsigned int bytes;
};

struct linux_cpu {
	const struct inner_backend *backend;
	/* If not, *why is a phrase that names what this CPU lacks. */
	bool (*possible)(const char **why);
	/* A CPU that has just been created: from now on CPUID, HLT and the ports of the map come to
	 * us, linux_msrs do not, and every other register is answered or not there. May take frames
	 * that `end`, after the CPU has been destroyed, gives back. */
	void (*start)(struct inner_vcpu *vcpu, phys_addr port_map);
	void (*end)(void);
	struct linux_exit (*look)(const struct inner_vcpu *vcpu, const struct inner_exit *exit);
	/* Behind the instruction of the exit that `look` was asked about, which is done. */
	void (*advance)(struct inner_vcpu *vcpu);
	/* At an exit by HLT. Makes it again, as the guest would have made it, but that the
	 * interrupt it ends by comes to us; it stays pending, and the guest takes it next. False:
	 * something else came. */
	bool (*wait)(struct inner_vcpu *vcpu, struct inner_exit *exit);
};

/* linux_cpuid.c: CPUID's answer. `osxsave`: the guest's CR4.OSXSAVE. */
struct cpuid linux_cpuid(uint32_t leaf, uint32_t sub, bool osxsave);

extern const struct linux_cpu linux_by_svm, linux_by_vmx;

#endif
