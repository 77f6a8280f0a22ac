/* SPDX-License-Identifier: MIT */
/* KVM's memory slots, derived from the guest memory's table. */
#include "memory_slots.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm.h"
#include "memory_runs.h"

#define LOG_WORD_PAGES UINT64_C(64)
/* KVM takes no slot of 2^31 pages or more; a power of two leaves huge pages in one piece. */
#define SLOT_SIZE_MAX  (GUEST_PAGE << 30)

static int kvm_call(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

void memory_slots_init(struct memory_slots *slots, int vm_fd, bool log)
{
	struct kvm_enable_cap enable = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
					 .args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE } };
	int limit = kvm_capability(vm_fd, KVM_CAP_NR_MEMSLOTS);

	memset(slots, 0, sizeof(*slots));
	slots->vm_fd = vm_fd;
	slots->call = kvm_call;
	slots->log = log;
	slots->limit = limit > 0 && limit < MEMORY_SLOTS_MAX ? (uint32_t)limit : MEMORY_SLOTS_MAX;
	slots->clear_by_hand = log &&
			       (kvm_capability(vm_fd, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) &
				KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE) != 0 &&
			       kvm_call(vm_fd, KVM_ENABLE_CAP, &enable) == 0;
}

/* What is to be, in the order of the table. */
struct wanted {
	struct memory_slot slots[MEMORY_SLOTS_MAX];
	uint32_t count, limit;
};

static bool want(void *context, const struct memory_run *run)
{
	struct wanted *wanted = context;
	uint64_t size;

	for (uint64_t done = 0; done < run->size; done += size) {
		struct memory_run part = { .address = run->address + done,
					   .offset = run->offset + done,
					   .writable = run->writable };

		size = SLOT_SIZE_MAX - part.address % SLOT_SIZE_MAX;
		size = size < run->size - done ? size : run->size - done;
		part.size = size;
		if (wanted->count == wanted->limit)
			return false;
		wanted->slots[wanted->count++] = (struct memory_slot){ .run = part };
	}
	return true;
}

static bool same_run(const struct memory_run *a, const struct memory_run *b)
{
	return a->address == b->address && a->offset == b->offset && a->size == b->size &&
	       a->writable == b->writable;
}

/* The slot that is such a run, or NULL; both lists ascend, and *from remembers how far one is. */
static const struct memory_slot *find_run(const struct memory_slot *slots, uint32_t count,
					  uint32_t *from, const struct memory_run *run)
{
	while (*from < count && slots[*from].run.address < run->address)
		++*from;
	return *from < count && same_run(&slots[*from].run, run) ? &slots[*from] : NULL;
}

static bool set_region(const struct memory_slots *slots, const struct guest_memory *memory,
		       const struct memory_slot *slot, bool there, struct failure *failure)
{
	const struct memory_run *run = &slot->run;
	uint32_t flags = !run->writable ? KVM_MEM_READONLY
			 : slots->log   ? KVM_MEM_LOG_DIRTY_PAGES
					: 0;
	struct kvm_userspace_memory_region region = {
		.slot = slot->number,
		.flags = flags,
		.guest_phys_addr = run->address,
		.memory_size = there ? run->size : 0,
		.userspace_addr = (uint64_t)(uintptr_t)(memory->host + run->offset),
	};

	if (slots->call(slots->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) != 0)
		return fail(failure, STATUS_HOST,
			    "KVM refused %s at 0x%" PRIx64 "-0x%" PRIx64 ": %s",
			    run->writable ? "RAM" : "ROM", run->address,
			    run->address + (run->size - 1), strerror(errno));
	return true;
}

static bool clear_log(const struct memory_slots *slots, const struct memory_slot *slot,
		      uint64_t *bits)
{
	struct kvm_clear_dirty_log clear = {
		.slot = slot->number,
		.num_pages = (uint32_t)(slot->run.size / GUEST_PAGE),
		.dirty_bitmap = bits,
	};

	return slots->call(slots->vm_fd, KVM_CLEAR_DIRTY_LOG, &clear) == 0;
}

static bool mark_word(struct guest_memory *memory, uint64_t address, uint64_t word)
{
	for (; word != 0; word &= word - 1) {
		uint64_t page = (uint64_t)__builtin_ctzll(word);

		if (!guest_memory_mark_dirty(memory, address + page * GUEST_PAGE))
			return false;
	}
	return true;
}

static bool take_slot_log(const struct memory_slots *slots, const struct memory_slot *slot,
			  struct guest_memory *memory, struct failure *failure)
{
	uint64_t words = (slot->run.size / GUEST_PAGE + LOG_WORD_PAGES - 1) / LOG_WORD_PAGES;
	struct kvm_dirty_log log = { .slot = slot->number };
	uint64_t *bits;
	bool good;

