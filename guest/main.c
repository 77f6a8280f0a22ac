/* SPDX-License-Identifier: MIT */
/* The run: options, plan, tables, self-test, verdict. */
#include "guest/main.h"

#include "guest/check.h"
#include "guest/kernel.h"
#include "guest/options.h"
#include "guest/outside.h"
#include "guest/print.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "hypervisor/hypervisor.h"

static void print_summary(void)
{
	const struct page_table_config *config = &kernel.mmu.config;
	uint64_t tables = 0;

	for (unsigned int i = 0; i < kernel.mmu.tables; i++)
		tables += kernel.tables[i].tables;
	print("# %lu MiB of RAM; %u-bit virtual, %u-bit physical addresses; leaves",
	      memory_map_ram_bytes(&kernel.memory) >> 20, config->input_bits, config->output_bits);
	for (uint64_t sizes = config->leaf_sizes; sizes != 0; sizes &= sizes - 1) {
		char text[8];

		format_size(text, sizeof(text), sizes & (0 - sizes));
		print(" %s", text);
	}
	print("; NX %s; global pages %s; accessed, dirty by hardware: %s, %s\n",
	      kernel.mmu.no_execute ? "yes" : "no", kernel.mmu.global ? "yes" : "no",
	      kernel.mmu.hardware_accessed ? "yes" : "no",
	      kernel.mmu.hardware_dirty ? "yes" : "no");
	print("# tables: %lu, memory attributes 0x%016lx\n", tables, config->memory_attributes);
}

_Noreturn void guest_main(char *command_line)
{
	size_t failed;

	options_parse(command_line);
	if (guest_options.hypervisor) {
		hypervisor_choose();
		hypervisor_use_checks();
	} else {
		checks_use(check_lists, check_list_count);
	}
	checks_plan(guest_options.test);
	kernel_start();
	print_summary();
	if (guest_options.dump && !guest_options.hypervisor)
		kernel_dump();
	if (guest_options.touch)
		kernel_touch();
	selftest_start();
	if (guest_options.hypervisor)
		hypervisor_start();
	sabotage_enter(SABOTAGE_SELFTEST);
	failed = checks_run(guest_options.test);
	outside_end(failed == 0 ? GUEST_PASSED : GUEST_FAILED);
}
