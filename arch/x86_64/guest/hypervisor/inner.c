/* SPDX-License-Identifier: MIT */
/* What all ways of running a guest share on x86_64. */
#include "guest/inner.h"

#include "guest/arch.h"
#include "guest/kernel.h"
#include "../pvh.h"
#include "hypervisor/hypervisor.h"
#include "svm.h"
#include "vmx.h"

#define JMP_RBX_FIRST  0xff
#define JMP_RBX_SECOND 0xe3

const struct inner_backend *const inner_backends[] = { &inner_vmx, &inner_svm, NULL };

uint64_t arch_hypercall(uint64_t call, const uint64_t arguments[3])
{
	__asm__ volatile("out %%al, %1"
			 : "+D"(call)
			 : "i"(INNER_PORT), "S"(arguments[0]), "d"(arguments[1]), "c"(arguments[2])
			 : "memory");
	return call;
}

/* probe_guest.S has left the way back in RBX. */
void inner_landing_write(void *where)
{
	volatile uint8_t *bytes = where;

	bytes[0] = JMP_RBX_FIRST;
	bytes[1] = JMP_RBX_SECOND;
}

/* Caches are coherent, whatever looks into them. */
void inner_memory_ready(const void *where, uint64_t size)
{
	(void)where;
	(void)size;
}

phys_addr inner_image_entry(void)
{
	extern const char entry32[];

	return image_phys(entry32);
}

void inner_boot_information(void *page, phys_addr inner, const struct memory_range *ram,
			    const char *command_line)
{
	pvh_write(page, inner, ram, command_line);
}
