/* SPDX-License-Identifier: MIT */
/* The register by which a guest changes its memory and ends rounds of the dirty log. */
#include "memory_control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arch.h"
#include "machine.h"
#include "vmm/memory_control.h"

#define REQUEST_SIZE sizeof(struct memory_request)

/* As the table is sized, that cannot be. */
static void end_for_room(struct machine *machine)
{
	machine_end(machine, STATUS_HOST, "memory-lost",
		    "guest memory's table has no room for a change");
}

/* Writes of ours count as the guest's do. */
static bool write_guest(struct machine *machine, uint64_t address, const void *bytes,
			uint64_t length)
{
	struct guest_fault fault;

	if (!guest_memory_load(&machine->memory, address, bytes, length, &fault))
		return false;
	if (!machine->dirty_log.machine)
		return true;
	for (uint64_t page = addr_align_down(address, GUEST_PAGE); page < address + length;
	     page += GUEST_PAGE) {
		if (!guest_memory_mark_dirty(&machine->memory, page))
			return false;
	}
	return true;
}

/* Whether the range is whole pages of the guest's addresses. */
static bool is_range(const struct machine *machine, const struct memory_request *request)
{
	struct input_range ranges[2]; /* second-stage formats have one */

	page_table_ranges(&machine->memory.table, ranges);
	return request->address % GUEST_PAGE == 0 && request->size % GUEST_PAGE == 0 &&
	       request->size != 0 && request->address <= ranges[0].last &&
	       request->size - 1 <= ranges[0].last - request->address;
}

/* The answer must be written after the change. */
static bool holds(const struct memory_request *request, uint64_t place)
{
	return place >= request->address && place - request->address < request->size;
}

/* The table has changed; KVM's slots follow, or the table goes back. */
static int32_t follow(struct machine *machine)
{
	struct failure failure;

	switch (memory_slots_update(&machine->slots, &machine->memory, &failure)) {
	case SLOTS_DONE:
		return MEMORY_DONE;
	case SLOTS_REFUSED:
		if (guest_memory_undo(&machine->memory, &machine->memory_control.undo))
			return MEMORY_NO_ROOM;
		break;
	case SLOTS_LOST:
	default:
		break;
	}
	machine_end(machine, STATUS_HOST, "memory-lost",
		    "the guest's memory could not be changed, and not be put back: %s",
		    failure.text);
	return MEMORY_NO_ROOM;
}

static int32_t set_access(struct machine *machine, const struct memory_request *request,
			  uint64_t place)
{
	bool readable = (request->access & MEMORY_READ) != 0;
	bool writable = (request->access & MEMORY_WRITE) != 0;

	if (request->access > (MEMORY_READ | MEMORY_WRITE) || (writable && !readable))
		return MEMORY_UNKNOWN;
	if (!is_range(machine, request))
		return MEMORY_BAD_RANGE;
	if (!writable && holds(request, place))
		return MEMORY_IN_USE;
	switch (guest_memory_change(&machine->memory, request->address, request->size, readable,
				    writable, &machine->memory_control.undo)) {
	case GUEST_CHANGE_DONE:
		return follow(machine);
	case GUEST_CHANGE_NOT_THERE:
		return MEMORY_NOT_THERE;
	case GUEST_CHANGE_ROM:
		return MEMORY_DENIED;
	case GUEST_CHANGE_FAILED:
	default:
		end_for_room(machine);
		return MEMORY_NO_ROOM;
	}
}

static uint64_t bitmap_bytes(const struct memory_request *request)
{
	return (request->size / GUEST_PAGE + 63) / 64 * 8;
}

/* One word of the bitmap: the pages from `first` on; *range goes along the dirty ranges. */
static uint64_t bitmap_word(const struct dirty_log *log, uint64_t first, uint64_t pages,
			    size_t *range)
{
	uint64_t word = 0;

	for (uint64_t i = 0; i < pages; i++) {
		uint64_t page = first + i * GUEST_PAGE;

		while (*range < log->count &&
		       log->ranges[*range].address + (log->ranges[*range].size - 1) < page)
			++*range;
		if (*range < log->count && log->ranges[*range].address <= page)
			word |= UINT64_C(1) << i;
	}
	return word;
}

static uint64_t count_dirty(const struct dirty_log *log, const struct memory_request *request)
{
	uint64_t last = request->address + (request->size - 1), pages = 0;

	for (size_t i = 0; i < log->count; i++) {
		uint64_t from = log->ranges[i].address;
		uint64_t to = from + (log->ranges[i].size - 1);

		from = from < request->address ? request->address : from;
		to = to > last ? last : to;
		pages += to > from ? (to - from) / GUEST_PAGE + 1 : 0;
	}
	return pages;
}

