/* SPDX-License-Identifier: MIT */
/* What the guest memory's table maps, as a list of runs. */
#include "memory_runs.h"

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

bool memory_runs_in(const struct guest_memory *memory, uint64_t address, uint64_t size,
		    bool join_offsets, memory_run_visitor visitor, void *context)
{
	struct run_state state = { .join_offsets = join_offsets,
				   .visitor = visitor,
				   .context = context };

	return page_table_walk(&memory->table, address, size, PAGE_VISIT_LEAF, visit_leaf,
			       &state) == PAGING_OK &&
	       end_run(&state);
}

bool memory_runs(const struct guest_memory *memory, bool join_offsets, memory_run_visitor visitor,
		 void *context)
{
	struct input_range ranges[2]; /* second-stage formats have one */

	page_table_ranges(&memory->table, ranges);
	return memory_runs_in(memory, ranges[0].first, ranges[0].last - ranges[0].first + 1,
			      join_offsets, visitor, context);
}
