/* SPDX-License-Identifier: MIT */
/* The virtual-machine control structure: field encodings (SDM vol. 3D appendix B), the bits of its
 * controls (vol. 3C 24.6 to 24.8), exit reasons (appendix C), and the instructions. */
#ifndef ARCH_X86_64_GUEST_VMX_VMCS_H
#define ARCH_X86_64_GUEST_VMX_VMCS_H

#include <stdbool.h>
#include <stdint.h>

enum vmcs_field {
	VMCS_VPID = 0x0,
	VMCS_GUEST_ES = 0x800, /* ES, CS, SS, DS, FS, GS, LDTR, TR: by steps of 2 */
	VMCS_PML_INDEX = 0x812,
	VMCS_HOST_ES = 0xc00,     /* ES, CS, SS, DS, FS, GS, TR */
	VMCS_PORT_MAP_A = 0x2000, /* I/O bitmaps: ports below 0x8000, and the others */
	VMCS_PORT_MAP_B = 0x2002,
	VMCS_MSR_MAP = 0x2004,
	VMCS_EXIT_MSR_STORE_AREA = 0x2006,
	VMCS_EXIT_MSR_LOAD_AREA = 0x2008,
	VMCS_ENTRY_MSR_LOAD_AREA = 0x200a,
	VMCS_PML_ADDRESS = 0x200e,
	VMCS_EPTP = 0x201a,
	VMCS_GUEST_PHYSICAL = 0x2400,
	VMCS_LINK = 0x2800,
	VMCS_GUEST_DEBUGCTL = 0x2802,
	VMCS_GUEST_PAT = 0x2804,
	VMCS_GUEST_EFER = 0x2806,
	VMCS_HOST_PAT = 0x2c00,
	VMCS_HOST_EFER = 0x2c02,
	VMCS_PIN_CONTROLS = 0x4000,
	VMCS_CPU_CONTROLS = 0x4002,
	VMCS_EXCEPTION_BITMAP = 0x4004,
	VMCS_CR3_TARGETS = 0x400a,
	VMCS_EXIT_CONTROLS = 0x400c,
	VMCS_EXIT_MSR_STORES = 0x400e,
	VMCS_EXIT_MSR_LOADS = 0x4010,
	VMCS_ENTRY_CONTROLS = 0x4012,
	VMCS_ENTRY_MSR_LOADS = 0x4014,
	VMCS_ENTRY_EVENT = 0x4016,
	VMCS_ENTRY_ERROR_CODE = 0x4018,
	VMCS_CPU_CONTROLS2 = 0x401e,
	VMCS_INSTRUCTION_ERROR = 0x4400,
	VMCS_EXIT_REASON = 0x4402,
	VMCS_INTERRUPTED_EVENT = 0x4408, /* IDT-vectoring information */
	VMCS_INSTRUCTION_LENGTH = 0x440c,
	VMCS_GUEST_ES_LIMIT = 0x4800, /* ... and GDTR, IDTR behind TR */
	VMCS_GUEST_ES_RIGHTS = 0x4814,
	VMCS_GUEST_INTERRUPTIBILITY = 0x4824,
	VMCS_GUEST_ACTIVITY = 0x4826,
	VMCS_GUEST_SYSENTER_CS = 0x482a,
	VMCS_HOST_SYSENTER_CS = 0x4c00,
	VMCS_CR0_MASK = 0x6000,
	VMCS_CR4_MASK = 0x6002,
	VMCS_CR0_SHADOW = 0x6004,
	VMCS_CR4_SHADOW = 0x6006,
	VMCS_QUALIFICATION = 0x6400,
	VMCS_GUEST_LINEAR = 0x640a,
	VMCS_GUEST_CR0 = 0x6800,
	VMCS_GUEST_CR3 = 0x6802,
	VMCS_GUEST_CR4 = 0x6804,
	VMCS_GUEST_ES_BASE = 0x6806, /* ... and GDTR, IDTR behind TR */
	VMCS_GUEST_DR7 = 0x681a,
	VMCS_GUEST_RSP = 0x681c,
	VMCS_GUEST_RIP = 0x681e,
	VMCS_GUEST_RFLAGS = 0x6820,
	VMCS_GUEST_PENDING_DEBUG = 0x6822,
	VMCS_GUEST_SYSENTER_ESP = 0x6824,
	VMCS_GUEST_SYSENTER_EIP = 0x6826,
	VMCS_HOST_CR0 = 0x6c00,
	VMCS_HOST_CR3 = 0x6c02,
	VMCS_HOST_CR4 = 0x6c04,
	VMCS_HOST_FS_BASE = 0x6c06,
	VMCS_HOST_GS_BASE = 0x6c08,
	VMCS_HOST_TR_BASE = 0x6c0a,
	VMCS_HOST_GDTR_BASE = 0x6c0c,
	VMCS_HOST_IDTR_BASE = 0x6c0e,
	VMCS_HOST_SYSENTER_ESP = 0x6c10,
	VMCS_HOST_SYSENTER_EIP = 0x6c12,
	VMCS_HOST_RSP = 0x6c14, /* written by vmx_enter.S */
	VMCS_HOST_RIP = 0x6c16,
};