static bool write_bitmap(struct machine *machine, const struct memory_request *request)
{
	uint64_t pages = request->size / GUEST_PAGE;
	size_t range = 0;

	for (uint64_t done = 0; done < pages; done += 64) {
		uint64_t count = pages - done < 64 ? pages - done : 64;
		uint64_t word = bitmap_word(&machine->dirty_log,
					    request->address + done * GUEST_PAGE, count, &range);

		if (!write_guest(machine, request->bitmap + done / 8, &word, sizeof(word)))
			return false;
	}
	return true;
}

static int32_t end_round(struct machine *machine, struct memory_request *request)
{
	struct guest_fault fault;
	struct failure failure;

	if (!machine->dirty_log.machine)
		return MEMORY_NO_LOG;
	if (!is_range(machine, request))
		return MEMORY_BAD_RANGE;
	if (request->bitmap != 0 &&
	    (request->bitmap % 8 != 0 ||
	     !guest_memory_check(&machine->memory, request->bitmap, bitmap_bytes(request),
				 GUEST_WRITE, &fault)))
		return MEMORY_BAD_BITMAP;
	if (!dirty_log_round(&machine->dirty_log, &failure)) {
		machine_end(machine, STATUS_HOST, "dirty-log", "%s", failure.text);
		return MEMORY_NO_ROOM;
	}
	request->result = count_dirty(&machine->dirty_log, request);
	request->round = machine->dirty_log.round;
	if (request->bitmap != 0 && !write_bitmap(machine, request))
		end_for_room(machine);
	return MEMORY_DONE;
}

/* Between a slot that goes and the one that comes in its place no vCPU may look. */
static int32_t set_access_of_all(struct machine *machine, const struct memory_request *request,
				 uint64_t place)
{
	int32_t answer;

	vcpus_stand_still(&machine->vcpus);
	answer = set_access(machine, request, place);
	vcpus_go_on(&machine->vcpus);
	return answer;
}

static int32_t act(struct machine *machine, struct memory_request *request, uint64_t place)
{
	if (request->reserved != 0)
		return MEMORY_UNKNOWN;
	switch (request->operation) {
	case MEMORY_SET:
		return set_access_of_all(machine, request, place);
	case MEMORY_ROUND:
		return end_round(machine, request);
	default:
		return MEMORY_UNKNOWN;
	}
}

static void bad_write(struct memory_control *control, uint64_t value, unsigned int size)
{
	if (control->bad_write_reported)
		return;
	control->bad_write_reported = true;
	(void)fprintf(stderr,
		      "vmm: the guest wrote 0x%" PRIx64
		      " in %u bytes to the memory control: expected "
		      "the address of a request, in 8 bytes; ignored, and later ones without a "
		      "word\n",
		      value, size);
}

static void memory_control_io(void *owner, uint64_t offset, void *data, unsigned int size,
			      bool is_write)
{
	static const uint64_t signature = MEMORY_CONTROL_SIGNATURE;
	struct memory_control *control = owner;
	struct machine *machine = control->machine;
	struct memory_request request;
	struct guest_fault fault;
	uint64_t place = 0;

	if (!is_write) {
		memcpy(data, (const uint8_t *)&signature + offset, size);
		return;
	}
	memcpy(&place, data, size);
	if (size != sizeof(place) || place % REQUEST_SIZE != 0 ||
	    !guest_memory_check(&machine->memory, place, REQUEST_SIZE, GUEST_WRITE, &fault) ||
	    !guest_memory_read(&machine->memory, place, &request, REQUEST_SIZE, &fault)) {
		bad_write(control, place, size);
		return;
	}
	request.answer = act(machine, &request, place);
	if (!machine_ending(machine) && !write_guest(machine, place, &request, REQUEST_SIZE))
		end_for_room(machine);
}

bool memory_control_init(struct memory_control *control, struct machine *machine,
			 struct failure *failure)
{
	struct guest_fault fault;

	control->machine = machine;
	control->device = (struct device){ .base = arch_memory_control(),
					   .len = 8,
					   .width = 8,
					   .name = "the memory control",
					   .owner = control,
					   .do_io = memory_control_io };
	if (guest_memory_check(&machine->memory, control->device.base, control->device.len,
			       GUEST_LOAD, &fault))
		return fail(failure, STATUS_USAGE,
			    "--memory-control: there is memory at 0x%" PRIx64
			    "; expected none where its register is",
			    control->device.base);
	return bus_add(&machine->mmio, &control->device, failure);
}
