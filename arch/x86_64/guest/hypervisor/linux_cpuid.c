/* SPDX-License-Identifier: MIT */
/*
 * What CPUID says to a Linux that is a guest (SDM vol. 2A; APM vol. 3 appendix E): what its CPU
 * does by itself. There is no APIC, MTRR, machine check, power management or virtualization; not
 * RDTSCP, INVPCID or XSAVES, which VMX leaves to controls of their own; and of states that XSAVE
 * has, those that XSETBV's answer knows: x87, SSE, AVX.
 */
#include "linux_cpu.h"

#define BIT(n) (UINT32_C(1) << (n))

#define LEAF_LAST         UINT32_C(0xd)
#define EXTENDED          UINT32_C(0x80000000)
#define EXTENDED_LAST     UINT32_C(0x80000008)
#define XSAVE_SIZE_OF_SSE 576 /* and of x87, and the header */
#define INVARIANT_TSC     BIT(8)
#define XSAVE_OPTIMIZED   (BIT(0) | BIT(1) | BIT(2)) /* XSAVEOPT, XSAVEC, XGETBV of 1 */
#define ECX_OSXSAVE       BIT(27)
#define ECX_IS_A_GUEST    BIT(31)

/* SSE3, PCLMULQDQ, SSSE3, FMA, CMPXCHG16B; PCID, SSE4.1, SSE4.2, MOVBE, POPCNT; AES, XSAVE, AVX,
 * F16C, RDRAND. */
#define ECX_1                                                                                   \
	(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(17) | BIT(19) | BIT(20) | BIT(22) | \
	 BIT(23) | BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30))
/* FPU, VME, DE, PSE, TSC, MSR, PAE, CMPXCHG8B; SYSENTER, PGE, CMOV, PAT, PSE36, CLFLUSH; MMX, FXSR,
 * SSE, SSE2. */
#define EDX_1                                                                              \
	(BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(11) | \
	 BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26))
/* FSGSBASE, BMI1, AVX2, SMEP, BMI2, ERMS; RDSEED, ADX, SMAP, CLFLUSHOPT, CLWB, SHA. */
#define EBX_7                                                                                \
	(BIT(0) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(18) | BIT(19) | BIT(20) | \
	 BIT(23) | BIT(24) | BIT(29))
/* LAHF, LZCNT, SSE4A, misaligned SSE, PREFETCHW. */
#define ECX_80000001 (BIT(0) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
/* What AMD repeats of EDX_1; SYSCALL, NX, more of MMX, leaves of 1G, 64-bit mode. */
#define EDX_80000001 \
	((EDX_1 & UINT32_C(0x0183f7ff)) | BIT(11) | BIT(20) | BIT(22) | BIT(26) | BIT(29))

static uint32_t at_most(uint32_t value, uint32_t limit)
{
	return value < limit ? value : limit;
}

/* EBX is of the states that are on now: the guest's own. */
static struct cpuid xsave_states(uint32_t sub)
{
	struct cpuid answer = cpuid_sub(0xd, sub), avx = cpuid_sub(0xd, 2);

	if (sub == 0) {
		answer.eax &= XCR0_KNOWN;
		answer.edx = 0;
		answer.ecx = (answer.eax & BIT(2)) != 0 ? avx.ebx + avx.eax : XSAVE_SIZE_OF_SSE;
	} else if (sub == 1) {
		answer.eax &= XSAVE_OPTIMIZED;
		answer.ecx = answer.edx = 0;
	} else if (sub > 2) {
		answer = (struct cpuid){ 0 };
	}
	return answer;
}

static struct cpuid features(uint32_t leaf, bool osxsave)
{
	struct cpuid answer = cpuid(leaf);

	switch (leaf) {
	case 1:
		answer.ecx = (answer.ecx & ECX_1) | (osxsave ? ECX_OSXSAVE : 0) | ECX_IS_A_GUEST;
		answer.edx &= EDX_1;
		break;
	case 7:
		answer = (struct cpuid){ .ebx = answer.ebx & EBX_7 };
		break;
	case EXTENDED + 1:
		answer.ecx &= ECX_80000001;
		answer.edx &= EDX_80000001;
		break;
	case EXTENDED + 7:
		answer = (struct cpuid){ .edx = answer.edx & INVARIANT_TSC };
		break;
	case EXTENDED + 8: /* widths of addresses */
		answer = (struct cpuid){ .eax = answer.eax };
		break;
	default: /* caches, names */
		break;
	}
	return answer;
}

struct cpuid linux_cpuid(uint32_t leaf, uint32_t sub, bool osxsave)
{
	struct cpuid answer;

	switch (leaf) {
	case 0:
	case EXTENDED:
		answer = cpuid(leaf);
		answer.eax = at_most(answer.eax, leaf == 0 ? LEAF_LAST : EXTENDED_LAST);
		return answer;
	case 4:
		return cpuid_sub(leaf, sub);
	case 7:
		return sub == 0 ? features(leaf, osxsave) : (struct cpuid){ 0 };
	case 0xd:
		return xsave_states(sub);
	case 1:
	case 2:
	case EXTENDED + 1:
	case EXTENDED + 2:
	case EXTENDED + 3:
	case EXTENDED + 4:
	case EXTENDED + 5:
	case EXTENDED + 6:
	case EXTENDED + 7:
	case EXTENDED + 8:
		return features(leaf, osxsave);
	default:
		return (struct cpuid){ 0 };
	}
}
