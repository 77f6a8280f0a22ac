/* SPDX-License-Identifier: MIT */
/* The instructions that C has no words for, and the registers they are about. */
#ifndef ARCH_X86_64_GUEST_CPU_H
#define ARCH_X86_64_GUEST_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CR0_PE           (UINT64_C(1) << 0)
#define CR0_ET           (UINT64_C(1) << 4)
#define CR0_NE           (UINT64_C(1) << 5)
#define CR0_WP           (UINT64_C(1) << 16)
#define CR0_NW           (UINT64_C(1) << 29)
#define CR0_CD           (UINT64_C(1) << 30)
#define CR0_PG           (UINT64_C(1) << 31)
#define CR4_PAE          (UINT64_C(1) << 5)
#define CR4_VMXE         (UINT64_C(1) << 13)
#define CR4_OSXSAVE      (UINT64_C(1) << 18)
#define XCR0_X87         (UINT64_C(1) << 0)
#define XCR0_SSE         (UINT64_C(1) << 1)
#define XCR0_AVX         (UINT64_C(1) << 2)
#define XCR0_KNOWN       (XCR0_X87 | XCR0_SSE | XCR0_AVX) /* what a guest of ours can have */
#define MSR_SYSENTER_CS  UINT32_C(0x174)
#define MSR_SYSENTER_ESP UINT32_C(0x175)
#define MSR_SYSENTER_EIP UINT32_C(0x176)
#define MSR_MISC_ENABLE  UINT32_C(0x1a0)
#define MSR_PAT          UINT32_C(0x277)
#define MSR_EFER         UINT32_C(0xc0000080)
#define EFER_SCE         (UINT64_C(1) << 0)
#define EFER_LME         (UINT64_C(1) << 8)
#define EFER_LMA         (UINT64_C(1) << 10)
#define EFER_NXE         (UINT64_C(1) << 11)

enum exception_vector {
	VECTOR_DIVIDE = 0,
	VECTOR_NMI = 2,
	VECTOR_BREAKPOINT = 3,
	VECTOR_INVALID_OPCODE = 6,
	VECTOR_DOUBLE_FAULT = 8,
	VECTOR_GENERAL_PROTECTION = 13,
	VECTOR_PAGE_FAULT = 14,
	VECTORS = 32,        /* of exceptions */
	VECTOR_FLUSH = 0x40, /* interrupts of the second CPU */
	VECTOR_WAKE,
	VECTOR_SPURIOUS = 0xff,
};

/* Error code of a page fault. */
enum page_fault_code {
	PAGE_FAULT_PRESENT = 1 << 0,
	PAGE_FAULT_WRITE = 1 << 1,
	PAGE_FAULT_USER = 1 << 2,
	PAGE_FAULT_RESERVED = 1 << 3,
	PAGE_FAULT_FETCH = 1 << 4,
};

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_sub(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;

	__asm__("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
	return r;
}

static inline struct cpuid cpuid(uint32_t leaf)
{
	return cpuid_sub(leaf, 0);
}

/* All zero for a leaf that the CPU does not have. */
static inline struct cpuid cpuid_if_present(uint32_t leaf)
{
	if (cpuid(leaf & UINT32_C(0x80000000)).eax < leaf)
		return (struct cpuid){ 0 };
	return cpuid(leaf);
}

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void out8_string(uint16_t port, const void *from, size_t count)
{
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

#define DEFINE_CONTROL_REGISTER(name)                                           \
	static inline uint64_t read_##name(void)                                \
	{                                                                       \
		uint64_t value;                                                 \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value));          \
		return value;                                                   \
	}                                                                       \
	static inline void write_##name(uint64_t value)                         \
	{                                                                       \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
	}
DEFINE_CONTROL_REGISTER(cr0)
DEFINE_CONTROL_REGISTER(cr2)
DEFINE_CONTROL_REGISTER(cr3)
DEFINE_CONTROL_REGISTER(cr4)

static inline uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* XCR0, on a CPU that has XSAVE. */
static inline uint64_t read_xcr0(void)
{
	uint64_t cr4 = read_cr4();
	uint32_t low, high;

	write_cr4(cr4 | CR4_OSXSAVE);
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	write_cr4(cr4);
	return (uint64_t)high << 32 | low;
}

static inline void write_xcr0(uint64_t value)
{
	uint64_t cr4 = read_cr4();

	write_cr4(cr4 | CR4_OSXSAVE);
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
	write_cr4(cr4);
}

static inline uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void invalidate_page(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

#endif
