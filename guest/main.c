/* SPDX-License-Identifier: MIT */
/* The run: options, plan, tables, self-test, verdict. */
#include "guest/main.h"

#include "guest/check.h"
#include "guest/kernel.h"
#include "guest/options.h"
#include "guest/print.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"

static void print_summary(void)
{
	const struct page_table_config *config = &kernel.mmu.config;

	print("# %lu MiB of RAM; %u-bit virtual, %u-bit physical addresses; leaves 4K 2M%s; NX %s; "
	      "global pages %s\n",
	      memory_map_ram_bytes(&kernel.memory) >> 20, config->input_bits, config->output_bits,
	      (config->leaf_sizes & PAGE_SIZE_1G) != 0 ? " 1G" : "",
	      kernel.mmu.no_execute ? "yes" : "no", kernel.mmu.global ? "yes" : "no");
	print("# tables: %lu, memory attributes 0x%016lx\n", kernel.table.tables,
	      config->memory_attributes);
}

_Noreturn void guest_main(char *command_line)
{
	size_t failed;

	options_parse(command_line);
	checks_plan(guest_options.test);
	kernel_start();
	print_summary();
	if (guest_options.dump)
		kernel_dump();
	selftest_start();
	sabotage_enter(SABOTAGE_SELFTEST);
	failed = checks_run(guest_options.test);
	arch_exit(failed == 0 ? GUEST_PASSED : GUEST_FAILED);
}
