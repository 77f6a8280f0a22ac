/* SPDX-License-Identifier: MIT */
/* The way to run guests that this CPU has, and operations on a guest's second stage. */
#include "hypervisor.h"

#include "guest/kernel.h"
#include "guest/options.h"
#include "guest/panic.h"
#include "guest/print.h"

struct hypervisor hypervisor;

static const struct check_list *const lists[] = {
	&hypervisor_own_checks,    &hypervisor_probe_checks,      &arch_hypervisor_checks,
	&hypervisor_change_checks, &hypervisor_sharing_checks,    &hypervisor_isolation_checks,
	&hypervisor_itself_checks, &hypervisor_itself_log_checks, &hypervisor_linux_checks,
};
static const struct check_list *const measured[] = { &hypervisor_fault_checks };

void hypervisor_use_checks(void)
{
	if (guest_options.faults != 0)
		checks_use(measured, sizeof(measured) / sizeof(measured[0]));
	else
		checks_use(lists, sizeof(lists) / sizeof(lists[0]));
}

void hypervisor_choose(void)
{
	char reasons[160] = "";
	size_t length = 0;

	for (size_t i = 0; inner_backends[i]; i++) {
		const char *why = "";

		if (inner_backends[i]->present(&why)) {
			hypervisor.backend = inner_backends[i];
			return;
		}
		format_text(reasons + length, sizeof(reasons) - length, "%s%s", i == 0 ? "" : "; ",
			    why);
		while (reasons[length] != '\0')
			length++;
	}
	panic("mode=hypervisor: this CPU cannot run guests: %s", reasons);
}

void hypervisor_start(void)
{
	const struct page_table_config *config = &hypervisor.cpu.config;

	hypervisor.backend->start(&hypervisor.cpu);
	hypervisor.cpu.config.access = kernel.mmu.config.access;
	print("# hypervisor by %s: %u-bit inner-physical, %u-bit physical addresses; leaves",
	      hypervisor.backend->name, config->input_bits, config->output_bits);
	for (uint64_t sizes = config->leaf_sizes; sizes != 0; sizes &= sizes - 1) {
		char text[8];

		format_size(text, sizeof(text), sizes & (0 - sizes));
		print(" %s", text);
	}
	print("; execute-only %s; accessed, dirty by hardware: %s, %s; %u address spaces\n",
	      hypervisor.cpu.execute_only ? "yes" : "no",
	      hypervisor.cpu.hardware_accessed ? "yes" : "no",
	      hypervisor.cpu.hardware_dirty ? "yes" : "no", hypervisor.cpu.spaces - 1);
}

static uint32_t take_space(void)
{
	for (uint32_t i = 0; i < 32 && i + 1 < hypervisor.cpu.spaces; i++) {
		if ((hypervisor.spaces_in_use >> i & 1) == 0) {
			hypervisor.spaces_in_use |= UINT32_C(1) << i;
			return i + 1;
		}
	}
	panic("no address space identifier is left");
}

void guest_create(struct inner_guest *guest, uint64_t leaf_sizes)
{
	struct page_table_config config = hypervisor.cpu.config;
	enum paging_status status;

	if (leaf_sizes != 0)
		config.leaf_sizes &= leaf_sizes;
	status = page_table_init(&guest->table, &config, &kernel.pool.allocator);
	if (status != PAGING_OK)
		panic("a guest's second stage: %s", paging_status_text(status));
	guest->space = take_space();
	if (!hypervisor.backend->guest_create(guest, &kernel.pool.allocator))
		panic("a guest: no memory");
}

void guest_destroy(struct inner_guest *guest)
{
	hypervisor.backend->guest_destroy(guest, &kernel.pool.allocator);
	page_table_destroy(&guest->table, &kernel.pool.allocator);
	hypervisor.spaces_in_use &= ~(UINT32_C(1) << (guest->space - 1));
}

/* What one change of a second stage needs. */
struct change {
	struct tlb_range ranges[8];
	struct frame frames[16];
	struct tlb_gather gather;
	struct page_table_op op;
};

