/* SPDX-License-Identifier: MIT */
/* What a hypervisor and its guest have on AArch64, whatever runs it. */
#include "guest/inner.h"

#include "../cpu.h"
#include "../device_tree.h"
#include "el2.h"
#include "guest/arch.h"
#include "guest/kernel.h"

#define BR_X9 UINT32_C(0xd61f0120)

const struct inner_backend *const inner_backends[] = { &inner_el2, NULL };

uint64_t arch_hypercall(uint64_t call, const uint64_t arguments[3])
{
	const uint64_t first = arguments[0], second = arguments[1], third = arguments[2];
	register uint64_t x0 __asm__("x0") = call;
	register uint64_t x1 __asm__("x1") = first;
	register uint64_t x2 __asm__("x2") = second;
	register uint64_t x3 __asm__("x3") = third;

	__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	return x0;
}

/* probe_guest.S has left the way back in x9. */
void inner_landing_write(void *where)
{
	*(volatile uint32_t *)where = BR_X9;
	__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ialluis\n\tdsb ish\n\tisb"
			 :
			 : "r"(where)
			 : "memory");
}

void inner_memory_ready(const void *where, uint64_t size)
{
	uint64_t line = UINT64_C(4) << (read_ctr_el0() >> 16 & 0xf); /* DminLine */
	uint64_t start = addr_align_down((uintptr_t)where, line);

	for (uint64_t at = start; at < (uintptr_t)where + size; at += line)
		__asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb ish\n\tic ialluis\n\tdsb ish\n\tisb" : : : "memory");
}

phys_addr inner_image_entry(void)
{
	return image_phys(image_start);
}

void inner_boot_information(void *page, phys_addr inner, const struct memory_range *ram,
			    const char *command_line)
{
	(void)inner;
	device_tree_write(page, INNER_BOOT_SIZE, ram, command_line);
}