enum vmcs_segment {
	VMCS_ES,
	VMCS_CS,
	VMCS_SS,
	VMCS_DS,
	VMCS_FS,
	VMCS_GS,
	VMCS_LDTR,
	VMCS_TR
};

enum vmx_pin_control {
	PIN_INTERRUPTS = 1 << 0,
	PIN_NMI = 1 << 3
};

enum vmx_cpu_control {
	CPU_HLT = 1 << 7,
	CPU_CR3_LOAD = 1 << 15, /* 1 by default: not wanted */
	CPU_CR3_STORE = 1 << 16,
	CPU_PORTS = 1 << 24,
	CPU_PORT_MAPS = 1 << 25, /* in place of the one before */
	CPU_MSR_MAPS = 1 << 28,
};
#define CPU_SECONDARY (UINT32_C(1) << 31)

enum vmx_cpu_control2 {
	CPU2_EPT = 1 << 1,
	CPU2_VPID = 1 << 5,
	CPU2_UNRESTRICTED = 1 << 7,
	CPU2_PML = 1 << 17,
};

enum vmx_exit_control {
	EXIT_HOST_64 = 1 << 9,
	EXIT_SAVE_PAT = 1 << 18,
	EXIT_LOAD_PAT = 1 << 19,
	EXIT_SAVE_EFER = 1 << 20,
	EXIT_LOAD_EFER = 1 << 21,
};

enum vmx_entry_control {
	ENTRY_GUEST_64 = 1 << 9,
	ENTRY_LOAD_PAT = 1 << 14,
	ENTRY_LOAD_EFER = 1 << 15,
};

enum vmx_exit_reason {
	VMX_EXIT_INTERRUPT = 1,
	VMX_EXIT_TRIPLE_FAULT = 2,
	VMX_EXIT_CPUID = 10,
	VMX_EXIT_HLT = 12,
	VMX_EXIT_CONTROL_REGISTER = 28,
	VMX_EXIT_PORT = 30,
	VMX_EXIT_RDMSR = 31,
	VMX_EXIT_WRMSR = 32,
	VMX_EXIT_BAD_GUEST_STATE = 33,
	VMX_EXIT_EPT_VIOLATION = 48,
	VMX_EXIT_EPT_MISCONFIGURED = 49,
	VMX_EXIT_XSETBV = 55,
	VMX_EXIT_LOG_FULL = 62,
};
#define VMX_EXIT_ENTRY_FAILED (UINT32_C(1) << 31)

#define VMX_ACTIVE      0 /* VMCS_GUEST_ACTIVITY */
#define VMX_EVENT_VALID (UINT64_C(1) << 31)

/* What a VM entry and exit leave alone, in the order of vmx_enter.S; RSP is in the VMCS. */
struct vmx_registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

/* Enters the guest of the current VMCS, by VMRESUME if it has been `launched`, and returns at its
 * next exit; false if the instruction failed. */
bool vmx_enter(struct vmx_registers *registers, bool launched);
/* VMCS_HOST_RIP: inside vmx_enter. */
extern const char vmx_exited[];

/* The three instructions that take the physical address of a region: false if they fail. */
static inline bool vmx_on(uint64_t region)
{
	bool good;

	__asm__ volatile("vmxon %1" : "=@cca"(good) : "m"(region) : "memory");
	return good;
}

static inline bool vmx_clear(uint64_t vmcs)
{
	bool good;

	__asm__ volatile("vmclear %1" : "=@cca"(good) : "m"(vmcs) : "memory");
	return good;
}

static inline bool vmx_select(uint64_t vmcs)
{
	bool good;

	__asm__ volatile("vmptrld %1" : "=@cca"(good) : "m"(vmcs) : "memory");
	return good;
}

static inline bool vmcs_try_write(uint64_t field, uint64_t value)
{
	bool good;

	__asm__ volatile("vmwrite %2, %1" : "=@cca"(good) : "r"(field), "rm"(value) : "memory");
	return good;
}

static inline uint64_t vmcs_read(uint64_t field)
{
	uint64_t value = 0;

	__asm__ volatile("vmread %1, %0" : "+rm"(value) : "r"(field) : "cc", "memory");
	return value;
}

#endif