	if (!slots->log || !slot->run.writable)
		return true;
	bits = calloc((size_t)words, sizeof(bits[0]));
	log.dirty_bitmap = bits;
	/* Marked in the table first: a page is in one log or in both, but never in none. */
	good = bits && slots->call(slots->vm_fd, KVM_GET_DIRTY_LOG, &log) == 0;
	for (uint64_t i = 0; good && i < words; i++)
		good = mark_word(memory, slot->run.address + i * LOG_WORD_PAGES * GUEST_PAGE,
				 bits[i]);
	if (good && slots->clear_by_hand)
		good = clear_log(slots, slot, bits);
	if (!good)
		(void)fail(failure, STATUS_HOST,
			   "the dirty log of 0x%" PRIx64 "-0x%" PRIx64 " cannot be had: %s",
			   slot->run.address, slot->run.address + (slot->run.size - 1),
			   bits ? strerror(errno) : "out of memory");
	free(bits);
	return good;
}

bool memory_slots_take_log(struct memory_slots *slots, struct guest_memory *memory,
			   struct failure *failure)
{
	for (uint32_t i = 0; i < slots->count; i++) {
		if (!take_slot_log(slots, &slots->slots[i], memory, failure))
			return false;
	}
	return true;
}

/* Deletes what is not wanted; *done counts how many of the old slots have been looked at. */
static bool delete_old(struct memory_slots *slots, struct guest_memory *memory,
		       const struct wanted *wanted, uint32_t *done, struct failure *failure)
{
	uint32_t at = 0;

	for (*done = 0; *done < slots->count; ++*done) {
		const struct memory_slot *slot = &slots->slots[*done];

		if (find_run(wanted->slots, wanted->count, &at, &slot->run))
			continue;
		if (!take_slot_log(slots, slot, memory, failure) ||
		    !set_region(slots, memory, slot, false, failure))
			return false;
	}
	return true;
}

/* Each run that stays keeps its number; the others get those that are free. */
static void number(const struct memory_slots *slots, struct wanted *wanted)
{
	bool taken[MEMORY_SLOTS_MAX] = { false };
	uint32_t at = 0, next = 0;

	for (uint32_t i = 0; i < wanted->count; i++) {
		const struct memory_slot *old =
			find_run(slots->slots, slots->count, &at, &wanted->slots[i].run);

		wanted->slots[i].number = old ? old->number : MEMORY_SLOTS_MAX;
		if (old)
			taken[old->number] = true;
	}
	for (uint32_t i = 0; i < wanted->count; i++) {
		if (wanted->slots[i].number != MEMORY_SLOTS_MAX)
			continue;
		while (taken[next])
			next++;
		wanted->slots[i].number = next++;
	}
}

static bool make_new(struct memory_slots *slots, struct guest_memory *memory,
		     const struct wanted *wanted, uint32_t *done, struct failure *failure)
{
	uint32_t at = 0;

	for (*done = 0; *done < wanted->count; ++*done) {
		const struct memory_slot *slot = &wanted->slots[*done];

		if (!find_run(slots->slots, slots->count, &at, &slot->run) &&
		    !set_region(slots, memory, slot, true, failure))
			return false;
	}
	return true;
}

/* Takes back the first `made` of the new slots and brings the first `deleted` of the old ones. */
static bool undo(struct memory_slots *slots, struct guest_memory *memory,
		 const struct wanted *wanted, uint32_t deleted, uint32_t made)
{
	struct failure ignored;
	uint32_t at = 0;

	for (uint32_t i = 0; i < made; i++) {
		const struct memory_slot *slot = &wanted->slots[i];

		if (!find_run(slots->slots, slots->count, &at, &slot->run) &&
		    !set_region(slots, memory, slot, false, &ignored))
			return false;
	}
	at = 0;
	for (uint32_t i = 0; i < deleted; i++) {
		const struct memory_slot *slot = &slots->slots[i];

		if (!find_run(wanted->slots, wanted->count, &at, &slot->run) &&
		    !set_region(slots, memory, slot, true, &ignored))
			return false;
	}
	return true;
}

enum slots_result memory_slots_update(struct memory_slots *slots, struct guest_memory *memory,
				      struct failure *failure)
{
	struct wanted wanted = { .limit = slots->limit };
	uint32_t deleted = 0, made = 0;

	if (!memory_runs(memory, false, want, &wanted)) {
		(void)fail(failure, STATUS_HOST,
			   "guest memory is in more pieces than KVM has slots; expected at most "
			   "%" PRIu32,
			   wanted.limit);
		return SLOTS_REFUSED;
	}
	number(slots, &wanted);
	if (!delete_old(slots, memory, &wanted, &deleted, failure) ||
	    !make_new(slots, memory, &wanted, &made, failure))
		return undo(slots, memory, &wanted, deleted, made) ? SLOTS_REFUSED : SLOTS_LOST;
	memcpy(slots->slots, wanted.slots, wanted.count * sizeof(wanted.slots[0]));
	slots->count = wanted.count;
	return SLOTS_DONE;
}