static void change_begin(struct change *change, struct inner_guest *guest, uint32_t mode)
{
	change->gather = (struct tlb_gather){
		.ranges = change->ranges,
		.range_capacity = sizeof(change->ranges) / sizeof(change->ranges[0]),
		.frames = change->frames,
		.frame_capacity = sizeof(change->frames) / sizeof(change->frames[0]),
		.owner = &kernel.pool.allocator,
		.flush = hypervisor.backend->flush,
		.context = guest,
	};
	change->op = (struct page_table_op){
		.frames = &kernel.pool.allocator,
		.gather = &change->gather,
		.mode = mode,
	};
}

static enum paging_status change_end(struct change *change, enum paging_status status)
{
	tlb_gather_finish(&change->gather);
	return status;
}

enum paging_status guest_map(struct inner_guest *guest, phys_addr inner, phys_addr phys,
			     uint64_t size, struct page_flags flags, uint64_t leaf)
{
	struct page_table_op op = { .frames = &kernel.pool.allocator, .leaf_sizes = leaf };

	return page_table_map(&guest->table, inner, phys, size, flags, &op);
}

enum paging_status guest_replace(struct inner_guest *guest, phys_addr inner, phys_addr phys,
				 uint64_t size, struct page_flags flags)
{
	struct change change;

	change_begin(&change, guest, PAGING_REPLACE);
	return change_end(&change,
			  page_table_map(&guest->table, inner, phys, size, flags, &change.op));
}

enum paging_status guest_unmap(struct inner_guest *guest, phys_addr inner, uint64_t size)
{
	struct change change;

	change_begin(&change, guest, PAGING_SPLIT);
	return change_end(&change, page_table_unmap(&guest->table, inner, size, &change.op));
}

enum paging_status guest_protect(struct inner_guest *guest, phys_addr inner, uint64_t size,
				 struct page_flags flags)
{
	struct change change;

	change_begin(&change, guest, PAGING_SPLIT);
	return change_end(&change,
			  page_table_protect(&guest->table, inner, size, flags, &change.op));
}

enum paging_status guest_write_protect(struct inner_guest *guest, phys_addr inner, uint64_t size)
{
	struct change change;

	change_begin(&change, guest, PAGING_SPLIT | PAGING_SKIP_HOLES);
	return change_end(&change,
			  page_table_write_protect(&guest->table, inner, size, &change.op));
}

enum paging_status guest_split(struct inner_guest *guest, phys_addr inner, uint64_t size,
			       uint64_t leaf)
{
	struct change change;

	change_begin(&change, guest, 0);
	return change_end(&change, page_table_split(&guest->table, inner, size, leaf, &change.op));
}

enum paging_status guest_collapse(struct inner_guest *guest, phys_addr inner, uint64_t size)
{
	struct change change;

	change_begin(&change, guest, 0);
	return change_end(&change, page_table_collapse(&guest->table, inner, size, &change.op));
}

enum paging_status guest_harvest(struct inner_guest *guest, phys_addr inner, uint64_t size,
				 unsigned int marks, page_visitor visitor, void *context)
{
	struct change change;

	change_begin(&change, guest, 0);
	return change_end(&change, page_table_harvest(&guest->table, inner, size, marks, visitor,
						      context, &change.op));
}

void guest_forget(struct inner_guest *guest)
{
	struct tlb_gather gather = { .everything = true };

	hypervisor.backend->flush(&gather, guest);
}

void complain_exit(const char *what, const struct inner_vcpu *vcpu, const struct inner_exit *exit)
{
	static const char *const reasons[] = {
		"a fault", "a hypercall", "a halt", "a shutdown", "a full log", "an exit",
	};
	char text[160];

	format_text(text, sizeof(text),
		    "%s: %s: 0x%lx 0x%lx 0x%lx 0x%lx, pc 0x%lx, arguments 0x%lx 0x%lx", what,
		    reasons[exit->reason], exit->raw[0], exit->raw[1], exit->raw[2], exit->raw[3],
		    vcpu->pc, vcpu->arguments[0], vcpu->arguments[1]);
	check_fail(text);
}
