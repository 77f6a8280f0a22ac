/* SPDX-License-Identifier: MIT */
/* Intel's virtual-machine extensions with extended page tables. */
#ifndef ARCH_X86_64_GUEST_VMX_H
#define ARCH_X86_64_GUEST_VMX_H

#include "guest/inner.h"
#include "twofold/x86_64_registers.h"
#include "vmx_vmcs.h"

extern const struct inner_backend inner_vmx;

/* The controls of each VMCS, as the CPU's capabilities let them be. */
struct vmx_controls {
	uint32_t pin, cpu, cpu2, exit, entry;
};

struct vmx {
	struct x86_64_cpu cpu;
	struct vmx_controls controls, may_be; /* may_be: pin and cpu alone, what can be 1 */
	bool page_log;     /* PML, which a CPU of a guest uses if it is told to */
	uint32_t revision; /* first word of each VMCS */
	phys_addr current; /* the VMCS that VMREAD and VMWRITE are about */
};

extern struct vmx vmx;

/* A guest's: the register value. */
struct vmx_guest {
	uint64_t eptp;
};

struct vmx_vcpu {
	struct vmx_registers registers;
	phys_addr vmcs;
	phys_addr log; /* PML's; 0: none */
	uint64_t cr2;  /* which no VMCS has */
	bool launched;
	bool cpuid_exits; /* CPUID comes to who runs the guest */
};

/* vmx.c. Both panic where the CPU refuses. */
void vmcs_write(uint64_t field, uint64_t value);
void vmcs_select(const struct vmx_vcpu *state);
/* A page of zeros by its physical address; 0 if there is none. */
phys_addr vmx_take(struct frame_allocator *frames);
void vmx_give(struct frame_allocator *frames, phys_addr page);

/* The CPU has forgotten what it cached of the guest with that identifier. */
void vmx_forget(uint32_t vpid);

/* vmx_state.c: fills in the current VMCS, which is a new one. */
void vmx_write_state(const struct inner_vcpu *vcpu, const struct inner_start *start);
uint64_t vmx_own_cr3(const struct page_table *own);

/* vmx_run.c */
void vmx_run(struct inner_vcpu *vcpu, struct inner_exit *exit);

/* vmx_emulate.c. Answers the last exit: true if the guest is to run on. */
bool vmx_emulate(struct inner_vcpu *vcpu, uint64_t reason);
/* Behind the instruction that the last exit was by, which is done. */
void vmx_advance(struct inner_vcpu *vcpu);

#endif
