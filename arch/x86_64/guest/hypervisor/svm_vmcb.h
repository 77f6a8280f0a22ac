/* SPDX-License-Identifier: MIT */
/* The virtual machine control block: APM vol. 2, appendix B, tables B-1 and B-2. */
#ifndef ARCH_X86_64_GUEST_SVM_VMCB_H
#define ARCH_X86_64_GUEST_SVM_VMCB_H

#include <stddef.h>
#include <stdint.h>

/* Intercepts, the words at 0xc and 0x10. */
enum svm_intercept {
	SVM_INTERCEPT_INTR = 1 << 0,
	SVM_INTERCEPT_NMI = 1 << 1,
	SVM_INTERCEPT_CPUID = 1 << 18,
	SVM_INTERCEPT_HLT = 1 << 24,
	SVM_INTERCEPT_PORTS = 1 << 27,
	SVM_INTERCEPT_MSRS = 1 << 28,
	SVM_INTERCEPT_TASK_SWITCH = 1 << 29,
};
#define SVM_INTERCEPT_SHUTDOWN (UINT32_C(1) << 31)
#define SVM_INTERCEPT_SVM      UINT32_C(0x7f) /* VMRUN to SKINIT: all instructions of SVM */

enum svm_exit {
	SVM_EXIT_INTR = 0x60,
	SVM_EXIT_CPUID = 0x72,
	SVM_EXIT_HLT = 0x78,
	SVM_EXIT_PORT = 0x7b,
	SVM_EXIT_MSR = 0x7c,
	SVM_EXIT_SHUTDOWN = 0x7f,
	SVM_EXIT_NPF = 0x400,
};

/* `attributes`: bits 55:52 and 47:40 of the descriptor. */
struct svm_segment {
	uint16_t selector, attributes;
	uint32_t limit;
	uint64_t base;
};

struct svm_vmcb {
	uint32_t intercept_cr, intercept_dr, intercept_exceptions;
	uint32_t intercepts[2];
	uint8_t reserved0[0x40 - 0x14];
	uint64_t ports; /* physical addresses of the permission maps */
	uint64_t msrs;
	uint64_t tsc_offset;
	uint32_t asid;
	uint8_t tlb_control;
	uint8_t reserved1[0x68 - 0x5d];
	uint64_t interrupt_shadow;
	uint64_t exit_code, exit_info1, exit_info2, exit_interrupt;
	uint64_t nested; /* bit 0: nested paging */
	uint8_t reserved2[0xa8 - 0x98];
	uint64_t event;
	uint64_t nested_cr3;
	uint8_t reserved3[0x400 - 0xb8];

	struct svm_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved4[0x4cb - 0x4a0];
	uint8_t cpl;
	uint32_t reserved5;
	uint64_t efer;
	uint8_t reserved6[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved7[0x5d8 - 0x580];
	uint64_t rsp;
	uint8_t reserved8[0x5f8 - 0x5e0];
	uint64_t rax;
	uint8_t reserved9[0x668 - 0x600];
	uint64_t pat;
	uint8_t reserved10[0x1000 - 0x670];
};

_Static_assert(offsetof(struct svm_vmcb, ports) == 0x40, "APM table B-1");
_Static_assert(offsetof(struct svm_vmcb, asid) == 0x58, "APM table B-1");
_Static_assert(offsetof(struct svm_vmcb, interrupt_shadow) == 0x68, "APM table B-1");
_Static_assert(offsetof(struct svm_vmcb, exit_code) == 0x70, "APM table B-1");
_Static_assert(offsetof(struct svm_vmcb, nested) == 0x90, "APM table B-1");
_Static_assert(offsetof(struct svm_vmcb, event) == 0xa8, "APM table B-1");
_Static_assert(offsetof(struct svm_vmcb, es) == 0x400, "APM table B-2");
_Static_assert(offsetof(struct svm_vmcb, tr) == 0x490, "APM table B-2");
_Static_assert(offsetof(struct svm_vmcb, efer) == 0x4d0, "APM table B-2");
_Static_assert(offsetof(struct svm_vmcb, cr4) == 0x548, "APM table B-2");
_Static_assert(offsetof(struct svm_vmcb, rsp) == 0x5d8, "APM table B-2");
_Static_assert(offsetof(struct svm_vmcb, rax) == 0x5f8, "APM table B-2");
_Static_assert(offsetof(struct svm_vmcb, pat) == 0x668, "APM table B-2");
_Static_assert(sizeof(struct svm_vmcb) == 0x1000, "one page");

/* What VMRUN leaves alone; RAX and RSP are in the VMCB. In the order of svm_enter.S. */
struct svm_registers {
	uint64_t rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

/* Runs the guest until it exits. `guest` and `host` are physical addresses of VMCBs; the host's
 * keeps what VMRUN does not (VMSAVE). */
void svm_enter(struct svm_registers *registers, uint64_t guest, uint64_t host);

#endif
