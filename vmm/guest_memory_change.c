/* SPDX-License-Identifier: MIT */
/*
 * Guest memory that changes while the guest runs: what is there with which rights, and which pages
 * are dirty. Dirty is the D bit of a leaf, which then has the size of a page; where a dirty page is
 * no memory any more, an annotation of the hole says so.
 */
#include <stdlib.h>

#include "guest_memory.h"
#include "memory_runs.h"

#define ANNOTATION_DIRTY 1

static void all_of(const struct guest_memory *memory, uint64_t *start, uint64_t *size)
{
	struct input_range ranges[2]; /* second-stage formats have one */

	page_table_ranges(&memory->table, ranges);
	*start = ranges[0].first;
	*size = ranges[0].last - ranges[0].first + 1;
}

/* No MMU walks the table, so nothing is ever to be flushed. */
static struct page_table_op operation(struct guest_memory *memory, uint32_t mode)
{
	return (struct page_table_op){ .frames = &memory->frames.allocator, .mode = mode };
}

static struct page_flags flags_of(bool writable, bool dirty)
{
	return (struct page_flags){
		.read = 1, .write = writable, .execute = 1, .dirty = dirty, .type = MEMORY_NORMAL
	};
}

bool guest_memory_mark_dirty(struct guest_memory *memory, uint64_t address)
{
	uint64_t page = addr_align_down(address, GUEST_PAGE);
	struct page_table_op op = operation(memory, 0);
	struct page_mapping leaf;

	op.leaf_sizes = GUEST_PAGE;
	if (page_table_query(&memory->table, page, &leaf) != PAGING_OK)
		return page_table_annotate(&memory->table, page, GUEST_PAGE, ANNOTATION_DIRTY,
					   &op) == PAGING_OK;
	if (leaf.flags.dirty)
		return true;
	op.mode = PAGING_REPLACE;
	return page_table_map(&memory->table, page, leaf.phys + (page - leaf.virt), GUEST_PAGE,
			      flags_of(leaf.flags.write, true), &op) == PAGING_OK;
}

struct dirty_walk {
	dirty_visitor visitor;
	void *context;
	uint64_t address, size; /* size 0: none yet */
};

static bool end_dirty(const struct dirty_walk *walk)
{
	return walk->size == 0 || walk->visitor(walk->context, walk->address, walk->size);
}

static bool visit_dirty(void *context, const struct page_visit *visit)
{
	struct dirty_walk *walk = context;
	const struct page_mapping *found = &visit->mapping;

	if (visit->kind == PAGE_VISIT_LEAF && !found->flags.dirty)
		return true;
	if (walk->size != 0 && found->virt == walk->address + walk->size) {
		walk->size += found->size;
		return true;
	}
	if (!end_dirty(walk))
		return false;
	walk->address = found->virt;
	walk->size = found->size;
	return true;
}

static bool visit_dirty_range(const struct guest_memory *memory, uint64_t start, uint64_t size,
			      dirty_visitor visitor, void *context)
{
	struct dirty_walk walk = { .visitor = visitor, .context = context };

	return page_table_walk(&memory->table, start, size, PAGE_VISIT_LEAF | PAGE_VISIT_ANNOTATION,
			       visit_dirty, &walk) == PAGING_OK &&
	       end_dirty(&walk);
}

bool guest_memory_dirty(const struct guest_memory *memory, dirty_visitor visitor, void *context)
{
	uint64_t start, size;

	all_of(memory, &start, &size);
	return visit_dirty_range(memory, start, size, visitor, context);
}

bool guest_memory_clean(struct guest_memory *memory)
{
	struct page_table_op op = operation(memory, PAGING_SPLIT);
	uint64_t start, size;

	all_of(memory, &start, &size);
	return page_table_harvest(&memory->table, start, size, PAGE_MARK_DIRTY, NULL, NULL, &op) ==
		       PAGING_OK &&
	       page_table_annotate(&memory->table, start, size, 0, &op) == PAGING_OK;
}

/* The dirty pages of a range while it changes. */
struct kept {
	uint64_t first, last; /* bytes of the range; runs are cut to it */
	struct kept_range {
		uint64_t address, size;
	} * ranges;
	size_t count, room;
};

static bool keep(void *context, uint64_t address, uint64_t size)
{
	struct kept *kept = context;
	uint64_t first = address < kept->first ? kept->first : address;
	uint64_t last = address + (size - 1) > kept->last ? kept->last : address + (size - 1);

	if (kept->count == kept->room) {
		size_t room = kept->room == 0 ? 64 : 2 * kept->room;
		void *ranges = realloc(kept->ranges, room * sizeof(kept->ranges[0]));

		if (!ranges)
			return false;
		kept->ranges = ranges;
		kept->room = room;
	}
	kept->ranges[kept->count++] = (struct kept_range){ first, last - first + 1 };
	return true;
}

