/* SPDX-License-Identifier: MIT */
/* KVM's memory slots, derived from the guest memory's table. */
#include "memory_slots.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

struct run_state {
	struct memory_run run; /* size 0: none yet */
	bool join_offsets;
	memory_run_visitor visitor;
	void *context;
};

static bool continues(const struct run_state *state, const struct page_mapping *leaf)
{
	const struct memory_run *run = &state->run;

	return run->size != 0 && leaf->virt == run->address + run->size &&
	       leaf->flags.write == run->writable &&
	       (state->join_offsets || leaf->phys == run->offset + run->size);
}

static bool end_run(const struct run_state *state)
{
	return state->run.size == 0 || state->visitor(state->context, &state->run);
}

static bool visit_leaf(void *context, const struct page_visit *visit)
{
	struct run_state *state = context;
	const struct page_mapping *leaf = &visit->mapping;

	if (continues(state, leaf)) {
		state->run.size += leaf->size;
		return true;
	}
	if (!end_run(state))
		return false;
	state->run = (struct memory_run){ .address = leaf->virt,
					  .offset = leaf->phys,
					  .size = leaf->size,
					  .writable = leaf->flags.write };
	return true;
}

bool memory_runs(const struct guest_memory *memory, bool join_offsets, memory_run_visitor visitor,
		 void *context)
{
	struct run_state state = { .join_offsets = join_offsets,
				   .visitor = visitor,
				   .context = context };
	struct input_range ranges[2]; /* second-stage formats have one */

	page_table_ranges(&memory->table, ranges);
	return page_table_walk(&memory->table, ranges[0].first, ranges[0].last + 1, PAGE_VISIT_LEAF,
			       visit_leaf, &state) == PAGING_OK &&
	       end_run(&state);
}

struct install {
	const struct guest_memory *memory;
	int vm_fd;
	uint32_t count;
	struct failure *failure;
};

static bool install_run(void *context, const struct memory_run *run)
{
	struct install *install = context;
	struct kvm_userspace_memory_region region = {
		.slot = install->count,
		.flags = run->writable ? 0 : KVM_MEM_READONLY,
		.guest_phys_addr = run->address,
		.memory_size = run->size,
		.userspace_addr = (uint64_t)(uintptr_t)(install->memory->host + run->offset),
	};

	if (ioctl(install->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) != 0)
		return fail(install->failure, STATUS_HOST,
			    "KVM refused %s at 0x%" PRIx64 "-0x%" PRIx64 ": %s",
			    run->writable ? "RAM" : "ROM", run->address,
			    run->address + (run->size - 1), strerror(errno));
	install->count++;
	return true;
}

bool memory_slots_install(const struct guest_memory *memory, int vm_fd, uint32_t *count,
			  struct failure *failure)
{
	struct install install = { .memory = memory, .vm_fd = vm_fd, .failure = failure };

	if (!memory_runs(memory, false, install_run, &install))
		return false;
	*count = install.count;
	return true;
}
