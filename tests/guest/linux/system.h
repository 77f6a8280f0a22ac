/* SPDX-License-Identifier: MIT */
/* What init has of the kernel and of who is below it, for each architecture. */
#ifndef TESTS_GUEST_LINUX_SYSTEM_H
#define TESTS_GUEST_LINUX_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __x86_64__

/* guest/inner.h, guest/panic.h */
#define INNER_PORT     0xe0
#define INNER_CALL_END 3
#define GUEST_PASSED   0x10

enum system_call {
	CALL_WRITE = 1,
	CALL_NANOSLEEP = 35,
	CALL_REBOOT = 169,
	CALL_IOPL = 172,
};

static long call(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(second), "d"(third)
			 : "rcx", "r11", "memory");
	return result;
}

/* There is no register to switch this machine off by: INNER_CALL_END says to the
 * hypervisor that all is well, and the kernel just stops. */
static bool report(void)
{
	long answer = INNER_CALL_END;

	if (call(CALL_IOPL, 3, 0, 0) != 0)
		return false;
	__asm__ volatile("out %%al, %1"
			 : "+D"(answer)
			 : "i"(INNER_PORT), "S"(GUEST_PASSED)
			 : "memory");
	return answer == 0;
}

#else

enum system_call {
	CALL_WRITE = 64,
	CALL_NANOSLEEP = 101,
	CALL_REBOOT = 142,
};

static long call(long number, long first, long second, long third)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = first;
	register long x1 __asm__("x1") = second;
	register long x2 __asm__("x2") = third;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

/* Switching the machine off says it. */
static bool report(void)
{
	return true;
}

#endif

#endif