static bool mark_kept(struct guest_memory *memory, const struct kept *kept)
{
	for (size_t i = 0; i < kept->count; i++) {
		for (uint64_t done = 0; done < kept->ranges[i].size; done += GUEST_PAGE) {
			if (!guest_memory_mark_dirty(memory, kept->ranges[i].address + done))
				return false;
		}
	}
	return true;
}

/* Calls `act` with each part of the range that was memory at the start. */
static enum guest_change each_home(struct guest_memory *memory, uint64_t address, uint64_t size,
				   enum guest_change (*act)(struct guest_memory *memory,
							    const struct memory_run *part,
							    bool writable),
				   bool writable)
{
	uint64_t next = address;

	for (size_t i = 0; i < memory->home_count && size != 0; i++) {
		struct memory_run part = memory->home[i];
		uint64_t skip = next - part.address;
		enum guest_change result;

		if (part.address > next)
			break;
		if (skip >= part.size)
			continue;
		part.address += skip;
		part.offset += skip;
		part.size = part.size - skip < size ? part.size - skip : size;
		result = act(memory, &part, writable);
		if (result != GUEST_CHANGE_DONE)
			return result;
		next += part.size;
		size -= part.size;
	}
	return size == 0 ? GUEST_CHANGE_DONE : GUEST_CHANGE_NOT_THERE;
}

static enum guest_change may_have(struct guest_memory *memory, const struct memory_run *part,
				  bool writable)
{
	(void)memory;
	return writable && !part->writable ? GUEST_CHANGE_ROM : GUEST_CHANGE_DONE;
}

static enum guest_change put_back(struct guest_memory *memory, const struct memory_run *part,
				  bool writable)
{
	struct page_table_op op = operation(memory, PAGING_REPLACE);

	return page_table_map(&memory->table, part->address, part->offset, part->size,
			      flags_of(writable, false), &op) == PAGING_OK
		       ? GUEST_CHANGE_DONE
		       : GUEST_CHANGE_FAILED;
}

static bool take_away(struct guest_memory *memory, uint64_t address, uint64_t size)
{
	struct page_table_op op = operation(memory, PAGING_SPLIT | PAGING_SKIP_HOLES);

	return page_table_unmap(&memory->table, address, size, &op) == PAGING_OK;
}

static bool add_undo(void *context, const struct memory_run *run)
{
	struct guest_undo *undo = context;
	struct memory_run part = *run;
	uint64_t last = undo->address + (undo->size - 1);

	if (undo->run_count == MEMORY_CONTROL_PIECES)
		return false;
	if (part.address < undo->address) {
		part.offset += undo->address - part.address;
		part.size -= undo->address - part.address;
		part.address = undo->address;
	}
	if (part.size - 1 > last - part.address)
		part.size = last - part.address + 1;
	undo->runs[undo->run_count++] = part;
	return true;
}

static enum guest_change change(struct guest_memory *memory, uint64_t address, uint64_t size,
				bool readable, bool writable)
{
	if (readable)
		return each_home(memory, address, size, put_back, writable);
	return take_away(memory, address, size) ? GUEST_CHANGE_DONE : GUEST_CHANGE_FAILED;
}

enum guest_change guest_memory_change(struct guest_memory *memory, uint64_t address, uint64_t size,
				      bool readable, bool writable, struct guest_undo *undo)
{
	struct kept kept = { .first = address, .last = address + (size - 1) };
	enum guest_change result = each_home(memory, address, size, may_have, writable);

	undo->address = address;
	undo->size = size;
	undo->run_count = 0;
	if (result != GUEST_CHANGE_DONE)
		return result;
	if (memory_runs_in(memory, address, size, false, add_undo, undo) &&
	    visit_dirty_range(memory, address, size, keep, &kept))
		result = change(memory, address, size, readable, writable);
	else
		result = GUEST_CHANGE_FAILED;
	if (result == GUEST_CHANGE_DONE && !mark_kept(memory, &kept))
		result = GUEST_CHANGE_FAILED;
	free(kept.ranges);
	return result;
}

bool guest_memory_undo(struct guest_memory *memory, const struct guest_undo *undo)
{
	struct kept kept = { .first = undo->address, .last = undo->address + (undo->size - 1) };
	bool good = visit_dirty_range(memory, undo->address, undo->size, keep, &kept) &&
		    take_away(memory, undo->address, undo->size);

	for (size_t i = 0; good && i < undo->run_count; i++)
		good = put_back(memory, &undo->runs[i], undo->runs[i].writable) ==
		       GUEST_CHANGE_DONE;
	good = good && mark_kept(memory, &kept);
	free(kept.ranges);
	return good;
}
