/* SPDX-License-Identifier: MIT */
/* From the entry code to the common kernel. */
#include "descriptors.h"
#include "guest/kernel.h"
#include "guest/main.h"
#include "pvh.h"

_Noreturn void x86_main(phys_addr start_info);

_Noreturn void x86_main(phys_addr start_info)
{
	static char command_line[1024];

	/* The local APIC. It is mapped whether or not it is there: a mapping touches nothing. */
	kernel_add_device("local APIC", 0xfee00000, PAGE_SIZE_4K);
	descriptors_load();
	pvh_read(start_info, &kernel.memory, command_line, sizeof(command_line));
	guest_main(command_line);
}
