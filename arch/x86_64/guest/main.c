/* SPDX-License-Identifier: MIT */
/* From the entry code to the common kernel. */
#include "descriptors.h"
#include "guest/kernel.h"
#include "guest/main.h"
#include "pvh.h"
#include "vmm/memory_control.h"

_Noreturn void x86_main(phys_addr start_info);

_Noreturn void x86_main(phys_addr start_info)
{
	static char command_line[1024];

	image_keep_data();
	/* The local APIC. It is mapped whether or not it is there: a mapping touches nothing. */
	kernel_add_device("local APIC", 0xfee00000, PAGE_SIZE_4K);
	descriptors_load();
	pvh_read(start_info, &kernel.memory, command_line, sizeof(command_line));
	if (!memory_map_has_ram(&kernel.memory, MEMORY_CONTROL_X86_64)) {
		kernel.memory_control = MEMORY_CONTROL_X86_64;
		kernel_add_device("memory control", MEMORY_CONTROL_X86_64, PAGE_SIZE_4K);
	}
	guest_main(command_line);
}
